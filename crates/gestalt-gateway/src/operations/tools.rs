//! Operations as tools for agents: what a caller may invoke, by names that are unique, with
//! schemas that say all that can be given.

mod choices;
mod output;
mod search;
mod sets;
mod table;
mod texts;

use std::sync::Arc;

use gestalt_core::name::nearest;
use gestalt_core::{Code, Refusal};

use crate::Gateway;
use crate::audit::record::Entry;
use crate::authenticate::caller::Caller;
use crate::authorize::{may_invoke, may_list, may_list_live, visible_plugin};
use crate::catalogue::{Catalogue, PluginEntry};
use crate::mcp::listings::Wanted;
use crate::mcp::offered::source_of;
use crate::mcp::{self, listings};

pub use search::{ToolMatch, ToolSearch};
pub use sets::ToolSet;
pub(crate) use sets::ToolSets;
pub(crate) use table::ToolTable;
pub use table::{FINDING_TOOLS, tool_name};
pub use texts::{Tool, ToolAnnotations};

/// Longer names are not compared with what there is.
const MAX_COMPARED_CHARS: usize = 128;

/// The operation that a tool's name leads to.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a door asks of an operation, each by itself"
)]
pub struct FoundTool {
    /// Its plugin.
    pub plugin: Arc<str>,
    /// The operation.
    pub operation: Arc<str>,
    /// Its answers have a schema, so every one must have a structured form.
    pub structured: bool,
    /// It answers in pages.
    pub paginated: bool,
    /// It changes nothing at the upstream.
    pub read_only: bool,
    /// It is an MCP server's, which calls it by this name.
    pub live: Option<Arc<str>>,
    /// It is an operation of GraphQL, whose answers have `data` and `errors`.
    pub graphql: bool,
}

impl Gateway {
    /// Lists what the caller may invoke as tools: of one plugin, by the operations' own names,
    /// or of all, by names that begin with the plugin's. Once warm it asks the database nothing.
    ///
    /// # Errors
    /// `insufficient_scope`, `not_found` for the plugin, `unavailable`.
    pub async fn tools(
        &self,
        caller: &Caller,
        plugin: Option<&str>,
    ) -> Result<Arc<ToolSet>, Refusal> {
        may_invoke(caller)?;
        let gateway = &*self.inner;
        let catalogue = gateway.catalogue.load_full();
        let plugin = plugin
            .map(|name| visible_plugin(&catalogue, caller, name))
            .transpose()?;
        let of: Vec<_> = match plugin {
            Some(plugin) if plugin.definition.mcp.is_some() => vec![plugin],
            Some(_) => Vec::new(),
            None => catalogue
                .all()
                .filter(|plugin| mcp::is_of_use(plugin, caller))
                .collect(),
        };
        let patience = mcp::patience(plugin.map(|plugin| &*plugin.name));
        let mut listed = listings::of(
            &self.inner,
            &catalogue,
            caller,
            &of,
            (patience, Wanted::Tools),
        )
        .await;
        // The tools of one server are its own to list, or not.
        if plugin.is_some()
            && let Some(Err(refusal)) = listed.pop()
        {
            return Err(refusal);
        }
        gateway.tools.get(gateway, &catalogue, caller, plugin).await
    }

    /// Finds the operation behind a tool's name. What the caller may not invoke is not there; that
    /// it was asked for is recorded.
    ///
    /// # Errors
    /// `insufficient_scope`; `not_found`, with the nearest name that is there for the caller.
    pub async fn find_tool(
        &self,
        caller: &Caller,
        plugin: Option<&str>,
        name: &str,
    ) -> Result<FoundTool, Refusal> {
        let gateway = &*self.inner;
        if let Some(found) = live(self, caller, plugin, name).await? {
            return Ok(found);
        }
        let catalogue = gateway.catalogue.load();
        find(&catalogue, caller, plugin, name).or_else(|(names, refusal)| {
            let now = gateway.clock.now();
            let names = (&*names.0, &*names.1);
            let entry = Entry::refused_invocation(caller, now, names, &refusal);
            gateway.audit.record(entry)?;
            Err(refusal)
        })
    }
}

/// Finds a tool of an MCP server. At the server's own endpoint its name is enough: whether
/// there is such a tool, the server says. Among all of them a name leads to a tool by what was
/// listed, never by taking it apart.
async fn live(
    gateway: &Gateway,
    caller: &Caller,
    plugin: Option<&str>,
    name: &str,
) -> Result<Option<FoundTool>, Refusal> {
    let catalogue = gateway.inner.catalogue.load_full();
    let found = |plugin: &PluginEntry, operation: Arc<str>, read_only| {
        let server = plugin.definition.mcp.as_ref()?;
        let source = source_of(server, &operation)?;
        Some(FoundTool {
            plugin: Arc::clone(&plugin.name),
            structured: false,
            paginated: false,
            read_only,
            graphql: false,
            live: Some(source.into()),
            operation,
        })
    };
    let Some(named) = plugin else {
        let mcp = |plugin: &&Arc<PluginEntry>| mcp::is_of_use(plugin, caller);
        if catalogue.tools.find(None, name).is_some() || !catalogue.all().any(|one| mcp(&one)) {
            return Ok(None);
        }
        let inner = &*gateway.inner;
        let known = inner.tools.get(inner, &catalogue, caller, None).await?;
        let tool = match known.live(name) {
            Some(tool) => Arc::clone(tool),
            // It may be newer than what is known.
            None => match gateway.tools(caller, None).await?.live(name) {
                Some(tool) => Arc::clone(tool),
                None => return Ok(None),
            },
        };
        let entry = catalogue.find(&tool.plugin);
        let operation = Arc::clone(&tool.operation);
        return Ok(entry.and_then(|entry| found(entry, operation, tool.annotations.read_only)));
    };
    let Ok(entry) = visible_plugin(&catalogue, caller, named) else {
        return Ok(None);
    };
    if entry.definition.mcp.is_none() || !may_list_live(entry, caller, name) {
        return Ok(None);
    }
    Ok(found(entry, Arc::from(name), false))
}

/// What a refusal's record names, and the refusal.
type Missed = ((String, String), Refusal);

fn find(
    catalogue: &Catalogue,
    caller: &Caller,
    plugin: Option<&str>,
    name: &str,
) -> Result<FoundTool, Missed> {
    let asked = || (plugin.unwrap_or_default().to_owned(), name.to_owned());
    may_invoke(caller).map_err(|refusal| (asked(), refusal))?;
    let of = plugin
        .map(|name| visible_plugin(catalogue, caller, name))
        .transpose()
        .map_err(|refusal| (asked(), refusal))?;
    let table = &catalogue.tools;
    let Some(row) = table.find(of.map(|plugin| &*plugin.name), name) else {
        return Err((asked(), no_tool(table, caller, of, name)));
    };
    let (plugin, operation) = (row.plugin(), row.operation());
    if !may_list(plugin, caller, operation) {
        let names = (plugin.name.to_string(), operation.to_string());
        return Err((names, no_tool(table, caller, of, name)));
    }
    let definition = row.definition();
    Ok(FoundTool {
        plugin: Arc::clone(&plugin.name),
        operation: Arc::clone(operation),
        structured: row.texts().output.is_some(),
        paginated: definition.pagination.is_some(),
        read_only: definition.read_only,
        live: None,
        graphql: definition.graphql().is_some(),
    })
}

fn no_tool(
    table: &ToolTable,
    caller: &Caller,
    of: Option<&Arc<PluginEntry>>,
    name: &str,
) -> Refusal {
    let refusal = Refusal::new(Code::NotFound, "There is no such tool.");
    let length = name.len();
    if length > MAX_COMPARED_CHARS {
        return refusal;
    }
    // No name whose length differs by more can be near enough.
    let far = (length / 3).max(2);
    let own = of.is_some();
    let rows = table.rows(of.map(|plugin| &*plugin.name));
    let near = rows
        .iter()
        .filter(|row| row.name(own).len().abs_diff(length) <= far && &**row.name(own) != name)
        .filter(|row| may_list(row.plugin(), caller, row.operation()))
        .map(|row| &**row.name(own));
    match nearest(name, near) {
        Some(near) => refusal.hint(format!("Did you mean `{near}`?")),
        None => refusal,
    }
}
