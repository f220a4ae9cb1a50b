//! An MCP server that a test writes as a function; it speaks both eras.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::mcp::{LEGACY, MODERN, SESSION};
use crate::served::serve;

/// What a script answers a request with.
pub type Reply = Response<BoxBody<Bytes, Infallible>>;

/// One request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The method of HTTP.
    pub http: Method,
    /// The headers.
    pub headers: HeaderMap,
    /// The message; null where there is none.
    pub message: Value,
}

/// A running server; it ends with the test's runtime.
#[derive(Debug)]
pub struct Scripted {
    /// Its address, as `http://127.0.0.1:PORT`; its endpoint is `/mcp`.
    pub url: String,
    seen: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    /// Starts it on a free loopback port. What the script leaves is answered as by a server
    /// that has nothing to offer.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub async fn start<S>(script: S) -> Self
    where
        S: Fn(&Asked) -> Option<Reply> + Clone + Send + Sync + 'static,
    {
        Self::start_with(script, true).await
    }

    /// The same, but what was asked is not remembered: for a great many requests.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub async fn forgetful<S>(script: S) -> Self
    where
        S: Fn(&Asked) -> Option<Reply> + Clone + Send + Sync + 'static,
    {
        Self::start_with(script, false).await
    }

    async fn start_with<S>(script: S, remembers: bool) -> Self
    where
        S: Fn(&Asked) -> Option<Reply> + Clone + Send + Sync + 'static,
    {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let remembered = remembers.then(|| Arc::clone(&seen));
        let url = serve(move |request| answer(request, script.clone(), remembered.clone()));
        let url = url.await;
        Self { url, seen }
    }

    /// What it was asked so far.
    pub fn seen(&self) -> Vec<Asked> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }

    /// The messages of one method that it was sent so far.
    pub fn sent(&self, method: &str) -> Vec<Value> {
        let seen = self.seen().into_iter().map(|asked| asked.message);
        seen.filter(|message| message["method"] == method).collect()
    }
}

impl Asked {
    /// The method of the message.
    pub fn method(&self) -> &str {
        self.message["method"].as_str().unwrap_or_default()
    }

    /// The parameters.
    pub fn params(&self) -> &Value {
        &self.message["params"]
    }

    /// The token that was presented; empty if none was.
    pub fn token(&self) -> &str {
        let value = self.headers.get(AUTHORIZATION);
        let value = value.and_then(|value| value.to_str().ok());
        value
            .and_then(|value| value.strip_prefix("Bearer "))
            .unwrap_or_default()
    }

    fn is_modern(&self) -> bool {
        self.params()["_meta"]["io.modelcontextprotocol/protocolVersion"] == MODERN
    }

    /// Answers with a result. What the newer era wants of every result is added.
    pub fn result(&self, mut result: Value) -> Option<Reply> {
        if self.is_modern() {
            if result.get("resultType").is_none() {
                result["resultType"] = "complete".into();
            }
            if self.method().ends_with("/list") || self.method() == "server/discover" {
                result["ttlMs"] = 60_000.into();
                result["cacheScope"] = "private".into();
            }
        }
        let id = &self.message["id"];
        let message = json!({ "jsonrpc": "2.0", "id": id, "result": result });
        Some(reply("application/json", Full::from(message.to_string())))
    }

    /// Answers with a text, as tools do.
    pub fn text(&self, text: &str) -> Option<Reply> {
        self.result(json!({ "content": [{ "type": "text", "text": text }] }))
    }
}

/// An answer of one type and body.
///
/// # Panics
///
/// When the type cannot stand in a header.
pub fn reply<B>(kind: &'static str, body: B) -> Reply
where
    B: Body<Data = Bytes, Error = Infallible> + Send + Sync + 'static,
{
    let mut reply = Response::new(body.boxed());
    let kind = HeaderValue::from_static(kind);
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply
}

/// A body of one piece over and over.
#[derive(Debug, Clone)]
pub struct Repeated {
    /// What comes first.
    pub first: Option<Bytes>,
    /// What comes then; if it is empty, nothing ever does.
    pub piece: Bytes,
    /// How often; without an end if not given.
    pub times: Option<u64>,
}

impl Body for Repeated {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if self.piece.is_empty() {
            return Poll::Pending;
        }
        match &mut self.times {
            Some(0) => return Poll::Ready(None),
            Some(times) => *times -= 1,
            None => {}
        }
        Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))))
    }
}

async fn answer<S>(
    request: Request<Incoming>,
    script: S,
    seen: Option<Arc<Mutex<Vec<Asked>>>>,
) -> Result<Reply, Infallible>
where
    S: Fn(&Asked) -> Option<Reply>,
{
    let (head, body) = request.into_parts();
    let body = body.collect().await;
    let body = body.map(http_body_util::Collected::to_bytes);
    let asked = Asked {
        http: head.method,
        headers: head.headers,
        message: serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default(),
    };
    if let Some(seen) = seen {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(asked.clone());
    }
    let scripted = script(&asked);
    Ok(scripted.unwrap_or_else(|| otherwise(&asked)))
}

/// What a server says that has nothing to offer.
fn otherwise(asked: &Asked) -> Reply {
    let capabilities = json!({ "tools": {}, "resources": {}, "prompts": {} });
    let server = json!({ "name": "scripted", "version": "1.0.0" });
    let said = match asked.method() {
        "server/discover" => asked.result(json!({
            "supportedVersions": [MODERN, LEGACY],
            "capabilities": capabilities,
        })),
        "initialize" => {
            let begun = asked.result(json!({
                "protocolVersion": asked.params()["protocolVersion"],
                "capabilities": capabilities,
                "serverInfo": server,
            }));
            begun.map(|mut begun| {
                let session = HeaderValue::from_static("the-only-session");
                begun.headers_mut().insert(SESSION, session);
                begun
            })
        }
        "tools/list" => asked.result(json!({ "tools": [] })),
        "resources/list" => asked.result(json!({ "resources": [] })),
        "resources/templates/list" => asked.result(json!({ "resourceTemplates": [] })),
        "prompts/list" => asked.result(json!({ "prompts": [] })),
        _ => None,
    };
    said.unwrap_or_else(|| {
        let notified = asked.http == Method::POST && asked.message.get("id").is_none();
        let mut nothing = reply("text/plain", Full::default());
        *nothing.status_mut() = match asked.http {
            _ if notified => StatusCode::ACCEPTED,
            Method::DELETE => StatusCode::NO_CONTENT,
            Method::POST => StatusCode::NOT_FOUND,
            _ => StatusCode::METHOD_NOT_ALLOWED,
        };
        nothing
    })
}
