//! Who acts.

use std::fmt;
use std::str::FromStr;

use crate::id::{ServiceAccountId, UserId};

/// Whoever calls the gateway, or the gateway itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    /// A person.
    User(UserId),
    /// A machine identity.
    ServiceAccount(ServiceAccountId),
    /// The one subject of a gateway without a login.
    Anonymous,
    /// The gateway's own work, with the reason for it.
    System(&'static str),
}

/// A text is not a subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a subject: expected `user:usr_…`, `service_account:svc_…` or `anonymous`")]
pub struct BadSubject;

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => {
                f.write_str("user:")?;
                id.fmt(f)
            }
            Self::ServiceAccount(id) => write!(f, "service_account:{id}"),
            Self::Anonymous => f.write_str("anonymous"),
            Self::System(reason) => write!(f, "system:{reason}"),
        }
    }
}

impl FromStr for Subject {
    type Err = BadSubject;

    fn from_str(text: &str) -> Result<Self, BadSubject> {
        if text == "anonymous" {
            return Ok(Self::Anonymous);
        }
        if let Some(id) = text.strip_prefix("user:") {
            return id.parse().map(Self::User).map_err(|_| BadSubject);
        }
        if let Some(id) = text.strip_prefix("service_account:") {
            return id.parse().map(Self::ServiceAccount).map_err(|_| BadSubject);
        }
        Err(BadSubject)
    }
}
