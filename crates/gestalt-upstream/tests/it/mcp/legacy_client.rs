//! A legacy client of a modern server.

use gestalt_upstream::mcp::Era;
use serde_json::{Value, json};

use super::world::{
    Client, MODERN, body_of, error, events, legacy, message, methods, modern_server, result, said,
    status, streamed, text,
};

#[tokio::test]
async fn methods_without_an_equivalent_are_not_known() {
    let server = modern_server(|_, body| result(body, &json!({}))).await;
    let client = Client::new(&server);
    for method in [
        "logging/setLevel",
        "resources/subscribe",
        "tasks/list",
        "server/discover",
    ] {
        let answer = client.send(legacy(1, method, &json!({}))).await.unwrap();
        assert_eq!(answer.status, 200, "an older client reads nothing else");
        assert_eq!(said(answer).await.unwrap()[0]["error"]["code"], -32601);
    }
    assert_eq!(methods(&server), ["server/discover"]);
}

#[tokio::test]
async fn what_needs_the_client_is_a_clear_error() {
    let server = modern_server(|_, body| {
        let sort = body["params"]["name"].clone();
        result(body, &json!({ "resultType": sort, "requestState": "x" }))
    })
    .await;
    let client = Client::new(&server);
    for sort in ["input_required", "task", "new"] {
        let said = client
            .say(legacy(1, "tools/call", &json!({ "name": sort })))
            .await
            .unwrap();
        assert_eq!(
            (&said[0]["id"], &said[0]["error"]["code"]),
            (&json!(1), &json!(-32603))
        );
        assert!(said[0].get("result").is_none());
    }
}

#[tokio::test]
async fn initialize_is_answered_from_discover_and_the_rest_of_the_opening_by_us() {
    let server = modern_server(|_, _| status(500)).await;
    let client = Client::new(&server);
    let opening = json!({ "protocolVersion": "2025-06-18", "capabilities": { "sampling": {} } });
    let answer = client
        .send(legacy(1, "initialize", &opening))
        .await
        .unwrap();
    assert_eq!(answer.session, None);
    let expect = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": { "tools": { "listChanged": true }, "resources": {} },
        "serverInfo": { "name": "new", "version": "2" },
        "instructions": "Be kind.",
    });
    let said_first = said(answer).await.unwrap();
    assert_eq!(
        said_first[0],
        json!({ "jsonrpc": "2.0", "id": 1, "result": expect })
    );
    let opening = json!({ "protocolVersion": "1999-01-01" });
    let said_next = client.say(legacy(2, "initialize", &opening)).await.unwrap();
    assert_eq!(said_next[0]["result"]["protocolVersion"], "2025-11-25");
    let pong = client.say(legacy(3, "ping", &json!({}))).await.unwrap();
    assert_eq!(pong[0], json!({ "jsonrpc": "2.0", "id": 3, "result": {} }));
    for told in [
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    ] {
        let answer = client.send(text(Era::Legacy, told)).await.unwrap();
        assert_eq!(answer.status, 202);
    }
    client
        .mcp()
        .end("s", &client.whose, &client.authority)
        .await
        .unwrap();
    assert!(
        methods(&server)
            .iter()
            .all(|method| method == "server/discover")
    );
}

#[tokio::test]
async fn a_request_says_what_each_must_say_in_the_modern_era() {
    let server = modern_server(|_, body| match body["method"].as_str() {
        Some("resources/read") => {
            let error = json!({ "code": -32602, "message": "no", "data": { "uri": "r:1" } });
            message(
                200,
                &json!({ "jsonrpc": "2.0", "id": body["id"], "error": error }),
            )
        }
        Some("prompts/get") => error(404, body, -32601),
        _ => result(
            body,
            &json!({ "z": 1, "resultType": "complete", "a": 2, "ttlMs": 5 }),
        ),
    })
    .await;
    let client = Client::new(&server);
    let params =
        json!({ "name": "é", "arguments": { "b": 1, "a": 2 }, "_meta": { "progressToken": 7 } });
    let said_first = client.say(legacy(1, "tools/call", &params)).await.unwrap();
    assert_eq!(
        said_first[0]["result"],
        json!({ "z": 1, "a": 2, "ttlMs": 5 })
    );
    let seen = server.seen().pop().unwrap();
    let meta = &body_of(&seen)["params"]["_meta"];
    assert_eq!(meta["progressToken"], 7);
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], MODERN);
    assert_eq!(
        meta["io.modelcontextprotocol/clientCapabilities"],
        json!({})
    );
    assert_eq!(
        meta["io.modelcontextprotocol/clientInfo"]["name"],
        "gestalt"
    );
    assert!(seen.text().contains(r#""arguments":{"b":1,"a":2}"#));
    assert_eq!(seen.header("mcp-name"), Some("=?base64?w6k=?="));
    let read = client
        .say(legacy(2, "resources/read", &json!({ "uri": "r:1" })))
        .await
        .unwrap();
    assert_eq!(read[0]["error"]["code"], -32002);
    assert_eq!(read[0]["error"]["data"]["uri"], "r:1");
    let answer = client
        .send(legacy(3, "prompts/get", &json!({ "name": "p" })))
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    let wrong = legacy(4, "tools/call", &json!([]));
    assert_eq!(client.say(wrong).await.unwrap()[0]["error"]["code"], -32602);
}

#[tokio::test]
async fn arguments_are_repeated_in_headers_where_the_server_wants_them() {
    let server = modern_server(|seen, body| match body["method"].as_str() {
        Some("tools/list") => {
            let schema = json!({ "properties": { "r": { "x-mcp-header": "Region" } } });
            result(
                body,
                &json!({ "tools": [{ "name": "t", "inputSchema": schema }] }),
            )
        }
        _ if seen.header("mcp-param-region") == Some("west") => result(body, &json!({ "ok": 1 })),
        _ => error(400, body, -32020),
    })
    .await;
    let client = Client::new(&server);
    let with = |arguments: Value| {
        client.say(legacy(
            1,
            "tools/call",
            &json!({ "name": "t", "arguments": arguments }),
        ))
    };
    let said = with(json!({ "r": "west" })).await.unwrap();
    assert_eq!(said[0]["result"], json!({ "ok": 1 }));
    let said = with(json!({ "r": "east" })).await.unwrap();
    assert_eq!(said[0]["error"]["code"], -32020, "it is tried once");
    let calls = methods(&server)
        .iter()
        .filter(|method| *method == "tools/call")
        .count();
    assert_eq!(calls, 4);
}

#[tokio::test]
async fn the_events_of_a_call_pass_translated() {
    let server = modern_server(|_, body| {
        streamed(&[
            json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progress": 1 } }),
            json!({ "jsonrpc": "2.0", "id": body["id"], "result": { "resultType": "complete" } }),
        ])
    })
    .await;
    let client = Client::new(&server);
    let said = client
        .say(legacy(1, "tools/call", &json!({ "name": "t" })))
        .await
        .unwrap();
    assert_eq!(said[0]["method"], "notifications/progress");
    assert_eq!(said[1], json!({ "jsonrpc": "2.0", "id": 1, "result": {} }));
}

#[tokio::test]
async fn the_stream_of_the_session_is_a_subscription_to_every_list() {
    let server = modern_server(|_, body| {
        let tag = json!({ "io.modelcontextprotocol/subscriptionId": body["id"] });
        let note = |method: &str| json!({ "jsonrpc": "2.0", "method": method, "params": { "_meta": tag } });
        assert_eq!(
            body["params"]["notifications"],
            json!({ "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true })
        );
        streamed(&[
            note("notifications/subscriptions/acknowledged"),
            note("notifications/tools/list_changed"),
            json!({ "jsonrpc": "2.0", "id": body["id"], "result": { "resultType": "complete" } }),
        ])
    })
    .await;
    let client = Client::new(&server);
    let found = events(client.listen().await.unwrap()).await.unwrap();
    let found: Vec<Value> = found
        .iter()
        .map(|event| serde_json::from_slice(&event.data).unwrap())
        .collect();
    assert_eq!(
        found,
        [json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {} })]
    );
    let server = modern_server(|_, body| error(404, body, -32601)).await;
    assert_eq!(Client::new(&server).listen().await.unwrap().status, 405);
}
