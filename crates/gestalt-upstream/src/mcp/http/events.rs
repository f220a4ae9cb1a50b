//! A stream of events as it comes: masked before, checked and bounded here.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Sleep, sleep, timeout};

use super::super::envelope::Envelope;
use super::super::exchange::Event;
use super::super::sse::Parser;
use super::not_mcp;
use crate::body::Answer;
use crate::mask::Masked;
use crate::settings::McpLimits;
use crate::{BoxError, UpstreamError};

/// Pieces without an event after which others get their turn.
const TURN: usize = 32;
/// How long the end of a stream is waited for after its answer, so that the connection can
/// be used again. Nobody waits for it meanwhile.
const END: Duration = Duration::from_secs(1);

/// What a stream is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    /// Longest life of the stream.
    life: Duration,
    call: bool,
    /// Whether one message may come in place of a stream.
    message: bool,
    /// A stream may end before the answer if it can be taken up again (2025-11-25
    /// transports §Sending Messages to the Server).
    resumable: bool,
}

impl Waiting {
    /// For the answer to a request.
    pub(super) fn for_answer(life: Duration, modern: bool) -> Self {
        Self {
            life,
            call: true,
            message: true,
            resumable: !modern,
        }
    }

    /// For whatever comes to a subscription, which may be refused by a message.
    pub(super) fn for_subscription(life: Duration) -> Self {
        Self {
            message: true,
            ..Self::for_notifications(life)
        }
    }

    /// For whatever comes.
    pub(super) fn for_notifications(life: Duration) -> Self {
        Self {
            life,
            call: false,
            message: false,
            resumable: true,
        }
    }

    /// Says whether one message may come in place of a stream.
    pub(super) fn takes_message(self) -> bool {
        self.message
    }

    /// Says whether an answer is waited for.
    pub(super) fn is_call(self) -> bool {
        self.call
    }
}

/// The events of one body.
pub(super) struct Reading {
    body: Option<Masked<Answer>>,
    parser: Parser,
    found: VecDeque<Event>,
    waiting: Waiting,
    life: Pin<Box<Sleep>>,
    max_depth: usize,
    max_event_bytes: usize,
    has_ids: bool,
}

impl Reading {
    pub(super) fn new(body: Masked<Answer>, waiting: Waiting, limits: &McpLimits) -> Self {
        Self {
            body: Some(body),
            parser: Parser::new(limits.max_message_bytes),
            found: VecDeque::new(),
            waiting,
            life: Box::pin(sleep(waiting.life)),
            max_depth: limits.max_depth,
            max_event_bytes: limits.max_message_bytes,
            has_ids: false,
        }
    }

    /// Gives up the stream with an error, once.
    fn fail(&mut self, error: UpstreamError) -> Poll<Option<Result<Event, UpstreamError>>> {
        self.body = None;
        self.found.clear();
        Poll::Ready(Some(Err(error)))
    }

    /// Checks an event and passes it on.
    fn pass(&mut self, event: Event) -> Poll<Option<Result<Event, UpstreamError>>> {
        self.has_ids |= event.id.is_some();
        if event.data.is_empty() {
            return Poll::Ready(Some(Ok(event)));
        }
        let answered = match Envelope::read(&event.data, self.max_depth) {
            Ok(message) => message.is_response(),
            Err(what) => return self.fail(not_mcp(what)),
        };
        if answered && self.waiting.call {
            // The response is the last of them.
            self.found.clear();
            if let Some(body) = self.body.take() {
                drain(body);
            }
        }
        Poll::Ready(Some(Ok(event)))
    }

    /// What the end of the body means.
    fn end(&mut self) -> Poll<Option<Result<Event, UpstreamError>>> {
        if !self.waiting.call || (self.waiting.resumable && self.has_ids) {
            self.body = None;
            return Poll::Ready(None);
        }
        self.fail(UpstreamError::answer(
            "The MCP server ended its stream without an answer.",
        ))
    }
}

impl Stream for Reading {
    type Item = Result<Event, UpstreamError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        for _ in 0..TURN {
            if let Some(event) = this.found.pop_front() {
                return this.pass(event);
            }
            let Some(body) = &mut this.body else {
                return Poll::Ready(None);
            };
            if this.life.as_mut().poll(cx).is_ready() {
                if !this.waiting.call {
                    this.body = None;
                    return Poll::Ready(None);
                }
                let limit = this.waiting.life;
                return this.fail(UpstreamError::Timeout {
                    host: "The upstream".to_owned(),
                    waited_for: "to answer",
                    limit,
                });
            }
            let piece = match Pin::new(body).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return this.end(),
                Poll::Ready(Some(Err(error))) => {
                    return this.fail(UpstreamError::from_stream(error));
                }
                Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            };
            if this.parser.push(&piece, &mut this.found).is_err() {
                let limit = this.max_event_bytes as u64;
                return this.fail(UpstreamError::ResponseTooLarge { limit });
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Reads a body to its end in the background, within its limits.
fn drain<B>(mut body: B)
where
    B: Body<Data = Bytes, Error = BoxError> + Send + Unpin + 'static,
{
    if body.is_end_stream() {
        return;
    }
    tokio::spawn(async move {
        let rest = async { while let Some(Ok(_)) = body.frame().await {} };
        let _ = timeout(END, rest).await;
    });
}
