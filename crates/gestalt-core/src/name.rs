//! Names that people write: plugins, operations, connections, instances.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A name does not have the form its kind asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a valid {kind} name: {rule}")]
pub struct BadName {
    /// What was given, shortened to 80 characters.
    pub name: String,
    /// The kind of name.
    pub kind: &'static str,
    /// The form it must have.
    pub rule: &'static str,
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:path;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                if $check(text) {
                    Ok(Self(text.into()))
                } else {
                    let name = text.chars().take(80).collect();
                    Err(BadName { name, kind: $kind, rule: $rule })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

names! {
    /// A plugin's name: `[a-z][a-z0-9_-]{0,30}`.
    PluginName, "plugin", "a lower-case letter, then up to 30 of a-z, 0-9, `_`, `-`", is_plugin;
    /// An operation's name: `[A-Za-z][A-Za-z0-9_.-]{0,127}`.
    OperationName, "operation", "a letter, then up to 127 letters, digits, `_`, `.`, `-`", is_operation;
    /// A connection's name: letters, digits, `.`, `_`, `-`, up to 64.
    ConnectionName, "connection", "1 to 64 letters, digits, `.`, `_`, `-`", is_label;
    /// An instance's name: letters, digits, `.`, `_`, `-`, up to 64.
    InstanceName, "instance", "1 to 64 letters, digits, `.`, `_`, `-`", is_label;
}

/// The name of a connection or instance when none is given.
pub const DEFAULT: &str = "default";

impl Default for ConnectionName {
    fn default() -> Self {
        Self(DEFAULT.into())
    }
}

impl Default for InstanceName {
    fn default() -> Self {
        Self(DEFAULT.into())
    }
}

/// Words of the API's own routes, and some kept for later; no plugin may have one as its name.
pub const RESERVED_PLUGIN_NAMES: &[&str] = &[
    "admin",
    "apps",
    "audit",
    "auth",
    "catalog",
    "config",
    "connect",
    "connections",
    "events",
    "explain",
    "grants",
    "health",
    "integrations",
    "keys",
    "login",
    "logout",
    "mcp",
    "me",
    "metrics",
    "openapi",
    "plugins",
    "policies",
    "providers",
    "ready",
    "search",
    "sessions",
    "teams",
    "tokens",
    "usage",
    "users",
];

fn is_plugin(text: &str) -> bool {
    text.len() <= 31
        && text.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

fn is_operation(text: &str) -> bool {
    text.len() <= 128
        && text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

fn is_label(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// The candidate nearest to `given` by edit distance, if one is near enough to suggest.
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (given.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                distance(&given.to_lowercase(), &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance over characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_held() {
        for bad in ["", "Tracker", "9lives", "a b", &"a".repeat(32), "ä"] {
            assert!(bad.parse::<PluginName>().is_err(), "{bad}");
        }
        assert!("tracker_2-x".parse::<PluginName>().is_ok());
        assert!("issues.list-all".parse::<OperationName>().is_ok());
        assert!("_private".parse::<OperationName>().is_err());
        assert!("a/b".parse::<InstanceName>().is_err());
        assert!("work.acct".parse::<InstanceName>().is_ok());
    }

    #[test]
    fn nearest_suggests_only_what_is_near() {
        assert_eq!(nearest("basUrl", ["baseUrl", "public"]), Some("baseUrl"));
        assert_eq!(
            nearest("lsitIssues", ["listIssues", "whoami"]),
            Some("listIssues")
        );
        assert_eq!(nearest("zebra", ["baseUrl", "public"]), None);
    }
}
