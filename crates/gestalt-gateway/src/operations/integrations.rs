//! Integrations and their operations, as a caller may use them.

use gestalt_core::Refusal;
use gestalt_core::connection::{Mode, Owner};
use gestalt_core::name::nearest;
use gestalt_store::{ConnectionFilter, ConnectionRow, PageRequest};
use gestalt_upstream::CompiledOperation;

use super::connections::{status, view};
use super::not_found;
use super::tools::tool_name;
use super::views::{ConnectionMethodView, FieldView, IntegrationView, OperationView};
use crate::audit::from_store;
use crate::authenticate::caller::Caller;
use crate::authorize::{may_list, visible_plugin};
use crate::catalogue::{ConnectionEntry, PluginEntry};
use crate::{Gateway, Inner};

/// Connections of one caller that are looked at, the shared ones among them; the newest.
const MAX_CONNECTIONS: usize = 10_000;

impl Gateway {
    /// Lists the plugins that the caller may use, by name.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn list_integrations(
        &self,
        caller: &Caller,
    ) -> Result<Vec<IntegrationView>, Refusal> {
        let gateway = &*self.inner;
        let catalogue = gateway.catalogue.load_full();
        let rows = gateway.usable_connections(caller, None).await?;
        let visible = catalogue.all().filter(|plugin| {
            caller
                .identity()
                .scopes
                .as_ref()
                .is_none_or(|scopes| scopes.names(&plugin.definition))
        });
        let views = visible.map(|plugin| integration(gateway, caller, plugin, &rows));
        Ok(views.filter(|view| view.operations > 0).collect())
    }

    /// Gets one plugin.
    ///
    /// # Errors
    /// `not_found`, `insufficient_scope`.
    pub async fn get_integration(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<IntegrationView, Refusal> {
        let gateway = &*self.inner;
        let catalogue = gateway.catalogue.load_full();
        let plugin = visible_plugin(&catalogue, caller, name)?;
        let rows = gateway.usable_connections(caller, Some(plugin)).await?;
        Ok(integration(gateway, caller, plugin, &rows))
    }

    /// Lists the operations of a plugin that the caller may invoke, by name.
    ///
    /// # Errors
    /// `not_found`, `insufficient_scope`.
    #[expect(clippy::unused_async, reason = "all operations are awaited alike")]
    pub async fn list_operations(
        &self,
        caller: &Caller,
        plugin: &str,
    ) -> Result<Vec<OperationView>, Refusal> {
        let catalogue = self.inner.catalogue.load_full();
        let plugin = visible_plugin(&catalogue, caller, plugin)?;
        let mut views: Vec<OperationView> = listed(plugin, caller)
            .map(|known| operation(plugin, known))
            .collect();
        views.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(views)
    }

    /// Gets one operation.
    ///
    /// # Errors
    /// `not_found`, with the nearest name; `insufficient_scope`.
    #[expect(clippy::unused_async, reason = "all operations are awaited alike")]
    pub async fn get_operation(
        &self,
        caller: &Caller,
        plugin: &str,
        name: &str,
    ) -> Result<OperationView, Refusal> {
        let catalogue = self.inner.catalogue.load_full();
        let plugin = visible_plugin(&catalogue, caller, plugin)?;
        let found = listed(plugin, caller).find(|known| known.definition().name.as_str() == name);
        found.map(|known| operation(plugin, known)).ok_or_else(|| {
            let names = listed(plugin, caller).map(|known| known.definition().name.as_str());
            match nearest(name, names) {
                Some(near) => not_found("operation").hint(format!("Did you mean `{near}`?")),
                None => not_found("operation"),
            }
        })
    }
}

impl Inner {
    /// The caller's own connections and the shared ones.
    pub(super) async fn usable_connections(
        &self,
        caller: &Caller,
        plugin: Option<&PluginEntry>,
    ) -> Result<Vec<ConnectionRow>, Refusal> {
        let filter = ConnectionFilter {
            owners: Some(vec![Owner::Subject(caller.subject()), Owner::Platform]),
            plugin: plugin.map(|plugin| plugin.id),
        };
        let mut page = PageRequest {
            cursor: None,
            limit: 1_000,
        };
        let mut rows = Vec::new();
        loop {
            let listed = self.store.list_connections(&filter, &page).await;
            let listed = listed.map_err(from_store)?;
            rows.extend(listed.items);
            match listed.next {
                Some(next) if rows.len() < MAX_CONNECTIONS => page.cursor = Some(next),
                _ => return Ok(rows),
            }
        }
    }
}

fn listed<'a>(
    plugin: &'a PluginEntry,
    caller: &'a Caller,
) -> impl Iterator<Item = &'a CompiledOperation> {
    plugin
        .compiled
        .operations()
        .filter(|known| may_list(plugin, caller, known.definition().name.as_str()))
}

fn integration(
    gateway: &Inner,
    caller: &Caller,
    plugin: &PluginEntry,
    rows: &[ConnectionRow],
) -> IntegrationView {
    let definition = &plugin.definition;
    let usable = |entry: &ConnectionEntry, row: &ConnectionRow| {
        row.plugin == plugin.id
            && row.connection == entry.definition.name
            && match entry.definition.mode {
                Mode::None => false,
                Mode::User => row.owner != Owner::Platform,
                Mode::Platform => row.owner == Owner::Platform,
                Mode::Either => true,
            }
    };
    let statuses = plugin.connections.iter().map(|entry| {
        if !entry.usable() {
            return "admin_configuration_required";
        }
        let own: Vec<&ConnectionRow> = rows.iter().filter(|row| usable(entry, row)).collect();
        status(entry.definition.mode, &own)
    });
    let statuses: Vec<&str> = statuses.collect();
    let overall = [
        "ready",
        "reconnect_required",
        "not_connected",
        "admin_configuration_required",
    ]
    .into_iter()
    .find(|word| statuses.contains(word))
    .unwrap_or("ready");
    IntegrationView {
        name: definition.name.to_string(),
        display_name: definition.display_name.clone(),
        description: definition.description.clone(),
        connections: plugin.connections.iter().map(method).collect(),
        connected: rows
            .iter()
            .filter(|row| plugin.connections.iter().any(|entry| usable(entry, row)))
            .map(|row| view(gateway, row))
            .collect(),
        operations: listed(plugin, caller).count() as u64,
        status: overall,
    }
}

fn method(entry: &ConnectionEntry) -> ConnectionMethodView {
    let definition = &entry.definition;
    let field = |field: &gestalt_core::connection::CredentialField| FieldView {
        name: field.name.clone(),
        label: field.label.clone().unwrap_or_else(|| field.name.clone()),
        description: field.description.clone(),
        placeholder: field.placeholder.clone(),
        secret: field.secret,
        required: field.required,
        pattern: field.pattern.clone(),
    };
    ConnectionMethodView {
        name: definition.name.to_string(),
        mode: definition.mode.as_str(),
        auth_type: definition.kind.as_str(),
        usable: entry.usable(),
        fields: definition.fields.iter().map(field).collect(),
    }
}

fn operation(plugin: &PluginEntry, compiled: &CompiledOperation) -> OperationView {
    let definition = compiled.definition();
    OperationView {
        name: definition.name.to_string(),
        tool: tool_name(&plugin.name, definition.name.as_str()),
        title: definition.title.clone(),
        description: definition.description.clone(),
        read_only: definition.read_only,
        deprecated: definition.deprecated,
        tags: definition.tags.clone(),
        upstream: format!("{} {}", definition.method, definition.path),
        input_schema: compiled.input_schema().value(),
        body_types: compiled
            .body_types()
            .iter()
            .map(ToString::to_string)
            .collect(),
        output_schema: definition
            .response
            .schema
            .as_ref()
            .map(gestalt_core::Schema::value),
        paginated: definition.pagination.is_some(),
    }
}
