//! A modern client of a legacy server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::StreamExt;
use gestalt_upstream::mcp::AnswerBody;
use gestalt_upstream::{McpLimits, Settings};
use http::{Method, Response};
use serde_json::{Value, json};

use super::world::{
    Client, LEGACY, MODERN, body_of, error, legacy_server, methods, modern, result, said, status,
    stream, streamed, whose,
};
use crate::server::{Answer as Http, Seen, Server};
use crate::world::settings;

#[tokio::test]
async fn methods_that_the_era_does_not_have_are_not_known() {
    let server = legacy_server(|_, body| result(body, &json!({}))).await;
    let client = Client::new(&server);
    for method in [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "tasks/get",
    ] {
        let answer = client.send(modern(1, method, json!({}))).await.unwrap();
        assert_eq!(answer.status, 404);
        assert_eq!(said(answer).await.unwrap()[0]["error"]["code"], -32601);
    }
    assert_eq!(
        methods(&server),
        ["server/discover", "initialize", "DELETE"]
    );
}

#[tokio::test]
async fn s46_sessions_of_two_subjects_never_mix() {
    let server = legacy_server(|seen, body| {
        let session = seen.header("mcp-session-id");
        result(
            body,
            &json!({ "session": session, "key": seen.header("x-key") }),
        )
    })
    .await;
    let client = Client::new(&server);
    let mut calls = Vec::new();
    for round in 0..50 {
        for (subject, credential) in [("alice", "1"), ("alice", "2"), ("bob", "1")] {
            let mut whose = whose(subject);
            whose.credential = credential.to_owned();
            let key = format!("key-of-{subject}-{credential}");
            let mut authority = super::world::authority(&key);
            authority.injection.mask.clear();
            let mcp = Arc::clone(client.mcp());
            calls.push(async move {
                let message = modern(round, "tools/list", json!({}));
                let answer = mcp.send(message, &whose, &authority).await.unwrap();
                let said = said(answer).await.unwrap().remove(0);
                assert_eq!(said["id"], round);
                assert_eq!(said["result"]["key"], *key);
                (key, said["result"]["session"].as_str().unwrap().to_owned())
            });
        }
    }
    let mut found: Vec<(String, String)> = futures_util::future::join_all(calls).await;
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 3, "{found:?}");
    // One for the probe, one for each credential of each subject.
    let opened = methods(&server)
        .iter()
        .filter(|m| *m == "initialize")
        .count();
    assert_eq!(opened, 4);
    let mut sessions: Vec<String> = found.into_iter().map(|(_, session)| session).collect();
    sessions.sort();
    sessions.dedup();
    assert_eq!(sessions.len(), 3);
}

#[tokio::test]
async fn requests_of_two_clients_have_ids_of_their_own_in_the_session() {
    let server = legacy_server(|_, body| result(body, &json!({ "id": body["id"] }))).await;
    let client = Client::new(&server);
    let said = |id: Value| {
        let mut message = modern(0, "tools/list", json!({}));
        let whole = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/list", "params": {} });
        message.body = whole.to_string().into();
        message.id = Some(id.to_string());
        client.say(message)
    };
    let (one, two) = (
        said(json!("a")).await.unwrap(),
        said(json!("a")).await.unwrap(),
    );
    assert_eq!((&one[0]["id"], &two[0]["id"]), (&json!("a"), &json!("a")));
    assert_ne!(one[0]["result"]["id"], two[0]["result"]["id"]);
}

#[tokio::test]
async fn discover_is_answered_from_initialize() {
    let server = legacy_server(|_, _| status(500)).await;
    let said = Client::new(&server)
        .say(modern(7, "server/discover", json!({})))
        .await
        .unwrap();
    let expect = json!({
        "resultType": "complete",
        "supportedVersions": [MODERN, LEGACY],
        "capabilities": {
            "tools": { "listChanged": true },
            "resources": { "subscribe": true, "listChanged": true },
            "logging": {},
        },
        "instructions": "Be patient.",
        "ttlMs": 60000,
        "cacheScope": "private",
        "_meta": {
            "io.modelcontextprotocol/serverInfo": { "name": "old", "version": "1", "x": 1.1 }
        },
    });
    assert_eq!(
        said[0],
        json!({ "jsonrpc": "2.0", "id": 7, "result": expect })
    );
}

#[tokio::test]
async fn a_request_is_made_in_a_session_in_which_nothing_may_be_asked() {
    let server = legacy_server(|_, body| match body["method"].as_str() {
        Some("resources/read") => error(200, body, -32002),
        Some("prompts/get") => error(200, body, -32601),
        Some("tools/call") => result(
            body,
            &json!({ "content": [], "resultType": "input_required" }),
        ),
        _ => result(body, &json!({ "z": 1, "tools": [], "a": 2 })),
    })
    .await;
    let client = Client::new(&server);
    let params = json!({
        "cursor": "x",
        "_meta": {
            "progressToken": 7,
            "mine": [1],
            "io.modelcontextprotocol/clientInfo": { "name": "c" },
            "io.modelcontextprotocol/logLevel": "error",
        },
    });
    let answer = client.send(modern(1, "tools/list", params)).await.unwrap();
    let AnswerBody::Message(bytes) = &answer.body else {
        unreachable!();
    };
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.contains(
        r#"{"z":1,"tools":[],"a":2,"resultType":"complete","ttlMs":60000,"cacheScope":"private"}"#
    ));
    let read = client
        .say(modern(2, "resources/read", json!({ "uri": "r:1" })))
        .await
        .unwrap();
    assert_eq!(
        (&read[0]["error"]["code"], &read[0]["id"]),
        (&json!(-32602), &json!(2))
    );
    let answer = client
        .send(modern(3, "prompts/get", json!({ "name": "p" })))
        .await
        .unwrap();
    assert_eq!(answer.status, 404);
    let called = client
        .say(modern(4, "tools/call", json!({ "name": "t" })))
        .await
        .unwrap();
    assert_eq!(
        called[0]["result"]["resultType"], "complete",
        "a legacy server asks nothing"
    );
    let seen = server.seen();
    let opening: Vec<&Seen> = seen
        .iter()
        .filter(|s| body_of(s)["method"] == "initialize")
        .collect();
    assert_eq!(opening.len(), 2, "the probe's and ours");
    let params = &body_of(opening[1])["params"];
    assert_eq!(
        (&params["capabilities"], &params["protocolVersion"]),
        (&json!({}), &json!(LEGACY))
    );
    let list = seen
        .iter()
        .find(|s| body_of(s)["method"] == "tools/list")
        .unwrap();
    assert_eq!(
        body_of(list)["params"],
        json!({ "cursor": "x", "_meta": { "progressToken": 7, "mine": [1] } })
    );
    assert_eq!(list.header("mcp-protocol-version"), Some(LEGACY));
    for name in ["mcp-method", "mcp-name"] {
        assert_eq!(list.header(name), None);
    }
    let told = seen
        .iter()
        .find(|s| body_of(s)["method"] == "notifications/initialized")
        .unwrap();
    assert_eq!(told.header("mcp-session-id"), Some("s2"));
}

#[tokio::test]
async fn a_session_that_the_server_lost_is_opened_again_once() {
    let calls = AtomicUsize::new(0);
    let server = legacy_server(move |_, body| match calls.fetch_add(1, Ordering::Relaxed) {
        0 | 2.. => status(404),
        _ => result(body, &json!({})),
    })
    .await;
    let client = Client::new(&server);
    let said = client
        .say(modern(1, "tools/list", json!({})))
        .await
        .unwrap();
    assert_eq!(said[0]["result"]["resultType"], "complete");
    let said = client.say(modern(2, "tools/list", json!({}))).await;
    assert!(said.is_err(), "{said:?}");
    let opened = methods(&server)
        .iter()
        .filter(|m| *m == "initialize")
        .count();
    assert_eq!(
        opened, 4,
        "the probe's, ours, after the first loss, after the second"
    );
}

#[tokio::test]
async fn the_session_unused_for_longest_makes_room_and_is_ended() {
    let server = legacy_server(|_, body| result(body, &json!({}))).await;
    let settings = Settings {
        mcp: McpLimits {
            max_sessions: 2,
            ..McpLimits::default()
        },
        ..settings()
    };
    let client = Client::with(settings, &server);
    for subject in ["a", "b", "c"] {
        let message = modern(1, "tools/list", json!({}));
        client
            .mcp()
            .send(message, &whose(subject), &client.authority)
            .await
            .unwrap();
    }
    let ended = || {
        let seen = server.seen();
        let ends = seen.iter().filter(|seen| seen.method == Method::DELETE);
        ends.filter_map(|seen| seen.header("mcp-session-id").map(str::to_owned))
            .collect::<Vec<_>>()
    };
    while ended().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ended(), ["s1", "s2"], "the probe's, and that of `a`");
}

#[tokio::test]
async fn progress_and_wanted_log_messages_pass_and_what_is_asked_is_refused() {
    let note = |method: &str, params: Value| json!({ "jsonrpc": "2.0", "method": method, "params": params });
    let server = legacy_server(move |_, body| {
        streamed(&[
            note(
                "notifications/progress",
                json!({ "progressToken": 1, "progress": 1 }),
            ),
            note(
                "notifications/message",
                json!({ "level": "info", "data": "a" }),
            ),
            note(
                "notifications/message",
                json!({ "level": "error", "data": "b" }),
            ),
            note("notifications/tools/list_changed", json!({})),
            json!({ "jsonrpc": "2.0", "id": 1, "method": "elicitation/create" }),
            json!({ "jsonrpc": "2.0", "id": 2, "method": "ping" }),
            json!({ "jsonrpc": "2.0", "id": body["id"], "result": { "content": [] } }),
        ])
    })
    .await;
    let client = Client::new(&server);
    let said = client
        .say(modern(1, "tools/call", json!({ "name": "t" })))
        .await
        .unwrap();
    let methods: Vec<&Value> = said.iter().map(|message| &message["method"]).collect();
    assert_eq!(methods, [&json!("notifications/progress"), &Value::Null]);
    let meta = json!({ "io.modelcontextprotocol/logLevel": "warning" });
    let message = modern(2, "tools/call", json!({ "name": "t", "_meta": meta }));
    let said = client.say(message).await.unwrap();
    assert_eq!(said.len(), 3);
    assert_eq!(said[1]["params"]["data"], "b");
    assert_eq!(
        said[2],
        json!({ "jsonrpc": "2.0", "id": 2, "result": { "content": [], "resultType": "complete" } })
    );
    let answers = || {
        let seen = server.seen();
        let bodies = seen.iter().map(body_of);
        bodies
            .filter(|body| body.get("method").is_none() && body.get("id").is_some())
            .collect::<Vec<_>>()
    };
    while answers().len() < 4 {
        tokio::task::yield_now().await;
    }
    for answer in answers() {
        match answer["id"].as_u64() {
            Some(1) => assert_eq!(answer["error"]["code"], -32601),
            _ => assert_eq!(answer["result"], json!({})),
        }
    }
}

#[tokio::test]
async fn a_stream_that_ends_early_is_taken_up_again() {
    let id = Arc::new(std::sync::Mutex::new(Value::Null));
    let server = legacy_server(move |seen, body| {
        if seen.method == Method::GET {
            assert_eq!(seen.header("last-event-id"), Some("e1"));
            let whole = json!({ "jsonrpc": "2.0", "id": *id.lock().unwrap(), "result": {} });
            return streamed(&[whole]);
        }
        *id.lock().unwrap() = body["id"].clone();
        stream("id: e1\nretry: 10\ndata:\n\n")
    })
    .await;
    let client = Client::new(&server);
    let said = client
        .say(modern(5, "tools/call", json!({ "name": "t" })))
        .await
        .unwrap();
    assert_eq!(
        said,
        [json!({ "jsonrpc": "2.0", "id": 5, "result": { "resultType": "complete" } })]
    );
}

#[tokio::test]
async fn giving_up_an_answer_cancels_the_request() {
    let server = legacy_server(|_, _| {
        lasting("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n")
    })
    .await;
    let client = Client::new(&server);
    let answer = client
        .send(modern(5, "tools/call", json!({ "name": "t" })))
        .await
        .unwrap();
    let AnswerBody::Events(mut events) = answer.body else {
        unreachable!();
    };
    events.next().await.unwrap().unwrap();
    drop(events);
    let cancelled = await_method(&server, "notifications/cancelled").await;
    let seen = server.seen();
    let call = seen
        .iter()
        .map(body_of)
        .find(|body| body["method"] == "tools/call")
        .unwrap();
    assert_eq!(cancelled["params"]["requestId"], call["id"]);
}

async fn await_method(server: &Server, method: &str) -> Value {
    loop {
        let seen = server.seen();
        if let Some(body) = seen
            .iter()
            .map(body_of)
            .find(|body| body["method"] == method)
        {
            return body;
        }
        tokio::task::yield_now().await;
    }
}

/// A stream that begins so, and stays open.
fn lasting(text: &'static str) -> Http {
    let mut first = true;
    let body = futures_util::stream::poll_fn(move |_| {
        if std::mem::take(&mut first) {
            let piece = http_body::Frame::data(Bytes::from_static(text.as_bytes()));
            return std::task::Poll::Ready(Some(Ok(piece)));
        }
        std::task::Poll::Pending
    });
    let body = http_body_util::StreamBody::new(body);
    let mut answer = Response::new(gestalt_upstream::BoxedBody::new(body));
    let headers = answer.headers_mut();
    headers.insert("content-type", "text/event-stream".parse().unwrap());
    answer
}

fn listen_to(id: u32, notifications: &Value) -> gestalt_upstream::mcp::Message {
    modern(
        id,
        "subscriptions/listen",
        json!({ "notifications": notifications }),
    )
}

#[tokio::test]
async fn a_subscription_hears_of_what_it_asked_for_and_says_which_it_is() {
    let server = legacy_server(|seen, body| {
        if seen.method == Method::GET {
            return lasting(concat!(
                "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n\n",
                "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/prompts/list_changed\"}\n\n",
                "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/list_changed\"}\n\n",
                "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n",
            ));
        }
        match body["params"]["uri"].as_str() {
            Some("r:none") => error(200, body, -32002),
            _ => result(body, &json!({})),
        }
    })
    .await;
    let client = Client::new(&server);
    let wanted = json!({
        "toolsListChanged": true,
        "promptsListChanged": true,
        "resourceSubscriptions": ["r:1", "r:none"],
    });
    let answer = client.send(listen_to(9, &wanted)).await.unwrap();
    let AnswerBody::Events(mut events) = answer.body else {
        unreachable!();
    };
    let mut next = async || {
        let event = events.next().await.unwrap().unwrap();
        serde_json::from_slice::<Value>(&event.data).unwrap()
    };
    let tag = json!({ "io.modelcontextprotocol/subscriptionId": 9 });
    let agreed = json!({ "toolsListChanged": true, "resourceSubscriptions": ["r:1"] });
    assert_eq!(
        next().await,
        json!({ "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
            "params": { "_meta": tag, "notifications": agreed } }),
        "this server has no prompts"
    );
    assert_eq!(
        next().await,
        json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed",
            "params": { "_meta": tag } })
    );
    drop(events);
    let ended = await_method(&server, "resources/unsubscribe").await;
    assert_eq!(ended["params"]["uri"], "r:1");
}

#[tokio::test]
async fn a_server_without_a_stream_agrees_on_nothing() {
    let server = legacy_server(|_, _| status(405)).await;
    let client = Client::new(&server);
    let said = client
        .say(listen_to(9, &json!({ "toolsListChanged": true })))
        .await
        .unwrap();
    assert_eq!(said[0]["params"]["notifications"], json!({}));
    assert_eq!(
        (&said[1]["id"], &said[1]["result"]["resultType"]),
        (&json!(9), &json!("complete"))
    );
    let said = client.say(listen_to(9, &json!([]))).await.unwrap();
    assert_eq!(said[0]["error"]["code"], -32602);
}

#[tokio::test]
async fn a_listing_is_made_in_a_session() {
    let server = legacy_server(|_, body| match body["method"].as_str() {
        Some("tools/list") => result(body, &json!({ "tools": [{ "name": "a" }] })),
        _ => error(200, body, -32601),
    })
    .await;
    let client = Client::new(&server);
    let listing = client
        .mcp()
        .listing(&client.whose, &client.authority)
        .await
        .unwrap();
    assert_eq!(listing.tools.len(), 1);
    assert_eq!((listing.ttl, listing.rest_ttl), (None, None));
    assert_eq!(
        listing.about.server.unwrap().get(),
        r#"{"name":"old","version":"1","x":1.1}"#
    );
}
