//! The table from tools' names to operations, made at load.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use gestalt_core::operation::Operation;

use super::search::{self, Index};
use super::texts::{Texts, Tool};
use crate::OpenError;
use crate::catalogue::PluginEntry;

/// Longest name that clients take, in characters.
const MAX_NAME: usize = 64;

/// Characters of the hash that ends a name that was cut.
const HASH: usize = 6;

/// Names that the door of all plugins' tools has for itself: the tools that find tools.
pub const FINDING_TOOLS: [&str; 3] = ["search_operations", "describe_operation", "call_operation"];

/// Every tool of a load.
#[derive(Debug, Default)]
pub(crate) struct ToolTable {
    /// By plugin, then operation.
    rows: Vec<Row>,
    by_name: HashMap<Arc<str>, usize>,
    by_plugin: HashMap<Arc<str>, Own>,
}

/// The tools of one plugin.
#[derive(Debug)]
struct Own {
    rows: Range<usize>,
    by_name: HashMap<Arc<str>, usize>,
    /// Made when it is first searched.
    index: OnceLock<Index>,
}

/// One operation as a tool.
#[derive(Debug)]
pub(crate) struct Row {
    plugin: Arc<PluginEntry>,
    operation: Arc<str>,
    definition: Arc<Operation>,
    /// Its name among all tools, and among its plugin's.
    names: [Arc<str>; 2],
    texts: OnceLock<Texts>,
    tools: [OnceLock<Arc<Tool>>; 2],
}

impl Row {
    pub(crate) fn plugin(&self) -> &Arc<PluginEntry> {
        &self.plugin
    }

    pub(crate) fn operation(&self) -> &Arc<str> {
        &self.operation
    }

    /// Its name; `own`: among its plugin's tools.
    pub(crate) fn name(&self, own: bool) -> &Arc<str> {
        &self.names[usize::from(own)]
    }

    pub(crate) fn definition(&self) -> &Operation {
        &self.definition
    }

    /// What all callers see of it, made when it is first asked for.
    pub(crate) fn texts(&self) -> &Texts {
        self.texts
            .get_or_init(|| Texts::new(&self.plugin, &self.definition))
    }

    /// The tool as it is for a caller who has nothing to choose.
    pub(crate) fn tool(&self, own: bool) -> &Arc<Tool> {
        self.tools[usize::from(own)].get_or_init(|| {
            let texts = self.texts();
            Arc::new(Tool::new(self, own, Arc::clone(texts.input.text())))
        })
    }
}

impl ToolTable {
    /// Names every operation of the plugins, which come by name.
    ///
    /// # Errors
    /// [`OpenError::Plugin`] where two would have the same name, or one that is reserved.
    pub(crate) fn new(plugins: &[Arc<PluginEntry>]) -> Result<Self, OpenError> {
        let mut table = Self::default();
        for plugin in plugins {
            let start = table.rows.len();
            let mut operations: Vec<_> = plugin.definition.operations.iter().collect();
            operations.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            let mut by_name = HashMap::with_capacity(operations.len());
            for definition in operations {
                table.add(plugin, definition, &mut by_name)?;
            }
            let rows = start..table.rows.len();
            let own = Own {
                rows,
                by_name,
                index: OnceLock::new(),
            };
            table.by_plugin.insert(Arc::clone(&plugin.name), own);
        }
        Ok(table)
    }

    fn add(
        &mut self,
        plugin: &Arc<PluginEntry>,
        definition: &Arc<Operation>,
        own: &mut HashMap<Arc<str>, usize>,
    ) -> Result<(), OpenError> {
        let at = self.rows.len();
        let operation = &plugin.operation_names[definition.name.as_str()];
        let names = [
            Arc::from(tool_name(&plugin.name, operation)),
            Arc::from(own_name(&plugin.name, operation)),
        ];
        if FINDING_TOOLS.contains(&&*names[0]) {
            return Err(reserved(&names[0], plugin, operation));
        }
        for (taken, name) in [&mut self.by_name, own].into_iter().zip(&names) {
            match taken.entry(Arc::clone(name)) {
                Entry::Vacant(free) => {
                    free.insert(at);
                }
                Entry::Occupied(other) => {
                    let other = &self.rows[*other.get()];
                    return Err(collision(name, other, plugin, operation));
                }
            }
        }
        self.rows.push(Row {
            plugin: Arc::clone(plugin),
            operation: Arc::clone(operation),
            definition: Arc::clone(definition),
            names,
            texts: OnceLock::new(),
            tools: [OnceLock::new(), OnceLock::new()],
        });
        Ok(())
    }

    /// The tool of a name: among all, or among a plugin's.
    pub(crate) fn find(&self, plugin: Option<&str>, name: &str) -> Option<&Row> {
        let index = match plugin {
            None => self.by_name.get(name)?,
            Some(plugin) => self.by_plugin.get(plugin)?.by_name.get(name)?,
        };
        self.rows.get(*index)
    }

    /// All tools, or a plugin's.
    pub(crate) fn rows(&self, plugin: Option<&str>) -> &[Row] {
        match plugin {
            None => &self.rows,
            Some(plugin) => self
                .by_plugin
                .get(plugin)
                .map_or(&[], |own| &self.rows[own.rows.clone()]),
        }
    }
}

impl ToolTable {
    /// The index of a plugin's tools, made if it is not there yet.
    pub(crate) fn index(&self, plugin: &str) -> Option<&Index> {
        let own = self.by_plugin.get(plugin)?;
        let rows = &self.rows[own.rows.clone()];
        Some(own.index.get_or_init(|| search::index(rows)))
    }

    /// Whether the index of every plugin's tools is there.
    pub(crate) fn indexed(&self) -> bool {
        let mut plugins = self.by_plugin.values();
        plugins.all(|own| own.index.get().is_some())
    }
}

fn reserved(name: &str, plugin: &PluginEntry, operation: &str) -> OpenError {
    OpenError::Plugin {
        plugin: plugin.name.to_string(),
        error: format!(
            "operation `{operation}` would be the tool `{name}`, which finds or calls other tools. Give it \
             another name: `allowedOperations: {{ {operation}: {{ alias: … }} }}`, with the others that \
             it is to have beside it"
        ),
    }
}

fn collision(name: &str, first: &Row, plugin: &PluginEntry, operation: &str) -> OpenError {
    OpenError::Plugin {
        plugin: plugin.name.to_string(),
        error: format!(
            "operation `{operation}` and operation `{}` of plugin `{}` would both be the tool \
             `{name}`. Give one another name: `allowedOperations: {{ {operation}: {{ alias: … }} }}`, \
             with the others that it is to have beside it",
            first.operation, first.plugin.name
        ),
    }
}

/// The name that an operation has among the tools of all plugins. Models take letters, digits,
/// `_` and `-`, 64 at most; what is longer is cut and ends with a hash of the whole.
pub fn tool_name(plugin: &str, operation: &str) -> String {
    let valid = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') {
            c
        } else {
            '_'
        }
    };
    let name = format!("{plugin}_{operation}");
    fit(name.chars().map(valid).collect(), plugin, operation)
}

/// The name of a tool whose own is taken: it ends with `__`.
pub(crate) fn set_apart(name: &str) -> String {
    // Names are ASCII, so that any place is between characters.
    format!("{}__", &name[..name.len().min(MAX_NAME - 2)])
}

/// The name among the plugin's own tools: as it is, where it is not too long.
fn own_name(plugin: &str, operation: &str) -> String {
    fit(operation.to_owned(), plugin, operation)
}

/// Cuts a name that is too long, and ends it with a hash of the whole.
fn fit(mut name: String, plugin: &str, operation: &str) -> String {
    if name.len() > MAX_NAME {
        let hash = gestalt_vault::sha256(&[plugin.as_bytes(), b"/", operation.as_bytes()]);
        // Names are ASCII, so that any place is between characters.
        name.truncate(MAX_NAME - HASH - 1);
        name.push('_');
        name.push_str(&gestalt_vault::hex(&hash)[..HASH]);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_and_short() {
        for (plugin, operation, shared, own) in [
            ("tracker", "listIssues", "tracker_listIssues", "listIssues"),
            (
                "my-crm",
                "issues.list-all",
                "my-crm_issues_list-all",
                "issues.list-all",
            ),
            ("a", "b_c", "a_b_c", "b_c"),
        ] {
            assert_eq!(tool_name(plugin, operation), shared);
            assert_eq!(own_name(plugin, operation), own);
        }
        let long = "x".repeat(128);
        for name in [tool_name("p", &long), own_name("p", &long)] {
            assert_eq!(name.len(), MAX_NAME);
            assert!(name.is_ascii());
        }
        // What is cut alike differs by the hash of the whole.
        let (one, two) = (format!("{long}1"), format!("{long}2"));
        assert_ne!(tool_name("p", &one), tool_name("p", &two));
        assert_ne!(own_name("p", &one), own_name("q", &one));
        insta::assert_snapshot!(tool_name("p", &long), @r#"p_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_a0fe9a"#);
    }
}
