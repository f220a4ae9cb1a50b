//! A database of a test's own.
#![expect(clippy::expect_used, reason = "a test may fail")]

use std::time::Duration;

use gestalt_core::Secret;
use gestalt_store::{Database, Settings, Store};
use tempfile::TempDir;

use crate::postgres;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// An empty database, gone when the test ends.
pub(crate) struct TestDatabase {
    pub(crate) settings: Settings,
    pub(crate) dir: TempDir,
}

impl TestDatabase {
    pub(crate) fn new(kind: Kind) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let database = match kind {
            Kind::Sqlite => Database::Sqlite(dir.path().join("gestalt.db")),
            Kind::Postgres => Database::Postgres(Secret::new(postgres::create_database())),
        };
        let mut settings = Settings::new(database);
        settings.max_connections = 4;
        settings.acquire_timeout = Duration::from_mins(1);
        Self { settings, dir }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.settings).await.expect("the store opens")
    }
}
