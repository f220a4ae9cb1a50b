//! What is refused before the server sees anything of it.

use gestalt_e2e::mcp::{ERAS, Era};
use gestalt_e2e::scripted::{Asked, Reply};
use gestalt_e2e::{Client, Mcp, Scripted};
use hyper::header::{HOST, HeaderName, ORIGIN};
use hyper::{HeaderMap, Method};
use serde_json::{Value, json};

use super::{LOGIN, World, config, failure, plugin};

/// What the server wants back, as it knows it.
const STATE: &str = "the server's own state";

fn script(asked: &Asked) -> Option<Reply> {
    let tool = |name: &str| json!({ "name": name, "inputSchema": { "type": "object" } });
    match asked.method() {
        "tools/list" => {
            asked.result(json!({ "tools": [tool("open"), tool("secret"), tool("ask")] }))
        }
        "resources/list" => asked.result(json!({ "resources": [
            { "uri": "x://open", "name": "open" },
            { "uri": "x://secret", "name": "secret" },
        ]})),
        "resources/templates/list" => asked.result(json!({ "resourceTemplates": [
            { "uriTemplate": "x://open/{id}", "name": "open" },
            { "uriTemplate": "x://secret/{id}", "name": "secret" },
        ]})),
        "prompts/list" => asked.result(json!({ "prompts": [
            { "name": "open" }, { "name": "secret" },
        ]})),
        "tools/call" if asked.params()["name"] == "ask" => {
            if let Some(state) = asked.params()["requestState"].as_str() {
                return asked.text(state);
            }
            asked.result(json!({
                "resultType": "input_required",
                "inputRequests": { "name": { "method": "elicitation/create", "params": {
                    "mode": "form", "message": "Who?",
                    "requestedSchema": { "type": "object", "properties": {} },
                }}},
                "requestState": STATE,
            }))
        }
        "tools/call" => asked.text("done"),
        "resources/read" => {
            let uri = &asked.params()["uri"];
            asked.result(json!({ "contents": [{ "uri": uri, "text": "read" }] }))
        }
        "prompts/get" => asked.result(json!({ "messages": [] })),
        "resources/subscribe" | "completion/complete" => asked.result(json!({})),
        _ => None,
    }
}

/// A daemon whose plugins `one` and `two` have the same server.
async fn world(more: &str) -> (Scripted, World) {
    let server = Scripted::start(script).await;
    let plugins = ["one", "two"].map(|name| plugin(name, &server.url, "", ""));
    let world = World::start(&config(&plugins, &format!("{LOGIN}{more}")), 2).await;
    (server, world)
}

/// Asks for something that is to be refused; fails if the server hears of it.
async fn refused(server: &Scripted, mcp: &Mcp, method: &str, params: Value) -> Value {
    let before = server.seen().len();
    let answer = mcp.send(method, params).await;
    assert_eq!(server.seen().len(), before, "{method}: {}", answer.text());
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn s44_a_foreign_host_or_origin_reaches_no_mcp_server() {
    let (server, world) = world("").await;
    let client = world.user(0);
    let mcp = Mcp::open(Era::Legacy, &client, "/mcp/one", json!({})).await;
    let modern = Mcp::open(Era::Modern, &client, "/mcp/one", json!({})).await;
    let before = server.seen().len();
    let foreign = [
        (HOST, "gestalt.attacker.example"),
        (ORIGIN, "https://attacker.example"),
        (ORIGIN, "null"),
    ];
    for (name, value) in foreign {
        let client = client.clone().with(name, value);
        let call = json!({ "name": "open", "arguments": {} });
        for mcp in [&mcp, &modern] {
            let request = mcp.request(&mcp.message("tools/call", call.clone()));
            client.request(request).await.expect(403);
        }
        for method in [Method::GET, Method::DELETE] {
            client.request(mcp.bare(method)).await.expect(403);
        }
    }
    assert_eq!(server.seen().len(), before);
    // The session that a foreign page would have ended goes on.
    let answer = mcp.call("open", json!({})).await;
    assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");
}

/// An id in which one character in the middle is another.
fn tampered(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn s44_a_session_of_another_user_or_plugin_or_a_tampered_one_is_not_found() {
    let (server, world) = world("").await;
    let (alice, bobby) = (world.user(0), world.user(1));
    let own = Mcp::open(Era::Legacy, &alice, "/mcp/one", json!({})).await;
    let session = own.session().unwrap().to_owned();
    assert!(!session.contains("the-only-session"), "{session}");
    let wrong = [
        ("of another user", own.clone().with(&bobby), &bobby),
        ("of another plugin", own.clone().at("/mcp/two"), &alice),
        (
            "tampered",
            own.clone().in_session(&tampered(&session)),
            &alice,
        ),
        (
            "the server's own",
            own.clone().in_session("the-only-session"),
            &alice,
        ),
        ("empty", own.clone().in_session(""), &alice),
    ];
    let before = server.seen().len();
    for (what, mcp, client) in wrong {
        for (method, params) in [
            ("tools/call", json!({ "name": "open", "arguments": {} })),
            ("tools/list", json!({})),
            ("resources/list", json!({})),
            ("ping", json!({})),
        ] {
            let answer = mcp.send(method, params).await;
            assert_eq!(answer.status, 404, "{what}, {method}: {}", answer.text());
        }
        for method in [Method::GET, Method::DELETE] {
            let answer = client.request(mcp.bare(method.clone())).await;
            assert_eq!(answer.status, 404, "{what}, {method}: {}", answer.text());
        }
    }
    assert_eq!(server.seen().len(), before);
    own.send("tools/call", json!({ "name": "open", "arguments": {} }))
        .await
        .expect(200);
    alice.request(own.bare(Method::DELETE)).await;
    let before = server.seen().len();
    own.send("tools/call", json!({ "name": "open", "arguments": {} }))
        .await
        .expect(404);
    own.send("tools/list", json!({})).await.expect(404);
    assert_eq!(server.seen().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn s44_a_session_among_all_of_another_user_or_a_tampered_one_is_not_found() {
    let (server, world) = world("").await;
    let (alice, bobby) = (world.user(0), world.user(1));
    let own = Mcp::open(Era::Legacy, &alice, "/mcp", json!({})).await;
    own.tools().await;
    let session = own.session().unwrap().to_owned();
    let before = server.seen().len();
    for (what, mcp, client) in [
        ("of another user", own.clone().with(&bobby), &bobby),
        ("of everything", own.clone().at("/mcp/one"), &alice),
        (
            "tampered",
            own.clone().in_session(&tampered(&session)),
            &alice,
        ),
    ] {
        for (method, params) in [
            ("tools/call", json!({ "name": "one_open", "arguments": {} })),
            ("resources/read", json!({ "uri": among_all("x://open") })),
            ("tools/list", json!({})),
        ] {
            let answer = mcp.send(method, params).await;
            assert_eq!(answer.status, 404, "{what}, {method}: {}", answer.text());
        }
        for method in [Method::GET, Method::DELETE] {
            let answer = client.request(mcp.bare(method.clone())).await;
            assert_eq!(answer.status, 404, "{what}, {method}: {}", answer.text());
        }
    }
    assert_eq!(server.seen().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn s44_a_request_state_of_another_or_a_tampered_one_is_refused() {
    let (server, world) = world("").await;
    let can_be_asked = json!({ "elicitation": { "form": {} } });
    let open = async |user: usize, path: &str| {
        Mcp::open(Era::Modern, &world.user(user), path, can_be_asked.clone()).await
    };
    let own = open(0, "/mcp/one").await;
    let wants = own.call("ask", json!({})).await;
    assert_eq!(wants["result"]["resultType"], "input_required", "{wants}");
    let state = wants["result"]["requestState"].as_str().unwrap();
    assert!(!state.contains(STATE), "{state}");
    let answered = |state: &str| {
        let given = json!({ "name": { "action": "accept", "content": {} } });
        json!({ "name": "ask", "arguments": {}, "inputResponses": given, "requestState": state })
    };
    let other = open(1, "/mcp/one").await;
    let elsewhere = open(0, "/mcp/two").await;
    for (what, mcp, state) in [
        ("of another user", &other, state.to_owned()),
        ("of another plugin", &elsewhere, state.to_owned()),
        ("tampered", &own, tampered(state)),
        ("the server's own", &own, STATE.to_owned()),
    ] {
        let answer = refused(&server, mcp, "tools/call", answered(&state)).await;
        assert_eq!(answer["error"]["code"], -32602, "{what}: {answer}");
    }
    let done = own.ask("tools/call", answered(state)).await;
    assert_eq!(done["result"]["content"][0]["text"], STATE, "{done}");
}

/// What is named secret, at the server's own endpoint or among all.
fn secrets(tool: &str, prompt: &str, uri: impl Fn(&str) -> String) -> Vec<(&'static str, Value)> {
    let completed = |reference: Value| {
        let argument = json!({ "name": "id", "value": "" });
        json!({ "ref": reference, "argument": argument })
    };
    let template = uri("x://secret/{id}")
        .replace("%7B", "{")
        .replace("%7D", "}");
    vec![
        ("tools/call", json!({ "name": tool, "arguments": {} })),
        ("resources/read", json!({ "uri": uri("x://secret") })),
        ("resources/read", json!({ "uri": uri("x://secret/7") })),
        ("prompts/get", json!({ "name": prompt })),
        (
            "completion/complete",
            completed(json!({ "type": "ref/prompt", "name": prompt })),
        ),
        (
            "completion/complete",
            completed(json!({ "type": "ref/resource", "uri": template })),
        ),
    ]
}

/// A URI among those of all servers.
fn among_all(uri: &str) -> String {
    let encoded: Vec<String> = uri
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("gestalt://one/{}", encoded.concat())
}

/// Fails unless, of all that the server has, what is named open is there and nothing secret.
async fn only_the_open(server: &Scripted, client: &Client) {
    for era in ERAS {
        let own = Mcp::open(era, client, "/mcp/one", json!({})).await;
        let all = Mcp::open(era, client, "/mcp", json!({})).await;
        for mcp in [&own, &all] {
            for (method, member, key) in [
                ("tools/list", "tools", "name"),
                ("resources/list", "resources", "uri"),
                (
                    "resources/templates/list",
                    "resourceTemplates",
                    "uriTemplate",
                ),
                ("prompts/list", "prompts", "name"),
            ] {
                let listed = mcp.listed(method, member, key).await;
                let open = listed.iter().any(|name| name.contains("open"));
                let secret = listed.iter().any(|name| name.contains("secret"));
                assert!(open && !secret, "{era:?} {method}: {listed:?}");
            }
        }
        let at_its_own = secrets("secret", "secret", str::to_owned);
        let at_all = secrets("one_secret", "one_secret", among_all);
        for (mcp, secrets) in [(&own, at_its_own), (&all, at_all)] {
            for (method, params) in secrets {
                let answer = refused(server, mcp, method, params).await;
                let told = answer["error"]["code"].is_i64()
                    || answer["result"]["isError"] == true
                    || answer["code"].is_string();
                assert!(told, "{era:?} {method}: {answer}");
            }
        }
        let opened = [
            (&own, "open", "open", "x://open".to_owned()),
            (&all, "one_open", "one_open", among_all("x://open")),
        ];
        for (mcp, tool, prompt, uri) in opened {
            let called = mcp.call(tool, json!({})).await;
            assert_eq!(called["result"]["content"][0]["text"], "done", "{called}");
            let read = mcp.ask("resources/read", json!({ "uri": uri })).await;
            assert_eq!(read["result"]["contents"][0]["text"], "read", "{read}");
            let got = mcp.ask("prompts/get", json!({ "name": prompt })).await;
            assert!(got["result"]["messages"].is_array(), "{got}");
        }
    }
    let before = server.seen().len();
    let answer = client.post("/api/v1/one/secret", &json!({})).await;
    assert_eq!(server.seen().len(), before, "{}", answer.text());
    answer.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_policy_does_not_allow_is_not_listed_and_not_done() {
    let rules = "authorization:\n  default: deny\n  rules:\n    \
         - { effect: allow, subjects: [\"*\"], plugins: [one], operations: [\"*\"] }\n    \
         - { effect: deny, subjects: [\"*\"], plugins: [one], operations: [\"*secret*\"] }\n";
    let (server, world) = world(rules).await;
    let client = world.user(0);
    only_the_open(&server, &client).await;
    let at = Mcp::open(Era::Modern, &client, "/mcp/two", json!({})).await;
    let call = json!({ "name": "open", "arguments": {} });
    let answer = refused(&server, &at, "tools/call", call).await;
    assert!(!failure(&answer).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tokens_scopes_do_not_cover_is_not_listed_and_not_done() {
    let (server, world) = world("").await;
    let scopes = "one:open one:resource:x://open* one:prompt:open";
    let made = json!({ "name": "narrow", "scopes": scopes, "permissions": ["invoke"] });
    let made = world
        .user(0)
        .post("/api/v1/tokens", &made)
        .await
        .expect(201);
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let client = world.daemon.client().bearer(&token);
    only_the_open(&server, &client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_own_credential_never_reaches_a_server() {
    let (server, world) = world("").await;
    let key = HeaderName::from_static("x-api-key");
    let client = world.daemon.client().with(key, &world.users[0].token);
    for era in ERAS {
        let mcp = Mcp::open(era, &client, "/mcp/one", json!({})).await;
        mcp.call("open", json!({})).await;
    }
    let held = |headers: &HeaderMap| {
        headers
            .values()
            .any(|value| value.as_bytes().windows(8).any(|part| part == b"gst_api_"))
    };
    assert!(!server.seen().iter().any(|asked| held(&asked.headers)));
}
