//! An MCP server that answers each tool call with the text that a test gives it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use gestalt_core::Clock;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::value::RawValue;
use tokio::net::TcpListener;

use crate::house::{Ask, House, Plan};

/// What `initialize` begins there.
pub(super) const SESSION: &str = "a-session-of-the-server";

/// A request as it arrived.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Seen {
    /// The JSON text of the message's parameters.
    pub(super) fn params(&self) -> String {
        #[derive(serde::Deserialize)]
        struct Message<'a> {
            #[serde(borrow)]
            params: &'a RawValue,
        }
        let message: Message<'_> = serde_json::from_slice(&self.body).unwrap();
        message.params.get().to_owned()
    }
}

/// What a tool call is answered with.
#[derive(Default)]
struct Script {
    /// The JSON text of the result.
    result: String,
    /// It comes as an event of a stream.
    streams: bool,
    seen: Vec<Seen>,
}

/// A server of both eras, for as long as the test runs.
#[derive(Clone)]
pub(super) struct Server {
    script: Arc<Mutex<Script>>,
    port: u16,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let server = Self {
            script: Arc::default(),
            port: listener.local_addr().unwrap().port(),
        };
        server.says(r#"{"content":[]}"#, false);
        let answering = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = answering.clone();
                let answer = service_fn(move |request| server.clone().answer(request));
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
                tokio::spawn(connection);
            }
        });
        server
    }

    /// A daemon whose plugin `served` is this server.
    pub(super) async fn house(&self, clock: Clock) -> House {
        let port = self.port;
        let config = format!(
            "connections:\n  own: {{ auth: {{ type: bearer }} }}\nplugins:\n  served:\n    \
             connections: {{ default: {{ ref: own }} }}\n    \
             egress: {{ allowedCidrs: ['127.0.0.1/32:{port}'] }}\n    \
             surfaces: {{ mcp: {{ url: 'http://127.0.0.1:{port}/mcp' }} }}\n"
        );
        let plan = Plan {
            config: config.leak(),
            clock,
            ..Plan::default()
        };
        let house = plan.build().await;
        let credential = serde_json::json!({
            "integration": "served",
            "credentials": { "token": "a-credential-of-ada" },
        });
        let ask = house.post("/api/v1/auth/connect-manual");
        assert_eq!(ask.json(&credential).await.status, 201);
        house
    }

    /// From now on a tool call is answered with this.
    pub(super) fn says(&self, result: &str, streams: bool) {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        result.clone_into(&mut script.result);
        script.streams = streams;
    }

    /// What arrived since this was last asked.
    pub(super) fn seen(&self) -> Vec<Seen> {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut script.seen)
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        #[derive(serde::Deserialize)]
        struct Message<'a> {
            #[serde(borrow, default)]
            id: Option<&'a RawValue>,
            #[serde(borrow)]
            method: &'a str,
        }
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.seen.push(Seen {
            method: head.method.clone(),
            headers: head.headers,
            body: body.clone(),
        });
        if head.method != Method::POST {
            return Ok(empty(StatusCode::NO_CONTENT));
        }
        let message: Message<'_> = serde_json::from_slice(&body).unwrap();
        let Some(id) = message.id else {
            return Ok(empty(StatusCode::ACCEPTED));
        };
        let result = match message.method {
            "server/discover" => {
                r#"{"supportedVersions":["2026-07-28","2025-11-25"],"capabilities":{"tools":{}}}"#
            }
            "initialize" => {
                r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}"#
            }
            "tools/list" => r#"{"tools":[{"name":"any","inputSchema":{"type":"object"}}]}"#,
            _ => &*script.result,
        };
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
        let streams = script.streams && message.method == "tools/call";
        let mut answer = Response::new(Full::default());
        let (kind, body) = if streams {
            // Each line of the data is a field of its own; together they are the text again.
            let lines = text.split('\n').map(|line| format!("data: {line}\n"));
            (
                "text/event-stream",
                format!("{}\n", lines.collect::<String>()),
            )
        } else {
            ("application/json", text)
        };
        answer
            .headers_mut()
            .insert("content-type", kind.parse().unwrap());
        if message.method == "initialize" {
            let session = SESSION.parse().unwrap();
            answer.headers_mut().insert("mcp-session-id", session);
        }
        *answer.body_mut() = Full::new(Bytes::from(body));
        Ok(answer)
    }
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

/// An older client's request.
pub(super) fn older(ask: Ask, session: Option<&str>) -> Ask {
    let ask = ask
        .with("accept", "application/json, text/event-stream")
        .with("content-type", "application/json")
        .with("mcp-protocol-version", "2025-11-25");
    match session {
        Some(session) => ask.with("mcp-session-id", session),
        None => ask,
    }
}

/// Opens an older client's session at an endpoint; gives its id.
pub(super) async fn open(house: &House, path: &str) -> String {
    let begin = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
    let begun = older(house.post(path), None).body(begin).await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    let id = begun.header("mcp-session-id").to_owned();
    assert!(!id.is_empty());
    let told = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let told = older(house.post(path), Some(&id)).body(told).await;
    assert_eq!(told.status, 202, "{}", told.text());
    id
}
