//! A tool of an MCP server, invoked by name through the doors that know no MCP.
//!
//! Its result is JSON. A tool that failed says so with status 422, an error of the protocol
//! with 400 (the arguments), 404 (no such tool) or 502.

use bytes::Bytes;
use futures_util::StreamExt as _;
use gestalt_core::mcp::McpServer;
use gestalt_core::{Code, Refusal};
use gestalt_upstream::mcp::{Answer, AnswerBody, Era, Message, parameters};
use gestalt_upstream::{Arguments, ReplyBody};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::value::RawValue;

use super::offered::{Offered, source_of};
use crate::pipeline::Reply;

/// The version that we speak when we ask by ourselves.
const VERSION: &str = "2026-07-28";

/// The id of the one request.
const ID: &str = "1";

/// The message that calls a tool, by the name it is offered under. `known`: what the server
/// listed last, which tells what of the arguments it wants to read in headers.
pub(crate) fn message(
    server: &McpServer,
    (offered, known): (&str, Option<&Offered>),
    arguments: &Arguments,
) -> Result<Message, Refusal> {
    let name = source_of(server, offered)
        .ok_or_else(|| Refusal::new(Code::NotFound, "The integration has no such operation."))?;
    let arguments = match arguments {
        Arguments::None => "{}".to_owned(),
        Arguments::Json(object) => object.get().to_owned(),
        Arguments::Query(pairs) if pairs.is_empty() => "{}".to_owned(),
        Arguments::Query(_) => {
            return Err(Refusal::new(
                Code::InvalidRequest,
                "A tool takes its arguments as a JSON object.",
            )
            .hint("Send them in the body, with `Content-Type: application/json`."));
        }
    };
    let quoted = serde_json::Value::from(name).to_string();
    let client = env!("CARGO_PKG_VERSION");
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{ID},"method":"tools/call","params":{{"name":{quoted},"arguments":{arguments},"_meta":{{"io.modelcontextprotocol/protocolVersion":"{VERSION}","io.modelcontextprotocol/clientCapabilities":{{}},"io.modelcontextprotocol/clientInfo":{{"name":"gestalt","version":"{client}"}}}}}}}}"#
    );
    Ok(Message {
        era: Era::Modern,
        version: VERSION.to_owned(),
        method: "tools/call".to_owned(),
        id: Some(ID.to_owned()),
        name: Some(name.to_owned()),
        body: Bytes::from(body),
        session: None,
        parameters: known
            .and_then(|known| known.tools.iter().find(|tool| *tool.name == *offered))
            .map(|tool| parameters(&tool.input_schema, &arguments))
            .unwrap_or_default(),
    })
}

/// The reply that a server's answer makes.
pub(crate) async fn reply(answer: Answer) -> Result<Reply, Refusal> {
    match answer.body {
        AnswerBody::Message(message) => read(&message),
        AnswerBody::Empty => Err(silent()),
        AnswerBody::Events(mut events) => {
            let mut last = None;
            while let Some(event) = events.next().await {
                let event = event.map_err(crate::call::from_upstream)?;
                if !event.data.is_empty() {
                    last = Some(event.data);
                }
            }
            read(&last.ok_or_else(silent)?)
        }
    }
}

fn read(message: &Bytes) -> Result<Reply, Refusal> {
    #[derive(serde::Deserialize)]
    struct Response<'a> {
        #[serde(borrow, default)]
        result: Option<&'a RawValue>,
        #[serde(borrow, default)]
        error: Option<&'a RawValue>,
    }
    #[derive(serde::Deserialize)]
    struct Error {
        code: i64,
    }
    #[derive(serde::Deserialize)]
    struct Outcome {
        #[serde(default, rename = "isError")]
        is_error: bool,
    }
    let response: Response<'_> = serde_json::from_slice(message).map_err(|_| silent())?;
    let (status, body) = match (response.result, response.error) {
        (_, Some(error)) => {
            let read: Option<Error> = serde_json::from_str(error.get()).ok();
            let status = match read.map(|error| error.code) {
                Some(-32602) => StatusCode::BAD_REQUEST,
                Some(-32601 | -32002) => StatusCode::NOT_FOUND,
                _ => StatusCode::BAD_GATEWAY,
            };
            (status, error.get())
        }
        (Some(result), None) => {
            // Serde would take an array for an object.
            let object = result.get().starts_with('{');
            let read: Option<Outcome> = serde_json::from_str(result.get()).ok();
            let failed = !object || read.is_none_or(|outcome| outcome.is_error);
            let status = if failed {
                StatusCode::UNPROCESSABLE_ENTITY
            } else {
                StatusCode::OK
            };
            (status, result.get())
        }
        (None, None) => return Err(silent()),
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(Reply {
        status,
        headers,
        body: ReplyBody::Full(Bytes::copy_from_slice(body.as_bytes())),
        continuation: None,
        stopped: None,
    })
}

fn silent() -> Refusal {
    Refusal::new(
        Code::UpstreamInvalid,
        "The server ended the call without a response.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(message: &'static str) -> Result<u16, Code> {
        read(&Bytes::from_static(message.as_bytes()))
            .map(|reply| reply.status.as_u16())
            .map_err(|refusal| refusal.code)
    }

    #[test]
    fn what_failed_is_no_success() {
        assert_eq!(status("{}"), Err(Code::UpstreamInvalid));
        assert_eq!(status("[]"), Err(Code::UpstreamInvalid));
        assert_eq!(status(r#"{"error":{"code":-32603}}"#), Ok(502));
        assert_eq!(status(r#"{"error":{"code":-32602}}"#), Ok(400));
        assert_eq!(status(r#"{"error":{"code":-32601}}"#), Ok(404));
        assert_eq!(status(r#"{"result":{"isError":true}}"#), Ok(422));
        assert_eq!(status(r#"{"result":[]}"#), Ok(422));
        assert_eq!(status(r#"{"result":{"content":[]}}"#), Ok(200));
    }
}
