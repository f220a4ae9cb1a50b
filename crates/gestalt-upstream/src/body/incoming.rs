//! Answers' bodies as they come off the wire.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use crate::{BoxError, UpstreamError};

/// Answers up to this size, in bytes, are handed on in one piece.
const SMALL_BYTES: u64 = 64 * 1024;

/// Limits of one answer.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Largest body, in bytes.
    pub(crate) bytes: u64,
    /// Longest wait for the next piece; `None` where the reader limits the whole.
    pub(crate) idle: Option<Duration>,
}

/// An answer's body within its limits. Trailers are dropped.
pub(crate) struct Guarded {
    inner: Incoming,
    limits: Limits,
    seen: u64,
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Guarded {
    pub(crate) fn new(inner: Incoming, limits: Limits) -> Self {
        Self {
            inner,
            limits,
            seen: 0,
            timer: None,
            waiting: false,
        }
    }

    /// Bytes seen so far.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// Leaves the waiting to the reader.
    pub(crate) fn wait_without_limit(&mut self) {
        self.limits.idle = None;
    }

    fn take(&mut self, data: Bytes) -> Result<Frame<Bytes>, BoxError> {
        self.waiting = false;
        self.seen += data.len() as u64;
        let limit = self.limits.bytes;
        if self.seen > limit {
            return Err(UpstreamError::ResponseTooLarge { limit }.into());
        }
        Ok(Frame::data(data))
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<BoxError> {
        let Some(limit) = self.limits.idle else {
            return Poll::Pending;
        };
        let timer = match &mut self.timer {
            Some(timer) => {
                if !self.waiting {
                    timer.as_mut().reset(Instant::now() + limit);
                }
                timer
            }
            none => none.insert(Box::pin(sleep(limit))),
        };
        self.waiting = true;
        timer.as_mut().poll(cx).map(|()| {
            let timeout = UpstreamError::Timeout {
                host: "The upstream".to_owned(),
                waited_for: "to send more of its answer",
                limit,
            };
            timeout.into()
        })
    }
}

impl Body for Guarded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            return match Pin::new(&mut self.inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Poll::Ready(Some(self.take(data))),
                    Err(_trailers) => continue,
                },
                Poll::Ready(Some(Err(error))) => {
                    let broken = UpstreamError::from_stream(error.into());
                    Poll::Ready(Some(Err(broken.into())))
                }
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Pending => self.poll_idle(cx).map(|error| Some(Err(error))),
            };
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Says whether a body is known to be small.
pub(crate) fn small(body: &impl Body) -> bool {
    body.is_end_stream()
        || body
            .size_hint()
            .exact()
            .is_some_and(|length| length <= SMALL_BYTES)
}

/// Reads a body to its end. A body of one piece is not copied.
///
/// # Errors
/// [`UpstreamError::ResponseTooLarge`] past `limit` bytes, and what the body fails with.
pub(crate) async fn read_whole<B>(mut body: B, limit: u64) -> Result<Bytes, UpstreamError>
where
    B: Body<Data = Bytes, Error = BoxError> + Unpin,
{
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(UpstreamError::from_stream)?.into_data() else {
            continue;
        };
        if (first.len() + all.len() + data.len()) as u64 > limit {
            return Err(UpstreamError::ResponseTooLarge { limit });
        }
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&first);
            first = Bytes::new();
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}
