//! How a call to an upstream fails.

use crate::BoxError;
use crate::egress::Denied;

/// A call to an upstream failed before or instead of an answer.
///
/// The text of each is safe for the caller; what caused it is for the log only.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The caller's arguments are at fault.
    #[error("{message}")]
    Invalid {
        /// The argument, with a JSON pointer into it where the fault lies deeper
        /// (`filter/since`); empty for the arguments as a whole.
        field: String,
        /// What is wrong with it.
        message: String,
        /// The declared name that the caller may have meant.
        nearest: Option<String>,
    },
    /// The request's body is larger than the limit.
    #[error("The request body is larger than {limit} bytes.")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// No connection, or one that broke before the answer's head.
    #[error("{host} could not be reached.")]
    Unreachable {
        /// Host and port.
        host: String,
        /// Why.
        source: BoxError,
    },
    /// The upstream took too long.
    #[error("{host} took longer than {limit:?} {waited_for}.")]
    Timeout {
        /// Host and port; `the upstream` once its answer streams.
        host: String,
        /// What was waited for: `to connect`, `to answer`, `to send more of its answer`.
        waited_for: &'static str,
        /// How long it was waited.
        limit: std::time::Duration,
    },
    /// The egress rules do not permit the address.
    #[error(transparent)]
    EgressDenied(Denied),
    /// The answer is larger than the limit, or inflates beyond reason.
    #[error("The upstream's answer is larger than {limit} bytes.")]
    ResponseTooLarge {
        /// The limit in bytes, after decoding.
        limit: u64,
    },
    /// The answer is not what it must be.
    #[error("{message}")]
    InvalidAnswer {
        /// What is wrong with it.
        message: String,
        /// Why.
        source: Option<BoxError>,
    },
    /// The upstream does not take the credential, or asks for one that is not there (401).
    #[error("The upstream does not accept the credential.")]
    Unauthorized,
    /// A plugin's process ended, is waited for, or cannot be started now.
    #[error("{message}")]
    Process {
        /// What is the matter.
        message: String,
    },
    /// A plugin's definition cannot be used.
    #[error("{place}: {message}")]
    Config {
        /// Where: `operations.listIssues.parameters.project`.
        place: String,
        /// What is wrong with it.
        message: String,
    },
    /// Something of the gateway's own: no random bytes, no root certificates.
    #[error("The gateway met a fault of its own.")]
    Internal(#[source] BoxError),
}

impl UpstreamError {
    /// A fault of the caller's arguments.
    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            message: message.into(),
            nearest: None,
        }
    }

    /// A fault of the upstream's answer.
    pub(crate) fn answer(message: impl Into<String>) -> Self {
        Self::InvalidAnswer {
            message: message.into(),
            source: None,
        }
    }

    /// A fault of a plugin's process.
    pub(crate) fn process(message: impl Into<String>) -> Self {
        Self::Process {
            message: message.into(),
        }
    }

    /// A fault of a plugin's definition.
    pub(crate) fn config(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Config {
            place: place.into(),
            message: message.into(),
        }
    }

    /// Takes the error of this kind out of a stream's error, or calls the answer broken.
    pub fn from_stream(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(ours) => *ours,
            Err(other) => Self::InvalidAnswer {
                message: "The upstream's answer broke off.".to_owned(),
                source: Some(other),
            },
        }
    }
}

/// Looks for an error of one type in another and in what caused it.
pub(crate) fn find_cause<'e, T: std::error::Error + 'static>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
