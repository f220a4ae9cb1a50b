//! Facts about the deployment, by key: the salt, the canary.

use crate::error::StoreError;
use crate::pool::Transaction;
use crate::store::Store;
use crate::value::sql;

impl Store {
    /// Finds what was stored under a key.
    ///
    /// # Errors
    /// What the database says.
    pub async fn find_meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let statement = sql!("SELECT value FROM meta WHERE key = $1", key);
        let row = self.pool.row(statement).await?;
        row.map(|row| row.columns().bytes()).transpose()
    }
}

pub(crate) async fn put(
    transaction: &mut Transaction,
    key: &str,
    value: &Vec<u8>,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "INSERT INTO meta (key, value) VALUES ($1, $2) \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        key,
        value
    );
    transaction.execute(statement).await
}

pub(crate) async fn put_if_absent(
    transaction: &mut Transaction,
    key: &str,
    value: &Vec<u8>,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING",
        key,
        value
    );
    transaction.execute(statement).await
}
