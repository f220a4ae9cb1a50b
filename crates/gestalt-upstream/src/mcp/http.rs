//! Streamable HTTP (2025-11-25 transports §Streamable HTTP; 2026-07-28 transports §Streamable
//! HTTP): each message is a POST, answered with one message or a stream of them.

mod answer;
mod events;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gestalt_core::mcp::McpHttp;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use url::Url;

pub(super) use self::answer::not_mcp;
use self::events::Waiting;
use super::exchange::{Answer, Authority, Era, Listening, Message};
use crate::body::OutBody;
use crate::egress::{Arrived, Egress, Outgoing, target};
use crate::rest::header_name;
use crate::{Settings, UpstreamError};

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// What a request may be answered with.
const ANSWERS: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const EVENT_STREAM: &str = "text/event-stream";

/// An MCP server over HTTP.
#[derive(Debug)]
pub(crate) struct Http {
    egress: Egress,
    settings: Arc<Settings>,
    url: Url,
    target: Uri,
    /// Headers of every request.
    fixed: HeaderMap,
    /// Longest wait for the head of an answer, or for a whole one.
    wait: Duration,
    /// Longest wait between two pieces of a stream that answers a request.
    idle: Duration,
}

/// One HTTP request in the making.
struct Going<'a> {
    method: Method,
    fixed: HeaderMap,
    given: Vec<(HeaderName, HeaderValue)>,
    body: OutBody,
    authority: &'a Authority,
}

impl Http {
    /// Checks what can be checked before a call.
    ///
    /// # Errors
    /// [`UpstreamError::Config`] for an endpoint or header that cannot be used.
    pub(crate) fn new(
        definition: &McpHttp,
        limit: Option<Duration>,
        egress: Egress,
        settings: Arc<Settings>,
    ) -> Result<Self, UpstreamError> {
        let place = "surfaces.mcp";
        let wrong = |message| UpstreamError::config(format!("{place}.url"), message);
        let mut url = definition.url.clone();
        url.set_fragment(None);
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "holds a user name or password; a credential belongs in a connection",
            ));
        }
        let target = url
            .as_str()
            .parse()
            .map_err(|_| wrong("is no http or https URL"))?;
        let place = format!("{place}.headers");
        let mut fixed = HeaderMap::new();
        let no_header = || UpstreamError::config("userAgent", "holds what no header can carry");
        let agent = HeaderValue::from_str(&settings.user_agent).map_err(|_| no_header())?;
        fixed.insert(USER_AGENT, agent);
        for (name, value) in &definition.headers {
            let name = header_name(name, &place)?;
            if name.as_str().starts_with("mcp-") || name == LAST_EVENT {
                let message = format!("the header `{name}` is the protocol's own");
                return Err(UpstreamError::config(&*place, message));
            }
            let value = HeaderValue::from_str(value).map_err(|_| {
                UpstreamError::config(&*place, "holds a value that no header can carry")
            })?;
            fixed.insert(name, value);
        }
        fixed.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        Ok(Self {
            wait: limit.unwrap_or(settings.request_timeout),
            idle: limit.unwrap_or(settings.idle_timeout),
            egress,
            settings,
            url,
            target,
            fixed,
        })
    }

    /// Sends one message. Whatever status the server answers with is told: an answer that is
    /// no success and no JSON-RPC error has an empty body.
    ///
    /// # Errors
    /// What keeps the message from being sent, and what is wrong with the answer.
    pub(crate) async fn send(
        &self,
        message: Message,
        authority: &Authority,
    ) -> Result<Answer, UpstreamError> {
        let mut fixed = self.fixed.clone();
        fixed.insert(ACCEPT, ANSWERS);
        let modern = message.era == Era::Modern;
        let listens = modern && message.method == "subscriptions/listen";
        if modern || message.method != "initialize" {
            fixed.insert(VERSION, header(&message.version)?);
        }
        if modern && !message.method.is_empty() {
            fixed.insert(METHOD, encoded(&message.method)?);
            if let Some(name) = &message.name {
                fixed.insert(NAME, encoded(name)?);
            }
        }
        for (name, value) in message.parameters {
            if name.as_str().starts_with("mcp-param-") {
                fixed.append(name, value);
            }
        }
        let json = HeaderValue::from_static("application/json");
        let mut given = vec![(CONTENT_TYPE, json)];
        if let Some(session) = &message.session {
            given.push((SESSION, header(session)?));
        }
        let arrived = self
            .exchange(Going {
                method: Method::POST,
                fixed,
                given,
                body: OutBody::full(message.body, self.settings.max_request_bytes)?,
                authority,
            })
            .await?;
        let asked = message.id.is_some();
        let waiting = if listens {
            Waiting::for_subscription(self.settings.mcp.max_listen)
        } else {
            Waiting::for_answer(self.settings.mcp.max_call, modern)
        };
        self.read(arrived, authority, asked.then_some(waiting))
            .await
    }

    /// Opens the stream of what the server says unasked, or takes one up again. A server
    /// without one answers 405.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(crate) async fn listen(
        &self,
        listening: &Listening,
        authority: &Authority,
    ) -> Result<Answer, UpstreamError> {
        let mut fixed = self.fixed.clone();
        fixed.insert(ACCEPT, HeaderValue::from_static(EVENT_STREAM));
        fixed.insert(VERSION, header(&listening.version)?);
        let mut given = Vec::new();
        if let Some(session) = &listening.session {
            given.push((SESSION, header(session)?));
        }
        if let Some(id) = &listening.last_event_id {
            let id = HeaderValue::from_bytes(id.as_bytes());
            let id = id.map_err(|_| UpstreamError::invalid("", "`Last-Event-ID` has no form."))?;
            given.push((LAST_EVENT, id));
        }
        let arrived = self
            .exchange(Going {
                method: Method::GET,
                fixed,
                given,
                body: OutBody::Empty,
                authority,
            })
            .await?;
        let waiting = Waiting::for_notifications(self.settings.mcp.max_listen);
        self.read(arrived, authority, Some(waiting)).await
    }

    /// Ends a session. A server that does not let clients end one (405), or does not know it
    /// any more (404), is content.
    ///
    /// # Errors
    /// As [`Self::send`]; also for any other answer that is no success.
    pub(crate) async fn end(
        &self,
        session: &str,
        authority: &Authority,
    ) -> Result<(), UpstreamError> {
        let mut fixed = self.fixed.clone();
        fixed.insert(ACCEPT, ANSWERS);
        let arrived = self
            .exchange(Going {
                method: Method::DELETE,
                fixed,
                given: vec![(SESSION, header(session)?)],
                body: OutBody::Empty,
                authority,
            })
            .await?;
        match arrived.response.status() {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(()),
            status => Err(self.refused(status)),
        }
    }

    /// The error for an answer that is no success and says nothing in the protocol.
    pub(crate) fn refused(&self, status: StatusCode) -> UpstreamError {
        if status == StatusCode::UNAUTHORIZED {
            return UpstreamError::Unauthorized;
        }
        let host = self.url.host_str().unwrap_or("The MCP server");
        UpstreamError::answer(match status {
            StatusCode::FORBIDDEN => format!("{host} does not permit this (403)."),
            StatusCode::TOO_MANY_REQUESTS => {
                format!("{host} takes no more requests for now (429).")
            }
            status if status.is_server_error() => {
                format!("{host} is at fault or not available ({status}).")
            }
            status => format!("{host} answered {status} and nothing of MCP."),
        })
    }

    async fn exchange(&self, going: Going<'_>) -> Result<Arrived, UpstreamError> {
        let mut identity = Cow::Borrowed(&*going.authority.identity);
        if identity.iter().any(|(name, _)| own(name)) {
            identity.to_mut().retain(|(name, _)| !own(name));
        }
        let injection = &going.authority.injection;
        let target = if injection.query.is_empty() {
            self.target.clone()
        } else {
            target(self.url.clone(), injection, true)?
        };
        let out = Outgoing {
            method: going.method,
            target,
            fixed: &going.fixed,
            given: going.given,
            identity: &identity,
            injection,
            body: going.body,
        };
        self.egress.send(out, self.wait).await
    }
}

/// Headers of the protocol, which no identity header may replace.
fn own(name: &HeaderName) -> bool {
    name.as_str().starts_with("mcp-") || *name == CONTENT_TYPE || *name == LAST_EVENT
}

fn header(text: &str) -> Result<HeaderValue, UpstreamError> {
    HeaderValue::from_str(text).map_err(|_| {
        UpstreamError::invalid("", "The session or version holds what no header can carry.")
    })
}

/// A text as a header's value, in Base64 where it could not stand there by itself
/// (2026-07-28 transports §Value Encoding).
pub(super) fn encoded(text: &str) -> Result<HeaderValue, UpstreamError> {
    let visible = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let padded = text.starts_with(' ') || text.ends_with(' ');
    let marked = text.starts_with("=?base64?") && text.ends_with("?=");
    let plain = visible && !padded && !marked;
    if plain {
        return header(text);
    }
    header(&format!("=?base64?{}?=", STANDARD.encode(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_header_cannot_carry_goes_in_base64() {
        for (text, expect) in [
            ("us-west1", "us-west1"),
            ("a b\"c", "a b\"c"),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        ] {
            assert_eq!(encoded(text).unwrap(), expect);
        }
    }
}
