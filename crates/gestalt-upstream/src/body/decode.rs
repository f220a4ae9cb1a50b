//! Answers that are compressed although `identity` was asked for.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::incoming::{Guarded, Limits};
use crate::{BoxError, UpstreamError};

/// Decoded bytes asked for at a time.
const STEP_BYTES: usize = 16 * 1024;
/// Decoded bytes before the ratio is looked at.
const RATIO_FROM_BYTES: u64 = 8 << 20;
/// Decoded bytes for one on the wire that no honest answer of some size reaches.
const RATIO: u64 = 200;

/// An answer's body, decoded and within its limits.
pub(crate) enum Answer {
    /// As it came.
    Plain(Guarded),
    /// Decoded.
    Decoded(Box<Decoded>),
}

/// Puts an answer's body within its limits and decodes it.
///
/// # Errors
/// [`UpstreamError::InvalidAnswer`] for an encoding that is not known, or several.
pub(crate) fn open(
    headers: &HeaderMap,
    body: Incoming,
    limits: Limits,
) -> Result<Answer, UpstreamError> {
    let known = body.size_hint().exact().unwrap_or(0);
    if known > limits.bytes {
        let limit = limits.bytes;
        return Err(UpstreamError::ResponseTooLarge { limit });
    }
    let body = Guarded::new(body, limits);
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    let Some(encoding) = encodings.next() else {
        return Ok(Answer::Plain(body));
    };
    let encoding = encoding.as_bytes().trim_ascii().to_ascii_lowercase();
    if body.is_end_stream() || encoding.is_empty() || encoding == b"identity" {
        return Ok(Answer::Plain(body));
    }
    let source = Source {
        body,
        chunk: Bytes::new(),
    };
    let decoder = match (encoding.as_slice(), encodings.next()) {
        (b"gzip" | b"x-gzip", None) => {
            let mut decoder = GzipDecoder::new(source);
            decoder.multiple_members(true);
            Decoder::Gzip(decoder)
        }
        (b"deflate", None) => Decoder::Unknown(Some(source)),
        (b"br", None) => Decoder::Brotli(BrotliDecoder::new(source)),
        _ => {
            return Err(UpstreamError::answer(
                "The upstream's answer has a content encoding that was not asked for.",
            ));
        }
    };
    Ok(Answer::Decoded(Box::new(Decoded {
        decoder,
        buffer: BytesMut::new(),
        made: 0,
        limit: limits.bytes,
    })))
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Plain(body) => Pin::new(body).poll_frame(cx),
            Self::Decoded(body) => body.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Plain(body) => body.is_end_stream(),
            Self::Decoded(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Plain(body) => body.size_hint(),
            Self::Decoded(_) => SizeHint::default(),
        }
    }
}

/// A decoder and what it has made so far.
pub(crate) struct Decoded {
    decoder: Decoder,
    buffer: BytesMut,
    made: u64,
    limit: u64,
}

impl Decoded {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.buffer.reserve(STEP_BYTES);
        let read = poll_read_buf(Pin::new(&mut self.decoder), cx, &mut self.buffer);
        let length = match ready!(read) {
            Ok(0) => return Poll::Ready(None),
            Ok(length) => length as u64,
            Err(error) => return Poll::Ready(Some(Err(reason(error).into()))),
        };
        self.made += length;
        let wire = self.decoder.seen().max(1);
        let bomb = self.made > RATIO_FROM_BYTES && self.made / wire > RATIO;
        if bomb || self.made > self.limit {
            let limit = if bomb { RATIO_FROM_BYTES } else { self.limit };
            return Poll::Ready(Some(Err(UpstreamError::ResponseTooLarge { limit }.into())));
        }
        Poll::Ready(Some(Ok(Frame::data(self.buffer.split().freeze()))))
    }
}

/// What went wrong below a decoder, or in it.
fn reason(error: io::Error) -> UpstreamError {
    let error = match error.downcast::<UpstreamError>() {
        Ok(ours) => return ours,
        Err(other) => other,
    };
    UpstreamError::InvalidAnswer {
        message: "The upstream's answer could not be decoded.".to_owned(),
        source: Some(error.into()),
    }
}

enum Decoder {
    Gzip(GzipDecoder<Source>),
    Zlib(ZlibDecoder<Source>),
    Deflate(DeflateDecoder<Source>),
    Brotli(BrotliDecoder<Source>),
    /// `deflate` means zlib by RFC 9110 §8.4.1.2, but some send it bare: the first byte tells.
    Unknown(Option<Source>),
}

impl Decoder {
    fn seen(&self) -> u64 {
        match self {
            Self::Gzip(decoder) => decoder.get_ref().body.seen(),
            Self::Zlib(decoder) => decoder.get_ref().body.seen(),
            Self::Deflate(decoder) => decoder.get_ref().body.seen(),
            Self::Brotli(decoder) => decoder.get_ref().body.seen(),
            Self::Unknown(_) => 0,
        }
    }

    fn poll_choose(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self::Unknown(waiting) = self else {
            return Poll::Ready(Ok(()));
        };
        let Some(mut source) = waiting.take() else {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        };
        let first = match Pin::new(&mut source).poll_fill_buf(cx) {
            Poll::Ready(Ok(bytes)) => bytes.first().copied(),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => {
                *waiting = Some(source);
                return Poll::Pending;
            }
        };
        *self = if first.is_some_and(|byte| byte & 0x0f == 8) {
            Self::Zlib(ZlibDecoder::new(source))
        } else {
            Self::Deflate(DeflateDecoder::new(source))
        };
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Decoder {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_choose(cx))?;
        match &mut *self {
            Self::Gzip(decoder) => Pin::new(decoder).poll_read(cx, buf),
            Self::Zlib(decoder) => Pin::new(decoder).poll_read(cx, buf),
            Self::Deflate(decoder) => Pin::new(decoder).poll_read(cx, buf),
            Self::Brotli(decoder) => Pin::new(decoder).poll_read(cx, buf),
            Self::Unknown(_) => Poll::Ready(Ok(())),
        }
    }
}

/// A guarded body as a reader.
struct Source {
    body: Guarded,
    chunk: Bytes,
}

impl AsyncBufRead for Source {
    fn poll_fill_buf(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        while self.chunk.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => self.chunk = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    let error = UpstreamError::from_stream(error);
                    return Poll::Ready(Err(io::Error::other(error)));
                }
                None => break,
            }
        }
        Poll::Ready(Ok(&self.get_mut().chunk))
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        let _ = self.chunk.split_to(amount);
    }
}

impl AsyncRead for Source {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let available = ready!(self.as_mut().poll_fill_buf(cx))?;
        let amount = available.len().min(buf.remaining());
        buf.put_slice(&available[..amount]);
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}
