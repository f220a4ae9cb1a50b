//! What the newest schema looks like, for whoever copies whole tables. Tests hold it against
//! both databases.

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Int,
    Bytes,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Bytes => "bytes",
        }
    }
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// How many of the first columns make the primary key.
    pub(crate) key: usize,
    pub(crate) columns: &'static [(&'static str, Kind)],
}

use Kind::{Bytes, Int, Text};

/// Every table, those that others refer to first.
pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "meta",
        key: 1,
        columns: &[("key", Text), ("value", Bytes)],
    },
    Table {
        name: "data_keys",
        key: 1,
        columns: &[
            ("id", Text),
            ("purpose", Text),
            ("state", Text),
            ("root_id", Text),
            ("wrapped", Bytes),
            ("created_at", Int),
        ],
    },
    Table {
        name: "plugins",
        key: 1,
        columns: &[("id", Text), ("name", Text)],
    },
    Table {
        name: "users",
        key: 1,
        columns: &[
            ("id", Text),
            ("email", Text),
            ("display_name", Text),
            ("admin", Int),
            ("created_at", Int),
            ("disabled_at", Int),
        ],
    },
    Table {
        name: "identities",
        key: 2,
        columns: &[
            ("issuer", Text),
            ("subject", Text),
            ("user_id", Text),
            ("created_at", Int),
        ],
    },
    Table {
        name: "sessions",
        key: 1,
        columns: &[
            ("id", Text),
            ("owner", Text),
            ("hash", Bytes),
            ("pepper", Text),
            ("created_at", Int),
            ("last_seen_at", Int),
            ("expires_at", Int),
            ("idle_timeout_secs", Int),
            ("revoked_at", Int),
            ("address", Text),
            ("user_agent", Text),
        ],
    },
    Table {
        name: "login_codes",
        key: 1,
        columns: &[
            ("hash", Bytes),
            ("pepper", Text),
            ("owner", Text),
            ("created_at", Int),
            ("expires_at", Int),
            ("redeemed_at", Int),
        ],
    },
    Table {
        name: "api_tokens",
        key: 1,
        columns: &[
            ("id", Text),
            ("owner", Text),
            ("name", Text),
            ("hash", Bytes),
            ("pepper", Text),
            ("scopes", Text),
            ("permissions", Text),
            ("cidrs", Text),
            ("created_at", Int),
            ("expires_at", Int),
            ("last_used_at", Int),
            ("revoked_at", Int),
            ("rotated_to", Text),
            ("made_by", Text),
        ],
    },
    Table {
        name: "connections",
        key: 1,
        columns: &[
            ("id", Text),
            ("owner", Text),
            ("plugin", Text),
            ("connection", Text),
            ("instance", Text),
            ("auth_kind", Text),
            ("generation", Int),
            ("latest_generation", Int),
            ("previous_generation", Int),
            ("previous_expires_at", Int),
            ("nickname", Text),
            ("state", Text),
            ("state_reason", Text),
            ("created_at", Int),
            ("updated_at", Int),
            ("checked_at", Int),
            ("made_by", Text),
        ],
    },
    Table {
        name: "credential_secrets",
        key: 3,
        columns: &[
            ("connection", Text),
            ("generation", Int),
            ("field", Text),
            ("key_id", Text),
            ("sealed", Bytes),
            ("expires_at", Int),
        ],
    },
    Table {
        name: "audit_writers",
        key: 1,
        columns: &[
            ("writer", Text),
            ("seq", Int),
            ("hash", Bytes),
            ("clean", Int),
            ("durability", Text),
        ],
    },
    Table {
        name: "audit_records",
        key: 2,
        columns: &[
            ("writer", Text),
            ("seq", Int),
            ("at", Int),
            ("kind", Text),
            ("phase", Text),
            ("subject", Text),
            ("plugin", Text),
            ("operation", Text),
            ("request", Text),
            ("record", Text),
            ("hash", Bytes),
        ],
    },
    Table {
        name: "audit_checkpoints",
        key: 2,
        columns: &[
            ("writer", Text),
            ("seq", Int),
            ("hash", Bytes),
            ("at", Int),
            ("key_id", Text),
            ("signature", Bytes),
        ],
    },
    Table {
        name: "auth_failures",
        key: 3,
        columns: &[
            ("minute", Int),
            ("reason", Text),
            ("address", Text),
            ("count", Int),
        ],
    },
];
