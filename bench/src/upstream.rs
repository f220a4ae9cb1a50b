//! The part that answers: a small JSON document, or a file, whatever is asked.

use std::convert::Infallible;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::{Result, options};

/// Serves until it is killed: the file that `--file` names, or about a kilobyte.
///
/// # Errors
///
/// When the listener fails.
pub(crate) async fn serve(arguments: &[String]) -> Result {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let document = if arguments.is_empty() {
        Bytes::from(document())
    } else {
        Bytes::from(std::fs::read(options::value(arguments, "--file")?)?)
    };
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let document = document.clone();
        let answer = service_fn(move |_: Request<Incoming>| {
            let mut answer = Response::new(Full::new(document.clone()));
            let kind = HeaderValue::from_static("application/json");
            answer.headers_mut().insert(CONTENT_TYPE, kind);
            std::future::ready(Ok::<_, Infallible>(answer))
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

/// About a kilobyte, as an issue of a tracker would be.
fn document() -> String {
    let words = "the quick brown fox jumps over the lazy dog and on ".repeat(16);
    serde_json::json!({
        "id": 4711,
        "title": "Something is slow",
        "state": "open",
        "labels": ["bug", "performance"],
        "author": { "login": "alice", "id": 12 },
        "body": words.trim_end(),
        "created_at": "2026-01-02T03:04:05Z",
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_answer_is_about_a_kilobyte() {
        let length = super::document().len();
        assert!((900..1100).contains(&length), "{length}");
    }
}
