//! A loopback proxy that adds a credential, for clients that can present none.

use std::net::Ipv4Addr;

use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CONNECTION, HOST, HeaderName, HeaderValue, ORIGIN, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::uri::{Authority, Scheme};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// What one proxy does with every request.
#[derive(Clone)]
struct Route {
    client: Client<HttpConnector, Incoming>,
    /// The proxy's own authority, which its clients name.
    own: String,
    to: Authority,
    credential: HeaderValue,
}

/// Forwards to the server at `to`, an address without a path, from a free loopback port until
/// the test's runtime ends, with `Authorization: Bearer …` in every request; returns the
/// proxy's address, as `http://127.0.0.1:PORT`.
///
/// Bodies are passed on as they come, both ways, and so are all headers but those of one hop.
/// `Host` and `Origin` are passed on too, but where they name the proxy they then name the
/// server: who asks for another host is still seen to do so.
///
/// # Panics
///
/// When `to` is no address, the token cannot stand in a header, or there is no free port.
pub async fn proxy(to: &str, token: &str) -> String {
    let to: Uri = to.parse().expect("a server's address");
    let to = to.authority().expect("a server's address").clone();
    let credential = HeaderValue::from_str(&format!("Bearer {token}"));
    let credential = credential.expect("a token that can stand in a header");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a free port");
    let own = listener.local_addr().expect("an address").to_string();
    let url = format!("http://{own}");
    let client = Client::builder(TokioExecutor::new()).build_http();
    let route = Route {
        client,
        own,
        to,
        credential,
    };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let route = route.clone();
            let forward = service_fn(move |request| forward(route.clone(), request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), forward);
            tokio::spawn(connection);
        }
    });
    url
}

async fn forward(
    route: Route,
    mut request: Request<Incoming>,
) -> Result<Response<Incoming>, Error> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(route.to.clone());
    *request.uri_mut() = Uri::from_parts(parts).expect("a path, a scheme and an authority");
    let headers = request.headers_mut();
    strip(headers);
    rename(headers, HOST, &route.own, route.to.as_str());
    let origin = |authority: &str| format!("http://{authority}");
    let (own, to) = (origin(&route.own), origin(route.to.as_str()));
    rename(headers, ORIGIN, &own, &to);
    headers.insert(AUTHORIZATION, route.credential);
    let mut answer = route.client.request(request).await?;
    strip(answer.headers_mut());
    Ok(answer)
}

/// Gives a header that has the value `from` the value `to`.
fn rename(headers: &mut HeaderMap, name: HeaderName, from: &str, to: &str) {
    let named = headers.get(&name).and_then(|value| value.to_str().ok());
    if named == Some(from) {
        let to = HeaderValue::from_str(to).expect("an authority can stand in a header");
        headers.insert(name, to);
    }
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
