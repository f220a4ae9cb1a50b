//! Plugins: an id that never changes, and the name of the day.

use gestalt_core::id::PluginId;
use gestalt_core::name::PluginName;

use crate::error::StoreError;
use crate::pool::Transaction;
use crate::store::Store;
use crate::value::sql;

/// A plugin that was seen in the config, now or before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginRow {
    /// Its id, unchanged when it is renamed.
    pub id: PluginId,
    /// Its name; no two have the same.
    pub name: PluginName,
}

impl Store {
    /// Lists every plugin ever seen, by name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn list_plugins(&self) -> Result<Vec<PluginRow>, StoreError> {
        let rows = self
            .pool
            .rows(sql!("SELECT id, name FROM plugins ORDER BY name"))
            .await?;
        let read = rows.iter().map(|row| {
            let mut columns = row.columns();
            Ok(PluginRow {
                id: columns.parse("a plugin id")?,
                name: columns.parse("a plugin name")?,
            })
        });
        read.collect()
    }
}

pub(crate) async fn put(
    transaction: &mut Transaction,
    id: PluginId,
    name: &PluginName,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "INSERT INTO plugins (id, name) VALUES ($1, $2)",
        id,
        name.as_str()
    );
    transaction.execute(statement).await
}

pub(crate) async fn rename(
    transaction: &mut Transaction,
    id: PluginId,
    name: &PluginName,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "UPDATE plugins SET name = $2 WHERE id = $1",
        id,
        name.as_str()
    );
    transaction.execute(statement).await
}
