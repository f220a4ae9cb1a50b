//! Operations as tools for agents: what a caller may invoke, by names that are unique, with
//! schemas that say all that can be given.

mod choices;
mod output;
mod sets;
mod table;
mod texts;

use std::sync::Arc;

use gestalt_core::name::nearest;
use gestalt_core::{Code, Refusal};

use crate::Gateway;
use crate::audit::record::Entry;
use crate::authenticate::caller::Caller;
use crate::authorize::{may_invoke, may_list, visible_plugin};
use crate::catalogue::{Catalogue, PluginEntry};

pub use sets::ToolSet;
pub(crate) use sets::ToolSets;
pub(crate) use table::ToolTable;
pub use table::tool_name;
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
        gateway.tools.get(gateway, &catalogue, caller, plugin).await
    }

    /// Finds the operation behind a tool's name. What the caller may not invoke is not there; that
    /// it was asked for is recorded.
    ///
    /// # Errors
    /// `insufficient_scope`; `not_found`, with the nearest name that is there for the caller.
    pub fn find_tool(
        &self,
        caller: &Caller,
        plugin: Option<&str>,
        name: &str,
    ) -> Result<FoundTool, Refusal> {
        let gateway = &*self.inner;
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
