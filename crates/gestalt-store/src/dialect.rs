//! Where SQLite and PostgreSQL differ, and nowhere else.

use std::sync::{Arc, LazyLock};

use sqlx::AssertSqlSafe;

/// Which of the two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// The lists of placeholders for 1, 2, 4, … 256 rows of `columns` values, so that a statement
/// for many rows has one of nine texts and stays in the cache of prepared statements.
#[derive(Debug)]
pub(crate) struct ManyRows {
    sqlite: [Arc<str>; SIZES],
    postgres: [Arc<str>; SIZES],
}

const SIZES: usize = 9;

/// A statement for many rows, in a text for every number of rows that is used.
pub(crate) type ManyRowsStatement = LazyLock<ManyRows>;

impl ManyRows {
    /// Completes `before (…), (…) after` for rows of `columns` values. The texts are ours:
    /// no value may ever be part of them.
    pub(crate) fn new(before: &str, columns: usize, after: &str) -> Self {
        let text = |dialect, power: usize| {
            let rows = placeholders(dialect, 1_usize << power, columns);
            Arc::from(format!("{before} {rows} {after}"))
        };
        Self {
            sqlite: std::array::from_fn(|power| text(Dialect::Sqlite, power)),
            postgres: std::array::from_fn(|power| text(Dialect::Postgres, power)),
        }
    }

    /// The statement for as many of `rows` as one takes, and how many that is.
    pub(crate) fn take(&self, dialect: Dialect, rows: usize) -> (AssertSqlSafe<Arc<str>>, usize) {
        let power = (rows.max(1).ilog2() as usize).min(SIZES - 1);
        let texts = match dialect {
            Dialect::Sqlite => &self.sqlite,
            Dialect::Postgres => &self.postgres,
        };
        (AssertSqlSafe(Arc::clone(&texts[power])), 1 << power)
    }
}

/// The placeholders of many rows. The cost of a statement grows with the square of its
/// `$1`-style parameters on SQLite, so there it has `?`.
fn placeholders(dialect: Dialect, rows: usize, columns: usize) -> String {
    let mut text = String::new();
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            if column > 0 {
                text.push_str(", ");
            }
            match dialect {
                Dialect::Sqlite => text.push('?'),
                Dialect::Postgres => {
                    text.push('$');
                    text.push_str(&(row * columns + column + 1).to_string());
                }
            }
        }
        text.push(')');
    }
    text
}

impl Dialect {
    /// How a transaction that writes begins. SQLite takes its one write lock at once, so that
    /// no transaction fails half-way because another wrote first.
    pub(crate) const fn begin_write(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// How a transaction begins that reads one state of the whole database.
    pub(crate) const fn begin_snapshot(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN DEFERRED",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// Compares the `outcome` of an audit record's JSON.
    pub(crate) const fn outcome_is(self) -> &'static str {
        match self {
            Self::Sqlite => "(record ->> 'outcome') =",
            // PostgreSQL refuses to read a document that holds U+0000 anywhere.
            Self::Postgres => r"(replace(record, '\u0000', '\u0020')::json ->> 'outcome') =",
        }
    }

    /// Keeps other processes from migrating until the transaction ends. SQLite's write lock
    /// does that already.
    pub(crate) const fn lock_migrations(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            // A number of ours: "gestalt" in ASCII.
            Self::Postgres => Some("SELECT pg_advisory_xact_lock(29104508263164020)"),
        }
    }

    /// Counts the tables of that name (`$1`) that are there.
    pub(crate) const fn count_tables(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = $1",
            Self::Postgres => {
                "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static PAIRS: ManyRowsStatement = LazyLock::new(|| ManyRows::new("VALUES", 2, "!"));

    #[test]
    fn many_rows_have_few_texts() {
        let check = |dialect, rows, expect: (&str, usize)| {
            let (text, taken) = PAIRS.take(dialect, rows);
            assert_eq!((&*text.0, taken), expect);
        };
        check(Dialect::Sqlite, 1, ("VALUES (?, ?) !", 1));
        check(Dialect::Sqlite, 3, ("VALUES (?, ?), (?, ?) !", 2));
        check(Dialect::Postgres, 2, ("VALUES ($1, $2), ($3, $4) !", 2));
        assert_eq!(PAIRS.take(Dialect::Postgres, 100_000).1, 256);
    }
}
