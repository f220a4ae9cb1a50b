use http::StatusCode;
use serde_json::json;

use super::{events, meta, modern};
use crate::house::{House, Plan};

#[tokio::test]
async fn s44_a_foreign_host_or_origin_is_refused_on_mcp() {
    let house = House::open().await;
    let port = house.public.port();
    for path in ["/mcp", "/mcp/demo"] {
        for host in ["evil.example", &format!("evil.example:{port}"), "localhost"] {
            let (ask, message) = modern(house.post(path), "tools/list", json!({}));
            let answer = ask.host(host).json(&message).await;
            assert_eq!(answer.problem(403), "forbidden", "{host}");
        }
        for origin in ["https://evil.example", "null", "http://localhost"] {
            let (ask, message) = modern(house.post(path), "tools/list", json!({}));
            let answer = ask.with("origin", origin).json(&message).await;
            assert_eq!(answer.problem(403), "forbidden", "{origin}");
        }
        let (ask, message) = modern(house.post(path), "tools/list", json!({}));
        let answer = ask
            .with("sec-fetch-site", "cross-site")
            .json(&message)
            .await;
        assert_eq!(answer.problem(403), "forbidden");
        let own = format!("http://localhost:{port}");
        let (ask, message) = modern(house.post(path), "tools/list", json!({}));
        ask.with("origin", &own).json(&message).await.result();
    }
}

#[tokio::test]
async fn s28_without_a_credential_that_holds_the_answer_is_a_challenge() {
    let house = Plan::local().build().await;
    for method in ["server/discover", "tools/list", "tools/call", "nonsense"] {
        let (ask, message) = modern(house.post("/mcp"), method, json!({"name": "demo_whoami"}));
        let answer = ask.json(&message).await;
        assert_eq!(answer.problem(401), "unauthenticated", "{method}");
        assert_eq!(
            answer.header("www-authenticate"),
            "Bearer realm=\"gestalt\""
        );
        let (ask, message) = modern(house.post("/mcp"), method, json!({"name": "demo_whoami"}));
        let answer = ask.token("not-ours").json(&message).await;
        assert_eq!(answer.problem(401), "unauthenticated", "{method}");
        assert!(answer.header("www-authenticate").contains("invalid_token"));
    }
    // Nothing is read for who is not known, whatever it is.
    let large = house.post("/mcp").with("content-type", "text/plain");
    assert_eq!(
        large.body("x".repeat(1 << 20)).await.problem(401),
        "unauthenticated"
    );
}

#[tokio::test]
async fn only_post_is_answered() {
    let house = House::open().await;
    for method in ["GET", "DELETE", "PUT", "HEAD", "OPTIONS"] {
        for path in ["/mcp", "/mcp/demo"] {
            let ask = house.ask(method, path).with("accept", "text/event-stream");
            let answer = ask.send().await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
            assert_eq!(answer.header("allow"), "POST");
        }
    }
    let managed = house.manage("POST", "/mcp").json(&json!({})).await;
    assert_eq!(managed.problem(404), "not_found");
    assert_eq!(
        house
            .post("/mcp/demo/x")
            .json(&json!({}))
            .await
            .problem(404),
        "not_found"
    );
}

#[tokio::test]
async fn what_is_no_single_json_object_is_refused() {
    let plan = Plan {
        limits: gestaltd::http::Limits {
            max_json_bytes: 2_000,
            ..gestaltd::http::Limits::default()
        },
        ..Plan::default()
    };
    let house = plan.build().await;
    let ask = |kind: &str, accept: &str| {
        let ask = house.post("/mcp").with("content-type", kind);
        ask.with("accept", accept)
    };
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let (json, both) = ("application/json", "application/json, text/event-stream");
    assert_eq!(
        ask("text/plain", both).body(ping).await.problem(415),
        "invalid_request"
    );
    assert_eq!(
        ask(json, "text/html").body(ping).await.problem(406),
        "invalid_request"
    );
    let large = format!("{ping}{}", " ".repeat(2_000));
    assert_eq!(ask(json, both).body(large).await.problem(413), "too_large");
    assert_eq!(ask(json, both).body("{").await.fault(400), -32700);
    assert_eq!(ask(json, both).body("").await.fault(400), -32700);
    assert_eq!(
        ask(json, both).body(format!("[{ping}]")).await.fault(400),
        -32600
    );
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"x":{}1{}}}}}"#,
        "[".repeat(400),
        "]".repeat(400)
    );
    assert_eq!(ask(json, both).body(deep).await.fault(400), -32600);
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}"#;
    let answer = ask(json, both).body(twice).await;
    assert_eq!(answer.fault(400), -32600);
    assert!(answer.json().get("id").is_none());
    assert_eq!(ask(json, both).body(ping).await.result(), json!({}));
    // Who takes events only has even a single message as one.
    let answer = ask(json, "text/event-stream").body(ping).await;
    assert_eq!(answer.header("x-accel-buffering"), "no");
    assert_eq!(
        events(&answer.headers, &answer.text())[0]["result"],
        json!({})
    );
}

#[tokio::test]
async fn methods_that_are_gone_are_not_found() {
    let house = House::open().await;
    for method in [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "subscriptions/listen",
        "completion/complete",
        "unknown/method",
        "",
    ] {
        let answer = house.mcp(method, json!({})).await;
        assert_eq!(answer.fault(404), -32601, "{method}");
        assert_eq!(answer.json()["id"], "a-1");
    }
    // An older client would take 404 for the end of a session.
    assert_eq!(
        house.older("logging/setLevel", json!({})).await.fault(200),
        -32601
    );
    assert_eq!(
        house.older("server/discover", json!({})).await.fault(200),
        -32601
    );
}

#[tokio::test]
async fn headers_and_meta_are_held_against_the_body() {
    let house = House::open().await;
    let call = |header: &str| {
        let ask = house
            .post("/mcp")
            .with("mcp-protocol-version", "2026-07-28");
        let ask = ask
            .with("mcp-method", "tools/call")
            .with("mcp-name", header);
        let params = json!({"name": "demo_whoami", "arguments": {}, "_meta": meta()});
        (
            ask,
            json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params}),
        )
    };
    let (ask, message) = call("demo_create_note");
    let answer = ask.json(&message).await;
    assert_eq!(
        (answer.fault(400), &answer.json()["id"]),
        (-32020, &json!(9))
    );
    let bare = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/list", "params": {}});
    let ask = house
        .post("/mcp")
        .with("mcp-protocol-version", "2026-07-28");
    assert_eq!(
        ask.with("mcp-method", "tools/list")
            .json(&bare)
            .await
            .fault(400),
        -32602
    );
    let ask = house
        .post("/mcp")
        .with("mcp-protocol-version", "2030-01-01");
    assert_eq!(ask.json(&bare).await.fault(400), -32022);
}

#[tokio::test]
async fn a_token_for_something_else_lists_and_calls_nothing() {
    let house = House::open().await;
    house.connect("demo-ada-lovelace").await;
    let token = house.token(&["audit"]).await;
    for (method, params) in [
        ("tools/list", json!({})),
        ("tools/call", json!({"name": "demo_whoami"})),
    ] {
        let (ask, message) = modern(house.post("/mcp"), method, params);
        let answer = ask.token(&token).json(&message).await;
        assert_eq!(answer.problem(403), "insufficient_scope", "{method}");
        assert!(
            answer
                .header("www-authenticate")
                .contains("insufficient_scope")
        );
    }
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_an_invalid_parameter() {
    let house = House::open().await;
    for (path, name) in [
        ("/mcp", "whoami"),
        ("/mcp", "demo_nothing"),
        ("/mcp", ""),
        ("/mcp/demo", "demo_whoami"),
        ("/mcp/other", "whoami"),
    ] {
        let answer = house
            .mcp_at(path, "tools/call", json!({"name": name}))
            .await;
        assert_eq!(answer.fault(200), -32602, "{path} {name}");
        assert_eq!(answer.json()["error"]["data"]["code"], "not_found");
    }
    for method in ["tools/list", "server/discover", "prompts/list"] {
        let answer = house.mcp_at("/mcp/other", method, json!({})).await;
        assert_eq!(answer.problem(404), "not_found", "{method}");
    }
}
