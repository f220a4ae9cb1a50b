//! Request bodies.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

use crate::{BoxError, BoxedBody, UpstreamError};

/// Counts the pieces of a streaming body that have left, so that a slow upload is not taken
/// for a slow answer.
#[derive(Clone, Default)]
pub(crate) struct Progress(Arc<AtomicU64>);

impl Progress {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request body.
pub(crate) enum OutBody {
    /// None.
    Empty,
    /// Bytes that can be sent again.
    Full(Bytes),
    /// A stream that can be sent once.
    Stream(Upload),
}

/// A streaming request body with a limit.
pub(crate) struct Upload {
    body: BoxedBody,
    length: Option<u64>,
    sent: u64,
    limit: u64,
    progress: Progress,
}

impl OutBody {
    /// A stream of at most `limit` bytes, of known length where the caller said it.
    pub(crate) fn stream(
        body: BoxedBody,
        length: Option<u64>,
        limit: u64,
    ) -> Result<Self, UpstreamError> {
        if length.is_some_and(|length| length > limit) {
            return Err(UpstreamError::TooLarge { limit });
        }
        Ok(Self::Stream(Upload {
            body,
            length,
            sent: 0,
            limit,
            progress: Progress::default(),
        }))
    }

    /// Bytes, if they are within `limit`.
    pub(crate) fn full(bytes: impl Into<Bytes>, limit: u64) -> Result<Self, UpstreamError> {
        let bytes = bytes.into();
        if bytes.len() as u64 > limit {
            return Err(UpstreamError::TooLarge { limit });
        }
        Ok(Self::Full(bytes))
    }

    /// Another copy, where the body can be sent again.
    pub(crate) fn replay(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Full(bytes) => Some(Self::Full(bytes.clone())),
            Self::Stream(_) => None,
        }
    }

    /// The counter of a stream.
    pub(crate) fn progress(&self) -> Option<Progress> {
        match self {
            Self::Stream(upload) => Some(upload.progress.clone()),
            _ => None,
        }
    }
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let all = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready((!all.is_empty()).then(|| Ok(Frame::data(all))))
            }
            Self::Stream(upload) => upload.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Stream(upload) => upload.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(upload) => match upload.length {
                Some(length) => SizeHint::with_exact(length.saturating_sub(upload.sent)),
                None => upload.body.size_hint(),
            },
        }
    }
}

impl Upload {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else {
            return Poll::Ready(None);
        };
        let frame = frame?;
        let length = frame.data_ref().map_or(0, |data| data.remaining() as u64);
        self.sent += length;
        if self.sent > self.limit {
            let limit = self.limit;
            return Poll::Ready(Some(Err(UpstreamError::TooLarge { limit }.into())));
        }
        self.progress.0.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Some(Ok(frame)))
    }
}
