//! What is wrong with a message, as JSON-RPC says it.

use http::StatusCode;
use serde_json::{Value, json};

use super::era::{Era, SUPPORTED};

/// An error of the protocol: its code, its sentence, and the status it has over HTTP.
#[derive(Debug)]
pub struct Fault {
    code: i32,
    status: StatusCode,
    message: String,
    data: Option<Value>,
}

impl Fault {
    fn new(code: i32, status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            code,
            status,
            message: message.into(),
            data: None,
        }
    }

    /// The body is not JSON (-32700).
    pub(super) fn parse(message: impl Into<String>) -> Self {
        Self::new(-32700, StatusCode::BAD_REQUEST, message)
    }

    /// The message is none of JSON-RPC (-32600).
    pub(super) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(-32600, StatusCode::BAD_REQUEST, message)
    }

    /// The parameters do not have the form they must have (-32602).
    pub(super) fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(-32602, StatusCode::BAD_REQUEST, message)
    }

    /// There is no such method here (-32601).
    pub(super) fn no_such_method() -> Self {
        let text = "This server does not know the method.";
        Self::new(-32601, StatusCode::NOT_FOUND, text)
    }

    /// A header is missing or says something else than the body (-32020).
    pub(super) fn header_mismatch(message: impl Into<String>) -> Self {
        Self::new(-32020, StatusCode::BAD_REQUEST, message)
    }

    /// The protocol version is not spoken here (-32022).
    pub(super) fn unsupported_version(requested: &str) -> Self {
        let requested: String = requested.chars().take(64).collect();
        let text = "This server does not speak the protocol version.";
        Self::new(-32022, StatusCode::BAD_REQUEST, text)
            .with(json!({ "supported": SUPPORTED, "requested": requested }))
    }

    /// There is nothing to read by this URI; the eras have different codes for it.
    pub(super) fn no_such_resource(era: Era, uri: &str) -> Self {
        let code = match era {
            Era::Modern => -32602,
            Era::Legacy => -32002,
        };
        Self::new(code, StatusCode::OK, "There is no such resource.").with(json!({ "uri": uri }))
    }

    /// The session is none of the caller's, or has ended: the client is to begin a new one.
    pub(super) fn no_such_session() -> Self {
        let text = "There is no such session; begin a new one.";
        Self::new(-32001, StatusCode::NOT_FOUND, text)
    }

    /// What is not done, where nothing but the protocol's own errors can be told.
    pub(super) fn of_refused(refusal: &gestalt_core::Refusal) -> Self {
        let message = match &refusal.hint {
            Some(hint) => format!("{} {hint}", refusal.message),
            None => refusal.message.clone(),
        };
        let data = json!({ "code": refusal.code.as_str() });
        Self::of_refusal(-32602, message, data)
    }

    /// What came of a refusal: an answer in the protocol, so the transport is content.
    pub(super) fn of_refusal(code: i32, message: impl Into<String>, data: Value) -> Self {
        Self::new(code, StatusCode::OK, message).with(data)
    }

    fn with(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// An older client takes any other status for a broken transport and does not read on.
    pub(super) fn for_an_older_client(mut self) -> Self {
        self.status = StatusCode::OK;
        self
    }

    /// The status that an older client is answered with: any other than 200 is a broken
    /// transport to it, but for 404, which ends its session.
    pub(super) fn status_for_an_older_client(&self) -> StatusCode {
        if self.code == -32001 {
            self.status
        } else {
            StatusCode::OK
        }
    }

    /// Adds to its sentence.
    pub(super) fn add(&mut self, text: &str) {
        self.message.push_str(text);
    }

    /// Its code.
    pub fn code(&self) -> i32 {
        self.code
    }

    /// The status of an answer that says nothing else.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The whole message, to the id of this JSON text. Without one if the request's could not be read (the schema of
    /// MCP knows no `null`).
    pub fn message(&self, id: Option<&str>) -> String {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = &self.data {
            error["data"] = data.clone();
        }
        match id {
            Some(id) => format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#),
            None => format!(r#"{{"jsonrpc":"2.0","error":{error}}}"#),
        }
    }
}
