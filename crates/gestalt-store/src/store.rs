//! The store itself: opening, closing, counting.

use std::sync::Arc;

use crate::counter;
use crate::error::StoreError;
use crate::migrate;
use crate::pool::Pool;
use crate::settings::Settings;
use crate::value::sql;

/// The database. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) pool: Arc<Pool>,
}

impl Store {
    /// Opens the database and brings its schema up to date. A SQLite file is made if it is
    /// not there, readable by its owner only, and locked against a second daemon.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::NewerSchema`], [`StoreError::File`], and what
    /// the database says.
    pub async fn open(settings: &Settings) -> Result<Self, StoreError> {
        let pool = Pool::open(settings).await?;
        if let Err(error) = migrate::run(&pool).await {
            pool.close().await;
            return Err(error);
        }
        Ok(Self {
            pool: Arc::new(pool),
        })
    }

    /// Waits for running statements, then closes every connection and lets go of the lock.
    /// All clones are closed with it.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it gives none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.pool.rows(sql!("SELECT 1")).await.map(drop)
    }

    /// How many statements were ever run, by all clones. The begin and end of a transaction
    /// are not counted.
    pub fn statements(&self) -> u64 {
        self.pool.statements()
    }

    /// Runs a future and counts the statements that it runs itself, on any store; not those
    /// of tasks that it spawns.
    pub async fn counted<F: Future>(future: F) -> (F::Output, u64) {
        counter::counted(future).await
    }
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::change::Change;
    use crate::settings::Database;
    use crate::value::{Statement, Value};
    use crate::{connections, sessions, tokens};

    async fn open() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::new(Database::Sqlite(dir.path().join("gestalt.db")));
        let store = Store::open(&settings).await.unwrap();
        (dir, store)
    }

    #[tokio::test]
    async fn what_a_request_looks_up_is_indexed() {
        let (_dir, store) = open().await;
        let statements = [
            (tokens::FIND_BY_HASH, 3),
            (sessions::FIND_BY_HASH, 3),
            (connections::FIND_CREDENTIALS, 4),
        ];
        for (sql, values) in statements {
            let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let values = vec![Value::Text(None); values];
            let rows = store.pool.rows(Statement::new(explain, values)).await;
            let steps = rows.unwrap().into_iter().map(|row| {
                let mut columns = row.columns();
                for _ in 0..3 {
                    columns.int().unwrap();
                }
                columns.text().unwrap()
            });
            let steps: Vec<String> = steps.collect();
            assert_eq!(
                steps
                    .iter()
                    .filter(|step| step.starts_with("SEARCH"))
                    .count(),
                2
            );
            assert!(
                !steps.iter().any(|step| step.starts_with("SCAN")),
                "{sql}: {steps:?}"
            );
        }
    }

    #[test]
    #[should_panic(expected = "a missing value would silently be NULL")]
    fn a_missing_value_is_a_fault() {
        let _ = sql!(
            "UPDATE meta SET value = $2 WHERE key = $1 OR key = $10",
            "a",
            "b"
        );
    }

    fn fact(bytes: usize) -> [Change; 1] {
        let key = "fact".to_owned();
        let value = vec![1; bytes];
        [Change::PutMeta { key, value }]
    }

    async fn pragma(store: &Store, sql: &'static str) {
        let mut transaction = store.pool.begin().await.unwrap();
        transaction.script(sql).await.unwrap();
        transaction.commit().await.unwrap();
    }

    #[tokio::test]
    async fn s51_a_full_disk_is_unavailable_until_there_is_room() {
        let (_dir, store) = open().await;
        store.write(&fact(10)).await.unwrap();
        pragma(&store, "PRAGMA max_page_count = 1").await;
        let refused = store.write(&fact(1_000_000)).await;
        assert!(
            matches!(refused, Err(StoreError::Unavailable(_))),
            "{refused:?}"
        );
        assert_eq!(store.find_meta("fact").await.unwrap(), Some(vec![1; 10]));
        pragma(&store, "PRAGMA max_page_count = 100000").await;
        store.write(&fact(1_000_000)).await.unwrap();
    }

    #[tokio::test]
    async fn s51_a_read_only_database_is_unavailable_and_still_read() {
        let (_dir, store) = open().await;
        pragma(&store, "PRAGMA query_only = ON").await;
        let refused = store.write(&fact(1)).await;
        assert!(
            matches!(refused, Err(StoreError::Unavailable(_))),
            "{refused:?}"
        );
        assert_eq!(store.find_meta("fact").await.unwrap(), None);
    }
}
