//! What an admin approved of the tools that MCP servers list.

use gestalt_core::Timestamp;
use gestalt_core::id::PluginId;

use crate::error::StoreError;
use crate::pool::Transaction;
use crate::store::Store;
use crate::value::sql;

/// A tool's definition as an admin approved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolApprovalRow {
    /// The plugin.
    pub plugin: PluginId,
    /// What the server calls the tool.
    pub tool: String,
    /// The whole entry of the server's list: JSON text.
    pub definition: String,
    /// SHA-256 of that text.
    pub digest: [u8; 32],
    /// The subject that approved it, as text.
    pub approved_by: String,
    /// When.
    pub approved_at: Timestamp,
}

impl Store {
    /// Lists what is approved of a plugin, by the tools' names.
    ///
    /// # Errors
    /// What the database says.
    pub async fn list_tool_approvals(
        &self,
        plugin: PluginId,
    ) -> Result<Vec<ToolApprovalRow>, StoreError> {
        let statement = sql!(
            "SELECT tool, definition, digest, approved_by, approved_at \
             FROM tool_approvals WHERE plugin = $1 ORDER BY tool",
            plugin
        );
        let rows = self.pool.rows(statement).await?;
        let read = rows.iter().map(|row| {
            let mut columns = row.columns();
            Ok(ToolApprovalRow {
                plugin,
                tool: columns.text()?,
                definition: columns.text()?,
                digest: columns.hash()?,
                approved_by: columns.text()?,
                approved_at: columns.time()?,
            })
        });
        read.collect()
    }
}

pub(crate) async fn put(
    transaction: &mut Transaction,
    row: &ToolApprovalRow,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "INSERT INTO tool_approvals (plugin, tool, definition, digest, approved_by, approved_at) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (plugin, tool) DO UPDATE SET definition = excluded.definition, \
         digest = excluded.digest, approved_by = excluded.approved_by, \
         approved_at = excluded.approved_at",
        row.plugin,
        &row.tool,
        &row.definition,
        row.digest,
        &row.approved_by,
        row.approved_at
    );
    transaction.execute(statement).await
}

/// Forgets an approval, unless another definition was approved meanwhile.
pub(crate) async fn forget(
    transaction: &mut Transaction,
    plugin: PluginId,
    tool: &str,
    digest: [u8; 32],
) -> Result<u64, StoreError> {
    let statement = sql!(
        "DELETE FROM tool_approvals WHERE plugin = $1 AND tool = $2 AND digest = $3",
        plugin,
        tool,
        digest
    );
    transaction.execute(statement).await
}
