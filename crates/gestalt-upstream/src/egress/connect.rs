//! The connector: resolve once, check every address, dial a checked one.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout, timeout_at};
use tower::Service;

use super::policy::{Denied, Policy, Reason, parts};
use super::resolve::Resolver;
use crate::BoxError;

/// No connection in time.
#[derive(Debug, thiserror::Error)]
#[error("no connection in time")]
pub(crate) struct TooSlow;

/// The TLS settings of every connection, made when the first one needs them: reading the
/// machine's root certificates takes longer than the rest of a start.
#[derive(Clone, Default)]
pub(crate) struct Tls(Arc<OnceCell<Arc<ClientConfig>>>);

impl Tls {
    async fn get(&self) -> Result<Arc<ClientConfig>, BoxError> {
        let made = self.0.get_or_try_init(|| async {
            tokio::task::spawn_blocking(make_tls)
                .await
                .map_err(BoxError::from)?
        });
        made.await.cloned()
    }
}

fn make_tls() -> Result<Arc<ClientConfig>, BoxError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_native_roots()?
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Makes TCP connections that a policy permits.
#[derive(Clone)]
pub(crate) struct Dialler {
    policy: Arc<Policy>,
    resolver: Resolver,
    limit: Duration,
}

impl Service<Uri> for Dialler {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialler = self.clone();
        Box::pin(async move { dialler.connect(&uri).await.map(TokioIo::new) })
    }
}

impl Dialler {
    /// Connects to the host and port of a URI.
    pub(crate) async fn connect(&self, uri: &Uri) -> Result<TcpStream, BoxError> {
        self.policy.check(uri)?;
        let (_, host, port) = parts(uri).ok_or_else(|| Denied {
            target: String::new(),
            reason: Reason::Scheme,
        })?;
        let deadline = Instant::now() + self.limit;
        let addresses: Vec<IpAddr> = match host.parse() {
            Ok(literal) => vec![literal],
            Err(_) => timeout_at(deadline, self.resolver.addresses(host))
                .await
                .map_err(|_| TooSlow)??,
        };
        for address in &addresses {
            self.policy.check_address(host, *address, port)?;
        }
        let stream = dial(&addresses, port, deadline).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Tries addresses in order, each for its share of the time that is left.
async fn dial(addresses: &[IpAddr], port: u16, deadline: Instant) -> Result<TcpStream, BoxError> {
    let mut failure: BoxError = "the name has no address".into();
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the door outbound connections go through"
        )]
        let attempt = TcpStream::connect(SocketAddr::new(*address, port));
        match timeout(share, attempt).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = error.into(),
            Err(_) => failure = TooSlow.into(),
        }
    }
    Err(failure)
}

/// Makes connections that a policy permits, with TLS where the URI asks for it.
#[derive(Clone)]
pub(crate) struct Connector {
    dialler: Dialler,
    tls: Tls,
}

impl Connector {
    pub(crate) fn new(policy: Arc<Policy>, resolver: Resolver, limit: Duration, tls: Tls) -> Self {
        let dialler = Dialler {
            policy,
            resolver,
            limit,
        };
        Self { dialler, tls }
    }

    /// The same way to a host, for bytes of any kind.
    pub(crate) fn dialler(&self) -> Dialler {
        self.dialler.clone()
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { dialler, tls } = self.clone();
        Box::pin(async move {
            if uri.scheme() == Some(&http::uri::Scheme::HTTP) {
                let stream = dialler.connect(&uri).await?;
                return Ok(MaybeHttpsStream::Http(TokioIo::new(stream)));
            }
            // The certificate is checked against the name, never against the address dialled.
            let limit = dialler.limit;
            let mut secure = HttpsConnector::from((dialler, tls.get().await?));
            timeout(limit, secure.call(uri))
                .await
                .map_err(|_| TooSlow)?
        })
    }
}
