//! Connecting from inside a call: each client is told where to connect in its own way, and the
//! retry goes on.

use gestalt_e2e::mcp::{Era, text};
use gestalt_e2e::scripted::{Asked, Reply};
use gestalt_e2e::{Client, Mcp, Scripted};
use serde_json::{Value, json};

use super::{LOGIN, OWN_TOKEN, World, config, connect, plugin};

const TOKEN: &str = "token-of-alice";

fn script(asked: &Asked) -> Option<Reply> {
    match asked.method() {
        "tools/list" => asked.result(json!({ "tools": [
            { "name": "whoami", "inputSchema": { "type": "object" } },
        ]})),
        "tools/call" => asked.text(if asked.token() == TOKEN {
            "alice"
        } else {
            "nobody"
        }),
        _ => None,
    }
}

async fn world() -> (Scripted, World) {
    let server = Scripted::start(script).await;
    let config = config(&[plugin("who", &server.url, "", OWN_TOKEN)], LOGIN);
    (server, World::start(&config, 2).await)
}

/// Another user has connected and lists the tools, so that they are known.
async fn learned(world: &World) {
    let other = world.user(1);
    connect(&other, "who", "token-of-bobby").await;
    let all = Mcp::open(Era::Modern, &other, "/mcp", json!({})).await;
    assert_eq!(all.tools().await, ["who_whoami"]);
}

fn shows_links() -> Value {
    json!({ "elicitation": { "url": {} } })
}

/// The page that a client is sent to, as the caller is told of it.
#[track_caller]
fn is_our_page(world: &World, link: &Value) {
    let page = format!("{}/connect/who", world.daemon.url());
    let link = link.as_str().unwrap_or_default();
    assert!(link.starts_with(&page), "{link}");
}

/// The calls that the server has seen.
fn calls(server: &Scripted) -> Vec<Value> {
    server.sent("tools/call")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_the_newer_era_is_asked_to_open_the_link_and_goes_on() {
    for (path, tool) in [("/mcp/who", "whoami"), ("/mcp", "who_whoami")] {
        let (server, world) = world().await;
        let client = world.user(0);
        let mcp = Mcp::open(Era::Modern, &client, path, shows_links()).await;
        learned(&world).await;
        let asked = mcp.call(tool, json!({})).await;
        assert_eq!(asked["result"]["resultType"], "input_required", "{asked:#}");
        let wanted = &asked["result"]["inputRequests"]["connect"];
        assert_eq!(wanted["method"], "elicitation/create", "{asked:#}");
        assert_eq!(wanted["params"]["mode"], "url", "{asked:#}");
        is_our_page(&world, &wanted["params"]["url"]);
        let before = calls(&server).len();
        connect(&client, "who", TOKEN).await;
        let retry = json!({ "name": tool, "arguments": {},
            "inputResponses": { "connect": { "action": "accept" } } });
        let answer = mcp.ask("tools/call", retry).await;
        assert_eq!(text(&answer), "alice", "{answer}");
        let calls = calls(&server);
        assert_eq!(calls.len(), before + 1);
        let seen = calls[before].to_string();
        assert!(!seen.contains("connect"), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_did_not_connect_is_not_asked_again_but_told() {
    let (server, world) = world().await;
    let client = world.user(0);
    let mcp = Mcp::open(Era::Modern, &client, "/mcp/who", shows_links()).await;
    for action in ["accept", "decline", "cancel"] {
        let retry = json!({ "name": "whoami", "arguments": {},
            "inputResponses": { "connect": { "action": action } } });
        let answer = mcp.ask("tools/call", retry).await;
        assert_eq!(answer["result"]["isError"], true, "{action}: {answer:#}");
        assert!(text(&answer).contains("/connect/who"), "{answer:#}");
    }
    assert!(calls(&server).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_2025_11_25_is_sent_to_the_link_by_an_error_and_goes_on() {
    let (server, world) = world().await;
    let client = world.user(0);
    let mcp = Mcp::open(Era::Legacy, &client, "/mcp/who", shows_links()).await;
    let asked = mcp.call("whoami", json!({})).await;
    assert_eq!(asked["error"]["code"], -32042, "{asked:#}");
    let wanted = &asked["error"]["data"]["elicitations"][0];
    assert_eq!(wanted["mode"], "url", "{asked:#}");
    assert!(wanted["elicitationId"].is_string(), "{asked:#}");
    is_our_page(&world, &wanted["url"]);
    assert!(calls(&server).is_empty());
    connect(&client, "who", TOKEN).await;
    // In the session that was begun before there was an account.
    let answer = mcp.call("whoami", json!({})).await;
    assert_eq!(text(&answer), "alice", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_shows_no_links_is_told_in_words() {
    let (server, world) = world().await;
    let client: Client = world.user(0);
    for (era, capabilities) in [
        (Era::Modern, json!({})),
        (Era::Modern, json!({ "elicitation": { "form": {} } })),
        (Era::Legacy, json!({})),
        (Era::Legacy, json!({ "elicitation": {} })),
    ] {
        let mcp = Mcp::open(era, &client, "/mcp/who", capabilities).await;
        let answer = mcp.call("whoami", json!({})).await;
        assert_eq!(answer["result"]["isError"], true, "{era:?}: {answer:#}");
        let page = format!("{}/connect/who", world.daemon.url());
        assert!(text(&answer).contains(&page), "{era:?}: {answer:#}");
    }
    assert!(calls(&server).is_empty());
    connect(&client, "who", TOKEN).await;
    for era in gestalt_e2e::mcp::ERAS {
        let mcp = Mcp::open(era, &client, "/mcp/who", json!({})).await;
        assert_eq!(text(&mcp.call("whoami", json!({})).await), "alice");
    }
}
