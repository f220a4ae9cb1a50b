//! Real servers behind one gateway at once, called by real clients, in and across the eras.

use std::fs;
use std::path::Path;

use gestalt_e2e::mcp::Era;
use gestalt_e2e::peers::{self, Peer};
use gestalt_e2e::{Cli, Daemon, Mcp};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{LOGIN, World, config, plugin, process};
use crate::mcp_clients::{ran, script};

/// A tool of one server, what it is called with, and what its text then holds.
struct Call {
    plugin: &'static str,
    tool: &'static str,
    arguments: Value,
    expected: &'static str,
}

/// Servers of other people's making, over HTTP and as processes, and one of each era alone.
struct Servers {
    _peers: Vec<Peer>,
    /// What the processes may read.
    _given: TempDir,
    plugins: Vec<String>,
    calls: Vec<Call>,
}

impl Servers {
    async fn start() -> Self {
        let given = tempfile::tempdir().unwrap();
        let note = given.path().join("note.txt");
        fs::write(&note, "A note of Ada's.").unwrap();
        let known = r#"{"type":"entity","name":"Ada","entityType":"person","observations":[]}"#;
        let memory = given.path().join("memory.jsonl");
        fs::write(&memory, known).unwrap();
        let everything = peers::mcp_everything().await;
        let fast = peers::mcp_fastmcp().await;
        let modern = peers::mcp_fixture(&["--era", "modern"]).await;
        let legacy = peers::mcp_fixture(&["--era", "legacy"]).await;
        let plugins = vec![
            plugin("everything", &everything.url, "", ""),
            plugin("fast", &fast.url, "", ""),
            plugin("modern", &modern.url, "", ""),
            plugin("legacy", &legacy.url, "", ""),
            package("filesystem", given.path(), ""),
            package(
                "memory",
                given.path(),
                &format!(", env: {{ MEMORY_FILE_PATH: \"{}\" }}", memory.display()),
            ),
        ];
        let call = |plugin, tool, arguments, expected| Call {
            plugin,
            tool,
            arguments,
            expected,
        };
        let calls = vec![
            call(
                "everything",
                "echo",
                json!({ "message": "hello" }),
                "Echo: hello",
            ),
            call("fast", "add", json!({ "a": 2, "b": 3 }), "5"),
            call("modern", "greet", json!({ "name": "Ada" }), "Hello, Ada!"),
            call("legacy", "greet", json!({ "name": "Ada" }), "Hello, Ada!"),
            call(
                "filesystem",
                "read_text_file",
                json!({ "path": note }),
                "A note",
            ),
            call(
                "memory",
                "search_nodes",
                json!({ "query": "Ada" }),
                "person",
            ),
        ];
        Self {
            _peers: vec![everything, fast, modern, legacy],
            _given: given,
            plugins,
            calls,
        }
    }

    /// A daemon that knows what they all list: the list of all waits for none that starts
    /// slowly.
    async fn world(&self) -> World {
        let world = World::start(&config(&self.plugins, LOGIN), 1).await;
        for call in &self.calls {
            let path = format!("/mcp/{}", call.plugin);
            let own = Mcp::open(Era::Modern, &world.user(0), &path, json!({})).await;
            let tools = own.tools().await;
            assert!(tools.contains(&call.tool.to_owned()), "{tools:?}");
        }
        world
    }
}

/// An official server of npm's, as a process that may read and write a folder.
fn package(name: &str, folder: &Path, surface: &str) -> String {
    let node = peers::node();
    let npm = peers::npm();
    let script = format!("node_modules/@modelcontextprotocol/server-{name}/dist/index.js");
    let script = npm.join(script).display().to_string();
    let (npm, folder) = (npm.display(), folder.display().to_string());
    let surface = format!(", readable: [\"{npm}\"], writable: [\"{folder}\"]{surface}");
    process(
        name,
        Path::new(node.get_program()),
        &[&script, &folder],
        &surface,
    )
}

/// Fails unless a client has listed and called every server's tool.
#[track_caller]
fn all_answered(client: &str, calls: &[Call], printed: &Value) {
    let tools = printed["tools"].as_array().unwrap();
    for (call, result) in calls.iter().zip(printed["results"].as_array().unwrap()) {
        let name = format!("{}_{}", call.plugin, call.tool);
        assert!(tools.contains(&json!(name)), "{client}: {name}: {tools:?}");
        answered(client, call, result);
    }
    assert_eq!(printed["results"].as_array().unwrap().len(), calls.len());
}

#[track_caller]
fn answered(client: &str, call: &Call, result: &Value) {
    let plugin = call.plugin;
    assert_ne!(result["isError"], true, "{client}, {plugin}: {result:#}");
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    assert!(
        text.contains(call.expected),
        "{client}, {plugin}: {result:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_work_behind_one_gateway_with_real_clients() {
    let servers = Servers::start().await;
    let world = servers.world().await;
    let token = &world.users[0].token;
    let url = format!("{}/mcp", world.daemon.url());
    let calls = &servers.calls;
    let words = |more: &[&str]| -> Vec<String> {
        let first = [&[url.as_str(), token], more].concat();
        let called = calls.iter().map(|call| {
            [
                format!("{}_{}", call.plugin, call.tool),
                call.arguments.to_string(),
            ]
        });
        let first = first.into_iter().map(str::to_owned);
        first.chain(called.flatten()).collect()
    };
    for mode in ["auto", "legacy", "2026-07-28"] {
        let python = script(peers::python(), "mcp_client.py");
        let printed = ran(python, &words(&[mode])).await;
        all_answered(&format!("Python, {mode}"), calls, &printed);
    }
    for name in ["mcp_client.mjs", "mcp_client_legacy.mjs"] {
        let node = script(peers::node(), name);
        let printed = ran(node, &words(&[])).await;
        all_answered(name, calls, &printed);
    }
    let cli = Cli::new(&world.daemon).with("GESTALT_TOKEN", token);
    for call in calls {
        inspected(&world.daemon, token, call).await;
        let words = words_of(call);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let words = [&["call", call.plugin, call.tool], &words[..]].concat();
        answered("the command line", call, &cli.run(&words).await.json());
    }
}

/// Arguments as command lines take them.
fn words_of(call: &Call) -> Vec<String> {
    let arguments = call.arguments.as_object().unwrap().iter();
    arguments
        .map(|(name, value)| match value.as_str() {
            Some(text) => format!("{name}={text}"),
            None => format!("{name}={value}"),
        })
        .collect()
}

/// The inspector calls one tool at a time, here at the server's own endpoint.
async fn inspected(daemon: &Daemon, token: &str, call: &Call) {
    let header = format!("Authorization: Bearer {token}");
    let url = format!("{}/mcp/{}", daemon.url(), call.plugin);
    let mut words = vec!["--cli", &url, "--transport", "http", "--header", &header];
    words.extend([
        "--method",
        "tools/call",
        "--tool-name",
        call.tool,
        "--tool-arg",
    ]);
    let arguments = words_of(call);
    words.extend(arguments.iter().map(String::as_str));
    let printed = ran(peers::npm_tool("mcp-inspector"), &words).await;
    answered("the inspector", call, &printed);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_one_era_call_servers_of_the_other_at_their_own_endpoints() {
    let servers = Servers::start().await;
    let world = servers.world().await;
    let token = &world.users[0].token;
    for (mode, plugins) in [
        ("legacy", ["modern", "fast", ""]),
        ("2026-07-28", ["legacy", "everything", "memory"]),
    ] {
        for call in servers
            .calls
            .iter()
            .filter(|call| plugins.contains(&call.plugin))
        {
            let url = format!("{}/mcp/{}", world.daemon.url(), call.plugin);
            let python = script(peers::python(), "mcp_client.py");
            let arguments = call.arguments.to_string();
            let printed = ran(python, &[&url, token, mode, call.tool, &arguments]).await;
            answered(mode, call, &printed["results"][0]);
        }
    }
}
