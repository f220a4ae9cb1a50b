//! The connection after an answer, and after a call that is given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::StreamExt;
use gestalt_upstream::mcp::AnswerBody;
use http::Response;
use serde_json::json;

use super::world::{Client, modern, modern_server, stream};

#[tokio::test]
async fn giving_up_an_answer_gives_up_the_request() {
    let gone = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&gone);
    let server = modern_server(move |_, _| {
        let guard = Guard(Arc::clone(&told));
        let mut first = true;
        let body = futures_util::stream::poll_fn(move |_| {
            let _held = &guard;
            if std::mem::take(&mut first) {
                let piece = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n";
                let piece = http_body::Frame::data(Bytes::from_static(piece.as_bytes()));
                return std::task::Poll::Ready(Some(Ok(piece)));
            }
            std::task::Poll::Pending
        });
        let body = http_body_util::StreamBody::new(body);
        let mut answer = Response::new(gestalt_upstream::BoxedBody::new(body));
        let headers = answer.headers_mut();
        headers.insert("content-type", "text/event-stream".parse().unwrap());
        answer
    })
    .await;
    let client = Client::new(&server);
    let answer = client
        .send(modern(1, "tools/call", json!({ "name": "t" })))
        .await
        .unwrap();
    let AnswerBody::Events(mut events) = answer.body else {
        unreachable!();
    };
    assert!(events.next().await.unwrap().is_ok());
    drop(events);
    gone.notified().await;
}

struct Guard(Arc<tokio::sync::Notify>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn what_follows_the_answer_in_a_stream_is_not_passed() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let server = modern_server(move |_, body| {
        seen.fetch_add(1, Ordering::Relaxed);
        let id = &body["id"];
        stream(format!(
            "data: {{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}\n\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"x\"}}\n\n"
        ))
    })
    .await;
    let said = Client::new(&server)
        .say(modern(1, "tools/list", json!({})))
        .await
        .unwrap();
    assert_eq!(said.len(), 1);
    assert_eq!(count.load(Ordering::Relaxed), 1);
}
