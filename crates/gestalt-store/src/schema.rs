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
        name: "tool_approvals",
        key: 2,
        columns: &[
            ("plugin", Text),
            ("tool", Text),
            ("definition", Text),
            ("digest", Bytes),
            ("approved_by", Text),
            ("approved_at", Int),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Database, Settings};
    use crate::store::Store;
    use crate::value::sql;

    #[tokio::test]
    async fn the_list_of_tables_is_what_the_migrations_make() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::new(Database::Sqlite(dir.path().join("gestalt.db")));
        let store = Store::open(&settings).await.unwrap();
        let statement = sql!(
            "SELECT t.name, c.name, lower(c.type), c.pk FROM sqlite_schema t \
             JOIN pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name <> 'schema_migrations' ORDER BY t.name, c.cid"
        );
        let rows = store.pool.rows(statement).await.unwrap();
        let made = rows.iter().map(|row| {
            let mut columns = row.columns();
            let (table, column) = (columns.text().unwrap(), columns.text().unwrap());
            (
                table,
                column,
                columns.text().unwrap(),
                columns.int().unwrap(),
            )
        });
        let mut listed = Vec::new();
        for table in TABLES {
            for (place, (column, kind)) in (1_usize..).zip(table.columns) {
                let kind = match kind {
                    Text => "text",
                    Int => "integer",
                    Bytes => "blob",
                };
                let key = if place <= table.key { place } else { 0 };
                let key = i64::try_from(key).unwrap();
                listed.push((table.name.into(), (*column).into(), kind.into(), key));
            }
        }
        // By table; the columns stay in their order.
        listed.sort_by(|a: &(String, String, String, i64), b| a.0.cmp(&b.0));
        assert_eq!(made.collect::<Vec<_>>(), listed);
    }
}
