//! One policy's connection pool, and requests through it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gestalt_core::identity::is_identity_header;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;
use url::Url;

use super::connect::{Connector, Tls, TooSlow};
use super::policy::{Denied, Origin, Policy, Reason, parts, shown};
use super::redirect::{Hop, next_hop};
use super::resolve::Resolver;
use crate::body::{OutBody, Progress};
use crate::call::Injection;
use crate::error::find_cause;
use crate::{Settings, UpstreamError};

/// Idle connections kept for one origin.
const IDLE_CONNECTIONS: usize = 256;
/// How long an idle connection is kept; most servers keep theirs longer.
const IDLE_FOR: Duration = Duration::from_secs(50);

/// What one plugin may reach, and its connections.
#[derive(Clone)]
pub struct Egress {
    policy: Arc<Policy>,
    client: Client<Connector, OutBody>,
    settings: Arc<Settings>,
}

/// A request, and what it takes to make it again for a redirect.
pub(crate) struct Outgoing<'a> {
    pub(crate) method: Method,
    pub(crate) target: Uri,
    /// Headers that the operation always sends.
    pub(crate) fixed: &'a HeaderMap,
    /// Headers that the arguments bring.
    pub(crate) given: Vec<(HeaderName, HeaderValue)>,
    pub(crate) injection: &'a Injection,
    /// What says who calls.
    pub(crate) identity: &'a [(HeaderName, HeaderValue)],
    pub(crate) body: OutBody,
}

/// An answer's head, its body still on the wire.
pub(crate) struct Arrived {
    pub(crate) response: Response<Incoming>,
    /// What answered, after redirects.
    pub(crate) target: Uri,
}

impl Egress {
    pub(crate) fn new(
        policy: Policy,
        settings: Arc<Settings>,
        resolver: Resolver,
        tls: Tls,
    ) -> Self {
        let policy = Arc::new(policy);
        let limit = settings.connect_timeout;
        let connector = Connector::new(Arc::clone(&policy), resolver, limit, tls);
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the door outbound requests go through"
        )]
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_FOR)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(connector);
        Self {
            policy,
            client,
            settings,
        }
    }

    /// Says whether a URL may be reached, as far as its text tells: the host, and its
    /// address where it is written as one. Resolves nothing and connects to nothing.
    ///
    /// # Errors
    /// [`Denied`], with the rule that says no.
    pub fn check(&self, url: &Url) -> Result<(), Denied> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Denied {
                target: url.host_str().unwrap_or_default().to_owned(),
                reason: Reason::UserInfo,
            });
        }
        let uri = url.as_str().parse().map_err(|_| Denied {
            target: url.host_str().unwrap_or_default().to_owned(),
            reason: Reason::Scheme,
        })?;
        self.policy.check(&uri)
    }

    /// Says whether two plugins use the same connections.
    pub fn shares_connections(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.policy, &other.policy)
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Sends a request and follows redirects; waits at most `limit` for the final head, not
    /// counting the time in which a streaming body makes progress.
    pub(crate) async fn send(
        &self,
        out: Outgoing<'_>,
        limit: Duration,
    ) -> Result<Arrived, UpstreamError> {
        let progress = out.body.progress();
        let target = out.target.clone();
        let mut work = pin!(self.follow(out));
        let mut before = 0;
        loop {
            if let Ok(done) = timeout(limit, work.as_mut()).await {
                return done;
            }
            let now = progress.as_ref().map_or(0, Progress::count);
            if now == before {
                return Err(UpstreamError::Timeout {
                    host: authority(&target),
                    waited_for: "to answer",
                    limit,
                });
            }
            before = now;
        }
    }

    async fn follow(&self, mut out: Outgoing<'_>) -> Result<Arrived, UpstreamError> {
        let mut home = None;
        let mut at_home = true;
        let mut hops = 0;
        loop {
            self.policy
                .check(&out.target)
                .map_err(UpstreamError::EgressDenied)?;
            let replay = out.body.replay();
            let response = self.once(&mut out, at_home).await?;
            let replayable = replay.is_some();
            let hop = next_hop(&out.method, &out.target, &response, replayable)?;
            let Some(Hop { method, url }) = hop else {
                let target = out.target;
                return Ok(Arrived { response, target });
            };
            hops += 1;
            if hops > self.settings.max_redirects {
                return Err(UpstreamError::answer(
                    "The upstream redirects more often than is followed.",
                ));
            }
            let home = home.get_or_insert_with(|| home_of(&out.target));
            at_home = at_home && Origin::of_url(&url) == *home;
            out.target = super::redirect::target(url, out.injection, at_home)?;
            out.body = match replay {
                Some(body) if method == out.method => body,
                _ => OutBody::Empty,
            };
            if method != out.method {
                out.given.retain(|(name, _)| !describes_body(name));
            }
            out.method = method;
        }
    }

    async fn once(
        &self,
        out: &mut Outgoing<'_>,
        at_home: bool,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let body = std::mem::replace(&mut out.body, OutBody::Empty);
        let empty = matches!(body, OutBody::Empty);
        let mut request = Request::new(body);
        *request.method_mut() = out.method.clone();
        *request.uri_mut() = out.target.clone();
        *request.headers_mut() = headers(out, at_home)?;
        if empty && matches!(out.method, Method::POST | Method::PUT | Method::PATCH) {
            // Said although there is nothing (RFC 9110 §8.6): some servers answer 411 else.
            let nothing = HeaderValue::from_static("0");
            request.headers_mut().insert(CONTENT_LENGTH, nothing);
        }
        match self.client.request(request).await {
            Ok(response) => Ok(response),
            Err(error) => Err(self.failure(&out.target, error)),
        }
    }

    fn failure(&self, target: &Uri, error: legacy::Error) -> UpstreamError {
        if let Some(denied) = find_cause::<Denied>(&error) {
            return UpstreamError::EgressDenied(denied.clone());
        }
        if let Some(UpstreamError::TooLarge { limit }) = find_cause(&error) {
            return UpstreamError::TooLarge { limit: *limit };
        }
        let host = authority(target);
        if find_cause::<TooSlow>(&error).is_some() {
            return UpstreamError::Timeout {
                host,
                waited_for: "to connect",
                limit: self.settings.connect_timeout,
            };
        }
        let cause = find_cause::<hyper::Error>(&error);
        if cause.is_some_and(hyper::Error::is_user) {
            return UpstreamError::invalid("body", "The request body broke off.");
        }
        if cause.is_some_and(hyper::Error::is_parse) {
            return UpstreamError::InvalidAnswer {
                message: format!("{host} answered with something that is not HTTP."),
                source: Some(error.into()),
            };
        }
        UpstreamError::Unreachable {
            host,
            source: error.into(),
        }
    }
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Egress").field(&self.policy).finish()
    }
}

fn home_of(uri: &Uri) -> Option<Origin> {
    parts(uri).map(|(https, host, port)| Origin {
        https,
        host: host.to_owned(),
        port,
    })
}

fn authority(uri: &Uri) -> String {
    parts(uri).map_or_else(
        || "The upstream".to_owned(),
        |(_, host, port)| shown(host, port),
    )
}

fn describes_body(name: &HeaderName) -> bool {
    name.as_str().starts_with("content-")
}

/// The headers of a hop; away from home none that may carry a credential or says who calls.
fn headers(out: &Outgoing<'_>, at_home: bool) -> Result<HeaderMap, UpstreamError> {
    let mut headers = out.fixed.clone();
    for (name, value) in &out.given {
        // What the caller gave, cookies among it, is for the home as well.
        if (at_home || describes_body(name)) && !is_identity_header(name.as_str()) {
            headers.insert(name.clone(), value.clone());
        }
    }
    if !at_home {
        for (name, _) in &out.injection.headers {
            headers.remove(name);
        }
        return Ok(headers);
    }
    for (name, secret) in &out.injection.headers {
        let given = headers.get(COOKIE).filter(|_| name == COOKIE);
        let value = match given.map(|given| String::from_utf8_lossy(given.as_bytes())) {
            // Cookies of the credential and of the arguments share one header.
            Some(given) => sensitive(&format!("{given}; {}", secret.expose()))?,
            None => sensitive(secret.expose())?,
        };
        headers.insert(name.clone(), value);
    }
    if let Some((user, password)) = &out.injection.basic {
        let pair = format!("{}:{}", user.expose(), password.expose());
        let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
        headers.insert(AUTHORIZATION, sensitive(&value)?);
    }
    for (name, value) in out.identity {
        headers.insert(name.clone(), value.clone());
    }
    Ok(headers)
}

fn sensitive(text: &str) -> Result<HeaderValue, UpstreamError> {
    let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        UpstreamError::invalid(
            "",
            "The credential holds characters that no header can carry.",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}
