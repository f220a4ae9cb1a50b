//! MCP as a client speaks it, message by message, in either era.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use hyper::{Method, Request};
use serde_json::{Value, json};

use crate::client::{Answer, Client};

/// The version of the newer era.
pub const MODERN: &str = "2026-07-28";

/// The newest version of the older era.
pub const LEGACY: &str = "2025-11-25";

/// Where a client of the older era says which session it is in.
pub const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// One of the protocol's two eras.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Requests that stand for themselves.
    Modern,
    /// Sessions that begin with `initialize`.
    Legacy,
}

/// Both.
pub const ERAS: [Era; 2] = [Era::Modern, Era::Legacy];

/// A client of one endpoint.
#[derive(Debug, Clone)]
pub struct Mcp {
    client: Client,
    path: String,
    era: Era,
    capabilities: Value,
    session: Option<String>,
    ids: Arc<AtomicU64>,
}

impl Mcp {
    /// A client of the endpoint at `path` that can be asked what `capabilities` say; of the
    /// older era with a session, if the endpoint gives one.
    ///
    /// # Panics
    ///
    /// When the endpoint does not begin a session.
    pub async fn open(era: Era, client: &Client, path: &str, capabilities: Value) -> Self {
        let mut mcp = Self {
            client: client.clone(),
            path: path.to_owned(),
            era,
            capabilities,
            session: None,
            ids: Arc::new(AtomicU64::new(1)),
        };
        if era == Era::Legacy {
            let opening = json!({
                "protocolVersion": LEGACY,
                "capabilities": mcp.capabilities,
                "clientInfo": { "name": "gestalt-tests", "version": "1.0.0" },
            });
            let begun = mcp.send("initialize", opening).await.expect(200);
            let result = response(&begun);
            assert_eq!(result["result"]["protocolVersion"], LEGACY, "{result}");
            let session = begun.header(SESSION.as_str());
            mcp.session = (!session.is_empty()).then(|| session.to_owned());
            let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
            mcp.client.request(mcp.request(&told)).await.expect(202);
        }
        mcp
    }

    /// The session that it is in.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// The same client in another session.
    #[must_use]
    pub fn in_session(mut self, session: &str) -> Self {
        self.session = Some(session.to_owned());
        self
    }

    /// The same client at another endpoint.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// The same client presenting what another presents.
    #[must_use]
    pub fn with(mut self, client: &Client) -> Self {
        self.client = client.clone();
        self
    }

    /// A request's message, with an id of its own.
    pub fn message(&self, method: &str, mut params: Value) -> Value {
        if self.era == Era::Modern {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
                self.capabilities.clone();
        }
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
    }

    /// A message over HTTP, with the headers that it takes.
    ///
    /// # Panics
    ///
    /// When a name in it cannot stand in a header.
    pub fn request(&self, message: &Value) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&self.path)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream");
        let method = message["method"].as_str().unwrap_or_default();
        if self.era == Era::Modern {
            request = request.header(VERSION, MODERN).header("mcp-method", method);
            let params = &message["params"];
            let named = params["name"].as_str().or_else(|| params["uri"].as_str());
            if let Some(name) = named {
                request = request.header("mcp-name", name);
            }
        } else if method != "initialize" {
            request = request.header(VERSION, LEGACY);
        }
        if let Some(session) = &self.session {
            request = request.header(SESSION, session);
        }
        let body = Full::from(message.to_string());
        request.body(body).expect("a request")
    }

    /// A request without a message: GET or DELETE of the endpoint.
    ///
    /// # Panics
    ///
    /// When the session cannot stand in a header.
    pub fn bare(&self, method: Method) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(&self.path)
            .header(ACCEPT, "application/json, text/event-stream")
            .header(VERSION, LEGACY);
        if let Some(session) = &self.session {
            request = request.header(SESSION, session);
        }
        request.body(Full::default()).expect("a request")
    }

    /// Sends a request and reads its whole answer.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub async fn send(&self, method: &str, params: Value) -> Answer {
        let message = self.message(method, params);
        self.client.request(self.request(&message)).await
    }

    /// Sends a request and gives the response: a message with a result or an error.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub async fn ask(&self, method: &str, params: Value) -> Value {
        response(&self.send(method, params).await)
    }

    /// Calls a tool and gives the response.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        self.ask("tools/call", params).await
    }

    /// The names of the listed tools, of all pages.
    ///
    /// # Panics
    ///
    /// When they are not listed.
    pub async fn tools(&self) -> Vec<String> {
        self.listed("tools/list", "tools", "name").await
    }

    /// What names the entries of a list, of all pages.
    ///
    /// # Panics
    ///
    /// When they are not listed.
    pub async fn listed(&self, method: &str, member: &str, key: &str) -> Vec<String> {
        let mut names = Vec::new();
        let mut params = json!({});
        loop {
            let page = self.ask(method, params).await;
            let entries = page["result"][member].as_array();
            let entries = entries.unwrap_or_else(|| panic!("{method}: {page}"));
            let named = entries.iter().filter_map(|entry| entry[key].as_str());
            names.extend(named.map(str::to_owned));
            let Some(cursor) = page["result"]["nextCursor"].as_str() else {
                return names;
            };
            params = json!({ "cursor": cursor });
        }
    }
}

/// The response in an answer: its body, or the last event of it.
///
/// # Panics
///
/// When there is none.
#[track_caller]
pub fn response(answer: &Answer) -> Value {
    if !answer
        .header("content-type")
        .starts_with("text/event-stream")
    {
        return answer.json();
    }
    let text = answer.text();
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let messages = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let mut responses = messages.filter(|message| message.get("method").is_none());
    let last = responses.next_back();
    last.unwrap_or_else(|| panic!("no response:\n{text}"))
}

/// The text of a tool's result.
pub fn text(response: &Value) -> &str {
    let text = &response["result"]["content"][0]["text"];
    text.as_str().unwrap_or_default()
}
