//! Masks a streaming body across the boundaries of its pieces.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};

use super::{Masker, overwrite};
use crate::BoxError;

/// A body with the credential masked. An end that could be the beginning of the credential
/// is held back until the next piece tells; nothing else is, and nothing is copied then.
pub(crate) struct Masked<B> {
    inner: B,
    masker: Masker,
    held: Held,
    ended: bool,
}

/// Bytes held back, and how many of the first are part of an earlier match.
#[derive(Default)]
struct Held {
    bytes: Bytes,
    masked: usize,
}

impl<B> Masked<B> {
    pub(crate) fn new(inner: B, masker: Masker) -> Self {
        Self {
            inner,
            masker,
            held: Held::default(),
            ended: false,
        }
    }
}

impl Held {
    /// Takes the next piece and gives what can be passed on.
    fn push(&mut self, piece: Bytes, masker: &Masker, last: bool) -> Bytes {
        let mut whole = if self.bytes.is_empty() {
            piece
        } else {
            let mut joined = BytesMut::with_capacity(self.bytes.len() + piece.len());
            joined.extend_from_slice(&self.bytes);
            joined.extend_from_slice(&piece);
            joined.freeze()
        };
        let keep = if last { 0 } else { masker.open_end(&whole) };
        let pass = whole.len() - keep;
        let mut ranges = masker.find_all(&whole);
        if self.masked > 0 {
            ranges.push(0..self.masked);
        }
        let reach = ranges.iter().map(|range| range.end).max().unwrap_or(0);
        self.masked = reach.saturating_sub(pass);
        self.bytes = whole.split_off(pass);
        ranges.retain(|range| range.start < pass);
        for range in &mut ranges {
            range.end = range.end.min(pass);
        }
        if ranges.is_empty() {
            whole
        } else {
            overwrite(whole, &ranges)
        }
    }
}

impl<B> Body for Masked<B>
where
    B: Body<Data = Bytes, Error = BoxError> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        while !this.ended {
            let (piece, last) = match Pin::new(&mut this.inner).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(Some(Ok(frame))) => (frame.into_data().unwrap_or_default(), false),
                Poll::Ready(None) => (Bytes::new(), true),
            };
            this.ended = last;
            let out = this.held.push(piece, &this.masker, last);
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.held.bytes.is_empty() && (self.ended || self.inner.is_end_stream())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gestalt_core::Secret;
    use proptest::prelude::*;

    use crate::call::Injection;

    proptest! {
        #[test]
        fn s39_pieces_are_masked_as_the_whole_is(
            text in "[ab\"]{0,60}",
            secret in "[ab\"]{8,10}",
            cuts in proptest::collection::vec(1usize..12, 0..40),
        ) {
            let masker = Masker::new(&Injection {
                mask: vec![Secret::new(secret.clone())],
                ..Injection::default()
            });
            let text = Bytes::from(format!("{text}{secret}{text}"));
            let expect = masker.mask(text.clone());
            let (mut held, mut out, mut rest) = (Held::default(), Vec::new(), text);
            for cut in cuts {
                let piece = rest.split_to(cut.min(rest.len()));
                out.extend_from_slice(&held.push(piece, &masker, false));
                // An escaped quote takes two bytes.
                prop_assert!(held.bytes.len() < secret.len() * 3);
            }
            out.extend_from_slice(&held.push(rest, &masker, false));
            out.extend_from_slice(&held.push(Bytes::new(), &masker, true));
            prop_assert_eq!(out, expect);
        }
    }
}
