//! The part that is an MCP server and little else: both eras, whole JSON answers, one tool.
//!
//! The server of the official SDK costs many times what a relay does, and answers with
//! streams. Behind this one the relay's own cost shows.

use std::convert::Infallible;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Result;
use crate::relay::TOOL;

/// Serves at every path until it is killed.
///
/// # Errors
///
/// When the listener fails.
pub(crate) async fn serve() -> Result {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
        tokio::spawn(connection);
    }
}

async fn answer(
    request: Request<Incoming>,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::POST {
        return Ok(status(StatusCode::METHOD_NOT_ALLOWED));
    }
    let Ok(body) = request.into_body().collect().await else {
        return Ok(status(StatusCode::BAD_REQUEST));
    };
    let Ok(message) = serde_json::from_slice::<Value>(&body.to_bytes()) else {
        return Ok(status(StatusCode::BAD_REQUEST));
    };
    let Some(id) = message.get("id") else {
        return Ok(status(StatusCode::ACCEPTED));
    };
    let method = message["method"].as_str().unwrap_or_default();
    let error = || json!({ "code": -32601, "message": "There is no such method." });
    let said = result(method).map_or_else(
        || json!({ "jsonrpc": "2.0", "id": id, "error": error() }),
        |result| json!({ "jsonrpc": "2.0", "id": id, "result": result }),
    );
    let mut answer = Response::new(Full::new(Bytes::from(said.to_string())));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if method == "initialize" {
        let session = HeaderValue::from_static("0123456789abcdef0123456789abcdef");
        headers.insert("mcp-session-id", session);
    }
    Ok(answer)
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn result(method: &str) -> Option<Value> {
    let about = json!({ "name": "plain", "version": "1" });
    let complete = |mut result: Value| {
        result["resultType"] = json!("complete");
        Some(result)
    };
    match method {
        "server/discover" => complete(json!({
            "supportedVersions": ["2026-07-28", "2025-11-25"],
            "capabilities": { "tools": {} },
            "_meta": { "io.modelcontextprotocol/serverInfo": about },
        })),
        "initialize" => Some(json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "tools": {} },
            "serverInfo": about,
        })),
        "tools/list" => complete(json!({
            "tools": [{
                "name": TOOL,
                "description": "Answers with a text.",
                "inputSchema": { "type": "object", "properties": {} },
            }],
            "ttlMs": 300_000,
            "cacheScope": "private",
        })),
        "tools/call" => complete(json!({
            "content": [{ "type": "text", "text": "This is a simple text response for testing." }],
        })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{TOOL, result};

    #[test]
    fn it_lists_what_is_called() {
        let listed = result("tools/list").unwrap();
        assert_eq!(listed["tools"][0]["name"], TOOL);
        assert!(result("tools/call").is_some());
        assert!(result("prompts/list").is_none());
    }
}
