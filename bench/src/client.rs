//! Requests that prepare a run and read its figures.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, Uri};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::Result;
use crate::ask::Ask;

/// A client of one server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    base: String,
    pool: Pool<HttpConnector, Full<Bytes>>,
}

impl Client {
    pub(crate) fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            pool: Pool::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Reads a text.
    ///
    /// # Errors
    ///
    /// When there is no answer, or another than 2xx.
    pub(crate) async fn get(&self, path: &str) -> Result<String> {
        self.send(Method::GET, path, None, Bytes::new()).await
    }

    /// Posts a document, as the owner of `token` if there is one, and reads
    /// the answer's.
    ///
    /// # Errors
    ///
    /// When there is no answer, or another than 2xx.
    pub(crate) async fn post(
        &self,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Result<Value> {
        let body = Bytes::from(body.to_string());
        let answer = self.send(Method::POST, path, token, body).await?;
        Ok(serde_json::from_str(&answer)?)
    }

    /// Posts a message of MCP, as the owner of `token`, and reads the whole answer.
    ///
    /// # Errors
    ///
    /// When there is no answer, or another than 2xx.
    pub(crate) async fn message(&self, path: &str, token: &str, message: &str) -> Result<Bytes> {
        let uri: Uri = format!("{}{path}", self.base).parse()?;
        let mut request = Ask::new(&uri, Some(message))?.request();
        *request.uri_mut() = uri;
        let bearer = format!("Bearer {token}");
        request.headers_mut().insert(AUTHORIZATION, bearer.parse()?);
        let answer = self.pool.request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if status.is_success() {
            Ok(body)
        } else {
            Err(format!("{path}: {status}: {}", String::from_utf8_lossy(&body)).into())
        }
    }

    /// Sends a request and reads a text.
    ///
    /// # Errors
    ///
    /// When there is no answer, or another than 2xx.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Bytes,
    ) -> Result<String> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let answer = self.pool.request(request.body(Full::new(body))?).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        if status.is_success() {
            Ok(body)
        } else {
            Err(format!("{path}: {status}: {body}").into())
        }
    }
}
