//! What the guard knows of a request, and the caller it makes of it.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use gestalt_core::id::RequestId;
use gestalt_core::{Code, Refusal, Secret};
use gestalt_gateway::{Caller, Presented};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::problem::Refused;
use super::{Door, client};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What every session value starts with; another cookie of that name is not ours.
pub(crate) const SESSION_FORM: &str = "gst_ses_";

/// What the guard found out before the request was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    /// Ours, whatever the client sent.
    pub(crate) request_id: RequestId,
    /// The client's, after trusted proxies.
    pub(crate) address: IpAddr,
    /// Whether an `Origin` header is there and this site's own.
    pub(crate) own_origin: Option<bool>,
}

impl Context {
    /// Collects what the request presents of its sender.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for two credentials of one kind: which of them is meant?
    pub(crate) fn present(
        &self,
        door: &Door,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Presented, Refusal> {
        Ok(Presented {
            cookie: session_cookie(headers, cookie_name(door)),
            authorization: single(headers, &header::AUTHORIZATION)?,
            api_key: single(headers, &API_KEY)?,
            address: self.address,
            forwarded: client::is_forwarded(headers),
            safe_method: method.is_safe(),
            same_origin: client::same_origin(self.own_origin, headers),
            user_agent: user_agent(headers),
            request_id: self.request_id,
            trace_id: client::trace_id(headers),
        })
    }
}

/// The name of the session cookie; with https only the one that no other host can set.
pub(crate) fn cookie_name(door: &Door) -> &'static str {
    if door.site().https() {
        "__Host-session_token"
    } else {
        "session_token"
    }
}

/// Every value of a cookie, in the order sent (RFC 6265 §4.2.1).
pub(crate) fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.split_once('='))
        .filter(move |(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim())
}

fn session_cookie(headers: &HeaderMap, name: &str) -> Option<Secret> {
    if !headers.contains_key(header::COOKIE) {
        return None;
    }
    cookies(headers, name)
        .find(|value| value.starts_with(SESSION_FORM))
        .map(Secret::new)
}

/// A credential header's value; what is not text cannot hold but was presented.
fn single(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Secret>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        let text = format!("The request has two `{name}` headers.");
        return Err(Refusal::new(Code::InvalidRequest, text));
    }
    Ok(Some(Secret::new(value.to_str().unwrap_or("?"))))
}

/// What the client calls itself, at most 200 characters of it.
fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes)?;
    let mut text = String::from_utf8_lossy(text).into_owned();
    if let Some((end, _)) = text.char_indices().nth(200) {
        text.truncate(end);
    }
    Some(text)
}

/// The authenticated caller: a handler that names it cannot be reached without one.
pub(crate) struct Known(pub(crate) Caller);

impl FromRequestParts<Door> for Known {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Refused> {
        let presented = presented(parts, door)?;
        Ok(Self(door.gateway().authenticate(&presented).await?))
    }
}

/// What a routed request presents.
///
/// # Errors
/// As [`Context::present`].
pub(crate) fn presented(parts: &Parts, door: &Door) -> Result<Presented, Refusal> {
    let context = parts
        .extensions
        .get::<Context>()
        .ok_or_else(|| Refusal::internal("a request came past the guard"))?;
    context.present(door, &parts.method, &parts.headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_cookie_of_another_form_is_no_credential() {
        for line in [
            "session_token=eyJhbGciOi",
            "session_token=",
            "other=gst_ses_x",
            "xsession_token=gst_ses_x",
            "session_token",
        ] {
            assert!(
                session_cookie(&headers(&[("cookie", line)]), "session_token").is_none(),
                "{line}"
            );
        }
        let two = headers(&[
            ("cookie", "a=b; session_token=foreign"),
            ("cookie", "session_token=gst_ses_ours; c=d"),
        ]);
        let found = session_cookie(&two, "session_token");
        assert_eq!(found.as_ref().map(Secret::expose), Some("gst_ses_ours"));
        // With https the bare name is not read.
        assert!(session_cookie(&two, "__Host-session_token").is_none());
    }

    #[test]
    fn two_credentials_of_one_kind_are_refused() {
        let two = headers(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]);
        assert!(single(&two, &header::AUTHORIZATION).is_err());
        let none = single(&headers(&[]), &API_KEY);
        assert!(none.is_ok_and(|key| key.is_none()));
    }
}
