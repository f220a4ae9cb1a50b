//! How anything is refused: a closed set of codes, each of one kind.
//!
//! Doors turn a [`Kind`] into their own language (HTTP status, exit code) by one table.

use std::error::Error;
use std::fmt;
use std::time::Duration;

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $text:literal, $kind:ident;)*) => {
        /// Why something is refused; stable, part of the API.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Code { $($(#[$doc])* $code,)* }

        impl Code {
            /// Every code, in the contract's order.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// The word used in answers, logs and the audit trail.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$code => $text,)* }
            }

            /// The kind it belongs to.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$code => Kind::$kind,)* }
            }
        }
    };
}

codes! {
    /// The request does not have the form it must have.
    InvalidRequest = "invalid_request", Invalid;
    /// No credential, or one that does not hold.
    Unauthenticated = "unauthenticated", Unauthenticated;
    /// The token held once and has expired.
    TokenExpired = "token_expired", Unauthenticated;
    /// The token held once and was revoked.
    TokenRevoked = "token_revoked", Unauthenticated;
    /// Policy, or the state of the caller, says no.
    Forbidden = "forbidden", Forbidden;
    /// The token's scope does not cover it.
    InsufficientScope = "insufficient_scope", Forbidden;
    /// It does not exist, or belongs to another.
    NotFound = "not_found", NotFound;
    /// Several accounts are connected; one must be named.
    InstanceSelectionRequired = "instance_selection_required", Choose;
    /// Several connections could be used; one must be named.
    ConnectionSelectionRequired = "connection_selection_required", Choose;
    /// Nothing is connected yet.
    NotConnected = "not_connected", NotConnected;
    /// The upstream no longer takes the credential.
    ReconnectRequired = "reconnect_required", NotConnected;
    /// An admin must set the shared credential first.
    AdminConfigurationRequired = "admin_configuration_required", NotConnected;
    /// The request is larger than a limit.
    TooLarge = "too_large", TooLarge;
    /// Too many requests.
    RateLimited = "rate_limited", Limited;
    /// No connection to the upstream.
    UpstreamUnreachable = "upstream_unreachable", Upstream;
    /// The upstream's answer is not what it must be.
    UpstreamInvalid = "upstream_invalid", Upstream;
    /// The egress rules do not permit the address.
    EgressDenied = "egress_denied", Upstream;
    /// The upstream's answer is larger than a limit.
    ResponseTooLarge = "response_too_large", Upstream;
    /// The upstream took too long.
    UpstreamTimeout = "upstream_timeout", Timeout;
    /// The gateway cannot serve now.
    Unavailable = "unavailable", Unavailable;
    /// The audit trail cannot be written, so nothing is done.
    AuditUnavailable = "audit_unavailable", Unavailable;
    /// The gateway has more work than it takes.
    Overloaded = "overloaded", Unavailable;
    /// A fault of the gateway's own.
    Internal = "internal", Internal;
}

/// The kinds of refusal; each door has one table from kind to its own language.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// The request is at fault.
    Invalid,
    /// Who is calling is not known.
    Unauthenticated,
    /// The caller may not.
    Forbidden,
    /// There is no such thing for this caller.
    NotFound,
    /// The caller must choose.
    Choose,
    /// A connection must be made first.
    NotConnected,
    /// The request is too large.
    TooLarge,
    /// The caller must slow down.
    Limited,
    /// The upstream is at fault.
    Upstream,
    /// The upstream took too long.
    Timeout,
    /// The gateway cannot serve now.
    Unavailable,
    /// The gateway is at fault.
    Internal,
}

/// A refusal: what the caller may read, and the chain that only the log shows.
#[derive(Debug)]
pub struct Refusal {
    /// Why, as a stable word.
    pub code: Code,
    /// Why, in a sentence that is safe for the caller.
    pub message: String,
    /// What the caller can do, where there is something.
    pub hint: Option<String>,
    /// Which member of the request is at fault (`name`, `/parameters/project`).
    pub field: Option<String>,
    /// What can be chosen, for [`Kind::Choose`].
    pub choices: Vec<String>,
    /// Path below the base URL where a person can mend it, for [`Kind::NotConnected`].
    pub link: Option<String>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// What caused it; for the log only.
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Refusal {
    /// A refusal with a sentence for the caller.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            field: None,
            choices: Vec::new(),
            link: None,
            retry_after: None,
            cause: None,
        }
    }

    /// A fault of the gateway's own; the caller learns nothing but that.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Code::Internal, "The gateway met a fault of its own.").because(cause)
    }

    /// Its kind.
    pub const fn kind(&self) -> Kind {
        self.code.kind()
    }

    /// Adds what the caller can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the member of the request that is at fault.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Adds what can be chosen.
    #[must_use]
    pub fn choices(mut self, choices: Vec<String>) -> Self {
        self.choices = choices;
        self
    }

    /// Adds where a person can mend it.
    #[must_use]
    pub fn link(mut self, path: impl Into<String>) -> Self {
        self.link = Some(path.into());
        self
    }

    /// Adds when to try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Adds the cause, for the log only.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_not_in_the_callers_text() {
        let refusal = Refusal::internal("row 7 of api_tokens");
        assert_eq!(
            refusal.to_string(),
            "internal: The gateway met a fault of its own."
        );
        assert!(
            refusal
                .source()
                .is_some_and(|s| s.to_string().contains("api_tokens"))
        );
    }
}
