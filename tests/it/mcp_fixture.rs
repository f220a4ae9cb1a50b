//! The MCP server for tests itself, and the proxy before it, so that a failing test means us.

use std::process::Command;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gestalt_e2e::cli::Ran;
use gestalt_e2e::{Client, bearer, cli, peers, program, served};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName};
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";

/// A request of the newer era.
fn message(method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

/// The same over HTTP, with the headers that repeat what it says.
fn request(base: &str, message: &Value) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("{base}/mcp"))
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json, text/event-stream")
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", message["method"].as_str().unwrap());
    if let Some(name) = message["params"]["name"].as_str() {
        request = request.header("mcp-name", name);
    }
    request.body(Full::from(message.to_string())).unwrap()
}

/// Reads a stream of events until one holds a message, and gives the message.
async fn next_message(body: &mut Incoming, read: &mut String) -> Value {
    let reading = async {
        loop {
            while let Some(end) = read.find('\n') {
                let line: String = read.drain(..=end).collect();
                let data = line.strip_prefix("data:");
                if let Some(message) = data.and_then(|data| serde_json::from_str(data).ok()) {
                    return message;
                }
            }
            let frame = body.frame().await.unwrap().unwrap();
            let data = frame.into_data().unwrap();
            read.push_str(std::str::from_utf8(&data).unwrap());
        }
    };
    tokio::time::timeout(program::PATIENCE, reading)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_passes_the_proxy_event_by_event() {
    let fixture = peers::mcp_fixture(&[]).await;
    let proxy = bearer::proxy(&fixture.url, "any").await;
    let pool = Pool::builder(TokioExecutor::new()).build_http();
    let wanted = json!({ "notifications": { "toolsListChanged": true } });
    let listen = message("subscriptions/listen", wanted);
    let answer = pool.request(request(&proxy, &listen)).await.unwrap();
    let (mut body, mut read) = (answer.into_body(), String::new());
    let first = next_message(&mut body, &mut read).await;
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    let change = json!({ "name": "test_trigger_tool_change", "arguments": {} });
    let change = message("tools/call", change);
    let changed = pool.request(request(&proxy, &change)).await.unwrap();
    assert_eq!(changed.status(), 200);
    let second = next_message(&mut body, &mut read).await;
    assert_eq!(second["method"], "notifications/tools/list_changed");
    let tag = &second["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
    assert_eq!(tag, 1, "{second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_presents_its_own_credential_and_passes_every_other_header() {
    let seen = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&seen);
    let server = served::serve(move |request: Request<Incoming>| {
        *kept.lock().unwrap() = Some(request.headers().clone());
        async { Ok(Response::new(Full::default())) }
    });
    let server = server.await;
    let proxy = bearer::proxy(&server, "ours").await;
    let client = Client::new(&proxy).bearer("theirs");
    let client = client.with(HeaderName::from_static("mcp-param-a"), "b");
    client.get("/").await.expect(200);
    let headers = seen.lock().unwrap().take().unwrap();
    assert_eq!(headers[AUTHORIZATION], "Bearer ours");
    assert_eq!(headers["mcp-param-a"], "b");
    assert_eq!(headers[HOST], server.trim_start_matches("http://"));
    client
        .with(HOST, "evil.example.com")
        .get("/")
        .await
        .expect(200);
    let headers = seen.lock().unwrap().take().unwrap();
    assert_eq!(headers[HOST], "evil.example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_big_list_comes_in_pages_and_every_tool_once() {
    let fixture = peers::mcp_fixture(&["--big-list", "100", "--page-size", "30"]).await;
    let pool = Pool::builder(TokioExecutor::new()).build_http();
    let mut names = Vec::new();
    let mut params = json!({});
    loop {
        let list = request(&fixture.url, &message("tools/list", params));
        let answer = pool.request(list).await.unwrap();
        let mut body = answer.into_body();
        let page = next_message(&mut body, &mut String::new()).await;
        let tools = page["result"]["tools"].as_array().unwrap();
        assert!(tools.len() <= 30, "{}", tools.len());
        names.extend(tools.iter().map(|tool| tool["name"].clone()));
        let Some(cursor) = page["result"]["nextCursor"].as_str() else {
            break;
        };
        params = json!({ "cursor": cursor });
    }
    assert!(names.contains(&json!("tool_0001")) && names.contains(&json!("tool_0100")));
    let all = names.len();
    names.sort_by_key(Value::to_string);
    names.dedup();
    assert_eq!(names.len(), all);
}

/// The calls that open a session of the older era.
fn opened() -> Vec<Value> {
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": LEGACY,
        "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    }});
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    vec![initialize, initialized]
}

fn greet() -> Value {
    json!({ "name": "greet", "arguments": { "name": "Alice" } })
}

fn legacy_call() -> Value {
    json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": greet() })
}

/// Writes messages to a fixture on its standard streams, to its end.
async fn spoken(options: &[&str], messages: &[Value]) -> Ran {
    let mut command = Command::new(program::built("mcp-fixture"));
    command.arg("--stdio").args(options);
    let lines = messages.iter().map(|message| format!("{message}\n"));
    cli::finish(command, Some(lines.collect())).await
}

#[tokio::test]
async fn the_fixture_speaks_both_eras_on_its_standard_streams() {
    let legacy = [opened(), vec![legacy_call()]].concat();
    let legacy = spoken(&[], &legacy).await.ok();
    assert!(legacy.contains(LEGACY), "{legacy}");
    assert!(legacy.contains("Hello, Alice!"), "{legacy}");
    let modern = spoken(&[], &[message("tools/call", greet())]).await.ok();
    assert!(modern.contains("Hello, Alice!"), "{modern}");
    assert!(modern.contains(r#""resultType":"complete""#), "{modern}");
}

#[tokio::test]
async fn a_fault_of_the_fixture_is_what_its_name_says() {
    let call = [opened(), vec![legacy_call()]].concat();
    let exited = spoken(&["--fault", "exit"], &call).await;
    assert_eq!(exited.code, 3, "{}", exited.err);
    assert!(!exited.out.contains("Alice"), "{}", exited.out);
    let ping = json!({ "jsonrpc": "2.0", "id": 3, "method": "ping" });
    let enough = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": { "requestId": 2 } });
    let hung = [call.clone(), vec![ping, enough]].concat();
    let hung = spoken(&["--fault", "hang"], &hung).await.ok();
    assert!(hung.contains(r#""id":3"#), "{hung}");
    assert!(!hung.contains("Alice"), "{hung}");
    let flooded = spoken(&["--fault", "flood"], &call).await;
    assert!(flooded.err.len() > 1 << 20, "{}", flooded.err.len());
    assert!(flooded.ok().contains("Hello, Alice!"));
}
