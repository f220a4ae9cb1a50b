//! The part that only forwards: what any gateway on hyper costs at least.

use std::net::Ipv4Addr;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use hyper::http::uri::{Authority, Scheme};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::{Result, options};

type Forwarder = Client<HttpConnector, Incoming>;

/// Forwards to `--to http://HOST:PORT` until it is killed.
///
/// # Errors
///
/// When the listener fails.
pub(crate) async fn serve(arguments: &[String]) -> Result {
    let to: Uri = options::value(arguments, "--to")?.parse()?;
    let to = to.authority().ok_or("--to names no host")?.clone();
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Forwarder = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(256)
        .build(connector);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (client, to) = (client.clone(), to.clone());
        let forward = service_fn(move |request| forward(client.clone(), to.clone(), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), forward));
    }
}

async fn forward(
    client: Forwarder,
    to: Authority,
    mut request: Request<Incoming>,
) -> Result<Response<Incoming>> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(to);
    *request.uri_mut() = Uri::from_parts(parts)?;
    strip(request.headers_mut());
    let mut answer = client.request(request).await?;
    strip(answer.headers_mut());
    Ok(answer)
}

/// Removes what concerns one hop only (RFC 9110 §7.6.1).
fn strip(headers: &mut HeaderMap) {
    const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
    for name in [
        CONNECTION,
        KEEP_ALIVE,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        headers.remove(name);
    }
}
