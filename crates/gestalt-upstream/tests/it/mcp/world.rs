//! MCP servers, clients and messages for tests, in a few words each.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use gestalt_core::Secret;
use gestalt_core::host::EgressRules;
use gestalt_core::mcp::{Approval, McpHttp, McpServer, McpTransport};
use gestalt_core::plugin::Plugin;
use gestalt_upstream::mcp::{
    Answer, AnswerBody, Authority, Era, Event, Listening, Message, Server as Mcp, Whose,
};
use gestalt_upstream::{CompiledPlugin, Resolver, Settings, Upstream, UpstreamError};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{Answer as Http, Seen, Server, answer};
use crate::world::{get, only, plugin, settings};

pub(crate) const MODERN: &str = "2026-07-28";
pub(crate) const LEGACY: &str = "2025-11-25";

pub(crate) const KEY: &str = "k-1234567890";

/// A client of one MCP server.
pub(crate) struct Client {
    pub(crate) upstream: Upstream,
    pub(crate) plugin: Plugin,
    pub(crate) compiled: CompiledPlugin,
    pub(crate) authority: Authority,
    pub(crate) whose: Whose,
}

pub(crate) fn whose(subject: &str) -> Whose {
    Whose {
        subject: subject.to_owned(),
        credential: String::new(),
        capabilities: r#"{"roots":{}}"#.to_owned(),
    }
}

/// Sends `X-Key` and masks it, and says who calls.
pub(crate) fn authority(key: &str) -> Authority {
    let mut authority = Authority::default();
    let name = HeaderName::from_static("x-key");
    authority.injection.headers.push((name, Secret::new(key)));
    authority.injection.mask.push(Secret::new(key));
    let user = HeaderName::from_static("x-gestalt-user");
    authority
        .identity
        .push((user, HeaderValue::from_static("alice")));
    authority
}

pub(crate) fn definition(url: &str) -> McpServer {
    McpServer {
        transport: McpTransport::Http(McpHttp {
            url: url.parse().unwrap(),
            headers: vec![("X-Fixed".to_owned(), "yes".to_owned())],
        }),
        allowed_tools: None,
        approval: Approval::None,
        list_ttl: Duration::from_mins(1),
        timeout: None,
    }
}

impl Client {
    pub(crate) fn new(server: &Server) -> Self {
        Self::with(settings(), server)
    }

    pub(crate) fn with(settings: Settings, server: &Server) -> Self {
        Self::at(settings, &server.url(), only(server.address))
    }

    pub(crate) fn at(settings: Settings, url: &str, rules: EgressRules) -> Self {
        let mut plugin = plugin(url, rules, get("/unused"));
        plugin.mcp = Some(definition(&format!("{url}/mcp")));
        let upstream = Upstream::new(settings, Resolver::System).unwrap();
        let compiled = upstream.compile(&plugin, None).unwrap();
        Self {
            upstream,
            plugin,
            compiled,
            authority: authority(KEY),
            whose: whose("alice"),
        }
    }

    pub(crate) fn mcp(&self) -> &Arc<Mcp> {
        self.compiled.mcp().unwrap()
    }

    pub(crate) async fn send(&self, message: Message) -> Result<Answer, UpstreamError> {
        self.mcp().send(message, &self.whose, &self.authority).await
    }

    /// Sends a message and reads all that is answered.
    pub(crate) async fn say(&self, message: Message) -> Result<Vec<Value>, UpstreamError> {
        said(self.send(message).await?).await
    }

    pub(crate) async fn listen(&self) -> Result<Answer, UpstreamError> {
        let listening = Listening {
            session: Some("s".to_owned()),
            last_event_id: None,
            version: LEGACY.to_owned(),
        };
        self.mcp()
            .listen(listening, &self.whose, &self.authority)
            .await
    }
}

/// The events of an answer.
pub(crate) async fn events(answer: Answer) -> Result<Vec<Event>, UpstreamError> {
    let AnswerBody::Events(events) = answer.body else {
        unreachable!("no stream: {answer:?}");
    };
    let events: Vec<Result<Event, UpstreamError>> = events.collect().await;
    events.into_iter().collect()
}

/// The messages of an answer.
pub(crate) async fn said(answer: Answer) -> Result<Vec<Value>, UpstreamError> {
    let texts = match answer.body {
        AnswerBody::Empty => return Ok(Vec::new()),
        AnswerBody::Message(bytes) => vec![bytes],
        AnswerBody::Events(_) => {
            let events = events(answer).await?.into_iter();
            events
                .map(|event| event.data)
                .filter(|data| !data.is_empty())
                .collect()
        }
    };
    Ok(texts
        .iter()
        .map(|text| serde_json::from_slice(text).unwrap())
        .collect())
}

/// A message of a client in this era, as it is on the wire.
pub(crate) fn text(era: Era, body: impl Into<Bytes>) -> Message {
    let body = body.into();
    let read: Value = serde_json::from_slice(&body).unwrap();
    let word = |value: &Value| value.as_str().map(str::to_owned);
    let name = match &read["params"]["name"] {
        Value::Null => &read["params"]["uri"],
        name => name,
    };
    let version = if era == Era::Modern { MODERN } else { LEGACY };
    Message {
        era,
        version: version.to_owned(),
        method: word(&read["method"]).unwrap_or_default(),
        id: read
            .get("method")
            .and_then(|_| read.get("id"))
            .map(Value::to_string),
        name: word(name),
        body,
        session: None,
        parameters: Vec::new(),
    }
}

pub(crate) fn modern(id: u32, method: &str, mut params: Value) -> Message {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(MODERN);
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let whole = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    text(Era::Modern, whole.to_string())
}

pub(crate) fn legacy(id: u32, method: &str, params: &Value) -> Message {
    let whole = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    text(Era::Legacy, whole.to_string())
}

/// A server's answers as HTTP.
pub(crate) fn status(status: u16) -> Http {
    answer(status, &[], "")
}

pub(crate) fn message(status: u16, whole: &Value) -> Http {
    answer(
        status,
        &[("content-type", "application/json")],
        whole.to_string(),
    )
}

pub(crate) fn result(to: &Value, result: &Value) -> Http {
    message(
        200,
        &json!({ "jsonrpc": "2.0", "id": to["id"], "result": result }),
    )
}

pub(crate) fn error(status: u16, to: &Value, code: i32) -> Http {
    let error = json!({ "code": code, "message": "no" });
    message(
        status,
        &json!({ "jsonrpc": "2.0", "id": to["id"], "error": error }),
    )
}

pub(crate) fn stream(text: impl Into<Bytes>) -> Http {
    answer(200, &[("content-type", "text/event-stream")], text)
}

/// A stream of whole messages.
pub(crate) fn streamed(messages: &[Value]) -> Http {
    let events = messages
        .iter()
        .map(|message| format!("data: {message}\n\n"));
    stream(events.collect::<String>())
}

pub(crate) fn body_of(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).unwrap_or(Value::Null)
}

/// A server that speaks the modern era only, and leaves all but `server/discover` to a
/// function.
pub(crate) async fn modern_server(
    rest: impl Fn(&Seen, &Value) -> Http + Send + Sync + 'static,
) -> Server {
    Server::start(move |seen| {
        let body = body_of(seen);
        if seen.method != Method::POST {
            return status(StatusCode::METHOD_NOT_ALLOWED.as_u16());
        }
        if seen.header("mcp-protocol-version") != Some(MODERN)
            || seen.header("mcp-method") != body["method"].as_str()
        {
            return error(400, &body, -32020);
        }
        match body["method"].as_str() {
            Some("server/discover") => result(&body, &discovered()),
            _ => rest(seen, &body),
        }
    })
    .await
}

pub(crate) fn discovered() -> Value {
    json!({
        "resultType": "complete",
        "supportedVersions": [MODERN],
        "capabilities": {
            "tools": { "listChanged": true },
            "resources": { "subscribe": true },
            "logging": {},
            "extensions": { "io.modelcontextprotocol/tasks": {} },
        },
        "instructions": "Be kind.",
        "ttlMs": 1000,
        "cacheScope": "public",
        "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "new", "version": "2" } },
    })
}

/// A server that speaks the legacy era only: it opens the sessions `s1`, `s2`, …, knows them
/// while they are not ended, and leaves other requests in them to a function.
pub(crate) async fn legacy_server(
    rest: impl Fn(&Seen, &Value) -> Http + Send + Sync + 'static,
) -> Server {
    let sessions = std::sync::Mutex::new((0, Vec::<String>::new()));
    Server::start(move |seen| {
        let body = body_of(seen);
        let mut sessions = sessions.lock().unwrap();
        if body["method"] == "initialize" {
            sessions.0 += 1;
            let id = format!("s{}", sessions.0);
            sessions.1.push(id.clone());
            let mut answer = result(&body, &initialized());
            answer
                .headers_mut()
                .insert("mcp-session-id", id.parse().unwrap());
            return answer;
        }
        let Some(session) = seen.header("mcp-session-id") else {
            return error(400, &body, -32000);
        };
        if !sessions.1.iter().any(|known| known == session) {
            return status(404);
        }
        if seen.method == Method::DELETE {
            let ended = session.to_owned();
            sessions.1.retain(|known| *known != ended);
            return status(200);
        }
        drop(sessions);
        let is_request = body.get("id").is_some() && body.get("method").is_some();
        if seen.method == Method::POST && !is_request {
            return status(202);
        }
        rest(seen, &body)
    })
    .await
}

pub(crate) fn initialized() -> Value {
    json!({
        "protocolVersion": LEGACY,
        "capabilities": {
            "tools": { "listChanged": true },
            "resources": { "subscribe": true, "listChanged": true },
            "logging": {},
            "tasks": {},
        },
        "serverInfo": { "name": "old", "version": "1", "x": 1.10 },
        "instructions": "Be patient.",
    })
}

/// The methods that arrived, `GET` and `DELETE` among them.
pub(crate) fn methods(server: &Server) -> Vec<String> {
    let seen = server.seen();
    let name = |seen: &Seen| match body_of(seen)["method"].as_str() {
        Some(method) => method.to_owned(),
        None if seen.method == Method::POST => "response".to_owned(),
        None => seen.method.to_string(),
    };
    seen.iter().map(name).collect()
}
