//! What can go wrong with the database.

use std::io;
use std::path::PathBuf;

use sqlx::error::{DatabaseError, ErrorKind};

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot work at the moment: away, full, read-only or too busy.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// A change that must hit a row hit none; nothing was changed.
    #[error("change {index} names a row that is not there")]
    NoSuchRow {
        /// Which of the changes, from 0.
        index: usize,
    },
    /// A row with the same key is there already, or it has moved on; nothing was changed.
    #[error("the row is taken, or somebody else changed it first")]
    Conflict,
    /// What was asked for cannot be: a cursor of another list, or a text with the character
    /// U+0000, which PostgreSQL cannot store.
    #[error("{reason}")]
    Invalid {
        /// A sentence that a caller may see.
        reason: &'static str,
    },
    /// The rows made for a chain do not continue it; nothing was changed.
    #[error("audit rows do not continue the chain at {seq}")]
    BrokenChain {
        /// The place in the chain that does not fit.
        seq: u64,
    },
    /// A stored value is not what it should be.
    #[error("the database holds a value that is not {expected}")]
    Corrupt {
        /// What was expected.
        expected: &'static str,
    },
    /// Another process has the database open.
    #[error(
        "{} is open in another gestaltd (it holds {}); stop that one first",
        database.display(),
        lock.display()
    )]
    Locked {
        /// The database file.
        database: PathBuf,
        /// The lock file beside it.
        lock: PathBuf,
    },
    /// The database was written by a newer gestaltd.
    #[error(
        "the database has schema {found}, this gestaltd knows {known}; start the newer gestaltd, \
         or restore a backup made before the upgrade"
    )]
    NewerSchema {
        /// The schema that the database or backup has.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// A file of the database or of a backup cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A backup cannot be written, is damaged or not one, or the database that it should fill
    /// is not empty. A restore that fails has written nothing.
    #[error("{reason}")]
    Backup {
        /// What is wrong, in a sentence.
        reason: String,
    },
    /// The database refused a statement.
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    pub(crate) fn backup(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Backup { reason }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(refusal) => match refusal.kind() {
                ErrorKind::UniqueViolation => Self::Conflict,
                // What the row refers to is not there; which change it was, the caller knows.
                ErrorKind::ForeignKeyViolation => Self::NoSuchRow { index: 0 },
                _ if is_passing(refusal.as_ref()) => Self::Unavailable(error),
                _ => Self::Database(error),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Unavailable(error),
            _ => Self::Database(error),
        }
    }
}

/// Says whether the database may accept the same statement later, without a change of ours.
fn is_passing(refusal: &dyn DatabaseError) -> bool {
    let code = refusal.code().unwrap_or_default();
    if refusal
        .try_downcast_ref::<sqlx::sqlite::SqliteError>()
        .is_some()
    {
        // The low byte is the primary code: PERM, BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL,
        // CANTOPEN, PROTOCOL.
        let primary = code.parse::<i32>().unwrap_or(0) & 0xff;
        return matches!(primary, 3 | 5 | 6 | 7 | 8 | 10 | 13 | 14 | 15);
    }
    // SQLSTATE classes: connection, rollback (deadlock), resources (disk full), operator
    // (shutdown), system (I/O); and read-only transaction, lock not available.
    ["08", "40", "53", "57", "58"]
        .iter()
        .any(|class| code.starts_with(class))
        || matches!(code.as_ref(), "25006" | "55P03")
}
