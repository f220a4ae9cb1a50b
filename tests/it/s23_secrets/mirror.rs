//! An upstream that gives away what it was given, in every way it can.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{ETAG, HeaderValue, LINK, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::MARKER;

/// A running upstream.
pub(super) struct Mirror {
    pub(super) port: u16,
    given: Arc<AtomicUsize>,
}

impl Mirror {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let given = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&given);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                let answer = service_fn(move |request| answer(request, Arc::clone(&count)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { port, given }
    }

    /// How many requests carried a canary.
    pub(super) fn given(&self) -> usize {
        self.given.load(Ordering::Relaxed)
    }
}

/// A body that ends as it should, or in the middle.
struct Said {
    text: Option<Bytes>,
    cut: bool,
}

impl Body for Said {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let next = self.text.take().map(|text| Ok(Frame::data(text)));
        let broken = || Err(io::Error::other("cut"));
        Poll::Ready(next.or_else(|| self.cut.then(broken)))
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.text.as_ref().map_or(0, |text| text.len() as u64);
        if self.cut {
            SizeHint::default()
        } else {
            SizeHint::with_exact(left)
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    given: Arc<AtomicUsize>,
) -> Result<Response<Said>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let mut said = format!("you said {} {}\n", head.method, head.uri);
    // What an operator wrote into the config is not what a caller has connected.
    for (name, value) in head.headers.iter().filter(|(name, _)| *name != "x-static") {
        let value = String::from_utf8_lossy(value.as_bytes());
        said.push_str(&[name.as_str(), ": ", &value, "\n"].concat());
    }
    said.push_str(&String::from_utf8_lossy(&body));
    let key = head
        .headers
        .get("x-key")
        .or(head.headers.get("authorization"));
    let key = key
        .and_then(|key| key.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    if said.contains(MARKER) || key.starts_with("Basic ") {
        given.fetch_add(1, Ordering::Relaxed);
    }
    // The connection breaks before the end.
    let cut = head.uri.path() == "/cut";
    let mut answer = Response::new(Said {
        text: Some(said.into()),
        cut,
    });
    let headers = answer.headers_mut();
    match head.uri.path() {
        "/headers" => {
            headers.insert(ETAG, text(&format!("\"{key}\"")));
            headers.insert(LINK, text(&format!("</next?key={key}>; rel=next")));
        }
        "/redirect" => {
            let place = format!(
                "http://attacker.example/?{}&{key}",
                head.uri.query().unwrap_or_default()
            );
            headers.insert(LOCATION, text(&place.replace(' ', "%20")));
            *answer.status_mut() = hyper::StatusCode::FOUND;
        }
        path => {
            let status = path
                .strip_prefix("/status/")
                .and_then(|code| code.parse().ok());
            *answer.status_mut() = status.unwrap_or(hyper::StatusCode::OK);
        }
    }
    Ok(answer)
}

fn text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap()
}
