//! A child behind a server that bridges the eras.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gestalt_core::mcp::{Approval, McpServer, McpTransport};
use gestalt_upstream::mcp::{Authority, Era, Eras, Message, Server};
use gestalt_upstream::{Upstream, UpstreamError};
use serde_json::{Value, json};

use super::world::{Setting, request, value, whole, whose};
use crate::world::{get, plugin};

/// The server of a plugin with a child.
fn server(setting: Setting) -> (Arc<Server>, tempfile::TempDir) {
    let mut plugin = plugin("http://unused.example", setting.rules, get("/"));
    plugin.mcp = Some(McpServer {
        transport: McpTransport::Stdio(setting.process),
        allowed_tools: None,
        approval: Approval::None,
        list_ttl: Duration::from_mins(1),
        timeout: None,
    });
    let upstream = Upstream::new(setting.settings, setting.resolver).unwrap();
    let compiled = upstream.compile(&plugin, None).unwrap();
    (Arc::clone(compiled.mcp().unwrap()), setting.folder)
}

async fn send(server: &Server, message: Message) -> Result<Vec<Value>, UpstreamError> {
    let answer = server
        .send(message, &whose("ada"), &Authority::default())
        .await?;
    let messages = whole(answer).await.into_iter();
    messages
        .map(|message| message.map(|bytes: Bytes| value(&bytes)))
        .collect()
}

async fn eras(server: &Server) -> Result<Eras, UpstreamError> {
    server.eras(&whose("ada"), &Authority::default()).await
}

#[tokio::test]
async fn a_child_that_does_not_start_says_why() {
    let (server, _folder) = server(Setting::new().with("--crash"));
    let error = eras(&server).await.unwrap_err().to_string();
    assert_eq!(error, "The process of test ended (exit status: 3).");
}

#[tokio::test]
async fn a_client_of_the_modern_era_calls_a_child_of_the_legacy_one() {
    let (server, _folder) = server(Setting::new());
    let found = eras(&server).await.unwrap();
    assert_eq!((found.modern, found.legacy), (false, true));
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({ "name": "pid", "arguments": [], "_meta": meta });
    let mut message = request("5", "tools/call", &params);
    message.era = Era::Modern;
    message.version = "2026-07-28".to_owned();
    message.name = Some("pid".to_owned());
    let answered = send(&server, message).await.unwrap().pop().unwrap();
    assert_eq!(answered["id"], 5);
    assert!(answered["result"]["did"]["value"].is_u64(), "{answered}");
}

#[tokio::test]
async fn a_child_of_the_modern_era_is_known_by_its_answer() {
    let (server, _folder) = server(Setting::new().with("--modern"));
    let found = eras(&server).await.unwrap();
    assert_eq!((found.modern, found.legacy), (true, false));
}
