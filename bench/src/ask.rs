//! One request that is made again and again: a GET, or a message of MCP in either era.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, Uri};
use serde_json::Value;

use crate::Result;

/// The version of a message that does not say its own.
const OLDER: &str = "2025-11-25";
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// A request, but for who asks.
#[derive(Clone)]
pub(crate) struct Ask {
    method: Method,
    path: Uri,
    headers: HeaderMap,
    body: Bytes,
    /// It is a message of the era of sessions.
    older: bool,
}

impl Ask {
    pub(crate) fn new(url: &Uri, message: Option<&str>) -> Result<Self> {
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let host = url.authority().map_or("", |host| host.as_str());
        let mut ask = Self {
            method: Method::GET,
            path: path.parse()?,
            headers: HeaderMap::from_iter([(HOST, HeaderValue::from_str(host)?)]),
            body: Bytes::new(),
            older: false,
        };
        let Some(message) = message else {
            return Ok(ask);
        };
        let read: Value = serde_json::from_str(message)?;
        let method = read["method"].as_str().ok_or("the message has no method")?;
        let version = read["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str();
        ask.older = version.is_none();
        let mut more = vec![
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", version.unwrap_or(OLDER)),
        ];
        if !ask.older {
            more.push(("mcp-method", method));
            let name = read["params"]["name"].as_str();
            more.extend(name.map(|name| ("mcp-name", name)));
        }
        for (name, value) in more {
            ask.headers.insert(name, HeaderValue::from_str(value)?);
        }
        ask.method = Method::POST;
        ask.body = Bytes::from(message.to_owned());
        Ok(ask)
    }

    pub(crate) fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    /// Whether a message was answered with an error, which has the status of a success.
    pub(crate) fn failed(&self, answer: &Bytes) -> bool {
        let failed = |mark: &[u8]| memchr::memmem::find(answer, mark).is_some();
        self.method == Method::POST && (failed(br#""error":{"#) || failed(br#""isError":true"#))
    }

    /// Opens a session of its own on a connection, where the message needs one.
    ///
    /// # Errors
    ///
    /// When the server does not open it.
    pub(crate) async fn open(
        &mut self,
        sender: &mut SendRequest<Full<Bytes>>,
        bearer: &HeaderValue,
    ) -> Result {
        if !self.older {
            return Ok(());
        }
        let begun = self.post(sender, bearer, INITIALIZE).await?;
        if let Some(session) = begun.headers().get(SESSION) {
            self.headers.insert(SESSION, session.clone());
        }
        self.post(sender, bearer, INITIALIZED).await?;
        Ok(())
    }

    async fn post(
        &self,
        sender: &mut SendRequest<Full<Bytes>>,
        bearer: &HeaderValue,
        message: &'static str,
    ) -> Result<Response<Bytes>> {
        let mut request = self.request();
        *request.body_mut() = Full::new(Bytes::from_static(message.as_bytes()));
        request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        sender.ready().await?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        if head.status.is_success() && !self.failed(&body) {
            return Ok(Response::from_parts(head, body));
        }
        let said = String::from_utf8_lossy(&body);
        Err(format!("{message}: {}: {said}", head.status).into())
    }
}

#[cfg(test)]
mod tests {
    use super::Ask;

    #[test]
    fn headers_repeat_what_the_message_says_where_it_says_its_version() {
        let url = "http://localhost:1/mcp".parse().unwrap();
        let older = Ask::new(
            &url,
            Some(r#"{"method":"tools/call","params":{"name":"a"}}"#),
        );
        let older = older.unwrap();
        assert_eq!(older.headers["mcp-protocol-version"], "2025-11-25");
        assert!(older.older && !older.headers.contains_key("mcp-name"));
        let message = r#"{"method":"tools/call","params":{"name":"a","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
        let newer = Ask::new(&url, Some(message)).unwrap();
        assert_eq!(newer.headers["mcp-protocol-version"], "2026-07-28");
        assert!(!newer.older && newer.headers["mcp-name"] == "a");
    }
}
