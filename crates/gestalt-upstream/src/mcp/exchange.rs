//! What goes to an MCP server, and what comes back.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::UpstreamError;
use crate::call::Injection;

/// One of the protocol's two eras.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Era {
    /// 2026-07-28: every request stands for itself.
    Modern,
    /// 2024-11-05 to 2025-11-25: begins with `initialize`.
    Legacy,
}

/// Which eras a server speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Eras {
    /// Requests that stand for themselves.
    pub modern: bool,
    /// Sessions that begin with `initialize`.
    pub legacy: bool,
}

/// Who asks: sessions and processes of one are never used for another.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Whose {
    /// The caller's subject.
    pub subject: String,
    /// The credential that is used and its generation; empty where there is none.
    pub credential: String,
    /// What the caller's client can be asked, as the JSON text of its `capabilities`; `{}` where
    /// it can be asked nothing.
    pub capabilities: String,
}

/// With what authority a message is sent.
#[derive(Clone, Debug, Default)]
pub struct Authority {
    /// The credential, for HTTP.
    pub injection: Injection,
    /// The credential's fields by name, for a process: what its arguments and environment
    /// name by `{name}`.
    pub fields: Vec<(String, gestalt_core::Secret)>,
    /// Headers that say who calls; those of the caller with the same names never get here.
    pub identity: Vec<(HeaderName, HeaderValue)>,
}

/// One message of a client.
#[derive(Clone, Debug)]
pub struct Message {
    /// The client's era.
    pub era: Era,
    /// The protocol version that the client speaks.
    pub version: String,
    /// The method; empty for a response to what the server asked.
    pub method: String,
    /// The JSON text of the request's id; nothing for notifications and responses.
    pub id: Option<String>,
    /// What `Mcp-Name` repeats of the body, as it stands in the body.
    pub name: Option<String>,
    /// The whole JSON-RPC message.
    pub body: Bytes,
    /// The session at the server, in the legacy era.
    pub session: Option<String>,
    /// `Mcp-Param-*` headers, which pass on.
    pub parameters: Vec<(HeaderName, HeaderValue)>,
}

/// A stream of what a server says unasked, to open or to take up again.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listening {
    /// The session at the server.
    pub session: Option<String>,
    /// The id of the last event that arrived, where a stream is taken up again.
    pub last_event_id: Option<String>,
    /// The protocol version that the client speaks.
    pub version: String,
}

/// What a server answers to one message.
#[derive(Debug)]
pub struct Answer {
    /// The server's status.
    pub status: StatusCode,
    /// The session that `initialize` began, if it did.
    pub session: Option<String>,
    /// What it says.
    pub body: AnswerBody,
}

/// The body of an answer.
#[derive(Debug)]
pub enum AnswerBody {
    /// Nothing: a notification or a response was taken.
    Empty,
    /// One whole JSON-RPC message.
    Message(Bytes),
    /// Messages as they come; the response to a request is the last of them.
    Events(Events),
}

/// One event of a stream.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Event {
    /// Its id, by which a stream is taken up again.
    pub id: Option<String>,
    /// Milliseconds to wait before taking the stream up again.
    pub retry: Option<u64>,
    /// One whole JSON-RPC message; empty in an event that only has an id.
    pub data: Bytes,
}

type Boxed = Pin<Box<dyn Stream<Item = Result<Event, UpstreamError>> + Send>>;

/// Events as they come, within limits and with the credential masked. Dropping them gives up
/// the request that they answer.
pub struct Events(Boxed);

impl Events {
    /// Events of a stream.
    pub fn new(stream: impl Stream<Item = Result<Event, UpstreamError>> + Send + 'static) -> Self {
        Self(Box::pin(stream))
    }
}

impl Stream for Events {
    type Item = Result<Event, UpstreamError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}
