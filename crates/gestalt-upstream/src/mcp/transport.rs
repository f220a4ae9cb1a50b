//! The ways in which a server is reached.

use http::StatusCode;

use super::exchange::{Answer, Authority, Listening, Message, Whose};
use super::http::Http;
use super::stdio::Stdio;
use crate::UpstreamError;

/// How a server is reached. Whatever status it answers with is told; an answer that is no
/// success and no JSON-RPC error has an empty body.
#[derive(Debug)]
pub(crate) enum Transport {
    /// Streamable HTTP.
    Http(Box<Http>),
    /// A process of our own.
    Stdio(Stdio),
}

impl Transport {
    /// Sends one message in the era that it is in.
    pub(crate) async fn send(
        &self,
        message: Message,
        whose: &Whose,
        authority: &Authority,
    ) -> Result<Answer, UpstreamError> {
        match self {
            Self::Http(http) => http.send(message, authority).await,
            Self::Stdio(stdio) => stdio.send(&message, whose, authority).await,
        }
    }

    /// Opens the stream of what the server says unasked in the legacy era, or takes a stream
    /// up again.
    pub(crate) async fn listen(
        &self,
        listening: &Listening,
        whose: &Whose,
        authority: &Authority,
    ) -> Result<Answer, UpstreamError> {
        match self {
            Self::Http(http) => http.listen(listening, authority).await,
            // A stream that broke off is not taken up: the child is gone with it.
            Self::Stdio(stdio) => {
                let session = listening.session.as_deref().unwrap_or_default();
                Ok(stdio.listen(session, whose))
            }
        }
    }

    /// Ends a session of the legacy era.
    pub(crate) async fn end(
        &self,
        session: &str,
        whose: &Whose,
        authority: &Authority,
    ) -> Result<(), UpstreamError> {
        match self {
            Self::Http(http) => http.end(session, authority).await,
            Self::Stdio(stdio) => {
                stdio.end(session, whose);
                Ok(())
            }
        }
    }

    /// The error for an answer that is no success and says nothing in the protocol.
    pub(crate) fn refused(&self, status: StatusCode) -> UpstreamError {
        match self {
            Self::Http(http) => http.refused(status),
            Self::Stdio(_) => UpstreamError::answer(format!("The process answered {status}.")),
        }
    }
}
