//! An upstream that is held at a gate, so that a call is under way for as long as a test wants.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{MODERN, meta};
use crate::house::{House, Plan};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n";

/// What an upstream at a gate saw, and what it is let do.
struct Gate {
    /// A request arrived.
    asked: UnboundedReceiver<()>,
    /// Its sender is gone.
    gone: UnboundedReceiver<()>,
    /// What is written next.
    write: UnboundedSender<String>,
}

async fn gated() -> (House, Gate) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let (tell_asked, asked) = unbounded_channel();
    let (tell_gone, gone) = unbounded_channel();
    let (write, mut to_write) = unbounded_channel::<String>();
    tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.unwrap();
        read_until(&mut stream, "\r\n\r\n").await;
        tell_asked.send(()).unwrap();
        let mut byte = [0];
        loop {
            tokio::select! {
                next = to_write.recv() => match next {
                    Some(text) => stream.write_all(text.as_bytes()).await.unwrap(),
                    None => return,
                },
                // A test that ends does not wait for this.
                _ = stream.read(&mut byte) => {
                    let _over = tell_gone.send(());
                    return;
                }
            }
        }
    });
    let config = format!(
        "plugins:\n  slow:\n    egress: {{ allowedCidrs: [\"127.0.0.1/32:{port}\"] }}\n    surfaces:\n      rest:\n        baseUrl: http://127.0.0.1:{port}\n        operations:\n          - {{ name: wait, description: Waits., method: GET, path: /wait, readOnly: true }}\n"
    );
    let mut limits = gestaltd::http::Limits::default();
    limits.mcp.progress_interval = Duration::from_millis(1);
    limits.mcp.progress_bytes = 4;
    let plan = Plan {
        config: config.leak(),
        limits,
        ..Plan::default()
    };
    (plan.build().await, Gate { asked, gone, write })
}

/// Reads until what was read ends in, or has, `end`; all of it if the peer closes before.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&read).contains(end) {
        if stream.read(&mut byte).await.unwrap() == 0 {
            break;
        }
        read.push(byte[0]);
    }
    String::from_utf8(read).unwrap()
}

/// Calls the tool over a connection of its own.
#[expect(clippy::disallowed_methods, reason = "a test is a client")]
async fn call(house: &House, more: Value) -> TcpStream {
    let mut meta = meta();
    meta.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let params = json!({"name": "wait", "arguments": {}, "_meta": meta});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let body = body.to_string();
    let mut stream = TcpStream::connect(house.public).await.unwrap();
    let head = format!(
        "POST /mcp/slow HTTP/1.1\r\nhost: localhost:{}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nmcp-protocol-version: {MODERN}\r\n\
         mcp-method: tools/call\r\nmcp-name: wait\r\ncontent-length: {}\r\n\r\n",
        house.public.port(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_client_that_closes_its_stream_ends_the_call() {
    for token in [json!({}), json!({"progressToken": 7})] {
        let (house, mut gate) = gated().await;
        let stream = call(&house, token).await;
        gate.asked.recv().await.unwrap();
        drop(stream);
        gate.gone.recv().await.unwrap();
    }
}

#[tokio::test]
async fn a_call_under_way_is_reported_to_who_asked_and_ends_with_its_result() {
    let (house, mut gate) = gated().await;
    let mut stream = call(&house, json!({"progressToken": "t\"1"})).await;
    gate.asked.recv().await.unwrap();
    let first = read_until(&mut stream, "\"progress\":2").await;
    assert!(first.contains("content-type: text/event-stream"), "{first}");
    assert!(first.contains("x-accel-buffering: no"), "{first}");
    assert!(
        first.contains(r#""progressToken":"t\"1","progress":1"#),
        "{first}"
    );
    gate.write
        .send(format!(
            "{HEAD}transfer-encoding: chunked\r\n\r\na\r\n0123456789\r\n"
        ))
        .unwrap();
    let news = read_until(&mut stream, "10 bytes received").await;
    assert!(!news.contains("\"result\""), "{news}");
    gate.write
        .send("a\r\nabcdefghij\r\n0\r\n\r\n".to_owned())
        .unwrap();
    let last = read_until(&mut stream, "0\r\n\r\n").await;
    let message = last.lines().find_map(|line| {
        let data = line.strip_prefix("data: ")?;
        let message: Value = serde_json::from_str(data).unwrap();
        message.get("result").is_some().then_some(message)
    });
    let message = message.unwrap_or_else(|| panic!("{last}"));
    assert_eq!(message["id"], 1);
    assert_eq!(
        message["result"]["content"][0]["text"],
        "0123456789abcdefghij"
    );
}

#[tokio::test]
async fn nobody_hears_of_a_call_who_did_not_ask() {
    let (house, mut gate) = gated().await;
    let mut stream = call(&house, json!({})).await;
    gate.asked.recv().await.unwrap();
    gate.write
        .send(format!("{HEAD}content-length: 2\r\n\r\nok"))
        .unwrap();
    let answer = read_until(&mut stream, "}]").await;
    assert!(
        answer.contains("content-type: application/json"),
        "{answer}"
    );
    assert!(!answer.contains("notifications/progress"), "{answer}");
}
