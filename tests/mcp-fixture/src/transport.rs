//! How clients come in: streamable HTTP on loopback, or the standard streams.

use std::convert::Infallible;
use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rmcp::ServiceExt as _;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio::sync::broadcast;

use crate::changes;
use crate::fixture::{Fixture, Shared};
use crate::options::Options;
use crate::tools::Call;

const PATH: &str = "/mcp";

/// Origins of pages that this machine serves.
const ORIGINS: [&str; 3] = ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"];

/// When a client whose stream was closed may come back.
const RETRY: Duration = Duration::from_millis(50);

/// How long a client whose stream was closed may stay away.
const AWAY: Duration = Duration::from_secs(5);

/// More streams than a session of a test has had.
const STREAMS: u64 = 256;

type Served = Result<(), Box<dyn Error + Send + Sync>>;

/// Serves one client on the standard streams until it closes them.
///
/// # Errors
///
/// When the client does not open as either era does.
pub(crate) async fn stdio(options: Options) -> Served {
    let fixture = Fixture::new(Shared::new(options));
    let running = fixture.serve(rmcp::transport::stdio()).await?;
    running.waiting().await?;
    Ok(())
}

/// Serves streamable HTTP on loopback until the process is ended.
///
/// # Errors
///
/// When the port is taken.
pub(crate) async fn http(options: Options) -> Served {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    let address = listener.local_addr()?;
    let shared = Shared::new(options);
    let sessions = Arc::clone(&shared.sessions);
    let returns = shared.returns.clone();
    let make = move || Ok(Fixture::new(Arc::clone(&shared)));
    let config = StreamableHttpServerConfig::default()
        .with_allowed_origins(ORIGINS)
        .with_sse_retry(Some(RETRY));
    let service = StreamableHttpService::new(make, sessions, config);
    println!("Listening on http://{address}{PATH}");
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (service, returns) = (service.clone(), returns.clone());
        let answer = service_fn(move |request| answer(service.clone(), returns.clone(), request));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
        tokio::spawn(connection);
    }
}

type Service = StreamableHttpService<Fixture, LocalSessionManager>;

async fn answer(
    service: Service,
    returns: broadcast::Sender<String>,
    request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    if request.uri().path() == PATH {
        let resumes = request.headers().contains_key("last-event-id");
        let session = resumes.then(|| session(request.headers())).flatten();
        let response = service.handle(request).await;
        if let Some(session) = session {
            // Most sessions have no tool that waits for them.
            let _ = returns.send(session);
        }
        return Ok(response);
    }
    let mut nothing = Response::new(Empty::new().boxed());
    *nothing.status_mut() = StatusCode::NOT_FOUND;
    Ok(nothing)
}

fn session(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("mcp-session-id")?.to_str().ok()?;
    Some(id.to_owned())
}

/// Closes the streams on which a session of the older era waits for answers, as a server may
/// at any time (SEP-1699), and waits until the client is back for what it missed: the SDK
/// forgets a stream with its last answer.
pub(crate) async fn close_streams(call: &Call<'_>) {
    let parts = call.context.extensions.get::<http::request::Parts>();
    let Some(id) = parts.and_then(|parts| session(&parts.headers)) else {
        return;
    };
    let shared = &call.fixture.shared;
    let known = shared.sessions.sessions.read().await;
    let Some(handle) = known.get(id.as_str()).cloned() else {
        return;
    };
    drop(known);
    let mut returns = shared.returns.subscribe();
    for stream in 0..STREAMS {
        // Most of these numbers belong to no stream that is open.
        let _ = handle.close_sse_stream(stream, Some(RETRY)).await;
    }
    let back = async {
        while let Some(back) = changes::next(&mut returns).await {
            if back == id {
                return;
            }
        }
    };
    tokio::select! {
        () = back => {}
        () = call.pause(AWAY) => {}
    }
}
