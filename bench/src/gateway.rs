//! The daemon under measurement: its configuration, its tokens, its figures.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use gestalt_e2e::seed::ROOT_KEY;
use hyper::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Result;
use crate::client::Client;
use crate::process::Part;

/// What a call asks for.
pub(crate) const CALL: &str = "/api/v1/bench/getItem?id=4711";
/// The same at the upstream itself.
pub(crate) const DIRECT: &str = "/items/4711";
const READY_LIMIT: Duration = Duration::from_secs(30);

/// What every message of MCP says of its sender.
pub(crate) fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// What a home is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One subject, who needs no login.
    Usual,
    /// Many users, all held in memory.
    Many,
    /// Every plugin may be used, so that all their tools are listed.
    Listed,
}

/// The daemon's home: configuration, database, tokens.
#[derive(Debug)]
pub(crate) struct Home {
    folder: TempDir,
    program: PathBuf,
    /// The management listener, which tells figures without a login.
    management: u16,
}

impl Home {
    /// A home whose plugin `bench` calls `upstream`, beside others that nobody
    /// calls, up to `plugins` in all. Policy and audit are on.
    ///
    /// # Errors
    ///
    /// When the daemon is not built, or a file cannot be written.
    pub(crate) fn new(upstream: &str, plugins: usize, kind: Kind) -> Result<Self> {
        Self::with(&config(upstream, plugins, kind)?)
    }

    /// A home whose configuration goes on, under `server`, with `config`.
    ///
    /// # Errors
    ///
    /// When the daemon is not built, or a file cannot be written.
    pub(crate) fn with(config: &str) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name("gestaltd");
        if !program.exists() {
            return Err(format!("{} is not built", program.display()).into());
        }
        let folder = tempfile::tempdir()?;
        let management = gestalt_e2e::program::free_port();
        let mut text = format!(
            "server:
  management: {{ host: 127.0.0.1, port: {management} }}
"
        );
        text.push_str(config);
        fs::write(folder.path().join("config.yaml"), text)?;
        Ok(Self {
            folder,
            program,
            management,
        })
    }

    /// Where [`Gateway::tokens`] are written, one a line.
    pub(crate) fn tokens(&self) -> PathBuf {
        self.folder.path().join("tokens")
    }

    /// Where the daemon's files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the daemon keeps its database.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("gestalt.db")
    }

    /// Starts the daemon and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it does not become ready.
    pub(crate) async fn start(&self) -> Result<Gateway> {
        let start = Instant::now();
        let mut command = Command::new(&self.program);
        command.args(["serve", "--config"]);
        command.arg(self.folder.path().join("config.yaml"));
        command.current_dir(self.folder.path());
        command.env("HOME", self.folder.path());
        let part = Part::start(&mut command)?;
        let client = Client::new(&part.url);
        while let Err(error) = client.get("/ready").await {
            if start.elapsed() > READY_LIMIT {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(Gateway {
            part,
            client,
            management: Client::new(&format!("http://127.0.0.1:{}", self.management)),
            start: start.elapsed(),
        })
    }
}

/// A running daemon.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) part: Part,
    client: Client,
    management: Client,
    /// From its start until it was ready.
    pub(crate) start: Duration,
}

impl Gateway {
    /// Someone who asks this daemon.
    pub(crate) fn client(&self) -> Caller {
        Caller(self.client.clone())
    }

    /// Connects the one subject and makes it `count` tokens, written to the home.
    ///
    /// # Errors
    ///
    /// When the daemon refuses.
    pub(crate) async fn prepare(&self, home: &Home, count: usize) -> Result {
        self.client().connect(None).await?;
        let mut tasks = JoinSet::new();
        let mut tokens = String::new();
        for index in 0..count {
            if tasks.len() == 16 {
                take(&mut tasks, &mut tokens).await?;
            }
            let client = self.client.clone();
            tasks.spawn(async move {
                let wanted = json!({ "name": format!("bench {index}") });
                client.post("/api/v1/tokens", None, &wanted).await
            });
        }
        while !tasks.is_empty() {
            take(&mut tasks, &mut tokens).await?;
        }
        fs::write(home.tokens(), tokens)?;
        Ok(())
    }

    /// Has it read its configuration again; says how long that took.
    ///
    /// # Errors
    ///
    /// When it refuses.
    pub(crate) async fn reload(&self) -> Result<Duration> {
        let start = Instant::now();
        let path = "/api/v1/admin/reload";
        self.management
            .send(Method::POST, path, None, Bytes::new())
            .await?;
        Ok(start.elapsed())
    }

    /// How many operations a plugin offers.
    ///
    /// # Errors
    ///
    /// When the daemon does not say.
    pub(crate) async fn operations(&self, plugin: &str) -> Result<u64> {
        let path = format!("/api/v1/integrations/{plugin}");
        let plugin: Value = serde_json::from_str(&self.client.get(&path).await?)?;
        Ok(plugin["operations"]
            .as_u64()
            .ok_or("no number of operations")?)
    }

    /// The URL of the measured call.
    pub(crate) fn call(&self) -> String {
        format!("{}{CALL}", self.part.url)
    }

    /// The URL of the endpoint of MCP.
    pub(crate) fn mcp(&self) -> String {
        format!("{}/mcp", self.part.url)
    }

    /// Posts a message of MCP to an address and reads the whole answer.
    ///
    /// # Errors
    ///
    /// When the daemon refuses.
    pub(crate) async fn message_at(&self, path: &str, token: &str, message: &str) -> Result<Bytes> {
        self.client.message(path, token, message).await
    }

    /// Makes a token of the one subject.
    ///
    /// # Errors
    ///
    /// When the daemon refuses.
    pub(crate) async fn token(&self) -> Result<String> {
        let wanted = json!({ "name": "bench" });
        let made = self.client.post("/api/v1/tokens", None, &wanted).await?;
        let token = made["token"].as_str().ok_or("no token in the answer")?;
        Ok(token.to_owned())
    }

    /// The tools of a plugin's operations, by the upstream's method and path.
    ///
    /// # Errors
    ///
    /// When the daemon does not say.
    pub(crate) async fn tools_by_address(&self, plugin: &str) -> Result<Vec<(String, String)>> {
        let path = format!("/api/v1/integrations/{plugin}/operations");
        let list: Value = serde_json::from_str(&self.client.get(&path).await?)?;
        let items = list["items"].as_array().into_iter().flatten();
        let text = |value: &Value| Some(value.as_str()?.to_owned());
        let tools = items.filter_map(|one| Some((text(&one["upstream"])?, text(&one["tool"])?)));
        Ok(tools.collect())
    }

    /// How many statements the database has been asked, the audit writer's
    /// included.
    ///
    /// # Errors
    ///
    /// When the daemon does not say.
    pub(crate) async fn statements(&self) -> Result<f64> {
        let metrics = self.management.get("/metrics").await?;
        let counts = metrics.lines().filter_map(|line| {
            let rest = line.strip_prefix("gestalt_store_statements_total")?;
            rest.rsplit(' ').next()?.parse::<f64>().ok()
        });
        Ok(counts.sum())
    }
}

/// Someone who asks the daemon.
#[derive(Debug)]
pub(crate) struct Caller(Client);

impl Caller {
    /// Connects whoever presents the token, or the one subject.
    ///
    /// # Errors
    ///
    /// When the daemon refuses.
    pub(crate) async fn connect(&self, token: Option<&str>) -> Result {
        let connect = json!({
            "integration": "bench",
            "credentials": { "token": "a-secret-of-the-upstream" },
        });
        let path = "/api/v1/auth/connect-manual";
        self.0.post(path, token, &connect).await?;
        Ok(())
    }
}

async fn take(tasks: &mut JoinSet<Result<Value>>, tokens: &mut String) -> Result {
    if let Some(done) = tasks.join_next().await {
        let created = done??;
        let token = created["token"].as_str().ok_or("no token in the answer")?;
        writeln!(tokens, "{token}")?;
    }
    Ok(())
}

fn config(upstream: &str, plugins: usize, kind: Kind) -> Result<String> {
    let address = upstream.trim_start_matches("http://");
    let port = address.rsplit(':').next().ok_or("no port")?;
    let login = match kind {
        Kind::Usual | Kind::Listed => "",
        Kind::Many => "providers: { authentication: { local: {} } }\n",
    };
    let held = match kind {
        Kind::Usual | Kind::Listed => "{}",
        Kind::Many => "{ tokens: 150000, connections: 150000 }",
    };
    let allowed = match kind {
        Kind::Usual | Kind::Many => r#"plugins: [bench], operations: ["get*", "list*"]"#,
        Kind::Listed => r#"plugins: ["*"]"#,
    };
    let mut text = format!(
        r#"  public: {{ host: 127.0.0.1, port: 0 }}
  encryptionKey: "{ROOT_KEY}"
  cache: {held}
{login}connections:
  bench-key:
    mode: user
    auth:
      type: manual
      credentials:
        - {{ name: token, label: Token, secret: true }}
      authMapping: {{ headers: {{ X-Bench-Key: {{ valueFrom: {{ credentialFieldRef: {{ name: token }} }} }} }} }}
authorization:
  default: deny
  rules:
    - {{ effect: deny, subjects: ["user:*"], plugins: ["*"], operations: ["delete*"] }}
    - {{ effect: allow, subjects: ["*"], {allowed} }}
plugins:
"#
    );
    for index in 0..plugins {
        let name = match index {
            0 => "bench".to_owned(),
            _ => format!("other{index}"),
        };
        write!(
            text,
            r#"  {name}:
    connections: {{ default: {{ ref: bench-key }} }}
    egress: {{ allowedCidrs: ["127.0.0.1/32:{port}"] }}
    surfaces:
      rest:
        baseUrl: {upstream}
        operations:
          - name: getItem
            description: One item.
            method: GET
            path: /items/{{id}}
            readOnly: true
            parameters:
              - {{ name: id, in: path, type: integer, required: true }}
"#
        )?;
        for operation in 1..10 {
            write!(
                text,
                r"          - name: changeItem{operation}
            description: Changes an item in one of ten ways.
            method: POST
            path: /items/{{id}}/changes/{operation}
            parameters:
              - {{ name: id, in: path, type: integer, required: true }}
              - {{ name: note, in: query, type: string }}
            body:
              contentType: application/json
              schema:
                type: object
                required: [title]
                properties: {{ title: {{ type: string }}, labels: {{ type: array, items: {{ type: string }} }} }}
"
            )?;
        }
    }
    Ok(text)
}
