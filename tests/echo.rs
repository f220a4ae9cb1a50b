//! An upstream of a test's own: it says what it was asked, and remembers.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::served::serve;

/// The header by which its accounts are told apart.
pub const KEY_HEADER: &str = "x-echo-key";

/// A running upstream; it ends with the test's runtime.
#[derive(Debug)]
pub struct Echo {
    /// Its address, as `http://127.0.0.1:PORT`.
    pub url: String,
    seen: Arc<Mutex<Vec<Value>>>,
    held: watch::Sender<bool>,
}

impl Echo {
    /// Starts it on a free loopback port. It answers every request with
    /// `{method, path, query, key, body}`, with `told` where it is
    /// told who calls, but what is asked for under
    /// `/status/CODE` with that status.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub async fn start() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let remembered = Arc::clone(&seen);
        let (held, gate) = watch::channel(false);
        let url = serve(move |request| answer(request, Arc::clone(&remembered), gate.clone()));
        let url = url.await;
        Self { url, seen, held }
    }

    /// Answers nothing until [`Self::release`]; what it is asked is remembered at once.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Answers what it was asked meanwhile.
    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// What it was asked so far, in its answers' form.
    pub fn seen(&self) -> Vec<Value> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }

    /// A configuration without a login, on a port of the system's choice,
    /// whose plugin `echo` calls this upstream with the key that its caller
    /// has connected; `more` goes on at the top level.
    pub fn config(&self, more: &str) -> String {
        let port = self.url.rsplit(':').next().unwrap_or_default();
        format!(
            r#"server:
  public: {{ host: 127.0.0.1, port: 0 }}
  encryptionKey: "{root_key}"
plugins:
  echo:
    connections:
      default:
        mode: user
        auth:
          type: manual
          credentials:
            - {{ name: key, label: Key, secret: true }}
          authMapping: {{ headers: {{ {KEY_HEADER}: {{ valueFrom: {{ credentialFieldRef: {{ name: key }} }} }} }} }}
    egress: {{ allowedCidrs: ["127.0.0.1/32:{port}"] }}
    surfaces:
      rest:
        baseUrl: {url}
        operations:
          - name: read
            description: Reads an item.
            method: GET
            path: /items/{{id}}
            readOnly: true
            parameters:
              - {{ name: id, in: path, type: string, required: true }}
          - name: write
            description: Writes an item.
            method: POST
            path: /items
            parameters: []
            body:
              contentType: application/json
              schema: {{ type: object, required: [text], properties: {{ text: {{ type: string }} }} }}
          - name: fail
            description: Answers with a status.
            method: GET
            path: /status/{{code}}
            readOnly: true
            parameters:
              - {{ name: code, in: path, type: integer, required: true }}
{more}"#,
            root_key = crate::seed::ROOT_KEY,
            url = self.url,
        )
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<Value>>>,
    mut gate: watch::Receiver<bool>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let body = body.unwrap_or_default();
    let key = head.headers.get(KEY_HEADER);
    let mut said = json!({
        "method": head.method.as_str(),
        "path": head.uri.path(),
        "query": head.uri.query().unwrap_or_default(),
        "key": key.and_then(|key| key.to_str().ok()),
        "body": String::from_utf8_lossy(&body),
    });
    let told = head.headers.iter();
    let told = told.filter(|(name, _)| name.as_str().starts_with("x-gestalt-"));
    for (name, value) in told {
        said["told"][name.as_str()] = String::from_utf8_lossy(value.as_bytes()).into();
    }
    let mut answer = Response::new(Full::from(said.to_string()));
    let kind = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    let status = head.uri.path().strip_prefix("/status/");
    if let Some(status) = status.and_then(|status| status.parse().ok()) {
        *answer.status_mut() = status;
    }
    let remember = || {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(said);
    };
    remember();
    // The gate's other side goes with the upstream.
    let _gone = gate.wait_for(|held| !held).await;
    Ok(answer)
}
