//! The MCP door: what is refused first, then what both eras are answered.

use http::HeaderMap;
use serde_json::{Value, json};

use crate::house::{Answer, Ask, House};

mod calls;
mod denials;
mod finding;
mod lists;
mod lossless;
mod progress;
mod server;
mod sessions;

pub(crate) const MODERN: &str = "2026-07-28";

/// The `_meta` of a modern request.
pub(crate) fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

impl House {
    /// A modern request of `/mcp`.
    pub(crate) async fn mcp(&self, method: &str, params: Value) -> Answer {
        self.mcp_at("/mcp", method, params).await
    }

    pub(crate) async fn mcp_at(&self, path: &str, method: &str, params: Value) -> Answer {
        let (ask, message) = modern(self.post(path), method, params);
        ask.json(&message).await
    }

    /// A modern call of a tool.
    pub(crate) async fn tool(&self, name: &str, arguments: Value) -> Answer {
        let params = json!({"name": name, "arguments": arguments});
        self.mcp("tools/call", params).await
    }

    /// A request of an older client.
    pub(crate) async fn older(&self, method: &str, params: Value) -> Answer {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.post("/mcp")
            .with("accept", "application/json, text/event-stream")
            .with("mcp-protocol-version", "2025-06-18")
            .json(&message)
            .await
    }
}

/// A modern request, with the headers it must have.
pub(crate) fn modern(ask: Ask, method: &str, mut params: Value) -> (Ask, Value) {
    let mut ask = ask
        .with("accept", "application/json, text/event-stream")
        .with("mcp-protocol-version", MODERN)
        .with("mcp-method", method);
    for member in ["name", "uri"] {
        if let Some(name) = params[member].as_str() {
            ask = ask.with("mcp-name", name);
        }
    }
    let mut whole = meta();
    if let Some(more) = params["_meta"].as_object() {
        for (name, value) in more {
            whole[name] = value.clone();
        }
    }
    params["_meta"] = whole;
    let message = json!({"jsonrpc": "2.0", "id": "a-1", "method": method, "params": params});
    (ask, message)
}

impl Answer {
    /// The result of a message.
    #[track_caller]
    pub(crate) fn result(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/json");
        let message = self.json();
        assert_eq!(message["jsonrpc"], "2.0");
        assert!(message.get("error").is_none(), "{message}");
        message["result"].clone()
    }

    /// The code of a message's error.
    #[track_caller]
    pub(crate) fn fault(&self, status: u16) -> i64 {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(self.header("gestalt-source"), "gateway");
        let message = self.json();
        assert_eq!(message["jsonrpc"], "2.0");
        assert!(message.get("result").is_none(), "{message}");
        assert!(message["error"]["message"].is_string(), "{message}");
        message["error"]["code"].as_i64().unwrap()
    }

    /// The text of a tool's result that is an error.
    #[track_caller]
    pub(crate) fn is_error(&self) -> String {
        let result = self.result();
        assert_eq!(result["isError"], true, "{result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }
}

/// The messages of a stream.
pub(crate) fn events(headers: &HeaderMap, text: &str) -> Vec<Value> {
    assert_eq!(headers["content-type"], "text/event-stream");
    text.split("\n\n")
        .filter(|event| !event.is_empty())
        .map(|event| {
            let data = event.strip_prefix("event: message\ndata: ").unwrap();
            serde_json::from_str(data).unwrap()
        })
        .collect()
}
