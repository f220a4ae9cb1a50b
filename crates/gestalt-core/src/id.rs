//! Typed identifiers: a `UUIDv7` behind a prefix (`tok_018f…`), the same text in SQL and API.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::entropy::{Entropy, NoEntropy};

/// A text is not an identifier of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier that starts with `{prefix}`")]
pub struct BadId {
    /// The prefix that such an identifier has.
    pub prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What every identifier of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// Makes a new identifier (`UUIDv7`, RFC 9562 §5.7): ordered by `now`.
            ///
            /// # Errors
            /// [`NoEntropy`] when no random bytes are to be had.
            pub fn generate(now: Timestamp, entropy: &Entropy) -> Result<Self, NoEntropy> {
                let millis = u64::try_from(now.as_millis()).unwrap_or(0);
                let random = entropy.identifier()?;
                Ok(Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()))
            }

            /// The bare identifier's sixteen bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Two plain writes: ids are written for every call.
                f.write_str($prefix)?;
                f.write_str(self.0.simple().encode_lower(&mut [0; 32]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let bad = BadId { prefix: $prefix };
                let hex = text.strip_prefix($prefix).ok_or(bad.clone())?;
                if hex.len() != 32 || hex.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err(bad);
                }
                Uuid::try_parse(hex).map(Self).map_err(|_| bad)
            }
        }
    )*};
}

ids! {
    /// A person.
    UserId = "usr_";
    /// A machine identity.
    ServiceAccountId = "svc_";
    /// An API token.
    TokenId = "tok_";
    /// A browser session.
    SessionId = "ses_";
    /// A stored connection of a subject to a plugin's upstream.
    ConnectionId = "con_";
    /// A plugin, unchanged when the plugin is renamed.
    PluginId = "plg_";
    /// A data key of the keyring.
    KeyId = "key_";
    /// One writer of the audit trail: a replica's chain.
    WriterId = "wri_";
    /// One request, from the door to the audit record.
    RequestId = "req_";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_refuses_other_kinds() {
        let id = TokenId::generate(
            Timestamp::from_micros(1_700_000_000_000_000),
            &Entropy::seeded(1),
        );
        let text = id.map(|id| id.to_string()).unwrap_or_default();
        assert!(text.starts_with("tok_018bcfe568007"), "{text}");
        assert_eq!(
            text.parse::<TokenId>().map(|id| id.to_string()),
            Ok(text.clone())
        );
        assert!(text.parse::<UserId>().is_err());
        assert!(text.to_uppercase().parse::<TokenId>().is_err());
        assert!("tok_zz".parse::<TokenId>().is_err());
    }
}
