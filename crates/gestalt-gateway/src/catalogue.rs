//! The catalogue: plugins compiled with their policy, swapped whole at a reload.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gestalt_core::connection::{AuthKind, ConnectionDefinition, MappedValue};
use gestalt_core::id::PluginId;
use gestalt_core::plugin::Plugin;
use gestalt_upstream::{CompiledPlugin, Upstream};
use http::HeaderName;
use regex::Regex;

use crate::OpenError;
use crate::authorize::policy::{PluginPolicy, PolicySettings};
use crate::identity::Plan;
use crate::operations::tools::ToolTable;

/// All plugins of one load.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    by_name: HashMap<String, Arc<PluginEntry>>,
    ordered: Vec<Arc<PluginEntry>>,
    /// The operations as tools, by name.
    pub(crate) tools: ToolTable,
    /// No two loads of a process have the same.
    pub(crate) version: u64,
}

/// How many catalogues there have been.
static VERSIONS: AtomicU64 = AtomicU64::new(1);

/// One plugin, ready to be called.
#[derive(Debug)]
pub(crate) struct PluginEntry {
    pub(crate) id: PluginId,
    pub(crate) name: Arc<str>,
    pub(crate) definition: Plugin,
    pub(crate) compiled: CompiledPlugin,
    pub(crate) policy: PluginPolicy,
    pub(crate) connections: Vec<ConnectionEntry>,
    /// What its upstream is told of who calls.
    pub(crate) identity: Arc<Plan>,
    pub(crate) operation_names: HashMap<String, Arc<str>>,
}

/// One connection of a plugin, with header names read once.
#[derive(Debug)]
pub(crate) struct ConnectionEntry {
    pub(crate) name: Arc<str>,
    pub(crate) definition: ConnectionDefinition,
    pub(crate) headers: Vec<(HeaderName, MappedValue)>,
    /// What the values of fields must match.
    pub(crate) patterns: HashMap<String, Regex>,
}

impl Catalogue {
    /// Compiles plugins whose immutable ids are known. What is the same as in `previous` is
    /// taken over from there.
    pub(crate) fn compile(
        plugins: Vec<(PluginId, Plugin)>,
        policy: &PolicySettings,
        upstream: &Upstream,
        previous: Option<&Self>,
    ) -> Result<Self, OpenError> {
        policy.check()?;
        let mut catalogue = Self::default();
        for (id, plugin) in plugins {
            let before = previous
                .and_then(|previous| previous.find_id(id))
                .map(|entry| &entry.compiled);
            let entry = PluginEntry::compile(id, plugin, policy, upstream, before)?;
            let entry = Arc::new(entry);
            catalogue.by_name.insert(
                entry.definition.name.as_str().to_owned(),
                Arc::clone(&entry),
            );
            catalogue.ordered.push(entry);
        }
        catalogue
            .ordered
            .sort_by(|a, b| a.definition.name.cmp(&b.definition.name));
        catalogue.tools = ToolTable::new(&catalogue.ordered)?;
        catalogue.version = VERSIONS.fetch_add(1, Ordering::Relaxed);
        Ok(catalogue)
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Arc<PluginEntry>> {
        self.by_name.get(name)
    }

    pub(crate) fn find_id(&self, id: PluginId) -> Option<&Arc<PluginEntry>> {
        self.ordered.iter().find(|entry| entry.id == id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<PluginEntry>> {
        self.ordered.iter()
    }
}

impl PluginEntry {
    fn compile(
        id: PluginId,
        definition: Plugin,
        policy: &PolicySettings,
        upstream: &Upstream,
        previous: Option<&CompiledPlugin>,
    ) -> Result<Self, OpenError> {
        let plugin_error = |error: String| OpenError::Plugin {
            plugin: definition.name.to_string(),
            error,
        };
        let compiled = upstream
            .compile(&definition, previous)
            .map_err(|error| plugin_error(error.to_string()))?;
        let policy = PluginPolicy::compile(policy, &definition)?;
        let identity = Plan::compile(&definition).map_err(plugin_error)?;
        let connections = definition
            .connections
            .iter()
            .map(ConnectionEntry::compile)
            .collect::<Result<Vec<_>, _>>()
            .map_err(plugin_error)?;
        let operation_names = definition
            .operations
            .iter()
            .map(|op| (op.name.to_string(), Arc::from(op.name.as_str())))
            .collect();
        let name = definition.name.as_str().into();
        Ok(Self {
            id,
            name,
            definition,
            compiled,
            policy,
            connections,
            identity,
            operation_names,
        })
    }
}

impl ConnectionEntry {
    /// Whether a credential can be come by. What asks for an OAuth flow is kept and listed,
    /// so that whoever reads the list knows what the upstream wants.
    pub(crate) fn usable(&self) -> bool {
        !matches!(self.definition.kind, AuthKind::Oauth2 | AuthKind::McpOauth)
    }

    fn compile(definition: &ConnectionDefinition) -> Result<Self, String> {
        let header = |(name, value): &(String, MappedValue)| {
            HeaderName::try_from(name.as_str())
                .map(|name| (name, value.clone()))
                .map_err(|_| {
                    format!(
                        "connection `{}`: `{name}` is not a header name",
                        definition.name
                    )
                })
        };
        let headers = definition
            .mapping
            .headers
            .iter()
            .map(header)
            .collect::<Result<_, _>>()?;
        let patterned = definition
            .fields
            .iter()
            .filter_map(|field| Some((field, field.pattern.as_deref()?)));
        let patterns = patterned
            .map(|(field, text)| {
                Regex::new(text)
                    .map(|pattern| (field.name.clone(), pattern))
                    .map_err(|_| {
                        format!(
                            "connection `{}`: the pattern of `{}` cannot be read",
                            definition.name, field.name
                        )
                    })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            name: definition.name.as_str().into(),
            definition: definition.clone(),
            headers,
            patterns,
        })
    }
}
