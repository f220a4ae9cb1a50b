//! Refusals as HTTP: the one table from kind to status, and problem details (RFC 9457).

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use gestalt_api::problem::Problem;
use gestalt_core::id::RequestId;
use gestalt_core::{Code, Kind, Refusal};
use http::{HeaderValue, StatusCode, header};

use super::Site;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// When to try again, where the refusal does not say.
const LATER: Duration = Duration::from_secs(1);

/// The HTTP status of a refusal.
pub(crate) const fn status(code: Code) -> StatusCode {
    match code.kind() {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Choose => StatusCode::CONFLICT,
        Kind::NotConnected => StatusCode::PRECONDITION_FAILED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Limited => StatusCode::TOO_MANY_REQUESTS,
        // The operator's own rules refused it: nothing is wrong with the upstream.
        Kind::Upstream if matches!(code, Code::EgressDenied) => StatusCode::FORBIDDEN,
        Kind::Upstream => StatusCode::BAD_GATEWAY,
        Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A short sentence for the code, the same each time.
pub(crate) const fn title(code: Code) -> &'static str {
    match code {
        Code::InvalidRequest => "The request is not valid",
        Code::Unauthenticated => "Authentication is needed",
        Code::TokenExpired => "The token has expired",
        Code::TokenRevoked => "The token was revoked",
        Code::Forbidden => "This is not permitted",
        Code::InsufficientScope => "The token's scope does not cover this",
        Code::NotFound => "There is no such thing",
        Code::InstanceSelectionRequired => "An account must be chosen",
        Code::ConnectionSelectionRequired => "A connection must be chosen",
        Code::NotConnected => "Nothing is connected yet",
        Code::ReconnectRequired => "The connection must be renewed",
        Code::AdminConfigurationRequired => "An admin must set this up first",
        Code::TooLarge => "The request is too large",
        Code::RateLimited => "Too many requests",
        Code::UpstreamUnreachable => "The upstream cannot be reached",
        Code::UpstreamInvalid => "The upstream's answer is not valid",
        Code::EgressDenied => "The gateway may not reach this address",
        Code::ResponseTooLarge => "The upstream's answer is too large",
        Code::UpstreamTimeout => "The upstream took too long",
        Code::Unavailable => "The gateway cannot serve now",
        Code::AuditUnavailable => "The audit trail cannot be written",
        Code::Overloaded => "The gateway has too much to do",
        Code::Internal => "The gateway met a fault of its own",
    }
}

/// A refusal on its way out of a handler; the guard writes the answer.
#[derive(Clone, Debug)]
pub(crate) struct Refused(Arc<Told>);

#[derive(Debug)]
struct Told {
    refusal: Refusal,
    /// HTTP knows better than the table: 405, 406, 415.
    status: Option<StatusCode>,
    /// Methods the address knows, for 405.
    allow: Option<&'static str>,
}

impl Refused {
    /// The method is not known here.
    pub(crate) fn method(allow: &'static str) -> Self {
        Self(Arc::new(Told {
            refusal: wrong_method(),
            status: Some(StatusCode::METHOD_NOT_ALLOWED),
            allow: Some(allow),
        }))
    }

    /// The body is of a type that is not read here.
    pub(crate) fn media_type(expected: &str) -> Self {
        let text = format!("The body must be {expected}.");
        let hint = format!("Send `Content-Type: {expected}`.");
        Self(Arc::new(Told {
            refusal: Refusal::new(Code::InvalidRequest, text).hint(hint),
            status: Some(StatusCode::UNSUPPORTED_MEDIA_TYPE),
            allow: None,
        }))
    }

    /// A refusal with a status that HTTP knows better.
    pub(crate) fn with_status(refusal: Refusal, status: StatusCode) -> Self {
        Self(Arc::new(Told {
            refusal,
            status: Some(status),
            allow: None,
        }))
    }

    pub(crate) fn refusal(&self) -> &Refusal {
        &self.0.refusal
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.0.status.unwrap_or(status(self.0.refusal.code))
    }

    pub(super) fn allow(&self) -> Option<&'static str> {
        self.0.allow
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(Arc::new(Told {
            refusal,
            status: None,
            allow: None,
        }))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }
}

/// What a method that a route does not know is told.
pub(super) fn wrong_method() -> Refusal {
    Refusal::new(
        Code::InvalidRequest,
        "This address does not know the method.",
    )
}

/// The answer of an address that leads nowhere.
pub(crate) async fn no_such_route() -> Refused {
    Refusal::new(Code::NotFound, "There is no such address.").into()
}

/// The problem document of a refusal.
pub(crate) fn document(refused: &Refused, site: &Site, request_id: RequestId) -> Problem {
    let refusal = refused.refusal();
    Problem {
        kind: format!("/problems/{}", refusal.code.as_str()),
        title: title(refusal.code).to_owned(),
        status: refused.status().as_u16(),
        code: refusal.code.as_str().to_owned(),
        detail: Some(refusal.message.clone()),
        hint: refusal.hint.clone(),
        field: refusal.field.clone(),
        choices: refusal.choices.clone(),
        link: refusal.link.as_deref().map(|path| site.url(path)),
        request_id: request_id.to_string(),
    }
}

/// The whole answer to a refused request. `presented`: it carried some credential.
pub(crate) fn answer(
    refused: &Refused,
    site: &Site,
    request_id: RequestId,
    presented: bool,
) -> Response {
    let problem = document(refused, site, request_id);
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = refused.status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
    if let Some(challenge) = challenge(refused.refusal().code, presented) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = retry_after(refused.refusal()) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(allow) = refused.allow() {
        headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    response
}

/// The challenge of RFC 6750 §3; without an error where no credential was presented (§3.1).
fn challenge(code: Code, presented: bool) -> Option<HeaderValue> {
    let text = match code {
        Code::TokenExpired => {
            r#"Bearer realm="gestalt", error="invalid_token", error_description="the token has expired""#
        }
        Code::TokenRevoked => {
            r#"Bearer realm="gestalt", error="invalid_token", error_description="the token was revoked""#
        }
        Code::Unauthenticated if presented => r#"Bearer realm="gestalt", error="invalid_token""#,
        Code::Unauthenticated => r#"Bearer realm="gestalt""#,
        Code::InsufficientScope => r#"Bearer realm="gestalt", error="insufficient_scope""#,
        _ => return None,
    };
    Some(HeaderValue::from_static(text))
}

/// Whole seconds, at least one.
fn retry_after(refusal: &Refusal) -> Option<u64> {
    let wait = match refusal.kind() {
        Kind::Limited | Kind::Unavailable => refusal.retry_after.unwrap_or(LATER),
        _ => refusal.retry_after?,
    };
    Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).map(|seconds| seconds.max(1))
}

/// Writes the whole chain of causes to the log, where alone it belongs.
pub(crate) fn log(refused: &Refused, request_id: RequestId) {
    let refusal = refused.refusal();
    let code = refusal.code.as_str();
    match refusal.kind() {
        Kind::Internal => {
            tracing::error!(%request_id, code, cause = %chain(refusal), "request failed");
        }
        Kind::Unavailable | Kind::Upstream | Kind::Timeout => {
            tracing::warn!(%request_id, code, cause = %chain(refusal), "request refused");
        }
        _ => tracing::debug!(%request_id, code, cause = %chain(refusal), "request refused"),
    }
}

fn chain(refusal: &Refusal) -> String {
    let mut text = String::new();
    let mut next = refusal.source();
    while let Some(cause) = next {
        let separator = if text.is_empty() { "" } else { ": " };
        let _ = write!(text, "{separator}{cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use gestalt_core::Entropy;
    use gestalt_core::Timestamp;
    use http_body_util::BodyExt;

    use super::*;

    async fn told(refused: Refused, presented: bool) -> (Response<()>, String) {
        let site = Site::new(&"https://gestalt.example.com".parse().unwrap()).unwrap();
        let id = RequestId::generate(Timestamp::from_micros(0), &Entropy::seeded(1)).unwrap();
        let (parts, body) = answer(&refused, &site, id, presented).into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        (Response::from_parts(parts, ()), text)
    }

    #[test]
    fn the_table_from_code_to_status() {
        let table: Vec<String> = Code::ALL
            .iter()
            .map(|code| format!("{} {}", status(*code).as_u16(), code.as_str()))
            .collect();
        insta::assert_snapshot!(table.join("\n"), @"
        400 invalid_request
        401 unauthenticated
        401 token_expired
        401 token_revoked
        403 forbidden
        403 insufficient_scope
        404 not_found
        409 instance_selection_required
        409 connection_selection_required
        412 not_connected
        412 reconnect_required
        412 admin_configuration_required
        413 too_large
        429 rate_limited
        502 upstream_unreachable
        502 upstream_invalid
        403 egress_denied
        502 response_too_large
        504 upstream_timeout
        503 unavailable
        503 audit_unavailable
        503 overloaded
        500 internal
        ");
    }

    #[tokio::test]
    async fn an_internal_fault_tells_nothing_but_the_request_id() {
        let fault = Refusal::internal("row 7 of api_tokens: pepper gone");
        let (response, text) = told(fault.into(), true).await;
        assert_eq!(response.status(), 500);
        assert!(!text.contains("api_tokens"), "{text}");
        assert!(text.contains("req_"), "{text}");
    }

    #[tokio::test]
    async fn a_refusal_says_what_why_and_what_to_do() {
        let refusal = Refusal::new(
            Code::InstanceSelectionRequired,
            "Two accounts are connected.",
        )
        .hint("Pass `_instance`.")
        .field("_instance")
        .choices(vec!["home".to_owned(), "work".to_owned()])
        .link("/connect?x=1");
        let (response, text) = told(refusal.into(), true).await;
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        insta::assert_snapshot!(text, @r#"{"type":"/problems/instance_selection_required","title":"An account must be chosen","status":409,"code":"instance_selection_required","detail":"Two accounts are connected.","hint":"Pass `_instance`.","field":"_instance","choices":["home","work"],"link":"https://gestalt.example.com/connect?x=1","requestId":"req_000000000000715c8289ec2d0a9167ec"}"#);
    }

    #[tokio::test]
    async fn a_401_challenges_and_a_503_says_when_to_return() {
        let refuse = |code| Refused::from(Refusal::new(code, "No."));
        for (code, presented, expect) in [
            (Code::Unauthenticated, false, "Bearer realm=\"gestalt\""),
            (
                Code::Unauthenticated,
                true,
                "Bearer realm=\"gestalt\", error=\"invalid_token\"",
            ),
            (
                Code::InsufficientScope,
                true,
                "Bearer realm=\"gestalt\", error=\"insufficient_scope\"",
            ),
        ] {
            let (response, _) = told(refuse(code), presented).await;
            assert_eq!(response.headers()["www-authenticate"], expect);
        }
        let (response, _) = told(refuse(Code::Forbidden), true).await;
        assert!(!response.headers().contains_key("www-authenticate"));
        let (response, _) = told(refuse(Code::Overloaded), true).await;
        assert_eq!(response.headers()["retry-after"], "1");
        let limited =
            Refusal::new(Code::RateLimited, "No.").retry_after(Duration::from_millis(2_001));
        let (response, _) = told(limited.into(), true).await;
        assert_eq!(response.headers()["retry-after"], "3");
    }
}
