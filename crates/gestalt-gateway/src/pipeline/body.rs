//! A streamed answer is carried by the walk's own task, so that its end, whichever it is,
//! becomes the outcome.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gestalt_core::Code;
use gestalt_upstream::{BoxError, BoxedBody, ReplyBody, UpstreamError};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;

use super::Reply;

/// Frames under way between the upstream and the caller.
const FRAMES: usize = 4;

/// How long a caller may leave a stream unread before it is given up.
const STALL: Duration = Duration::from_mins(5);

/// The upstream's side of a streamed answer.
pub(super) struct Rest {
    body: BoxedBody,
    frames: mpsc::Sender<Result<Frame<Bytes>, BoxError>>,
}

/// The caller's side of it.
struct Frames(mpsc::Receiver<Result<Frame<Bytes>, BoxError>>);

/// Splits a streamed answer into what the caller gets and what must be carried.
pub(super) fn split(reply: Reply) -> (Reply, Option<Rest>) {
    match reply.body {
        ReplyBody::Full(_) => (reply, None),
        ReplyBody::Stream(body) => {
            let (frames, receiver) = mpsc::channel(FRAMES);
            let reply = Reply {
                body: ReplyBody::Stream(BoxedBody::new(Frames(receiver))),
                ..reply
            };
            (reply, Some(Rest { body, frames }))
        }
    }
}

impl Rest {
    /// Carries frames to the end; says how it broke, if it did.
    pub(super) async fn pump(mut self) -> Option<&'static str> {
        loop {
            let frame = tokio::select! {
                frame = self.body.frame() => frame?,
                () = self.frames.closed() => return Some("cancelled"),
            };
            let broken = frame.as_ref().err().map(code_of);
            match tokio::time::timeout(STALL, self.frames.send(frame)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Some("cancelled"),
            }
            if let Some(code) = broken {
                return Some(code.as_str());
            }
        }
    }
}

/// The code of what broke a stream.
fn code_of(error: &BoxError) -> Code {
    match error.downcast_ref::<UpstreamError>() {
        Some(UpstreamError::ResponseTooLarge { .. }) => Code::ResponseTooLarge,
        Some(UpstreamError::Timeout { .. }) => Code::UpstreamTimeout,
        _ => Code::UpstreamInvalid,
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_recv(context)
    }
}
