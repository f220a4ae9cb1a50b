//! Integrations and their operations, as a caller may use them.

use std::collections::HashMap;
use std::sync::Arc;

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
use crate::authorize::{may_list, may_list_live, visible_plugin};
use crate::catalogue::{Catalogue, ConnectionEntry, PluginEntry};
use crate::mcp::listings::Wanted;
use crate::mcp::offered::OfferedTool;
use crate::mcp::{self, approvals, listings};
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
        let mut views = Vec::new();
        for plugin in visible {
            let tools = match plugin.definition.mcp {
                Some(_) if !mcp::is_of_use(plugin, caller) => continue,
                // Nobody waits for a server to be named in a list.
                Some(_) => Some(self.known_tools(&catalogue, caller, plugin).await?),
                None => None,
            };
            let live = tools.is_some();
            let view = integration(gateway, caller, (plugin, tools), &rows);
            if live || view.operations > 0 {
                views.push(view);
            }
        }
        Ok(views)
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
        let tools = match plugin.definition.mcp {
            Some(_) => Some(self.known_tools(&catalogue, caller, plugin).await?),
            None => None,
        };
        Ok(integration(gateway, caller, (plugin, tools), &rows))
    }

    /// How many tools of an MCP server a caller may call, as far as it is known.
    async fn known_tools(
        &self,
        catalogue: &Catalogue,
        caller: &Caller,
        plugin: &Arc<PluginEntry>,
    ) -> Result<u64, Refusal> {
        let mut known = listings::known(&self.inner, catalogue, caller, Some(plugin)).await;
        approvals::hold(&self.inner, catalogue, &mut known).await?;
        let tools = known.get(&plugin.id).map(|offered| &offered.tools);
        let may = |tool: &&OfferedTool| may_list_live(plugin, caller, &tool.name);
        Ok(tools.map_or(0, |tools| tools.iter().filter(may).count() as u64))
    }

    /// The tools of an MCP server that a caller may call, by name.
    async fn live_operations(
        &self,
        catalogue: &Arc<Catalogue>,
        caller: &Caller,
        plugin: &Arc<PluginEntry>,
    ) -> Result<Vec<OperationView>, Refusal> {
        let patience = mcp::patience(Some(&plugin.name));
        let mut listed = listings::of(
            &self.inner,
            catalogue,
            caller,
            &[plugin],
            (patience, Wanted::Tools),
        )
        .await;
        let Some(offered) = listed.pop() else {
            return Ok(Vec::new());
        };
        let mut held = HashMap::from([(plugin.id, offered?)]);
        approvals::hold(&self.inner, catalogue, &mut held).await?;
        let may = |tool: &&OfferedTool| may_list_live(plugin, caller, &tool.name);
        let tools = held.values().flat_map(|offered| &offered.tools);
        let views = tools.filter(may).map(|tool| live_operation(plugin, tool));
        Ok(views.collect())
    }

    /// Lists the operations of a plugin that the caller may invoke, by name.
    ///
    /// # Errors
    /// `not_found`, `insufficient_scope`.
    pub async fn list_operations(
        &self,
        caller: &Caller,
        plugin: &str,
    ) -> Result<Vec<OperationView>, Refusal> {
        let catalogue = self.inner.catalogue.load_full();
        let plugin = visible_plugin(&catalogue, caller, plugin)?;
        let mut views: Vec<OperationView> = if plugin.definition.mcp.is_some() {
            self.live_operations(&catalogue, caller, plugin).await?
        } else {
            listed(plugin, caller)
                .map(|known| operation(plugin, known))
                .collect()
        };
        views.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(views)
    }

    /// Gets one operation.
    ///
    /// # Errors
    /// `not_found`, with the nearest name; `insufficient_scope`.
    pub async fn get_operation(
        &self,
        caller: &Caller,
        plugin: &str,
        name: &str,
    ) -> Result<OperationView, Refusal> {
        let catalogue = self.inner.catalogue.load_full();
        let plugin = visible_plugin(&catalogue, caller, plugin)?;
        if plugin.definition.mcp.is_some() {
            let views = self.live_operations(&catalogue, caller, plugin).await?;
            let near = nearest(name, views.iter().map(|view| view.name.as_str()));
            let hint = near.map(|near| format!("Did you mean `{near}`?"));
            let found = views.into_iter().find(|view| view.name == name);
            return found.ok_or_else(|| match hint {
                Some(hint) => not_found("operation").hint(hint),
                None => not_found("operation"),
            });
        }
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
    (plugin, tools): (&PluginEntry, Option<u64>),
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
        operations: tools.unwrap_or_else(|| listed(plugin, caller).count() as u64),
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

/// A tool of an MCP server. GET invokes none, whatever the server says of it.
fn live_operation(plugin: &PluginEntry, tool: &OfferedTool) -> OperationView {
    let schema = |text: &str| serde_json::from_str(text).unwrap_or_default();
    OperationView {
        name: tool.name.to_string(),
        tool: tool_name(&plugin.name, &tool.name),
        title: tool.title.as_deref().map(ToOwned::to_owned),
        description: Some(tool.description.to_string()),
        read_only: false,
        deprecated: false,
        tags: Vec::new(),
        upstream: "tools/call".to_owned(),
        input_schema: schema(&tool.input_schema),
        body_types: Vec::new(),
        output_schema: tool.output_schema.as_deref().map(schema),
        paginated: false,
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
