//! Which of a plugin's connections an operation is called with. It depends on the config
//! alone, never on what happens to be connected.

use gestalt_core::name::{ConnectionName, DEFAULT};
use gestalt_core::operation::{Operation, Security};
use gestalt_core::{Code, Refusal};

use crate::catalogue::{ConnectionEntry, PluginEntry};

/// The connections that fit an operation, by their places in the plugin, the default one
/// first. Empty where none is needed.
pub(crate) fn fitting(plugin: &PluginEntry, operation: &Operation) -> Vec<usize> {
    match &operation.security {
        Security::None => Vec::new(),
        Security::Any => (0..plugin.connections.len()).collect(),
        Security::OneOf(names) => names
            .iter()
            .filter_map(|name| position(plugin, name))
            .collect(),
    }
}

fn position(plugin: &PluginEntry, name: &ConnectionName) -> Option<usize> {
    plugin
        .connections
        .iter()
        .position(|entry| entry.definition.name == *name)
}

/// The connection that a call of an operation is made with; `None` where it needs none.
pub(crate) fn connection_for(
    plugin: &PluginEntry,
    operation: &Operation,
    named: Option<&str>,
) -> Result<Option<usize>, Refusal> {
    let fitting = fitting(plugin, operation);
    match &operation.security {
        Security::None if named.is_some() => Err(Refusal::new(
            Code::InvalidRequest,
            "The operation is called without a connection.",
        )
        .field("_connection")
        .hint("Leave `_connection` out.")),
        Security::None => Ok(None),
        Security::Any => choose(plugin, &fitting, named),
        Security::OneOf(_) if named.is_some() => choose(plugin, &fitting, named),
        // The document says which comes first.
        Security::OneOf(_) => usable(plugin, &fitting)
            .next()
            .map(Some)
            .ok_or_else(|| not_usable(plugin, &fitting)),
    }
}

/// The connection that is meant where nothing narrows the choice: the one named, the only
/// one, or the one called `default`.
pub(crate) fn any_connection(
    plugin: &PluginEntry,
    named: Option<&str>,
) -> Result<Option<usize>, Refusal> {
    let all: Vec<usize> = (0..plugin.connections.len()).collect();
    choose(plugin, &all, named)
}

fn choose(
    plugin: &PluginEntry,
    fitting: &[usize],
    named: Option<&str>,
) -> Result<Option<usize>, Refusal> {
    if let Some(name) = named {
        let found = fitting.iter().find(|index| entry(plugin, **index) == name);
        return match found {
            Some(index) if plugin.connections[*index].usable() => Ok(Some(*index)),
            Some(index) => Err(not_usable(plugin, &[*index])),
            None => Err(unknown(plugin, fitting, name)),
        };
    }
    let usable: Vec<usize> = usable(plugin, fitting).collect();
    match *usable.as_slice() {
        [] if fitting.is_empty() => Ok(None),
        [] => Err(not_usable(plugin, fitting)),
        [only] => Ok(Some(only)),
        _ => usable
            .iter()
            .find(|index| entry(plugin, **index) == DEFAULT)
            .map(|index| Some(*index))
            .ok_or_else(|| {
                Refusal::new(
                    Code::ConnectionSelectionRequired,
                    "The integration has several connections; name one.",
                )
                .field("_connection")
                .hint("Pass `_connection`.")
                .choices(names(plugin, &usable))
            }),
    }
}

fn usable<'a>(
    plugin: &'a PluginEntry,
    fitting: &'a [usize],
) -> impl Iterator<Item = usize> + use<'a> {
    let usable = |index: &usize| plugin.connections[*index].usable();
    fitting.iter().copied().filter(usable)
}

fn entry(plugin: &PluginEntry, index: usize) -> &str {
    plugin.connections[index].definition.name.as_str()
}

fn names(plugin: &PluginEntry, indices: &[usize]) -> Vec<String> {
    indices
        .iter()
        .map(|index| entry(plugin, *index).to_owned())
        .collect()
}

fn unknown(plugin: &PluginEntry, fitting: &[usize], name: &str) -> Refusal {
    let known = plugin
        .connections
        .iter()
        .any(|entry| entry.definition.name.as_str() == name);
    let message = if known {
        "The operation cannot be called with this connection."
    } else {
        "The integration has no connection of this name."
    };
    let usable: Vec<usize> = usable(plugin, fitting).collect();
    Refusal::new(Code::InvalidRequest, message)
        .field("_connection")
        .choices(names(plugin, &usable))
}

/// No connection fits but those that this build cannot use.
fn not_usable(plugin: &PluginEntry, fitting: &[usize]) -> Refusal {
    let describe = |index: &usize| {
        let ConnectionEntry { definition, .. } = &plugin.connections[*index];
        format!("`{}` ({})", definition.name, definition.kind.as_str())
    };
    let described: Vec<String> = fitting.iter().map(describe).collect();
    let message = if described.is_empty() {
        "None of the connections that this needs is configured.".to_owned()
    } else {
        format!(
            "This needs the connection {}, which is not usable yet.",
            described.join(" or ")
        )
    };
    Refusal::new(Code::AdminConfigurationRequired, message).hint(format!(
        "Where the upstream also takes a key or a token, an admin configures it under `connections` of the plugin `{}`.",
        plugin.name
    ))
}
