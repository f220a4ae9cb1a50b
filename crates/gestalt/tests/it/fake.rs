//! A server with scripted answers that remembers what it was asked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

/// One answer.
#[derive(Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    never: bool,
}

impl Answer {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![
                ("content-type".into(), content_type.into()),
                ("x-request-id".into(), "req_1".into()),
            ],
            body: body.into(),
            never: false,
        }
    }

    pub(crate) fn json(value: &Value) -> Self {
        Self::new(200, "application/json", value.to_string())
    }

    /// An upstream's answer.
    pub(crate) fn upstream(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, content_type, body).with("gestalt-source", "upstream")
    }

    /// A refusal with a code and members on top.
    pub(crate) fn problem(status: u16, code: &str, more: &Value) -> Self {
        let mut problem = json!({
            "type": format!("/problems/{code}"),
            "title": "A title.",
            "status": status,
            "code": code,
            "requestId": "req_1",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            problem[name] = value.clone();
        }
        Self::new(status, "application/problem+json", problem.to_string())
            .with("gestalt-source", "gateway")
    }

    /// No answer at all.
    pub(crate) fn never() -> Self {
        let mut answer = Self::new(200, "text/plain", "");
        answer.never = true;
        answer
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `GET /api/v1/me?x=1`
    pub(crate) line: String,
    pub(crate) authorization: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

type Script = Arc<Mutex<HashMap<String, Vec<Answer>>>>;

/// The server; it lives as long as the test's process.
pub(crate) struct Fake {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    arrived: Receiver<()>,
    script: Script,
}

impl Fake {
    /// Starts a server on a free port of loopback that knows nothing yet.
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script = Script::default();
        let (arrives, arrived) = channel();
        let (log, answers) = (Arc::clone(&seen), Arc::clone(&script));
        std::thread::spawn(move || serve(listener, log, answers, arrives));
        Self {
            url,
            seen,
            arrived,
            script,
        }
    }

    /// Answers a route, given as `GET /api/v1/me`, without its query. Several answers are
    /// given in turn, the last one for good.
    pub(crate) fn on(&self, route: &str, answer: Answer) -> &Self {
        let mut script = self.script.lock().unwrap();
        script.entry(route.to_owned()).or_default().push(answer);
        drop(script);
        self
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The lines of all requests so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    /// The last request.
    pub(crate) fn last(&self) -> Seen {
        self.seen().pop().unwrap()
    }

    /// Blocks until a request has arrived.
    pub(crate) fn wait(&self) {
        self.arrived.recv().unwrap();
    }
}

fn serve(
    listener: std::net::TcpListener,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Script,
    arrives: Sender<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (seen, script, arrives) = (seen.clone(), script.clone(), arrives.clone());
            let service = service_fn(move |request| {
                let (seen, script, arrives) = (seen.clone(), script.clone(), arrives.clone());
                async move { Ok::<_, Infallible>(answer(request, &seen, &script, &arrives).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(async move {
                // A client that leaves is no fault of the server's.
                let _ = connection.await;
            });
        }
    });
}

async fn answer(
    request: Request<Incoming>,
    seen: &Mutex<Vec<Seen>>,
    script: &Mutex<HashMap<String, Vec<Answer>>>,
    arrives: &Sender<()>,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let header = |name: &str| Some(parts.headers.get(name)?.to_str().unwrap().to_owned());
    let route = format!("{} {}", parts.method, parts.uri.path());
    let line = format!("{} {}", parts.method, parts.uri);
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    seen.lock().unwrap().push(Seen {
        line,
        authorization: header("authorization"),
        content_type: header("content-type"),
        body,
    });
    let next = script.lock().unwrap().get_mut(&route).map(|answers| {
        if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0].clone()
        }
    });
    // A test that does not wait has no use for it.
    let _ = arrives.send(());
    let answer = next.unwrap_or_else(|| {
        Answer::problem(
            404,
            "not_found",
            &json!({ "detail": "There is no such thing." }),
        )
    });
    if answer.never {
        std::future::pending::<()>().await;
    }
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap();
    for (name, value) in answer.headers {
        let name = hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap();
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
