//! A plain HTTP client, as a program of somebody else would use.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// A client of one server that presents one credential, or none.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    headers: HeaderMap,
    pool: Pool<HttpConnector, Full<Bytes>>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, read to its end.
    pub body: Bytes,
}

impl Client {
    /// A client of the server at `base`, without a path.
    pub fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            headers: HeaderMap::new(),
            pool: Pool::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// The same client with a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.with(AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// The same client with one more header in every request.
    ///
    /// # Panics
    ///
    /// When the value cannot stand in a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header value");
        self.headers.insert(name, value);
        self
    }

    /// Sends a GET.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// Sends a POST with a JSON body.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Sends a DELETE.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Sends a request with an optional JSON body.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let bytes = body.map(Value::to_string).unwrap_or_default();
        let request = request.body(Full::from(bytes)).expect("a request");
        self.request(request).await
    }

    /// Sends a request of the test's own making; its URI is a path.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub async fn request(&self, request: Request<Full<Bytes>>) -> Answer {
        let sent = self.try_request(request).await;
        sent.unwrap_or_else(|error| panic!("{}: no answer: {error}", self.base))
    }

    /// Sends a request that may find the server gone.
    ///
    /// # Errors
    ///
    /// A sentence on why there is no whole answer.
    ///
    /// # Panics
    ///
    /// When the request's URI is no path.
    pub async fn try_request(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let answer = self.try_open(request).await?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| format!("{error:?}"))?;
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.to_bytes(),
        })
    }

    /// Sends a request whose answer is read as it comes.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub async fn open(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        let sent = self.try_open(request).await;
        sent.unwrap_or_else(|error| panic!("{}: no answer: {error}", self.base))
    }

    async fn try_open(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, String> {
        let uri = format!("{}{}", self.base, request.uri());
        *request.uri_mut() = uri.parse().expect("a URI");
        for (name, value) in &self.headers {
            let own = request.headers_mut().entry(name);
            own.or_insert_with(|| value.clone());
        }
        let answer = self.pool.request(request).await;
        answer.map_err(|error| format!("{error:?}"))
    }
}

impl Answer {
    /// Returns the answer if it has this status.
    ///
    /// # Panics
    ///
    /// When it has another.
    #[expect(
        clippy::return_self_not_must_use,
        reason = "often only the status matters"
    )]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}:\n{}", self.text()))
    }

    /// One header as text; empty when absent.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}
