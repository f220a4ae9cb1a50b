//! Which eras a server speaks, and messages that need no bridge.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gestalt_upstream::UpstreamError;
use gestalt_upstream::mcp::{AnswerBody, Era, Eras};
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::json;

use super::world::{
    Client, KEY, LEGACY, MODERN, body_of, definition, error, events, legacy, legacy_server,
    methods, modern, modern_server, result, said, status, stream, text,
};
use crate::server::{Server, answer};

async fn eras(server: &Server) -> Result<Eras, UpstreamError> {
    let client = Client::new(server);
    client.mcp().eras(&client.whose, &client.authority).await
}

#[tokio::test]
async fn a_server_that_is_not_available_has_no_era_yet() {
    let down = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&down);
    let server = Server::start(move |seen| {
        if still.load(Ordering::Relaxed) {
            return status(503);
        }
        let body = body_of(seen);
        result(&body, &super::world::discovered())
    })
    .await;
    let client = Client::new(&server);
    let eras = client.mcp().eras(&client.whose, &client.authority).await;
    assert!(
        matches!(eras, Err(UpstreamError::InvalidAnswer { .. })),
        "{eras:?}"
    );
    down.store(false, Ordering::Relaxed);
    let eras = client.mcp().eras(&client.whose, &client.authority).await;
    assert!(eras.unwrap().modern);
}

#[tokio::test]
async fn what_speaks_no_era_is_an_error() {
    for refusal in [400, 404, 405, 200] {
        let server = Server::start(move |_| status(refusal)).await;
        let eras = eras(&server).await;
        assert!(
            matches!(eras, Err(UpstreamError::InvalidAnswer { .. })),
            "{eras:?}"
        );
    }
}

#[tokio::test]
async fn a_server_of_the_legacy_era_is_told_by_initialize_whatever_it_says_to_the_other() {
    for refusal in [400, 404, 405, 406, 415, 200] {
        let server = Server::start(move |seen| {
            let body = body_of(seen);
            match body["method"].as_str() {
                Some("initialize") => {
                    assert_eq!(seen.header("mcp-protocol-version"), None);
                    result(&body, &super::world::initialized())
                }
                _ => error(refusal, &body, -32601),
            }
        })
        .await;
        let expect = Eras {
            modern: false,
            legacy: true,
        };
        assert_eq!(eras(&server).await.unwrap(), expect);
    }
    // So is one that says something else altogether, or nothing.
    let server = Server::start(|seen| match body_of(seen)["method"].as_str() {
        Some("initialize") => result(&body_of(seen), &super::world::initialized()),
        _ => answer(200, &[("content-type", "text/html")], "<p>"),
    })
    .await;
    assert!(eras(&server).await.unwrap().legacy);
    // The session that the probe opened is ended.
    let server = legacy_server(|_, _| status(500)).await;
    eras(&server).await.unwrap();
    assert_eq!(
        methods(&server),
        ["server/discover", "initialize", "DELETE"]
    );
}

#[tokio::test]
async fn a_server_is_asked_once_for_all_and_after_a_reload_too() {
    let server = modern_server(|_, body| result(body, &json!({}))).await;
    let client = Client::new(&server);
    let ten = (0..10).map(|id| client.say(modern(id, "tools/list", json!({}))));
    for said in futures_util::future::join_all(ten).await {
        assert_eq!(said.unwrap()[0]["result"], json!({}));
    }
    let asked = |server: &Server| {
        methods(server)
            .iter()
            .filter(|m| *m == "server/discover")
            .count()
    };
    assert_eq!(asked(&server), 1);
    let again = client
        .upstream
        .compile(&client.plugin, Some(&client.compiled))
        .unwrap();
    assert!(Arc::ptr_eq(again.mcp().unwrap(), client.mcp()));
    let mut changed = client.plugin.clone();
    changed.mcp = Some(definition(&format!("{}/other", server.url())));
    let changed = client
        .upstream
        .compile(&changed, Some(&client.compiled))
        .unwrap();
    assert!(!Arc::ptr_eq(changed.mcp().unwrap(), client.mcp()));
}

#[tokio::test]
async fn an_answer_that_contradicts_what_is_remembered_makes_it_forgotten() {
    let turned = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&turned);
    let server = Server::start(move |seen| {
        let body = body_of(seen);
        let legacy = now.load(Ordering::Relaxed);
        match body["method"].as_str() {
            Some("server/discover") if !legacy => result(&body, &super::world::discovered()),
            Some("initialize") if legacy => result(&body, &super::world::initialized()),
            _ if legacy && seen.header("mcp-protocol-version") == Some(MODERN) => {
                error(400, &body, -32000)
            }
            _ => result(&body, &json!({ "tools": [] })),
        }
    })
    .await;
    let client = Client::new(&server);
    client
        .say(modern(1, "tools/list", json!({})))
        .await
        .unwrap();
    turned.store(true, Ordering::Relaxed);
    let said = client
        .say(modern(2, "tools/list", json!({})))
        .await
        .unwrap();
    assert_eq!(said[0]["error"]["code"], -32000);
    let said = client
        .say(modern(3, "tools/list", json!({})))
        .await
        .unwrap();
    assert_eq!(said[0]["result"]["resultType"], "complete");
}

#[tokio::test]
async fn a_message_of_the_servers_own_era_passes_byte_for_byte() {
    let server = modern_server(|_, body| {
        let odd = format!(
            "{{ \"result\": {{\"z\":1.10,\"a\":12345678901234567890123, \"$serde_json::private::RawValue\":\"7\"}} ,\"id\":{},\n\"jsonrpc\":\"2.0\",\"new\":[] }}",
            body["id"]
        );
        answer(200, &[("content-type", "application/json; charset=utf-8")], odd)
    })
    .await;
    let client = Client::new(&server);
    let odd = format!(
        "{{ \"params\": {{\"name\":\"é\",\"_meta\":{{\"io.modelcontextprotocol/protocolVersion\":\"{MODERN}\"}},\"x\":1.10}},\"id\":\"a\\u0062\",\"method\":\"tools/call\",\"jsonrpc\":\"2.0\",\"y\":1 }}"
    );
    let mut message = text(Era::Modern, odd.clone());
    message.parameters = vec![
        (
            HeaderName::from_static("mcp-param-region"),
            HeaderValue::from_static("west"),
        ),
        (
            HeaderName::from_static("cookie"),
            HeaderValue::from_static("x=y"),
        ),
    ];
    let answer = client.send(message).await.unwrap();
    let AnswerBody::Message(bytes) = answer.body else {
        unreachable!();
    };
    assert!(
        std::str::from_utf8(&bytes)
            .unwrap()
            .starts_with("{ \"result\": {\"z\":1.10,\"a\":12345678901234567890123, \"$serde_json")
    );
    let seen = server.seen().pop().unwrap();
    assert_eq!(seen.text(), odd);
    for (name, value) in [
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("mcp-protocol-version", MODERN),
        ("mcp-method", "tools/call"),
        ("mcp-name", "=?base64?w6k=?="),
        ("mcp-param-region", "west"),
        ("x-key", KEY),
        ("x-gestalt-user", "alice"),
        ("x-fixed", "yes"),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    for name in ["cookie", "mcp-session-id", "last-event-id"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn a_legacy_session_passes_with_its_streams_and_what_the_server_asks() {
    let server = legacy_server(|seen, body| {
        if seen.method == http::Method::GET {
            assert_eq!(seen.header("last-event-id"), Some("7"));
            return stream("id: 8\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n");
        }
        let id = &body["id"];
        stream(format!(
            "id: 1\nretry: 500\ndata:\n\ndata: {{\"jsonrpc\":\"2.0\",\"id\":\"q\",\"method\":\"sampling/createMessage\"}}\n\nid: 2\ndata: {{\"jsonrpc\":\"2.0\",\ndata: \"id\":{id},\"result\":{{}}}}\n\ndata: never read\n\n"
        ))
    })
    .await;
    let client = Client::new(&server);
    let opening = json!({ "protocolVersion": LEGACY, "capabilities": {} });
    let opened = client
        .send(legacy(0, "initialize", &opening))
        .await
        .unwrap();
    let session = opened.session.clone();
    assert_eq!(session.as_deref(), Some("s2"), "the first was the probe's");
    let mut call = legacy(1, "tools/call", &json!({ "name": "t" }));
    call.session = session.clone();
    let found = events(client.send(call).await.unwrap()).await.unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(
        (found[0].id.as_deref(), found[0].retry),
        (Some("1"), Some(500))
    );
    assert!(found[0].data.is_empty());
    assert_eq!(
        found[2].data,
        "{\"jsonrpc\":\"2.0\",\n\"id\":1,\"result\":{}}"
    );
    let mut response = text(Era::Legacy, r#"{"jsonrpc":"2.0","id":"q","result":{}}"#);
    response.session = session.clone();
    let answer = client.send(response).await.unwrap();
    assert_eq!(answer.status, 202);
    assert!(said(answer).await.unwrap().is_empty());
    let listening = gestalt_upstream::mcp::Listening {
        session: session.clone(),
        last_event_id: Some("7".to_owned()),
        version: LEGACY.to_owned(),
    };
    let answer = client
        .mcp()
        .listen(listening, &client.whose, &client.authority)
        .await;
    let found = events(answer.unwrap()).await.unwrap();
    assert_eq!(found[0].id.as_deref(), Some("8"));
    let session = session.unwrap();
    client
        .mcp()
        .end(&session, &client.whose, &client.authority)
        .await
        .unwrap();
    let mut call = legacy(2, "tools/list", &json!({}));
    call.session = Some(session);
    let answer = client.send(call).await.unwrap();
    assert_eq!(
        answer.status, 404,
        "the client's own session is the client's to open again"
    );
    assert!(said(answer).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_server_without_a_stream_says_so_by_the_status() {
    let server = legacy_server(|_, _| status(405)).await;
    let client = Client::new(&server);
    let opening = json!({ "protocolVersion": LEGACY, "capabilities": {} });
    let opened = client
        .send(legacy(0, "initialize", &opening))
        .await
        .unwrap();
    let listening = gestalt_upstream::mcp::Listening {
        session: opened.session,
        ..Default::default()
    };
    let listening = gestalt_upstream::mcp::Listening {
        version: LEGACY.to_owned(),
        ..listening
    };
    let answer = client
        .mcp()
        .listen(listening, &client.whose, &client.authority)
        .await;
    assert_eq!(answer.unwrap().status, 405);
}

#[tokio::test]
async fn a_listing_has_every_page_of_everything() {
    let server = modern_server(|_, body| {
        let cursor = body["params"]["cursor"].as_str();
        match (body["method"].as_str().unwrap(), cursor) {
            ("tools/list", None) => result(
                body,
                &json!({ "tools": [{ "name": "a", "x": 1.10 }], "nextCursor": "2", "ttlMs": 9000 }),
            ),
            ("tools/list", Some("2")) => {
                result(body, &json!({ "tools": [{ "name": "b" }], "ttlMs": 7000 }))
            }
            ("resources/list", None) => result(body, &json!({ "resources": [{ "uri": "r:1" }] })),
            _ => error(404, body, -32601),
        }
    })
    .await;
    let client = Client::new(&server);
    let listing = client
        .mcp()
        .listing(&client.whose, &client.authority)
        .await
        .unwrap();
    let keys: Vec<&str> = listing.tools.iter().map(|tool| &*tool.key).collect();
    assert_eq!(keys, ["a", "b"]);
    assert_eq!(listing.tools[0].json.get(), r#"{"name":"a","x":1.1}"#);
    assert_eq!(listing.resources[0].key, "r:1");
    assert!(listing.templates.is_empty() && listing.prompts.is_empty());
    assert_eq!(listing.ttl, Some(std::time::Duration::from_secs(7)));
    assert_eq!(listing.about.versions, [MODERN]);
    assert_eq!(listing.about.instructions.as_deref(), Some("Be kind."));
    assert!(
        !methods(&server).contains(&"prompts/list".to_owned()),
        "no such capability"
    );
}

#[tokio::test]
async fn s48_a_listing_without_an_end_is_an_error() {
    let count = AtomicU64::new(0);
    let server = modern_server(move |_, body| {
        let next = match body["params"]["cursor"].as_str() {
            Some("same") => "same".to_owned(),
            _ => count.fetch_add(1, Ordering::Relaxed).to_string(),
        };
        result(
            body,
            &json!({ "tools": [{ "name": next }], "nextCursor": next }),
        )
    })
    .await;
    let client = Client::new(&server);
    let listing = client.mcp().listing(&client.whose, &client.authority).await;
    assert!(
        matches!(listing, Err(UpstreamError::InvalidAnswer { .. })),
        "{listing:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_result_passes_as_the_text_it_was(
        inner in "[ -!#-\\[\\]-~é]{0,40}",
        number in "-?[1-9][0-9]{0,30}\\.[0-9]{1,9}",
        in_stream in any::<bool>(),
    ) {
        let json = format!(r#"{{"b":"{inner}", "$serde_json::private::RawValue":{number} ,"a":[{number}]}}"#);
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{json}}}"#);
        let sent = text.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let server = modern_server(move |_, _| {
                if in_stream {
                    stream(format!("data: {sent}\n\n"))
                } else {
                    answer(200, &[("content-type", "application/json")], sent.clone())
                }
            })
            .await;
            let answer = Client::new(&server).send(modern(1, "tools/list", json!({}))).await.unwrap();
            let got = match answer.body {
                AnswerBody::Message(bytes) => bytes,
                _ => events(answer).await.unwrap().remove(0).data,
            };
            assert_eq!(got, text);
        });
    }
}
