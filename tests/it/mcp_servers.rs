//! Whole MCP servers behind the gateway, by every door.

use std::fs;
use std::path::Path;

use gestalt_e2e::seed::{self, Seeded};
use gestalt_e2e::{Client, Daemon, mcp, program};
use gestalt_store::Database;
use serde_json::{Value, json};

mod clients;
mod connect;
mod denials;
mod faults;
mod isolation;
mod limits;
mod processes;
mod suite;

/// A connection by which each caller has a token of their own for the server.
const OWN_TOKEN: &str = "connections: { default: { mode: user, auth: { type: bearer } } }";

/// Goes on a configuration at the top level: who calls has to say who they are.
const LOGIN: &str = "providers: { authentication: { local: {} } }\n";

/// A daemon with a login, and its users, none of them an admin.
struct World {
    daemon: Daemon,
    users: Vec<Seeded>,
}

impl World {
    async fn start(config: &str, users: usize) -> Self {
        let mut daemon = Daemon::start(config).await;
        daemon.stop().await;
        let database = Database::Sqlite(daemon.home().join("gestalt.db"));
        let users = seed::users(database, users).await.unwrap();
        daemon.restart().await;
        Self { daemon, users }
    }

    fn user(&self, number: usize) -> Client {
        self.daemon.client().bearer(&self.users[number].token)
    }
}

/// A plugin whose server is at `url`, with more keys of its surface and its own.
fn plugin(name: &str, url: &str, surface: &str, more: &str) -> String {
    let port = url.rsplit(':').next().unwrap();
    format!(
        "  {name}:\n    egress: {{ allowedCidrs: [\"127.0.0.1/32:{port}\"] }}\n    \
         surfaces: {{ mcp: {{ url: \"{url}/mcp\"{surface} }} }}\n    {more}\n"
    )
}

/// A plugin whose server is a process, with more keys of its surface.
fn process(name: &str, command: &Path, arguments: &[&str], surface: &str) -> String {
    let command = command.display();
    format!(
        "  {name}:\n    surfaces: {{ mcp: {{ command: \"{command}\", args: {arguments:?}{surface} }} }}\n"
    )
}

/// A configuration of these plugins, whose tools are listed whole; `more` goes on at the top level.
fn config(plugins: &[String], more: &str) -> String {
    format!(
        "server:\n  public: {{ host: 127.0.0.1, port: 0 }}\n  encryptionKey: \"{}\"\n  \
         mcp: {{ catalogue: list }}\nplugins:\n{}{more}",
        seed::ROOT_KEY,
        plugins.concat()
    )
}

/// Stores a user's token for a plugin's server.
async fn connect(client: &Client, plugin: &str, token: &str) {
    let body = json!({ "integration": plugin, "credentials": { "token": token } });
    let connected = client.post("/api/v1/auth/connect-manual", &body).await;
    connected.expect(201);
}

/// What a failed call says: a result with `isError`, or an error of the protocol.
#[track_caller]
fn failure(response: &Value) -> String {
    if let Some(message) = response["error"]["message"].as_str() {
        return message.to_owned();
    }
    assert_eq!(response["result"]["isError"], true, "{response:#}");
    mcp::text(response).to_owned()
}

/// Waits until it holds; only a deadlock makes that long.
async fn until(holds: impl AsyncFn() -> bool) {
    let waited = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(program::PATIENCE, waited).await;
    assert!(waited.is_ok(), "it never holds");
}

/// The files and sockets that a process has open.
fn open_files(process: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    files.count()
}

/// The most memory that a process has had, in KiB.
fn most_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.unwrap().split_whitespace().next().unwrap();
    number.parse().unwrap()
}
