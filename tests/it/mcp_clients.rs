//! An imported operation by every door: HTTP, the command line, and MCP's official clients.

use std::ffi::OsStr;
use std::process::Command;

use gestalt_e2e::{Cli, Client, Daemon, Echo, cli, peers};
use serde_json::{Value, json};

use crate::actions::{audited, connect, create_token, verify};

/// What every door calls it with, and what the upstream then sees.
const ARGUMENTS: &str = r#"{"id":"a/b","tags":["x","y"],"text":"hello"}"#;

/// A daemon whose plugin `echo` is imported from a document, a caller's token, and what the
/// token is.
async fn imported(echo: &Echo) -> (Daemon, Client, String, Value) {
    let document = format!("{}/it/mcp_clients.openapi.json", env!("CARGO_MANIFEST_DIR"));
    let port = echo.url.rsplit(':').next().unwrap();
    let config = format!(
        "server:\n  public: {{ host: 127.0.0.1, port: 0 }}\n  encryptionKey: \"{}\"\n\
         plugins:\n  echo:\n    egress: {{ allowedCidrs: [\"127.0.0.1/32:{port}\"] }}\n    \
         surfaces: {{ openapi: {{ document: {document}, baseUrl: \"{}\" }} }}\n",
        gestalt_e2e::seed::ROOT_KEY,
        echo.url
    );
    let daemon = Daemon::start(&config).await;
    let created = create_token(&daemon.client()).await;
    let token = created["token"].as_str().unwrap().to_owned();
    let client = daemon.client().bearer(&token);
    connect(&client, "default", "key-of-alice")
        .await
        .expect(201);
    (daemon, client, token, created["details"].clone())
}

/// Runs a client of MCP; returns what it printed.
pub(crate) async fn ran<A: AsRef<OsStr>>(mut command: Command, arguments: &[A]) -> Value {
    command.args(arguments);
    cli::finish(command, None).await.json()
}

pub(crate) fn script(program: Command, name: &str) -> Command {
    let mut program = program;
    program.arg(peers::script(name));
    program
}

/// Fails unless the last call reached the upstream as the document says, and its record
/// names who called what, how, and what came of it.
async fn made(echo: &Echo, client: &Client, token: &Value, calls: usize, by: &str) {
    let seen = echo.seen();
    assert_eq!(seen.len(), calls, "{by}");
    let last = &seen[calls - 1];
    assert_eq!(last["method"], "POST", "{by}");
    assert_eq!(last["path"], "/items/a%2Fb/tags", "{by}");
    assert_eq!(last["query"], "tags=x%7Cy", "{by}");
    assert_eq!(last["key"], "key-of-alice", "{by}");
    let body: Value = serde_json::from_str(last["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!({ "text": "hello" }), "{by}");
    let records = audited(client, "invocation").await;
    let record = records.last().unwrap();
    assert_eq!(record["subject"], token["subject"], "{by}");
    assert_eq!(record["credential"], token["id"], "{by}");
    assert_eq!(record["integration"], "echo", "{by}");
    assert_eq!(record["operation"], "tagItem", "{by}");
    assert_eq!(record["connection"], "api_key", "{by}");
    assert_eq!(record["outcome"], "ok", "{by}");
}

/// Fails unless a client's call of the tool gave the upstream's answer.
fn answered(printed: &Value, tool: &str) {
    let tools = printed["tools"].as_array().unwrap();
    assert!(tools.iter().any(|known| known == tool), "{printed:#}");
    assert_ne!(printed["results"][0]["isError"], true, "{printed:#}");
    let path = &printed["results"][0]["structuredContent"]["path"];
    assert_eq!(path, "/items/a%2Fb/tags", "{printed:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_a_credential_is_told_where_to_connect() {
    let echo = Echo::start().await;
    let (daemon, client, token, _) = imported(&echo).await;
    client.delete("/api/v1/integrations/echo").await.expect(200);
    let url = format!("{}/mcp", daemon.url());
    let python = script(peers::python(), "mcp_client.py");
    let printed = ran(python, &[&url, &token, "auto", "echo_tagItem", ARGUMENTS]).await;
    assert_eq!(printed["results"][0]["isError"], true, "{printed:#}");
    let text = printed["results"][0]["content"][0]["text"]
        .as_str()
        .unwrap();
    let link = format!("{}/connect/echo", daemon.url());
    assert!(text.contains(&link), "{text}");
    assert!(echo.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_operation_is_called_by_every_door_and_audited_alike() {
    let echo = Echo::start().await;
    let (daemon, client, token, details) = imported(&echo).await;

    let arguments: Value = serde_json::from_str(ARGUMENTS).unwrap();
    let answer = client.post("/api/v1/echo/tagItem", &arguments).await;
    assert_eq!(answer.expect(200).json()["path"], "/items/a%2Fb/tags");
    made(&echo, &client, &details, 1, "HTTP").await;

    let cli = Cli::new(&daemon).with("GESTALT_TOKEN", &token);
    let invoke = ["plugin", "invoke", "echo", "tagItem"];
    let words = ["id=a/b", "tags=x", "tags=y", "text=hello"];
    cli.run(&[&invoke[..], &words].concat()).await.ok();
    made(&echo, &client, &details, 2, "the command line").await;

    let url = format!("{}/mcp", daemon.url());
    let one = format!("{url}/echo");
    for (calls, mode) in [(3, "auto"), (4, "legacy"), (5, "2026-07-28")] {
        let python = script(peers::python(), "mcp_client.py");
        let call = [url.as_str(), &token, mode, "echo_tagItem", ARGUMENTS];
        answered(&ran(python, &call).await, "echo_tagItem");
        made(&echo, &client, &details, calls, "the Python client").await;
    }
    let npm = script(peers::node(), "mcp_client.mjs");
    answered(
        &ran(npm, &[&one, &token, "tagItem", ARGUMENTS]).await,
        "tagItem",
    );
    made(&echo, &client, &details, 6, "the npm client").await;

    let header = format!("Authorization: Bearer {token}");
    let mut call = vec!["--cli", &url, "--transport", "http", "--header", &header];
    call.extend(["--method", "tools/call", "--tool-name", "echo_tagItem"]);
    call.extend(["--tool-arg", "id=a/b", r#"tags=["x","y"]"#, "text=hello"]);
    let printed = ran(peers::npm_tool("mcp-inspector"), &call).await;
    let path = &printed["structuredContent"]["path"];
    assert_eq!(path, "/items/a%2Fb/tags", "{printed:#}");
    made(&echo, &client, &details, 7, "the inspector").await;
    verify(&daemon.client()).await;
}
