//! The proxy of a plugin's children: HTTP with absolute targets and CONNECT (RFC 9110
//! §9.3.6, RFC 9112 §3.2.2), under the plugin's own egress rules.
//!
//! Each plugin has a port of its own, since rules on connections know ports only, and each
//! child a secret of its own, which dies with it. What passes through is the child's: nothing
//! is added to it, masked in it or kept of it.

mod tunnel;

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use gestalt_core::name::PluginName;
use gestalt_core::{Entropy, Secret};
use http::header::{CONNECTION, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use url::Url;

use self::tunnel::pipe;
use super::connect::{Connector, Dialler, Tls, TooSlow};
use super::policy::{Denied, Policy, Reason};
use super::resolve::Resolver;
use crate::error::find_cause;
use crate::{BoxError, BoxedBody, Settings};

/// Most connections of one plugin's children at the same time.
const MAX_CONNECTIONS: usize = 256;
/// Largest head of a request, in bytes.
const MAX_HEAD: usize = 32 << 10;
/// Longest wait for a request's head.
const HEAD: Duration = Duration::from_secs(10);
/// How long no connection is taken after one could not be: out of files, most likely, and
/// those that are open must end first.
const AFTER_FAULT: Duration = Duration::from_millis(100);

/// Headers that are for one connection only (RFC 9110 §7.6.1), and the proxy's own.
const OF_THE_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The proxy of one plugin's children. It ends when this is dropped.
pub(crate) struct Proxy {
    port: u16,
    socket: Option<PathBuf>,
    guests: Arc<Guests>,
    serving: JoinHandle<()>,
}

/// What a child is told; it is let in until this is dropped.
pub(crate) struct Ticket {
    port: u16,
    socket: Option<PathBuf>,
    url: Secret,
    presented: String,
    guests: Arc<Guests>,
}

/// Who is let in: what they present in `Proxy-Authorization`.
#[derive(Default)]
struct Guests(Mutex<HashSet<String>>);

impl Guests {
    fn with<T>(&self, work: impl FnOnce(&mut HashSet<String>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn admit(&self, headers: &HeaderMap) -> bool {
        let presented = headers.get(PROXY_AUTHORIZATION);
        let presented = presented.and_then(|value| value.to_str().ok());
        let pair = presented.and_then(|value| {
            let (scheme, pair) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("basic").then(|| pair.trim())
        });
        pair.is_some_and(|pair| self.with(|guests| guests.contains(pair)))
    }
}

impl Proxy {
    /// Listens on a free port of the loopback interface, and at a path for who has a network
    /// of its own, if one can be used.
    pub(crate) async fn start(
        plugin: &PluginName,
        policy: Policy,
        (settings, resolver, tls): (Arc<Settings>, Resolver, Tls),
        socket: Option<PathBuf>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let port = listener.local_addr()?.port();
        let at_path = socket
            .as_ref()
            .and_then(|path| UnixListener::bind(path).ok());
        let guests = Arc::<Guests>::default();
        let policy = Arc::new(policy);
        let limit = settings.connect_timeout;
        let connector = Connector::new(Arc::clone(&policy), resolver, limit, tls);
        let dialler = connector.dialler();
        #[expect(
            clippy::disallowed_methods,
            reason = "this is a door outbound requests go through, under the same policy"
        )]
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            // Connections of one child are not handed to another.
            .pool_max_idle_per_host(0)
            .build(connector);
        let desk = Arc::new(Desk {
            plugin: plugin.clone(),
            policy,
            guests: Arc::clone(&guests),
            dialler,
            client,
            settings,
        });
        Ok(Self {
            port,
            socket: socket.filter(|_| at_path.is_some()),
            guests,
            serving: tokio::spawn(serve(listener, at_path, desk)),
        })
    }

    /// Lets one child in.
    pub(crate) fn admit(&self, entropy: &Entropy) -> Result<Ticket, BoxError> {
        use std::fmt::Write as _;
        let mut random = [0; 32];
        entropy.fill(&mut random)?;
        let mut password = String::with_capacity(64);
        for byte in random {
            let _ = write!(password, "{byte:02x}");
        }
        let presented = BASE64_STANDARD.encode(format!("child:{password}"));
        self.guests.with(|guests| guests.insert(presented.clone()));
        Ok(Ticket {
            port: self.port,
            socket: self.socket.clone(),
            url: Secret::new(format!("http://child:{password}@127.0.0.1:{}", self.port)),
            presented,
            guests: Arc::clone(&self.guests),
        })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
        if let Some(socket) = &self.socket {
            let _ = std::fs::remove_file(socket);
        }
    }
}

impl Ticket {
    /// The only port that the child may connect to.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where the proxy is reached from another network.
    pub(crate) fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// The proxy's URL, with the child's secret in it.
    pub(crate) fn url(&self) -> &Secret {
        &self.url
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.guests.with(|guests| guests.remove(&self.presented));
    }
}

/// Takes connections until it is aborted; those that it took end with it.
async fn serve(listener: TcpListener, at_path: Option<UnixListener>, desk: Arc<Desk>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut taken = tokio::task::JoinSet::new();
    loop {
        while taken.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let desk = Arc::clone(&desk);
        tokio::select! {
            found = listener.accept() => match found {
                Ok((stream, _)) => {
                    taken.spawn(async move { desk.take(stream, permit).await });
                }
                Err(_) => sleep(AFTER_FAULT).await,
            },
            found = accept(at_path.as_ref()) => match found {
                Ok(stream) => {
                    taken.spawn(async move { desk.take(stream, permit).await });
                }
                Err(_) => sleep(AFTER_FAULT).await,
            },
        }
    }
}

async fn accept(listener: Option<&UnixListener>) -> std::io::Result<UnixStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

/// What every connection of a plugin's children meets.
struct Desk {
    plugin: PluginName,
    policy: Arc<Policy>,
    guests: Arc<Guests>,
    dialler: Dialler,
    client: Client<Connector, Incoming>,
    settings: Arc<Settings>,
}

/// A tunnel that was asked for and is there.
type Tunnel = Arc<Mutex<Option<(OnUpgrade, TcpStream)>>>;

impl Desk {
    /// Serves one connection to its end.
    async fn take<S>(&self, stream: S, _permit: OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let tunnel = Tunnel::default();
        let service = service_fn(|request| self.answer(request, Arc::clone(&tunnel)));
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        if served.await.is_err() {
            return;
        }
        let asked = tunnel.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((upgrade, to)) = asked
            && let Ok(from) = upgrade.await
        {
            pipe(TokioIo::new(from), to, self.settings.idle_timeout).await;
        }
    }

    async fn answer(
        &self,
        mut request: Request<Incoming>,
        tunnel: Tunnel,
    ) -> Result<Response<BoxedBody>, BoxError> {
        if !self.guests.admit(request.headers()) {
            let mut response = said(
                StatusCode::PROXY_AUTHENTICATION_REQUIRED,
                "The proxy does not know you.",
            );
            let challenge = HeaderValue::from_static("Basic realm=\"gestalt\"");
            response.headers_mut().insert(PROXY_AUTHENTICATE, challenge);
            return Ok(response);
        }
        let connect = request.method() == Method::CONNECT;
        let target = match target(request.uri(), connect) {
            Ok(target) => target,
            Err(denied) => return Ok(self.denied(&denied)),
        };
        if connect {
            return Ok(match self.dialler.connect(&target).await {
                Ok(stream) => {
                    let upgrade = hyper::upgrade::on(&mut request);
                    let mut asked = tunnel.lock().unwrap_or_else(PoisonError::into_inner);
                    *asked = Some((upgrade, stream));
                    Response::new(empty())
                }
                Err(error) => self.failed(&*error),
            });
        }
        if let Err(denied) = self.policy.check(&target) {
            return Ok(self.denied(&denied));
        }
        strip(request.headers_mut());
        // It names what the target names, whatever the child wrote (RFC 9112 §3.2.2).
        request.headers_mut().remove(HOST);
        *request.uri_mut() = target;
        *request.version_mut() = http::Version::HTTP_11;
        let limit = self.settings.request_timeout;
        match timeout(limit, self.client.request(request)).await {
            Ok(Ok(mut response)) => {
                strip(response.headers_mut());
                Ok(response.map(|body| body.map_err(BoxError::from).boxed_unsync()))
            }
            Ok(Err(error)) => Ok(self.failed(&error)),
            Err(_) => Ok(said(
                StatusCode::GATEWAY_TIMEOUT,
                "The host does not answer in time.",
            )),
        }
    }

    fn failed(&self, error: &(dyn std::error::Error + 'static)) -> Response<BoxedBody> {
        if let Some(denied) = find_cause::<Denied>(error) {
            return self.denied(denied);
        }
        if find_cause::<TooSlow>(error).is_some() {
            return said(StatusCode::GATEWAY_TIMEOUT, "No connection in time.");
        }
        said(StatusCode::BAD_GATEWAY, "The host could not be reached.")
    }

    fn denied(&self, denied: &Denied) -> Response<BoxedBody> {
        tracing::warn!(plugin = %self.plugin, "process: a connection is refused: {denied}");
        said(StatusCode::FORBIDDEN, &denied.to_string())
    }
}

/// Where a request goes, in the form that rules compare: host names in lower case, addresses
/// in one form whatever they were written in.
fn target(uri: &Uri, connect: bool) -> Result<Uri, Denied> {
    let denied = |reason| Denied {
        target: uri.host().unwrap_or_default().to_owned(),
        reason,
    };
    let text = if connect {
        let authority = uri.authority().ok_or_else(|| denied(Reason::Scheme))?;
        if authority.port_u16().is_none() {
            return Err(denied(Reason::Scheme));
        }
        format!("https://{authority}/")
    } else {
        uri.to_string()
    };
    let url = Url::parse(&text).map_err(|_| denied(Reason::Scheme))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(denied(Reason::UserInfo));
    }
    // TLS through a proxy is the child's own, in a tunnel.
    if !connect && url.scheme() != "http" {
        return Err(denied(Reason::Scheme));
    }
    url.as_str().parse().map_err(|_| denied(Reason::Scheme))
}

/// Takes out what is for this connection only.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in OF_THE_HOP {
        headers.remove(name);
    }
}

fn said(status: StatusCode, text: &str) -> Response<BoxedBody> {
    let body = Full::new(Bytes::from(format!("{text}\n")));
    let mut response = Response::new(body.map_err(BoxError::from).boxed_unsync());
    *response.status_mut() = status;
    response
}

fn empty() -> BoxedBody {
    Full::default().map_err(BoxError::from).boxed_unsync()
}

#[cfg(test)]
mod tests;
