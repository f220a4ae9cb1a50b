//! S48 over MCP: whatever a server answers, memory is bounded, the error is told, and others
//! go on.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use gestalt_e2e::mcp::{ERAS, Era};
use gestalt_e2e::scripted::{Asked, Repeated, Reply, reply};
use gestalt_e2e::{Client, Daemon, Mcp, Scripted, cli, peers};
use http_body_util::Full;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};
use serde_json::json;

use super::{config, failure, most_memory, open_files, plugin, until};

/// How often something is cut off, where what it leaves is counted.
const TIMES: usize = 10;

const MIB: usize = 1 << 20;
const GIB: u64 = 1 << 30;

/// More than the daemon has at any time of these tests, in KiB; far less than what it is sent.
const MOST_KIB: u64 = 400 * 1024;

const TOOLS: [&str; 6] = [
    "endless_event",
    "endless_events",
    "gigabyte",
    "said_gigabyte",
    "bomb",
    "bomb_of_events",
];

/// It takes a quarter of a GiB until it is cut off, so once is enough.
const LONG: &str = "endless_events";

/// A stream of `piece` after `first`.
fn events(first: &'static str, piece: Vec<u8>) -> Reply {
    let body = Repeated {
        first: Some(Bytes::from_static(first.as_bytes())),
        piece: piece.into(),
        times: None,
    };
    reply("text/event-stream", body)
}

/// A message whose text goes on for a GiB.
fn gigabyte() -> Reply {
    let first = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":""#;
    let body = Repeated {
        first: Some(Bytes::from_static(first.as_bytes())),
        piece: vec![b'x'; MIB].into(),
        times: Some(GIB / MIB as u64),
    };
    reply("application/json", body)
}

/// One event of a mebibyte that asks for nothing.
fn event() -> Vec<u8> {
    let data = "x".repeat(MIB);
    let told = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": {
        "level": "info", "data": data,
    }});
    format!("data: {told}\n\n").into_bytes()
}

fn script(asked: &Asked, bomb: &Bytes) -> Option<Reply> {
    match asked.method() {
        "tools/list" => {
            let tool = |name| json!({ "name": name, "inputSchema": { "type": "object" } });
            asked.result(json!({ "tools": TOOLS.map(tool) }))
        }
        "tools/call" => {
            let packed = |kind| {
                let mut answer = reply(kind, Full::from(bomb.clone()));
                let gzip = HeaderValue::from_static("gzip");
                answer.headers_mut().insert(CONTENT_ENCODING, gzip);
                answer
            };
            Some(match asked.params()["name"].as_str() {
                Some("endless_event") => events("data: ", vec![b'x'; MIB]),
                Some("endless_events") => events("", event()),
                Some("gigabyte") => gigabyte(),
                Some("said_gigabyte") => {
                    let mut answer = gigabyte();
                    answer.headers_mut().insert(CONTENT_LENGTH, GIB.into());
                    answer
                }
                Some("bomb") => packed("application/json"),
                _ => packed("text/event-stream"),
            })
        }
        _ => None,
    }
}

/// `data: ` and a quarter of a GiB of spaces, packed.
async fn bomb() -> Bytes {
    let mut python = peers::python();
    python.args([
        "-c",
        "import base64,gzip;print(base64.b64encode(gzip.compress(b'data: '+b' '*(1<<28))).decode())",
    ]);
    let printed = cli::finish(python, None).await.ok();
    let packed = BASE64_STANDARD.decode(printed.trim()).unwrap();
    assert!(packed.len() < MIB, "{}", packed.len());
    packed.into()
}

/// The other plugin's tool works.
async fn others_go_on(client: &Client) {
    let good = Mcp::open(Era::Modern, client, "/mcp/good", json!({})).await;
    let answer = good.call("test_simple_text", json!({})).await;
    assert_eq!(answer["result"]["content"][0]["type"], "text", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s48_what_a_server_sends_without_end_is_cut_off_with_an_error() {
    let bomb = bomb().await;
    let bad = Scripted::start(move |asked| script(asked, &bomb)).await;
    let good = peers::mcp_fixture(&[]).await;
    let plugins = [
        plugin("bad", &bad.url, "", ""),
        plugin("good", &good.url, "", ""),
    ];
    let mut daemon = Daemon::start(&config(&plugins, "")).await;
    let process = daemon.program().id();
    others_go_on(&daemon.client()).await;
    for tool in TOOLS {
        for era in ERAS {
            if tool == LONG && era == Era::Legacy {
                continue;
            }
            let client = daemon.client();
            let mcp = Mcp::open(era, &client, "/mcp/bad", json!({})).await;
            let call = mcp.call(tool, json!({}));
            let (answer, ()) = tokio::join!(call, others_go_on(&client));
            let said = failure(&answer);
            assert!(said.contains("larger than"), "{era:?} {tool}: {said}");
        }
        if tool != LONG {
            let path = format!("/api/v1/bad/{tool}");
            let refused = daemon.client().post(&path, &json!({})).await;
            assert_eq!(refused.json()["code"], "response_too_large", "{tool}");
        }
        let most = most_memory(process);
        assert!(most < MOST_KIB, "{tool}: {most} KiB");
    }
    others_go_on(&daemon.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s48_a_list_that_never_ends_is_an_error_and_other_lists_go_on() {
    let bad = Scripted::start(|asked| match asked.method() {
        "tools/list" => {
            let cursor = asked.params()["cursor"].as_str().unwrap_or_default();
            let next = cursor.len() + 1;
            asked.result(json!({
                "tools": [{ "name": format!("t{next}"), "inputSchema": { "type": "object" } }],
                "nextCursor": "x".repeat(next),
            }))
        }
        _ => None,
    })
    .await;
    let good = peers::mcp_fixture(&[]).await;
    let plugins = [
        plugin("bad", &bad.url, "", ""),
        plugin("good", &good.url, "", ""),
    ];
    let daemon = Daemon::start(&config(&plugins, "")).await;
    for era in ERAS {
        let all = Mcp::open(era, &daemon.client(), "/mcp", json!({})).await;
        let tools = all.tools().await;
        assert!(tools.contains(&"good_test_simple_text".to_owned()));
        let own = Mcp::open(era, &daemon.client(), "/mcp/bad", json!({})).await;
        let refused = own.ask("tools/list", json!({})).await;
        assert!(refused["result"].is_null(), "{refused}");
    }
    others_go_on(&daemon.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s48_what_was_cut_off_leaves_nothing_open() {
    let bad = Scripted::start(|asked| script(asked, &Bytes::new())).await;
    let mut daemon = Daemon::start(&config(&[plugin("bad", &bad.url, "", "")], "")).await;
    let process = daemon.program().id();
    let storm = async |times: usize| {
        let client = daemon.client();
        for _ in 0..times {
            for era in ERAS {
                let mcp = Mcp::open(era, &client, "/mcp/bad", json!({})).await;
                failure(&mcp.call("endless_event", json!({})).await);
            }
        }
    };
    storm(1).await;
    let before = open_files(process);
    storm(TIMES).await;
    // The store may have opened a connection more; each call would have left one behind.
    until(async || open_files(process) < before + TIMES).await;
}
