//! A peer on loopback that plays an upstream: it knows keys by name and never says a key.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::sync::{Notify, mpsc};
use tokio_util::task::AbortOnDropHandle;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;
pub(crate) type Chunk = Result<&'static str, &'static str>;

/// The peer; it ends when dropped.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<State>,
    _listening: AbortOnDropHandle<()>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Whose key it is.
    names: Mutex<HashMap<String, String>>,
    refused: Mutex<HashSet<String>>,
    requests: AtomicU64,
    /// Told when a request to `/hang` has arrived.
    pub(crate) arrived: Notify,
    /// Told when such a request was given up.
    pub(crate) given_up: Notify,
    stream: Mutex<Option<mpsc::Receiver<Chunk>>>,
    /// The headers of every request.
    headers: Mutex<Vec<HeaderMap>>,
}

impl Peer {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let listening = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(Arc::clone(&state), request));
                    let _closed = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            state,
            _listening: AbortOnDropHandle::new(listening),
        }
    }

    /// Makes a key known under a name.
    pub(crate) fn knows(&self, key: &str, name: &str) {
        let mut names = self.state.names.lock().unwrap();
        names.insert(key.to_owned(), name.to_owned());
    }

    /// Takes a key no more, or takes it again.
    pub(crate) fn refuses(&self, key: &str, refused: bool) {
        let mut keys = self.state.refused.lock().unwrap();
        if refused {
            keys.insert(key.to_owned());
        } else {
            keys.remove(key);
        }
    }

    /// How many requests have come.
    pub(crate) fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// The headers of the last request.
    pub(crate) fn last_headers(&self) -> HeaderMap {
        self.state.headers.lock().unwrap().last().unwrap().clone()
    }

    /// What `/stream` sends from now on, once.
    pub(crate) fn streams(&self) -> mpsc::Sender<Chunk> {
        let (sender, receiver) = mpsc::channel(4);
        *self.state.stream.lock().unwrap() = Some(receiver);
        sender
    }
}

/// Tells when a request is dropped before it was answered.
struct GivenUp(Arc<State>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.given_up.notify_one();
    }
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    state.requests.fetch_add(1, Ordering::SeqCst);
    state
        .headers
        .lock()
        .unwrap()
        .push(request.headers().clone());
    let name = state.name(&request);
    let path = request.uri().path().to_owned();
    Ok(match (path.as_str(), name) {
        ("/told", _) => json_answer(StatusCode::OK, &told(request.headers())),
        ("/open", name) => json_answer(StatusCode::OK, &json!({ "saw": name })),
        (_, None) => json_answer(StatusCode::UNAUTHORIZED, &json!({ "error": "no key" })),
        ("/whoami", Some(name)) => {
            json_answer(StatusCode::OK, &json!({ "user": { "login": name } }))
        }
        ("/echo", Some(name)) => json_answer(StatusCode::OK, &json!({ "saw": name })),
        ("/notes", Some(name)) => json_answer(StatusCode::CREATED, &json!({ "by": name })),
        ("/missing", Some(_)) => json_answer(StatusCode::NOT_FOUND, &json!({})),
        ("/large", Some(_)) => Response::new(whole("x".repeat(4_096))),
        ("/hang", Some(_)) => {
            let _given_up = GivenUp(Arc::clone(&state));
            state.arrived.notify_one();
            std::future::pending().await
        }
        ("/stream", Some(_)) => Response::new(state.streamed()),
        (other, Some(_)) => json_answer(StatusCode::IM_A_TEAPOT, &json!({ "path": other })),
    })
}

impl State {
    fn name(&self, request: &Request<Incoming>) -> Option<String> {
        let header = |name: &str| request.headers().get(name)?.to_str().ok();
        let bearer = header("authorization").and_then(|text| text.strip_prefix("Bearer "));
        let key = header("x-key").or(bearer)?;
        if self.refused.lock().unwrap().contains(key) {
            return None;
        }
        self.names.lock().unwrap().get(key).cloned()
    }

    fn streamed(&self) -> Body {
        let chunks = self.stream.lock().unwrap().take().unwrap();
        Chunks(chunks).boxed_unsync()
    }
}

/// The token that says who calls, back to whoever asked.
fn told(headers: &HeaderMap) -> serde_json::Value {
    let token = headers
        .get("x-gestalt-jwt")
        .map(|value| value.to_str().unwrap());
    json!({ "jwt": token })
}

/// A body that a test sends piece by piece; an error breaks it off.
struct Chunks(mpsc::Receiver<Chunk>);

impl hyper::body::Body for Chunks {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let frame = |chunk: Chunk| match chunk {
            Ok(text) => Ok(Frame::data(Bytes::from_static(text.as_bytes()))),
            Err(text) => Err(std::io::Error::other(text)),
        };
        self.0.poll_recv(context).map(|chunk| chunk.map(frame))
    }
}

fn whole(text: String) -> Body {
    Full::new(Bytes::from(text))
        .map_err(|never| match never {})
        .boxed_unsync()
}

fn json_answer(status: StatusCode, body: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(whole(body.to_string()));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    response
}
