//! Stored connections to upstreams.

use std::collections::BTreeMap;

use crate::page::PageInfo;
use crate::shape;

shape! {
    /// Connects by fields that a person enters.
    #[serde(deny_unknown_fields)]
    pub struct ConnectManual {
        /// The plugin.
        #[cfg_attr(feature = "openapi", schema(pattern = "^[a-z][a-z0-9_-]{0,30}$", example = "demo"))]
        pub integration: String,
        /// Which of its connections; needed where there is more than one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9._-]{1,64}$"))]
        pub connection: Option<String>,
        /// Which account; `default` if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9._-]{1,64}$"))]
        pub instance: Option<String>,
        /// The fields, by name.
        pub credentials: BTreeMap<String, String>,
        /// Sets the shared credential of a `platform` or `either` connection; admins only.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pub platform: bool,
        /// How long a replaced credential can be rolled back to: `0s` to `7d`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9]{1,9}[smhd]$", example = "24h"))]
        pub grace: Option<String>,
    }
}

shape! {
    /// A stored connection, without its credential.
    pub struct Connection {
        /// `con_…`
        pub id: String,
        /// The plugin.
        pub integration: String,
        /// Which of its connections.
        pub connection: String,
        /// Which account.
        pub instance: String,
        /// `user:usr_…`, `anonymous` or `platform`.
        pub owner: String,
        /// `manual`, `bearer`, `basic`, …
        pub auth_type: String,
        /// The account, as the upstream calls it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub nickname: Option<String>,
        /// `connected`, `degraded`, `needs_reauth` or `revoked`.
        pub state: String,
        /// Why it is in that state.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub state_reason: Option<String>,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339; when the credential was last set.
        pub updated_at: String,
        /// RFC 3339; when it was last checked at the upstream.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub checked_at: Option<String>,
        /// RFC 3339; until when the replaced credential can be rolled back to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub rollback_until: Option<String>,
        /// What the person who connected should know (a secret too short to be masked).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub warnings: Vec<String>,
    }
}

shape! {
    /// A page of connections.
    pub struct ConnectionPage {
        /// The connections.
        pub items: Vec<Connection>,
        /// Where the next page starts.
        pub page: PageInfo,
    }
}

shape! {
    /// What became of a disconnect.
    pub struct Disconnected {
        /// The connections that are gone.
        pub disconnected: Vec<String>,
        /// What happened at the upstream: `revoked`, `unsupported` or `failed`.
        pub upstream: String,
    }
}
