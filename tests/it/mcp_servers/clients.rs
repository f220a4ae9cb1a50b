//! Real servers behind one gateway at once, called by real clients, in and across the eras.

use gestalt_e2e::{Daemon, peers};
use serde_json::{Value, json};

use super::{LOGIN, World, config, plugin};
use crate::mcp_clients::{ran, script};

/// A tool of each server, what it is called with, and what its text then holds.
const CALLS: &[(&str, &str, &str, &str)] = &[
    (
        "everything",
        "echo",
        r#"{"message":"hello"}"#,
        "Echo: hello",
    ),
    ("fast", "add", r#"{"a":2,"b":3}"#, "5"),
    ("modern", "greet", r#"{"name":"Ada"}"#, "Hello, Ada!"),
    ("legacy", "greet", r#"{"name":"Ada"}"#, "Hello, Ada!"),
];

/// The servers of other people's making, and one of each era alone.
struct Servers {
    peers: Vec<(&'static str, peers::Peer)>,
}

impl Servers {
    async fn start() -> Self {
        let peers = vec![
            ("everything", peers::mcp_everything().await),
            ("fast", peers::mcp_fastmcp().await),
            ("modern", peers::mcp_fixture(&["--era", "modern"]).await),
            ("legacy", peers::mcp_fixture(&["--era", "legacy"]).await),
        ];
        Self { peers }
    }

    fn config(&self) -> String {
        let plugins: Vec<String> = self
            .peers
            .iter()
            .map(|(name, peer)| plugin(name, &peer.url, "", ""))
            .collect();
        config(&plugins, LOGIN)
    }
}

/// Fails unless a client has listed and called every server's tool.
#[track_caller]
fn all_answered(client: &str, printed: &Value) {
    let tools = printed["tools"].as_array().unwrap();
    for (at, (plugin, tool, _, expected)) in CALLS.iter().enumerate() {
        let name = format!("{plugin}_{tool}");
        assert!(tools.contains(&json!(name)), "{client}: {name}: {tools:?}");
        let result = &printed["results"][at];
        answered(client, plugin, result, expected);
    }
}

#[track_caller]
fn answered(client: &str, plugin: &str, result: &Value, expected: &str) {
    assert_ne!(result["isError"], true, "{client}, {plugin}: {result:#}");
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    assert!(text.contains(expected), "{client}, {plugin}: {result:#}");
}

/// Every server's tool with its arguments, as it is called at `/mcp`.
fn calls() -> Vec<String> {
    let calls = CALLS
        .iter()
        .map(|(plugin, tool, arguments, _)| [format!("{plugin}_{tool}"), (*arguments).to_owned()]);
    calls.flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_work_behind_one_gateway_with_real_clients() {
    let servers = Servers::start().await;
    let world = World::start(&servers.config(), 1).await;
    let token = &world.users[0].token;
    let url = format!("{}/mcp", world.daemon.url());
    let calls = calls();
    let words = |more: &[&str]| -> Vec<String> {
        let first = [&[url.as_str(), token], more].concat();
        first
            .into_iter()
            .map(str::to_owned)
            .chain(calls.clone())
            .collect()
    };
    for mode in ["auto", "legacy", "2026-07-28"] {
        let python = script(peers::python(), "mcp_client.py");
        let printed = ran(python, &words(&[mode])).await;
        all_answered(&format!("Python, {mode}"), &printed);
    }
    for name in ["mcp_client.mjs", "mcp_client_legacy.mjs"] {
        let node = script(peers::node(), name);
        let printed = ran(node, &words(&[])).await;
        all_answered(name, &printed);
    }
    inspected(&world.daemon, token).await;
}

/// The inspector calls one tool at a time, at the server's own endpoint.
async fn inspected(daemon: &Daemon, token: &str) {
    let header = format!("Authorization: Bearer {token}");
    for (plugin, tool, arguments, expected) in CALLS {
        let url = format!("{}/mcp/{plugin}", daemon.url());
        let mut words = vec!["--cli", &url, "--transport", "http", "--header", &header];
        words.extend(["--method", "tools/call", "--tool-name", tool, "--tool-arg"]);
        let arguments: Value = serde_json::from_str(arguments).unwrap();
        let arguments = arguments.as_object().unwrap().iter();
        let arguments: Vec<String> = arguments
            .map(|(name, value)| match value.as_str() {
                Some(text) => format!("{name}={text}"),
                None => format!("{name}={value}"),
            })
            .collect();
        words.extend(arguments.iter().map(String::as_str));
        let printed = ran(peers::npm_tool("mcp-inspector"), &words).await;
        answered("the inspector", plugin, &printed, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_one_era_call_servers_of_the_other_at_their_own_endpoints() {
    let servers = Servers::start().await;
    let world = World::start(&servers.config(), 1).await;
    let token = &world.users[0].token;
    for (mode, plugins) in [
        ("legacy", ["modern", "fast"]),
        ("2026-07-28", ["legacy", "everything"]),
    ] {
        for call in CALLS.iter().filter(|call| plugins.contains(&call.0)) {
            let (plugin, tool, arguments, expected) = *call;
            let url = format!("{}/mcp/{plugin}", world.daemon.url());
            let python = script(peers::python(), "mcp_client.py");
            let printed = ran(python, &[&url, token, mode, tool, arguments]).await;
            answered(mode, plugin, &printed["results"][0], expected);
        }
    }
}
