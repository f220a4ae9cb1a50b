//! Answers on their way out: a message as JSON, or as the only event of a stream.

use axum::body::Body;
use bytes::Bytes;
use gestalt_core::{Code, Refusal};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{Either, Full};

use super::era::Era;
use crate::http::guard::Outgoing;
use crate::http::problem::Refused;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
/// Asks a proxy between us and the client not to hold events back.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Who we are, as each result of the modern era says it.
const META: &str = concat!(
    r#""_meta":{"io.modelcontextprotocol/serverInfo":{"name":"gestalt","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}}"#
);

/// Which forms of an answer a client takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Accepts {
    pub(super) json: bool,
    pub(super) events: bool,
}

impl Accepts {
    /// Reads `Accept`; without one, JSON.
    ///
    /// # Errors
    /// 406 if neither form is taken.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refused> {
        let mut taken = Self {
            json: !headers.contains_key(header::ACCEPT),
            events: false,
        };
        let lines = headers.get_all(header::ACCEPT).iter();
        for range in lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
        {
            let kind = range.split(';').next().unwrap_or_default().trim();
            let is = |known: &str| kind.eq_ignore_ascii_case(known);
            taken.json |= is("application/json") || is("application/*") || is("*/*");
            taken.events |= is("text/event-stream") || is("text/*") || is("*/*");
        }
        if taken.json || taken.events {
            return Ok(taken);
        }
        let refusal = Refusal::new(
            Code::InvalidRequest,
            "The client takes no form in which this is answered.",
        );
        let hint = "Send `Accept: application/json, text/event-stream`.";
        Err(Refused::with_status(
            refusal.hint(hint),
            StatusCode::NOT_ACCEPTABLE,
        ))
    }

    /// Answers with one whole message.
    pub(super) fn message(self, status: StatusCode, message: String) -> Response<Outgoing> {
        if self.json || status != StatusCode::OK {
            return whole(status, JSON, message.into());
        }
        let mut response = whole(status, EVENTS, event(&message));
        unbuffered(response.headers_mut());
        response
    }
}

/// Answers with bytes that are a whole JSON message.
pub(super) fn prepared(message: Body) -> Response<Outgoing> {
    let mut response = Response::new(Either::Right(message));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    response
}

/// Answers with events that come as they come.
pub(super) fn events(events: Body) -> Response<Outgoing> {
    let mut response = Response::new(Either::Right(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, EVENTS);
    unbuffered(headers);
    response
}

/// Nothing more to say: a notification was taken.
pub(super) fn accepted() -> Response<Outgoing> {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn whole(status: StatusCode, kind: HeaderValue, body: Bytes) -> Response<Outgoing> {
    let mut response = Response::new(Either::Left(Full::new(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn unbuffered(headers: &mut HeaderMap) {
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
}

/// One event of a stream. A line break in JSON is space between its tokens, never content,
/// but would end the event's line.
pub(super) fn event(message: &str) -> Bytes {
    let mut text = Vec::with_capacity(message.len() + 24);
    text.extend_from_slice(b"event: message\ndata: ");
    text.extend(message.bytes().map(|byte| match byte {
        b'\n' | b'\r' => b' ',
        other => other,
    }));
    text.extend_from_slice(b"\n\n");
    Bytes::from(text)
}

/// Writes a message with a result from its members. `id`: its JSON text; `kind`: the
/// result's type in the modern era.
pub(super) fn result(era: Era, id: &str, kind: &str, members: &str) -> String {
    let mut text = String::with_capacity(members.len() + id.len() + 200);
    text.push_str(r#"{"jsonrpc":"2.0","id":"#);
    text.push_str(id);
    text.push_str(r#","result":"#);
    push_result(&mut text, era, kind, members);
    text.push('}');
    text
}

/// Writes the object of a result: its members and, in the modern era, what each has.
pub(super) fn push_result(text: &mut String, era: Era, kind: &str, members: &str) {
    text.push('{');
    if era == Era::Modern {
        text.push_str(r#""resultType":""#);
        text.push_str(kind);
        text.push('"');
        // A result that says something under `_meta` itself is left with that.
        if !members.contains(r#""_meta":"#) {
            text.push(',');
            text.push_str(META);
        }
        if !members.is_empty() {
            text.push(',');
        }
    }
    text.push_str(members);
    text.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(lines: &[&'static str]) -> Option<(bool, bool)> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::ACCEPT, HeaderValue::from_static(line));
        }
        Accepts::of(&headers)
            .ok()
            .map(|taken| (taken.json, taken.events))
    }

    #[test]
    fn what_a_client_takes() {
        assert_eq!(accepts(&["text/html"]), None);
        assert_eq!(accepts(&[""]), None);
        assert_eq!(accepts(&["application/jsonx, text/event"]), None);
        assert_eq!(accepts(&[]), Some((true, false)));
        assert_eq!(accepts(&["*/*"]), Some((true, true)));
        assert_eq!(accepts(&["Application/JSON;q=0.9"]), Some((true, false)));
        assert_eq!(accepts(&["text/event-stream"]), Some((false, true)));
        let both = ["application/json, text/event-stream"];
        assert_eq!(accepts(&both), Some((true, true)));
        let two = ["application/json", "text/event-stream"];
        assert_eq!(accepts(&two), Some((true, true)));
    }

    #[test]
    fn a_line_break_between_tokens_does_not_end_an_event() {
        let event = event("{\"a\":\r\n1}");
        assert_eq!(event, "event: message\ndata: {\"a\":  1}\n\n");
    }
}
