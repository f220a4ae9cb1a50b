//! API tokens.

use crate::page::PageInfo;
use crate::shape;

shape! {
    /// Asks for a new API token. A token is never wider than its maker.
    #[serde(deny_unknown_fields)]
    pub struct CreateToken {
        /// What people call it: 1 to 100 characters.
        #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100, example = "laptop"))]
        pub name: String,
        /// Space-separated: `integration`, `integration:operation-pattern`, `integration/connection`.
        /// Each implies `invoke` on it and nothing else.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(max_length = 2000, example = "demo demo:list_*"))]
        pub scopes: Option<String>,
        /// Any of `invoke`, `connect`, `tokens`, `audit`, `admin`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(example = json!(["invoke", "connect"])))]
        pub permissions: Option<Vec<String>>,
        /// How long it lives: `24h`, `30d`. The server's default if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9]{1,9}[smhd]$", example = "24h"))]
        pub expires_in: Option<String>,
        /// Address ranges it may be used from, in CIDR notation; anywhere if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(example = json!(["127.0.0.0/8", "::1/128"])))]
        pub cidrs: Option<Vec<String>>,
    }
}

shape! {
    /// An API token, without its secret.
    pub struct Token {
        /// `tok_…`
        pub id: String,
        /// What people call it.
        pub name: String,
        /// Whose it is: `user:usr_…`.
        pub subject: String,
        /// As given when it was made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub scopes: Option<String>,
        /// What it may do.
        pub permissions: Vec<String>,
        /// Address ranges it may be used from; anywhere if empty.
        pub cidrs: Vec<String>,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339.
        pub expires_at: String,
        /// RFC 3339; within about a minute.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub last_used_at: Option<String>,
        /// RFC 3339.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub revoked_at: Option<String>,
        /// The token that replaces it, once rotated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub rotated_to: Option<String>,
        /// `active`, `expired`, `revoked` or `unusable`.
        pub status: String,
    }
}

shape! {
    /// A new token with its secret, which is shown this once.
    pub struct CreatedToken {
        /// `gst_api_…`; store it now.
        pub token: String,
        /// Everything else about it.
        pub details: Token,
    }
}

shape! {
    /// Asks for a successor with the same reach.
    #[derive(Default)]
    #[serde(deny_unknown_fields)]
    pub struct RotateToken {
        /// How long the old token still works: `0s` to `7d`; `0s` if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9]{1,9}[smhd]$", example = "1h"))]
        pub grace: Option<String>,
    }
}

shape! {
    /// A page of tokens, newest first.
    pub struct TokenPage {
        /// The tokens.
        pub items: Vec<Token>,
        /// Where the next page starts.
        pub page: PageInfo,
    }
}

shape! {
    /// How many were revoked.
    pub struct RevokedCount {
        /// The number.
        pub revoked: u64,
    }
}
