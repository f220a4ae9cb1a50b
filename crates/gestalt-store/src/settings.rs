//! Which database, and how much of it to use.

use std::path::PathBuf;
use std::time::Duration;

use gestalt_core::Secret;

/// Which database, and how much of it to use.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the database is.
    pub database: Database,
    /// Connections at most; on SQLite those that read, beside the one that writes.
    pub max_connections: u32,
    /// How long a statement may wait for a connection.
    pub acquire_timeout: Duration,
}

impl Settings {
    /// The usual settings for a database: 8 connections, 10 seconds.
    pub const fn new(database: Database) -> Self {
        Self {
            database,
            max_connections: 8,
            acquire_timeout: Duration::from_secs(10),
        }
    }
}

/// Where the database is.
#[derive(Debug, Clone)]
pub enum Database {
    /// A file, made if it is not there.
    Sqlite(PathBuf),
    /// A URL as libpq understands it; it may hold a password.
    Postgres(Secret),
}

/// Names a host where a URL has a user and none (`postgres://user@/name?host=/run/postgresql`):
/// libpq allows that, the URL standard does not. What the query says still comes first.
pub(crate) fn with_host(url: &Secret) -> Secret {
    let text = url.expose();
    let authority = text.find("://").map_or(0, |scheme| scheme + 3);
    let end = text[authority..]
        .find(['/', '?'])
        .map_or(text.len(), |end| authority + end);
    let (start, rest) = text.split_at(end);
    if start.ends_with('@') {
        Secret::new(format!("{start}localhost{rest}"))
    } else {
        url.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_leave_the_host_to_its_query() {
        let check = |url: &str, expect: &str| {
            assert_eq!(with_host(&Secret::new(url)).expose(), expect);
        };
        check(
            "postgres://gestalt@/gestalt?host=/run/postgresql",
            "postgres://gestalt@localhost/gestalt?host=/run/postgresql",
        );
        check(
            "postgres://u:p@db.example.com/x",
            "postgres://u:p@db.example.com/x",
        );
        check("postgres:///x?host=/run", "postgres:///x?host=/run");
        check("postgres://u@", "postgres://u@localhost");
    }
}
