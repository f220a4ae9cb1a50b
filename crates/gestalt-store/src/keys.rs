//! Data keys, wrapped by the root key.

use gestalt_core::Timestamp;
use gestalt_core::id::KeyId;

use crate::error::StoreError;
use crate::pool::Transaction;
use crate::store::Store;
use crate::value::{Row, sql};

/// One data key, wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Its id.
    pub id: KeyId,
    /// What it is for, in the vault's word.
    pub purpose: String,
    /// Where in its life it is, in the vault's word.
    pub state: String,
    /// The root key that wraps it.
    pub root_id: String,
    /// The key, wrapped.
    pub wrapped: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl KeyRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let mut columns = row.columns();
        Ok(Self {
            id: columns.parse("a key id")?,
            purpose: columns.text()?,
            state: columns.text()?,
            root_id: columns.text()?,
            wrapped: columns.bytes()?,
            created_at: columns.time()?,
        })
    }
}

impl Store {
    /// Lists every data key, oldest first. There are a few dozen at most.
    ///
    /// # Errors
    /// What the database says.
    pub async fn list_keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        let statement = sql!(
            "SELECT id, purpose, state, root_id, wrapped, created_at FROM data_keys ORDER BY id"
        );
        let rows = self.pool.rows(statement).await?;
        rows.iter().map(KeyRow::read).collect()
    }
}

pub(crate) async fn put(transaction: &mut Transaction, key: &KeyRow) -> Result<u64, StoreError> {
    let statement = sql!(
        "INSERT INTO data_keys (id, purpose, state, root_id, wrapped, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (id) DO UPDATE SET \
         state = excluded.state, root_id = excluded.root_id, wrapped = excluded.wrapped",
        key.id,
        &key.purpose,
        &key.state,
        &key.root_id,
        &key.wrapped,
        key.created_at
    );
    transaction.execute(statement).await
}
