//! Connections: named ways to authenticate to a plugin's upstream.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::id::PluginId;
use crate::name::{ConnectionName, InstanceName, OperationName};
use crate::subject::Subject;

/// Whose credential is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// None at all.
    None,
    /// The caller's own.
    User,
    /// One that an admin has set for everybody.
    Platform,
    /// The caller's own, else the shared one.
    Either,
}

/// How the credential is come by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuthKind {
    /// No credential.
    None,
    /// Fields that a person enters.
    Manual,
    /// One token, sent as `Authorization: Bearer`.
    Bearer,
    /// User name and password, sent as `Authorization: Basic`.
    Basic,
    /// An OAuth 2 flow.
    Oauth2,
    /// The OAuth flow of an MCP upstream.
    McpOauth,
}

impl AuthKind {
    /// The word used in config, database and API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Manual => "manual",
            Self::Bearer => "bearer",
            Self::Basic => "basic",
            Self::Oauth2 => "oauth2",
            Self::McpOauth => "mcp_oauth",
        }
    }
}

impl Mode {
    /// The word used in config and API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::User => "user",
            Self::Platform => "platform",
            Self::Either => "either",
        }
    }
}

/// One connection of a plugin, as configured.
#[derive(Clone, Debug)]
pub struct ConnectionDefinition {
    /// Its name within the plugin.
    pub name: ConnectionName,
    /// Whose credential is used.
    pub mode: Mode,
    /// How the credential is come by.
    pub kind: AuthKind,
    /// What a person enters. `bearer` has `token`; `basic` has `username` and `password`.
    pub fields: Vec<CredentialField>,
    /// Where the fields go in a request.
    pub mapping: AuthMapping,
    /// The operation that proves a credential at connect time.
    pub check: Option<OperationName>,
    /// JSON pointer into the check's answer that names the account.
    pub nickname: Option<String>,
    /// What becomes of stored credentials when the auth kind changes.
    pub on_auth_change: OnAuthChange,
    /// How long a replaced credential is kept for rollback: 0 to 7 days.
    pub grace: Duration,
}

/// What becomes of stored credentials when the auth kind changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnAuthChange {
    /// The config is refused while credentials are stored.
    #[default]
    Refuse,
    /// The stored credentials are revoked.
    Revoke,
}

/// One thing a person enters to connect.
#[derive(Clone, Debug)]
pub struct CredentialField {
    /// Its name in requests and in the mapping.
    pub name: String,
    /// What a form calls it.
    pub label: Option<String>,
    /// Where to find it.
    pub description: Option<String>,
    /// An example of its form.
    pub placeholder: Option<String>,
    /// Hidden while typed and never shown again.
    pub secret: bool,
    /// Connecting is refused without it.
    pub required: bool,
    /// A regular expression that the value must match.
    pub pattern: Option<String>,
}

/// Where the fields of a credential go in a request.
#[derive(Clone, Debug, Default)]
pub struct AuthMapping {
    /// Header name and value.
    pub headers: Vec<(String, MappedValue)>,
    /// Query parameter and value.
    pub query: Vec<(String, MappedValue)>,
    /// User name and password of `Authorization: Basic`.
    pub basic: Option<(MappedValue, MappedValue)>,
}

/// A value that is written down or taken from a credential field.
#[derive(Clone, Debug)]
pub enum MappedValue {
    /// Always this text.
    Literal(String),
    /// The field of this name, with a text before it (`Bearer `).
    Field {
        /// The credential field.
        name: String,
        /// What stands before it.
        prefix: String,
    },
}

/// Whose connection it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Owner {
    /// A subject's own.
    Subject(Subject),
    /// The shared one.
    Platform,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject(subject) => fmt::Display::fmt(subject, f),
            Self::Platform => f.write_str("platform"),
        }
    }
}

impl FromStr for Owner {
    type Err = crate::subject::BadSubject;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "platform" {
            Ok(Self::Platform)
        } else {
            text.parse().map(Self::Subject)
        }
    }
}

/// What names one stored connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ConnectionKey {
    /// Whose it is.
    pub owner: Owner,
    /// To which plugin.
    pub plugin: PluginId,
    /// By which of its connections.
    pub connection: ConnectionName,
    /// Which account of it.
    pub instance: InstanceName,
}

/// How a stored connection is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Ready to be used.
    Connected,
    /// Works, but the last check did not pass.
    Degraded,
    /// The person must connect again.
    NeedsReauth,
    /// Taken back.
    Revoked,
}

impl State {
    /// The word used in database and API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Degraded => "degraded",
            Self::NeedsReauth => "needs_reauth",
            Self::Revoked => "revoked",
        }
    }

    /// Reads the word used in database and API.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Connected,
            Self::Degraded,
            Self::NeedsReauth,
            Self::Revoked,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_round_trip() {
        for text in ["platform", "anonymous"] {
            assert_eq!(
                text.parse::<Owner>().map(|o| o.to_string()).as_deref(),
                Ok(text)
            );
        }
        assert!("everyone".parse::<Owner>().is_err());
    }
}
