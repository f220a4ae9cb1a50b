//! What is not sent, not passed on and not waited for.

use std::time::Duration;

use async_compression::tokio::bufread::GzipEncoder;
use bytes::Bytes;
use gestalt_core::host::EgressRules;
use gestalt_upstream::mcp::Answer;
use gestalt_upstream::{McpLimits, Settings, UpstreamError};
use http::Response;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::world::{
    Client, KEY, LEGACY, error, events, legacy, message, modern, modern_server, result, said,
    status, stream, whose,
};
use crate::server::{Answer as Http, Server, answer, redirect, serve};
use crate::world::{only, pieces, settings};

fn call() -> gestalt_upstream::mcp::Message {
    modern(1, "tools/call", json!({ "name": "t", "arguments": {} }))
}

#[track_caller]
fn is_invalid<T: std::fmt::Debug>(result: &Result<T, UpstreamError>, text: &str) {
    match result {
        Err(UpstreamError::InvalidAnswer { message, .. }) => {
            assert!(message.contains(text), "{message}");
        }
        other => unreachable!("{other:?}"),
    }
}

#[track_caller]
fn is_too_large<T: std::fmt::Debug>(result: &Result<T, UpstreamError>) {
    let large = matches!(result, Err(UpstreamError::ResponseTooLarge { .. }));
    assert!(large, "{result:?}");
}

async fn all(answer: Result<Answer, UpstreamError>) -> Result<Vec<Value>, UpstreamError> {
    said(answer?).await
}

#[tokio::test]
async fn s35_a_server_that_may_not_be_reached_is_sent_nothing() {
    let server = Server::quiet().await;
    let client = Client::at(settings(), &server.url(), EgressRules::default());
    let answer = client.send(call()).await;
    assert!(
        matches!(answer, Err(UpstreamError::EgressDenied(_))),
        "{answer:?}"
    );
    let answer = client.listen().await;
    assert!(
        matches!(answer, Err(UpstreamError::EgressDenied(_))),
        "{answer:?}"
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn s38_a_redirect_to_another_host_loses_credential_session_and_identity() {
    let other = Server::start(|seen| {
        let body = serde_json::from_slice(&seen.body).unwrap();
        result(&body, &json!({}))
    })
    .await;
    let there = other.url();
    let server = modern_server(move |_, _| redirect(307, &there)).await;
    let mut rules = only(server.address);
    rules
        .allowed_ranges
        .extend(only(other.address).allowed_ranges);
    rules.allowed_hosts = vec![
        format!("127.0.0.1:{}", other.address.port())
            .parse()
            .unwrap(),
    ];
    let client = Client::at(settings(), &server.url(), rules);
    let mut message = call();
    message.session = Some("secret-session".to_owned());
    client.say(message).await.unwrap();
    let seen = other.only();
    for name in ["x-key", "mcp-session-id", "x-gestalt-user", "authorization"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_eq!(seen.header("mcp-method"), Some("tools/call"));
    assert!(!format!("{seen:?}").contains(KEY));
    assert_eq!(server.seen().last().unwrap().header("x-key"), Some(KEY));
}

#[tokio::test]
async fn s39_an_echoed_credential_is_masked_in_every_kind_of_answer() {
    let echo = json!({ "text": format!("the key is {KEY}.") });
    let masked = json!({ "text": format!("the key is {}.", "*".repeat(KEY.len())) });
    let in_message = echo.clone();
    let server = modern_server(move |_, body| match body["params"]["name"].as_str() {
        Some("message") => result(body, &in_message),
        Some("error") => {
            let error = json!({ "code": -32602, "message": "no", "data": in_message });
            message(
                400,
                &json!({ "jsonrpc": "2.0", "id": body["id"], "error": error }),
            )
        }
        _ => {
            let whole = json!({ "jsonrpc": "2.0", "id": body["id"], "result": in_message });
            let text = format!("data: {whole}\n\n").into_bytes();
            let mut left = text.into_iter();
            let mut answer = Response::new(pieces(move || {
                let piece: Bytes = left.by_ref().take(3).collect();
                (!piece.is_empty()).then_some(piece)
            }));
            let headers = answer.headers_mut();
            headers.insert("content-type", "text/event-stream".parse().unwrap());
            answer
        }
    })
    .await;
    let client = Client::new(&server);
    for name in ["message", "stream"] {
        let said = client
            .say(modern(1, "tools/call", json!({ "name": name })))
            .await
            .unwrap();
        assert_eq!(said[0]["result"], masked);
    }
    let said = client
        .say(modern(1, "tools/call", json!({ "name": "error" })))
        .await
        .unwrap();
    assert_eq!(said[0]["error"]["data"], masked);
}

#[tokio::test]
async fn s48_a_large_message_is_an_error() {
    let server = modern_server(|_, body| match body["params"]["name"].as_str() {
        Some("known") => result(body, &json!({ "text": "x".repeat(5000) })),
        Some("event") => stream(format!("data: {}\n\n", "x".repeat(5000))),
        Some("comments") => endless("text/event-stream", ": x\n"),
        Some("events") => endless(
            "text/event-stream",
            "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n",
        ),
        Some("deep") => {
            let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
            let id = &body["id"];
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{deep}}}"#);
            answer(200, &[("content-type", "application/json")], text)
        }
        _ => endless("application/json", "[0,"),
    })
    .await;
    let settings = Settings {
        mcp: McpLimits {
            max_message_bytes: 4000,
            max_stream_bytes: 100_000,
            ..McpLimits::default()
        },
        ..settings()
    };
    let client = Client::with(settings, &server);
    for name in ["known", "event", "comments", "events", "endless"] {
        let call = modern(1, "tools/call", json!({ "name": name }));
        is_too_large(&all(client.send(call).await).await);
    }
    let deep = client
        .say(modern(1, "tools/call", json!({ "name": "deep" })))
        .await;
    is_invalid(&deep, "no JSON-RPC");
}

/// The same again and again, in pieces of some size.
fn endless(content_type: &str, part: &str) -> Http {
    let piece = Bytes::from(part.repeat(500));
    let mut answer = Response::new(pieces(move || Some(piece.clone())));
    let headers = answer.headers_mut();
    headers.insert("content-type", content_type.parse().unwrap());
    answer
}

#[tokio::test]
async fn s48_a_decompression_bomb_is_an_error() {
    let zeros = vec![b' '; 20 << 20];
    let mut bomb = Vec::new();
    let mut encoder = GzipEncoder::new(&*zeros);
    encoder.read_to_end(&mut bomb).await.unwrap();
    let server = modern_server(move |_, body| {
        let stream = body["params"]["name"] == "stream";
        let sort = if stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        let headers = [("content-type", sort), ("content-encoding", "gzip")];
        answer(200, &headers, bomb.clone())
    })
    .await;
    let client = Client::new(&server);
    for name in ["stream", "message"] {
        let call = modern(1, "tools/call", json!({ "name": name }));
        is_too_large(&all(client.send(call).await).await);
    }
}

#[tokio::test]
async fn s48_a_server_that_never_answers_times_out() {
    let silent = serve(|_| Box::pin(std::future::pending())).await;
    let short = Settings {
        request_timeout: Duration::from_millis(50),
        ..settings()
    };
    let client = Client::at(short, &format!("http://{silent}"), only(silent));
    let answer = client.send(call()).await;
    assert!(
        matches!(answer, Err(UpstreamError::Timeout { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn s48_a_call_whose_stream_falls_silent_or_never_ends_times_out() {
    let server = modern_server(|_, body| {
        let lively = body["params"]["name"] == "lively";
        let mut first = true;
        let body = http_body_util::StreamBody::new(futures_util::stream::poll_fn(move |cx| {
            if std::mem::take(&mut first) {
                let piece = Bytes::from_static(b": life\n");
                return std::task::Poll::Ready(Some(Ok(http_body::Frame::data(piece))));
            }
            if lively {
                first = true;
                cx.waker().wake_by_ref();
            }
            std::task::Poll::Pending
        }));
        let mut answer = Response::new(gestalt_upstream::BoxedBody::new(body));
        let headers = answer.headers_mut();
        headers.insert("content-type", "text/event-stream".parse().unwrap());
        answer
    })
    .await;
    for (name, idle, max_call) in [("silent", 50, 20_000), ("lively", 20_000, 50)] {
        let settings = Settings {
            idle_timeout: Duration::from_millis(idle),
            mcp: McpLimits {
                max_call: Duration::from_millis(max_call),
                max_stream_bytes: 1 << 40,
                ..McpLimits::default()
            },
            ..settings()
        };
        let client = Client::with(settings, &server);
        let said = client
            .say(modern(1, "tools/call", json!({ "name": name })))
            .await;
        assert!(
            matches!(said, Err(UpstreamError::Timeout { .. })),
            "{name}: {said:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_is_a_clear_error() {
    for (sort, head) in [
        (
            "text/event-stream",
            "transfer-encoding: chunked\r\n\r\n4\r\n: x\n\r\n",
        ),
        (
            "application/json",
            "content-length: 100\r\n\r\n{\"jsonrpc\"",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {sort}\r\n{head}");
        tokio::spawn(async move {
            // The probe is answered whole, the call is not.
            let whole = json!({ "jsonrpc": "2.0", "id": "gestalt",
                "result": { "supportedVersions": ["2026-07-28"] } })
            .to_string();
            let length = whole.len();
            let probe = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{whole}"
            );
            for text in [probe, head] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut read = [0; 4096];
                let _ = stream.read(&mut read).await;
                stream.write_all(text.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        let client = Client::at(settings(), &format!("http://{address}"), only(address));
        let said = client.say(call()).await;
        is_invalid(&said, "broke off");
    }
}

#[tokio::test]
async fn a_server_that_dies_before_it_answers_is_not_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = [0; 4096];
            let _ = stream.read(&mut read).await;
        }
    });
    let client = Client::at(settings(), &format!("http://{address}"), only(address));
    let said = client.say(call()).await;
    assert!(
        matches!(said, Err(UpstreamError::Unreachable { .. })),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_stream_that_ends_without_an_answer_is_an_error() {
    let server = modern_server(|_, _| stream(": nothing\n\n")).await;
    is_invalid(&Client::new(&server).say(call()).await, "without an answer");
    let server = modern_server(|_, _| stream("data: {\"half\": \n")).await;
    is_invalid(&Client::new(&server).say(call()).await, "without an answer");
}

#[tokio::test]
async fn what_is_nothing_of_the_protocol_is_an_error() {
    let server = modern_server(|_, body| match body["params"]["name"].as_str() {
        Some("page") => answer(200, &[("content-type", "text/html")], "<p>"),
        Some("array") => message(200, &json!([])),
        Some("request") => message(200, &json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" })),
        Some("event") => stream("data: <p>\n\n"),
        Some("403") => status(403),
        Some("429") => answer(
            429,
            &[("content-type", "application/json")],
            "{\"error\":\"slow\"}",
        ),
        Some("503") => answer(503, &[("content-type", "text/html")], "<p>"),
        _ => error(403, body, -32000),
    })
    .await;
    let client = Client::new(&server);
    for (name, text) in [
        ("page", "text/html"),
        ("array", "no JSON-RPC"),
        ("request", "no JSON-RPC"),
        ("event", "no JSON-RPC"),
        ("403", "403"),
        ("429", "429"),
        ("503", "503"),
    ] {
        let said = client
            .say(modern(1, "tools/call", json!({ "name": name })))
            .await;
        is_invalid(&said, text);
    }
    let said = client
        .say(modern(1, "tools/call", json!({ "name": "told" })))
        .await
        .unwrap();
    assert_eq!(said[0]["error"]["code"], -32000);
}

#[tokio::test]
async fn a_refused_credential_is_told_by_the_status() {
    let server = Server::start(|_| answer(401, &[], "who are you?")).await;
    let client = Client::new(&server);
    for message in [call(), legacy(1, "initialize", &json!({}))] {
        let answer = client.send(message).await.unwrap();
        assert_eq!(answer.status, 401);
        assert!(said(answer).await.unwrap().is_empty());
    }
    let eras = client.mcp().eras(&client.whose, &client.authority).await;
    assert!(matches!(eras, Err(UpstreamError::Unauthorized)), "{eras:?}");
    let listing = client.mcp().listing(&client.whose, &client.authority).await;
    assert!(
        matches!(listing, Err(UpstreamError::Unauthorized)),
        "{listing:?}"
    );
    // Only the probe went out each time.
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn a_stream_of_notifications_ends_in_time_and_without_an_error() {
    let server = super::world::legacy_server(|_, _| {
        let body = http_body_util::StreamBody::new(futures_util::stream::pending());
        let mut answer = Response::new(gestalt_upstream::BoxedBody::new(body));
        let headers = answer.headers_mut();
        headers.insert("content-type", "text/event-stream".parse().unwrap());
        answer
    })
    .await;
    let settings = Settings {
        idle_timeout: Duration::from_millis(1),
        mcp: McpLimits {
            max_listen: Duration::from_millis(50),
            ..McpLimits::default()
        },
        ..settings()
    };
    let client = Client::with(settings, &server);
    let opening = json!({ "protocolVersion": LEGACY, "capabilities": {} });
    let opened = client
        .send(legacy(1, "initialize", &opening))
        .await
        .unwrap();
    let listening = gestalt_upstream::mcp::Listening {
        session: opened.session,
        last_event_id: None,
        version: LEGACY.to_owned(),
    };
    let answer = client
        .mcp()
        .listen(listening, &whose("alice"), &client.authority)
        .await;
    assert!(events(answer.unwrap()).await.unwrap().is_empty());
}

#[test]
fn what_the_config_may_not_say_is_refused() {
    use gestalt_core::mcp::McpTransport;
    use gestalt_upstream::{Resolver, Upstream};
    let compile = |url: &str, header: &str| {
        let mut plugin = crate::world::plugin(
            "http://a.test",
            EgressRules::default(),
            crate::world::get("/"),
        );
        let mut definition = super::world::definition(url);
        if let McpTransport::Http(http) = &mut definition.transport {
            http.headers = vec![(header.to_owned(), "x".to_owned())];
        }
        plugin.mcp = Some(definition);
        Upstream::new(settings(), Resolver::System)
            .unwrap()
            .compile(&plugin, None)
    };
    assert!(compile("http://a.test/mcp", "X-Mine").is_ok());
    for (url, header) in [
        ("http://u:p@a.test/mcp", "X-Mine"),
        ("http://a.test/mcp", "Mcp-Session-Id"),
        ("http://a.test/mcp", "Last-Event-ID"),
        ("http://a.test/mcp", "Authorization"),
        ("http://a.test/mcp", "Host"),
    ] {
        let refused = compile(url, header);
        assert!(
            matches!(refused, Err(UpstreamError::Config { .. })),
            "{url} {header}"
        );
    }
}
