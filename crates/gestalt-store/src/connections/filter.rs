//! Lists of connections, narrowed by who owns them and what they lead to.

use gestalt_core::connection::Owner;
use gestalt_core::id::{ConnectionId, PluginId};
use sqlx::AssertSqlSafe;

use super::{ConnectionRow, columns};
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use crate::store::Store;
use crate::value::{Conditions, Statement};

/// Which connections are asked for; all of them without a condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionFilter {
    /// Only those of these owners.
    pub owners: Option<Vec<Owner>>,
    /// Only those to this plugin.
    pub plugin: Option<PluginId>,
}

impl Store {
    /// Lists connections, newest first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a cursor of another list, and what the database says.
    pub async fn list_connections(
        &self,
        filter: &ConnectionFilter,
        page: &PageRequest,
    ) -> Result<Page<ConnectionRow>, StoreError> {
        let mut conditions = Conditions::default();
        conditions.compare("c.id <", page.before::<ConnectionId>()?);
        if let Some(owners) = &filter.owners {
            if owners.is_empty() {
                return Ok(Page::empty());
            }
            conditions.compare_all("c.owner IN", owners.iter().map(|owner| (*owner).into()));
        }
        if let Some(plugin) = filter.plugin {
            conditions.compare("c.plugin =", plugin);
        }
        let (conditions, mut values) = conditions.finish();
        values.push(page.fetch().into());
        let sql = format!(
            concat!(
                "SELECT ",
                columns!(),
                " FROM connections c WHERE {} ORDER BY c.id DESC LIMIT ${}"
            ),
            conditions,
            values.len()
        );
        // Safe: made of the literals above; every value is bound.
        let statement = Statement::new(AssertSqlSafe(sql), values);
        let rows = self.pool.rows(statement).await?;
        let connections = rows
            .iter()
            .map(|row| ConnectionRow::read(&mut row.columns()));
        Ok(page.page(connections.collect::<Result<_, _>>()?, |row| {
            row.id.to_string()
        }))
    }
}
