//! The ways in which a server is reached.

use http::StatusCode;

use super::exchange::{Answer, Authority, Listening, Message, Whose};
use super::http::Http;
use crate::UpstreamError;

/// How a server is reached. Whatever status it answers with is told; an answer that is no
/// success and no JSON-RPC error has an empty body.
#[derive(Debug)]
pub(crate) enum Transport {
    /// Streamable HTTP.
    Http(Http),
}

impl Transport {
    /// Sends one message in the era that it is in.
    pub(crate) async fn send(
        &self,
        message: Message,
        _: &Whose,
        authority: &Authority,
    ) -> Result<Answer, UpstreamError> {
        match self {
            Self::Http(http) => http.send(message, authority).await,
        }
    }

    /// Opens the stream of what the server says unasked in the legacy era, or takes a stream
    /// up again.
    pub(crate) async fn listen(
        &self,
        listening: &Listening,
        _: &Whose,
        authority: &Authority,
    ) -> Result<Answer, UpstreamError> {
        match self {
            Self::Http(http) => http.listen(listening, authority).await,
        }
    }

    /// Ends a session of the legacy era.
    pub(crate) async fn end(
        &self,
        session: &str,
        _: &Whose,
        authority: &Authority,
    ) -> Result<(), UpstreamError> {
        match self {
            Self::Http(http) => http.end(session, authority).await,
        }
    }

    /// The error for an answer that is no success and says nothing in the protocol.
    pub(crate) fn refused(&self, status: StatusCode) -> UpstreamError {
        match self {
            Self::Http(http) => http.refused(status),
        }
    }
}
