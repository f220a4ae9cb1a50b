//! A server of ours as a child, in a few words.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use gestalt_core::host::EgressRules;
use gestalt_core::mcp::McpProcess;
use gestalt_upstream::mcp::{Answer, AnswerBody, Authority, Era, Message, Stdio, Whose};
use gestalt_upstream::{ProcessSettings, Resolver, Settings, Upstream, UpstreamError};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long only a deadlock takes.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// What a test starts with, to be changed before [`Setting::build`].
pub(crate) struct Setting {
    pub(crate) folder: TempDir,
    pub(crate) settings: Settings,
    pub(crate) process: McpProcess,
    pub(crate) rules: EgressRules,
    pub(crate) resolver: Resolver,
    pub(crate) timeout: Duration,
}

impl Setting {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        std::fs::create_dir(&state).unwrap();
        let code = folder.path().join("code");
        std::fs::create_dir(&code).unwrap();
        std::fs::write(code.join("server.py"), include_str!("server.py")).unwrap();
        let settings = Settings {
            processes: ProcessSettings {
                program: env!("CARGO_BIN_EXE_gestalt-upstream-sandbox-exec").into(),
                run_directory: state.join("run"),
                protected: vec![state],
                ..ProcessSettings::default()
            },
            ..super::super::world::settings()
        };
        let process = McpProcess {
            command: "python3".into(),
            arguments: vec![code.join("server.py").display().to_string()],
            environment: Vec::new(),
            directory: None,
            readable: vec![code],
            writable: Vec::new(),
            shared: false,
            max_processes: 8,
            idle_timeout: LONG,
            sandbox_required: true,
        };
        Self {
            folder,
            settings,
            process,
            rules: EgressRules::default(),
            resolver: Resolver::System,
            timeout: LONG,
        }
    }

    pub(crate) fn with(mut self, argument: &str) -> Self {
        self.process.arguments.push(argument.to_owned());
        self
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn build(self) -> World {
        let upstream = Upstream::new(self.settings, self.resolver).unwrap();
        let plugin = "script".parse().unwrap();
        let stdio = Stdio::new(
            &upstream,
            &plugin,
            &self.process,
            &self.rules,
            Some(self.timeout),
        );
        World {
            stdio,
            folder: self.folder,
        }
    }
}

pub(crate) struct World {
    pub(crate) stdio: Stdio,
    folder: TempDir,
}

pub(crate) fn whose(subject: &str) -> Whose {
    Whose {
        subject: subject.to_owned(),
        credential: String::new(),
        capabilities: r#"{"sampling":{}}"#.to_owned(),
    }
}

/// A client with a session.
pub(crate) struct Client<'a> {
    pub(crate) world: &'a World,
    pub(crate) whose: Whose,
    pub(crate) authority: Authority,
    pub(crate) session: Option<String>,
}

impl World {
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A client in the legacy era without a session yet.
    pub(crate) fn stranger(&self, subject: &str) -> Client<'_> {
        Client {
            world: self,
            whose: whose(subject),
            authority: Authority::default(),
            session: None,
        }
    }

    pub(crate) async fn client(&self, subject: &str) -> Client<'_> {
        let mut client = self.stranger(subject);
        client.begin().await.unwrap();
        client
    }
}

pub(crate) fn request(id: &str, method: &str, params: &Value) -> Message {
    let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
    Message {
        era: Era::Legacy,
        version: "2025-11-25".to_owned(),
        method: method.to_owned(),
        id: Some(id.to_owned()),
        name: None,
        body: body.into(),
        session: None,
        parameters: Vec::new(),
    }
}

impl Client<'_> {
    pub(crate) async fn send(&self, mut message: Message) -> Result<Answer, UpstreamError> {
        message.session.clone_from(&self.session);
        self.world
            .stdio
            .send(&message, &self.whose, &self.authority)
            .await
    }

    pub(crate) async fn begin(&mut self) -> Result<Value, UpstreamError> {
        let answer = self.send(request("0", "initialize", &json!({}))).await?;
        self.session.clone_from(&answer.session);
        Ok(value(&whole(answer).await.pop().unwrap()?))
    }

    /// Calls a tool of the script.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<Answer, UpstreamError> {
        let params = json!({ "name": tool, "arguments": arguments });
        self.send(request(r#""c-1""#, "tools/call", &params)).await
    }

    /// What a tool of the script did.
    pub(crate) async fn did(&self, tool: &str, arguments: Value) -> Value {
        let answer = self.call(tool, arguments).await.unwrap();
        let last = whole(answer).await.pop().unwrap().unwrap();
        let mut last = value(&last);
        assert_eq!(last["id"], "c-1");
        last["result"]["did"].take()
    }

    /// Makes sure that what a tool of the script tried was refused.
    pub(crate) async fn refused(&self, tool: &str, arguments: Value) {
        let did = self.did(tool, arguments.clone()).await;
        let known = ["PermissionError", "ConnectionRefusedError"];
        let why = did["refused"].as_str().unwrap_or_default();
        assert!(known.contains(&why), "{tool} {arguments}: {did}");
    }
}

pub(crate) fn value(bytes: &Bytes) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// Every message of an answer.
pub(crate) async fn whole(answer: Answer) -> Vec<Result<Bytes, UpstreamError>> {
    match answer.body {
        AnswerBody::Empty => Vec::new(),
        AnswerBody::Message(message) => vec![Ok(message)],
        AnswerBody::Events(events) => {
            let messages = events.map(|event| event.map(|event| event.data));
            messages.collect().await
        }
    }
}
