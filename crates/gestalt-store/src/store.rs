//! The store itself: opening, closing, counting.

use std::sync::Arc;

use crate::error::StoreError;
use crate::migrate;
use crate::pool::{self, Pool, Settings};
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
        pool::counted(future).await
    }
}
