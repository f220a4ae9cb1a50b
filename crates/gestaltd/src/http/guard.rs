//! What every request passes, whatever it is for, written straight down.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use gestalt_core::entropy::NoEntropy;
use gestalt_core::id::RequestId;
use gestalt_core::{Code, Refusal};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use tower::ServiceExt;

use super::context::Context;
use super::problem::Refused;
use super::{Door, Role, client, invoke, problem};
use crate::mcp;

/// A body on its way out: whole, or as a handler made it.
pub(crate) type Outgoing = Either<Full<Bytes>, Body>;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const SOURCE: HeaderName = HeaderName::from_static("gestalt-source");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

const OF_GATEWAY: HeaderValue = HeaderValue::from_static("gateway");
pub(super) const OF_UPSTREAM: HeaderValue = HeaderValue::from_static("upstream");

/// Pages load nothing but what this server serves, and no script at all runs in them.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; \
     trusted-types 'none'",
);
const API_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// What an upstream wrote must not become a page of this origin, whatever its type.
const UPSTREAM_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");

/// What kind of thing an address is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Area {
    Api,
    Operate,
    /// What is the same for everybody and says itself how long it may be kept.
    Asset,
    Page,
}

impl Area {
    fn of(path: &str) -> Self {
        match path {
            "/health" | "/ready" | "/metrics" => Self::Operate,
            "/api" | "/mcp" => Self::Api,
            _ if path.starts_with("/api/") || path.starts_with("/mcp/") => Self::Api,
            super::operate::KEYS => Self::Asset,
            _ if path.starts_with("/assets/") => Self::Asset,
            _ => Self::Page,
        }
    }
}

/// The guard of one listener; clones share it.
#[derive(Clone)]
pub(super) struct Guard(Arc<Post>);

struct Post {
    door: Door,
    role: Role,
    routes: Router,
}

impl Guard {
    pub(super) fn new(door: Door, role: Role) -> Self {
        let routes = match role {
            Role::Public => super::public_routes(&door),
            Role::Management => super::management_routes(&door),
        };
        Self(Arc::new(Post { door, role, routes }))
    }

    /// Answers a request, whatever happens.
    ///
    /// # Errors
    /// [`NoEntropy`]: without randomness nothing is served, and the connection is closed.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        local: SocketAddr,
    ) -> Result<Response<Outgoing>, NoEntropy> {
        let door = &self.0.door;
        let request_id = RequestId::generate(door.clock().now(), door.entropy())?;
        let started = tracing::enabled!(tracing::Level::DEBUG).then(tokio::time::Instant::now);
        let asked = Asked {
            area: Area::of(request.uri().path()),
            method: request.method().clone(),
            html: accepts_html(request.headers()),
            presented: presents(request.headers()),
            path: started.map(|_| request.uri().path().to_owned()),
        };
        let context = Context {
            request_id,
            address: client::address(peer.ip(), request.headers(), &door.0.trusted_proxies),
            own_origin: None,
        };
        let answer = no_panic(self.admit(request, context, asked.area, local)).await;
        let response = self.finish(answer, &asked, request_id);
        if let Some(started) = started {
            let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            let (status, path) = (response.status().as_u16(), asked.path.unwrap_or_default());
            let method = asked.method;
            tracing::debug!(%request_id, %method, path, status, micros, address = %context.address, "answered");
        }
        Ok(response)
    }

    /// Checks where the request says it goes and comes from, then hands it on.
    async fn admit(
        &self,
        request: Request<Incoming>,
        mut context: Context,
        area: Area,
        local: SocketAddr,
    ) -> Result<Response<Outgoing>, Refused> {
        let site = self.0.door.site();
        let headers = request.headers();
        let host = site.check_host(request.uri(), headers, local)?;
        context.own_origin = headers.get(header::ORIGIN).map(|origin| {
            origin
                .to_str()
                .is_ok_and(|origin| site.is_own_origin(origin, host))
        });
        let of_a_page = area == Area::Page && request.method().is_safe();
        if context.own_origin == Some(false) && !of_a_page {
            return Err(
                Refusal::new(Code::Forbidden, "The request comes from another site.").into(),
            );
        }
        if self.0.role == Role::Public {
            let (door, path) = (&self.0.door, request.uri().path());
            if let Some(target) = invoke::Target::of(request.method(), path) {
                return invoke::run(door, context, target, request).await;
            }
            if let Some(target) = mcp::Target::of(path) {
                return mcp::run(door, context, target, request).await;
            }
        }
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(context);
        let routed = self.0.routes.clone().oneshot(request).await;
        Ok(routed
            .unwrap_or_else(|never: Infallible| match never {})
            .map(Either::Right))
    }

    /// Writes refusals out and puts on every answer what every answer has.
    fn finish(
        &self,
        answer: Result<Response<Outgoing>, Refused>,
        asked: &Asked,
        request_id: RequestId,
    ) -> Response<Outgoing> {
        let (mut response, refused) = match answer {
            Ok(mut response) => {
                let refused = response.extensions_mut().remove::<Refused>();
                (response, refused)
            }
            Err(refused) => (Response::new(Either::Right(Body::empty())), Some(refused)),
        };
        let unknown_method =
            response.status() == StatusCode::METHOD_NOT_ALLOWED && refused.is_none();
        let refused = refused.or_else(|| unknown_method.then(|| Refused::method("")));
        if let Some(refused) = refused {
            problem::log(&refused, request_id);
            let old = std::mem::take(response.headers_mut());
            response = self.refuse(&refused, asked, request_id).map(Either::Right);
            keep(&old, response.headers_mut());
        }
        self.dress(response.headers_mut(), asked.area, request_id);
        response
    }

    fn refuse(&self, refused: &Refused, asked: &Asked, request_id: RequestId) -> Response<Body> {
        let site = self.0.door.site();
        if asked.area == Area::Page && asked.html {
            return crate::pages::refusal(refused, site, request_id);
        }
        problem::answer(refused, site, request_id, asked.presented)
    }

    fn dress(&self, headers: &mut HeaderMap, area: Area, request_id: RequestId) {
        let from_upstream = headers.get(SOURCE) == Some(&OF_UPSTREAM);
        let policy = match area {
            Area::Page => PAGE_POLICY,
            _ if from_upstream => UPSTREAM_POLICY,
            _ => API_POLICY,
        };
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        );
        if area == Area::Page {
            headers.insert(
                OPENER_POLICY,
                HeaderValue::from_static("same-origin-allow-popups"),
            );
        }
        if self.0.door.site().https() {
            let two_years = HeaderValue::from_static("max-age=63072000; includeSubDomains");
            headers.insert(header::STRICT_TRANSPORT_SECURITY, two_years);
        }
        if area != Area::Asset {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if !from_upstream {
            headers.insert(SOURCE, OF_GATEWAY);
        }
        if let Ok(id) = HeaderValue::try_from(request_id.to_string()) {
            headers.insert(REQUEST_ID, id);
        }
    }
}

/// What is remembered of a request until its answer is written.
struct Asked {
    area: Area,
    method: Method,
    html: bool,
    presented: bool,
    path: Option<String>,
}

/// Keeps of a replaced answer what its problem document must still carry.
fn keep(old: &HeaderMap, new: &mut HeaderMap) {
    for name in [header::ALLOW, header::SET_COOKIE] {
        if let Some(value) = old.get(&name) {
            new.insert(name, value.clone());
        }
    }
}

fn accepts_html(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

fn presents(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION) || headers.contains_key("x-api-key")
}

/// A panic is a fault of ours for one request, not the end of the connection.
async fn no_panic<T>(work: impl Future<Output = Result<T, Refused>>) -> Result<T, Refused> {
    let mut work = pin!(work);
    let caught = poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => std::task::Poll::Ready(Err(panic)),
        },
    );
    caught.await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "a panic without words".to_owned());
        Err(Refusal::internal(format!("panic: {text}")).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_one_requests_fault_and_its_words_are_for_the_log() {
        let refused = no_panic::<()>(async { panic!("token gst_api_x") })
            .await
            .err()
            .unwrap();
        let refusal = refused.refusal();
        assert_eq!(refusal.code, Code::Internal);
        assert!(!refusal.message.contains("gst_api"));
        assert!(
            refusal
                .cause
                .as_ref()
                .is_some_and(|cause| cause.to_string().starts_with("panic: "))
        );
    }
}
