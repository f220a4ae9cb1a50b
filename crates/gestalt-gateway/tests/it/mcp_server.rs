//! An MCP server of the modern era on loopback: it lists what a test says and notes what it
//! is asked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gestalt_core::host::{AddressRange, EgressRules};
use gestalt_core::mcp::{Approval, McpHttp, McpServer, McpTransport};
use gestalt_core::plugin::Plugin;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

/// The server; it ends when dropped.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    script: Arc<Script>,
    _listening: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Script {
    /// Definitions, as JSON texts.
    tools: Mutex<Vec<String>>,
    /// Other definitions for whoever presents a key.
    keyed: Mutex<HashMap<String, Vec<String>>>,
    /// The tools that were called.
    calls: Mutex<Vec<String>>,
    lists: AtomicU64,
    lists_nothing: AtomicBool,
}

impl Scripted {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Script::default());
        let shared = Arc::clone(&script);
        let listening = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                let script = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(Arc::clone(&script), request));
                    let _closed = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            script,
            _listening: AbortOnDropHandle::new(listening),
        }
    }

    /// Lists these from now on.
    pub(crate) fn lists(&self, tools: &[&str]) {
        *self.script.tools.lock().unwrap() = tools.iter().map(ToString::to_string).collect();
    }

    /// Lists these from now on for whoever presents a key.
    pub(crate) fn lists_for(&self, key: &str, tools: &[&str]) {
        let tools = tools.iter().map(ToString::to_string).collect();
        let mut keyed = self.script.keyed.lock().unwrap();
        keyed.insert(key.to_owned(), tools);
    }

    /// Refuses to list anything from now on.
    pub(crate) fn stops_listing(&self) {
        self.script.lists_nothing.store(true, Ordering::SeqCst);
    }

    /// The tools that were called so far.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.script.calls.lock().unwrap().clone()
    }

    /// How often tools were listed.
    pub(crate) fn listed(&self) -> u64 {
        self.script.lists.load(Ordering::SeqCst)
    }

    /// A plugin of this server whose lists are fresh for so long.
    pub(crate) fn plugin(&self, name: &str, approval: Approval, list_ttl: Duration) -> Plugin {
        let url = format!("http://{}/mcp", self.address);
        Plugin {
            name: name.parse().unwrap(),
            formerly: Vec::new(),
            display_name: name.to_owned(),
            description: None,
            base_url: url.parse().unwrap(),
            connections: Vec::new(),
            operations: Vec::new(),
            mcp: Some(McpServer {
                transport: McpTransport::Http(McpHttp {
                    url: url.parse().unwrap(),
                    headers: Vec::new(),
                }),
                allowed_tools: None,
                approval,
                list_ttl,
                timeout: None,
            }),
            identity: None,
            egress: EgressRules {
                allowed_ranges: vec![AddressRange::exactly(
                    self.address.ip(),
                    self.address.port(),
                )],
                ..EgressRules::default()
            },
        }
    }
}

async fn answer(
    script: Arc<Script>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let key = request.headers().get("x-key").cloned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let message: Value = serde_json::from_slice(&body).unwrap();
    let id = &message["id"];
    let result = match message["method"].as_str().unwrap() {
        "server/discover" => {
            r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}"#.to_owned()
        }
        "tools/list" if script.lists_nothing.load(Ordering::SeqCst) => {
            return Ok(said(
                StatusCode::INTERNAL_SERVER_ERROR,
                json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32603, "message": "no" } })
                    .to_string(),
            ));
        }
        "tools/list" => {
            script.lists.fetch_add(1, Ordering::SeqCst);
            let keyed = script.keyed.lock().unwrap();
            let own = key.and_then(|key| keyed.get(key.to_str().unwrap()));
            let tools = match own {
                Some(own) => own.join(","),
                None => script.tools.lock().unwrap().join(","),
            };
            // The server would rather be asked never again.
            format!(r#"{{"resultType":"complete","tools":[{tools}],"ttlMs":86400000,"cacheScope":"private"}}"#)
        }
        "tools/call" => {
            let name = message["params"]["name"].as_str().unwrap().to_owned();
            script.calls.lock().unwrap().push(name);
            r#"{"resultType":"complete","content":[{"type":"text","text":"done"}]}"#.to_owned()
        }
        other => panic!("asked for `{other}`"),
    };
    let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
    Ok(said(StatusCode::OK, text))
}

fn said(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    response
}
