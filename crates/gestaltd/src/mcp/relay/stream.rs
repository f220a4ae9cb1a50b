//! Answers of a server on their way to the client.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use gestalt_core::Refusal;
use gestalt_gateway::{Answer, AnswerBody, Bound, Caller, Event, Events};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{Either, Full};
use serde_json::value::RawValue;

use super::edits::Edits;
use super::{Exchange, Told, bare};
use crate::http::Door;
use crate::http::guard::Outgoing;
use crate::http::problem::Refused;
use crate::mcp::{all, answer as whole_answer};

/// Changes what leaves: seals what a server wants back and, among all servers, tells apart
/// what several could say alike.
#[derive(Clone)]
pub(in crate::mcp) struct Leaving {
    pub(in crate::mcp) door: Door,
    pub(in crate::mcp) caller: Caller,
    pub(in crate::mcp) plugin: Arc<str>,
    pub(in crate::mcp) among_all: bool,
}

/// Answers with what a server answered.
pub(super) async fn answer(
    exchange: &Exchange<'_>,
    told: Told,
    answer: Answer,
) -> Result<Response<Outgoing>, Refused> {
    let leaving = Leaving {
        door: exchange.door.clone(),
        caller: exchange.sender.caller.clone(),
        plugin: exchange.plugin.into(),
        among_all: exchange.among_all,
    };
    let accepts = exchange.sender.accepts;
    match answer.body {
        AnswerBody::Empty => Ok(bare(answer.status)),
        AnswerBody::Message(message) => {
            let message = leaving.change(message)?;
            if accepts.json || answer.status != StatusCode::OK {
                return Ok(json(answer.status, message));
            }
            Ok(whole_answer::events(Body::from(event(&Event {
                data: message,
                ..Event::default()
            }))))
        }
        AnswerBody::Events(events) if accepts.events => Ok(open(events, leaving, told)),
        AnswerBody::Events(events) => {
            let message = last(events).await?;
            Ok(json(answer.status, leaving.change(message)?))
        }
    }
}

/// A stream that answers nothing: what a server says by itself.
pub(in crate::mcp) fn unanswered(
    events: impl Stream<Item = Result<Event, gestalt_gateway::UpstreamError>> + Send + 'static,
) -> Response<Outgoing> {
    let whole = events.take_while(|event| std::future::ready(event.is_ok()));
    let pieces = whole.filter_map(|event| {
        std::future::ready(event.ok().map(|event| Ok::<_, Refusal>(wire(&event))))
    });
    whole_answer::events(Body::from_stream(pieces))
}

/// The response to a request, whole.
pub(in crate::mcp) async fn whole(answer: Answer) -> Result<Bytes, Refusal> {
    match answer.body {
        AnswerBody::Message(message) => Ok(message),
        AnswerBody::Events(events) => last(events).await,
        AnswerBody::Empty => Err(silent()),
    }
}

/// The last message of a stream, which is the response.
async fn last(mut events: Events) -> Result<Bytes, Refusal> {
    let mut last = None;
    while let Some(event) = events.next().await {
        let event = event.map_err(gestalt_gateway::refusal_of)?;
        if !event.data.is_empty() {
            last = Some(event.data);
        }
    }
    last.ok_or_else(silent)
}

fn silent() -> Refusal {
    Refusal::new(
        gestalt_core::Code::UpstreamInvalid,
        "The server ended the call without a response.",
    )
}

/// Events as they come. One that breaks off ends with an error in the response's place.
fn open(events: Events, leaving: Leaving, told: Told) -> Response<Outgoing> {
    let state = Some((events, leaving, told));
    let pieces = futures_util::stream::unfold(state, |state| async {
        let (mut events, leaving, told) = state?;
        let broken = |told: &Told, refusal| {
            let data = Bytes::from(told.refused_in_stream(refusal));
            wire(&Event {
                data,
                ..Event::default()
            })
        };
        match events.next().await? {
            Ok(mut event) => match leaving.change(std::mem::take(&mut event.data)) {
                Ok(data) => {
                    event.data = data;
                    event.id = event.id.map(|id| leaving.event_id(id));
                    Some((
                        Ok::<_, Refusal>(wire(&event)),
                        Some((events, leaving, told)),
                    ))
                }
                Err(refusal) => Some((Ok(broken(&told, refusal)), None)),
            },
            Err(error) => {
                let refusal = gestalt_gateway::refusal_of(error);
                Some((Ok(broken(&told, refusal)), None))
            }
        }
    });
    whole_answer::events(Body::from_stream(pieces))
}

fn wire(found: &Event) -> Bytes {
    event(found)
}

/// One event as it stands on the wire.
fn event(event: &Event) -> Bytes {
    let mut text = Vec::with_capacity(event.data.len() + 64);
    if let Some(id) = &event.id {
        text.extend_from_slice(b"id: ");
        text.extend(id.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r' | 0)));
        text.push(b'\n');
    }
    if let Some(retry) = event.retry {
        text.extend_from_slice(format!("retry: {retry}\n").as_bytes());
    }
    if event.data.is_empty() {
        text.extend_from_slice(b"data: \n\n");
    } else {
        text.extend_from_slice(b"event: message\ndata: ");
        // A line break in JSON is space between its tokens, never content.
        text.extend(event.data.iter().map(|byte| match byte {
            b'\n' | b'\r' => b' ',
            other => *other,
        }));
        text.extend_from_slice(b"\n\n");
    }
    Bytes::from(text)
}

fn json(status: StatusCode, message: Bytes) -> Response<Outgoing> {
    let mut response = Response::new(Either::Left(Full::new(message)));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[derive(serde::Deserialize)]
struct Responded<'a> {
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
struct Asking<'a> {
    #[serde(borrow, default, rename = "requestState")]
    state: Option<&'a RawValue>,
}

impl Leaving {
    /// What leaves in a message's place.
    pub(in crate::mcp) fn change(&self, message: Bytes) -> Result<Bytes, Refusal> {
        let message = self.seal(message)?;
        if self.among_all {
            return Ok(all::told_apart(&self.plugin, message));
        }
        Ok(message)
    }

    /// The id of an event: among all servers it says whose it is, so that the stream can be
    /// taken up again.
    pub(in crate::mcp) fn event_id(&self, id: String) -> String {
        if self.among_all {
            format!("{}/{id}", self.plugin)
        } else {
            id
        }
    }

    /// Seals the `requestState` of a result to the caller and the server; everything else
    /// leaves as it came.
    fn seal(&self, message: Bytes) -> Result<Bytes, Refusal> {
        if memchr::memmem::find(&message, b"\"requestState\"").is_none() {
            return Ok(message);
        }
        let unreadable = |_| {
            let what = "The server's answer cannot be read.";
            Refusal::new(gestalt_core::Code::UpstreamInvalid, what)
        };
        let response: Responded<'_> = serde_json::from_slice(&message).map_err(unreadable)?;
        let Some(result) = response.result else {
            return Ok(message.clone());
        };
        let Ok(asking) = serde_json::from_str::<Asking<'_>>(result.get()) else {
            return Err(Refusal::new(
                gestalt_core::Code::UpstreamInvalid,
                "The server's answer cannot be read.",
            ));
        };
        let Some(raw) = asking.state else {
            return Ok(message.clone());
        };
        let Ok(state) = serde_json::from_str::<String>(raw.get()) else {
            return Ok(message.clone());
        };
        let sealed = self.door.gateway().bind(
            &self.caller,
            Bound::RequestState,
            Some(&self.plugin),
            state.as_bytes(),
        )?;
        let text = std::str::from_utf8(&message).unwrap_or_default();
        let mut edits = Edits::new(text);
        edits.replace(raw.get(), serde_json::Value::from(sealed).to_string());
        Ok(Bytes::from(edits.finish()))
    }
}
