//! A caller's tools, remembered as long as nothing that they depend on changes.

use std::collections::HashMap;
use std::sync::Arc;

use gestalt_core::connection::Owner;
use gestalt_core::id::PluginId;
use gestalt_core::{Refusal, Subject};
use gestalt_store::ConnectionRow;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::choices::{Accounts, Choices, Written};
use super::table::{Row, set_apart, tool_name};
use super::texts::Tool;
use crate::Inner;
use crate::authenticate::caller::{Caller, Method};
use crate::authorize::{may_list, may_list_live};
use crate::catalogue::{Catalogue, PluginEntry};
use crate::mcp::offered::Offered;
use crate::mcp::{approvals, listings};

/// What remembered sets may weigh together, in bytes.
const CAPACITY: u64 = 64 * 1024 * 1024;

/// What an entry weighs by itself.
const ENTRY: u64 = 256;

/// Different sets that are shared among callers.
const SHARED: usize = 256;

/// What a caller may invoke, as tools.
#[derive(Debug)]
pub struct ToolSet {
    tools: Vec<Arc<Tool>>,
    /// Where the tools of MCP servers are, by name.
    live: HashMap<Arc<str>, usize>,
    /// Which of them can be called as things are.
    ready: Vec<bool>,
    filtered: bool,
    fingerprint: [u8; 32],
    /// Of the texts that no other set has.
    own_bytes: u64,
}

impl ToolSet {
    /// The tools, by plugin, then by the operation's name.
    pub fn tools(&self) -> &[Arc<Tool>] {
        &self.tools
    }

    /// Whether a tool, by its place, can be called as things are: an account is connected, or
    /// none is needed.
    pub(super) fn ready(&self, at: usize) -> bool {
        self.ready.get(at).copied().unwrap_or_default()
    }

    /// Whether another caller may have other tools, so that the list is nobody else's.
    pub fn filtered(&self) -> bool {
        self.filtered
    }

    /// Equal for equal lists: the same names, texts and order.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The tool of an MCP server that has a name in this set.
    pub(super) fn live(&self, name: &str) -> Option<&Arc<Tool>> {
        self.live.get(name).map(|index| &self.tools[*index])
    }

    fn new(
        catalogue: &Catalogue,
        caller: &Caller,
        of: Option<&Arc<PluginEntry>>,
        known: &Depends,
    ) -> Self {
        let own = of.is_some();
        let mut set = Self {
            tools: Vec::new(),
            live: HashMap::new(),
            ready: Vec::new(),
            filtered: caller.method() != Method::None,
            fingerprint: [0; 32],
            own_bytes: 0,
        };
        let plugins: Vec<&Arc<PluginEntry>> = match of {
            Some(plugin) => vec![plugin],
            None => catalogue.all().collect(),
        };
        for plugin in plugins {
            let accounts = Accounts::new(plugin, &known.rows);
            if plugin.definition.mcp.is_some() {
                if let Some(offered) = known.listed.get(&plugin.id) {
                    set.add_live(catalogue, (plugin, own), caller, (&accounts, offered));
                }
                continue;
            }
            let mut written = Written::default();
            for row in catalogue.tools.rows(Some(&plugin.name)) {
                set.add((row, own), caller, &accounts, &mut written);
            }
        }
        let digests: Vec<&[u8]> = set.tools.iter().map(|tool| &tool.digest[..]).collect();
        set.fingerprint = gestalt_vault::sha256(&digests);
        set
    }

    /// Adds the tools of an MCP server. Only what it lists today tells whether two names
    /// collide; the later one is then set apart, and the log says so.
    fn add_live(
        &mut self,
        catalogue: &Catalogue,
        (plugin, own): (&Arc<PluginEntry>, bool),
        caller: &Caller,
        (accounts, offered): (&Accounts, &Offered),
    ) {
        // What is listed depends on whose account it was asked for with.
        self.filtered |= !plugin.connections.is_empty();
        for tool in &offered.tools {
            if !may_list_live(plugin, caller, &tool.name) {
                self.filtered = true;
                continue;
            }
            let name = if own {
                Arc::clone(&tool.name)
            } else {
                let mut name = tool_name(&plugin.name, &tool.name);
                let taken = |name: &str| {
                    catalogue.tools.find(None, name).is_some() || self.live.contains_key(name)
                };
                if taken(&name) {
                    name = set_apart(&name);
                    tracing::warn!(plugin = %plugin.name, tool = %tool.name, "the name is taken by another tool; it is offered as `{name}`");
                }
                if taken(&name) {
                    continue;
                }
                Arc::from(name)
            };
            self.ready
                .push(accounts.ready_live(plugin, &tool.name, caller));
            let choices = Choices::live(plugin, &tool.name, caller, accounts);
            self.filtered |= !choices.is_empty();
            let members = choices.members(plugin);
            let tool = Tool::live(plugin, tool, &name, &members.properties);
            self.own_bytes += tool.json.as_ref().map_or(0, |json| json.len() as u64) + ENTRY;
            self.live.insert(name, self.tools.len());
            self.tools.push(Arc::new(tool));
        }
    }

    fn add(
        &mut self,
        (row, own): (&Row, bool),
        caller: &Caller,
        accounts: &Accounts,
        written: &mut Written,
    ) {
        let plugin = row.plugin();
        if !may_list(plugin, caller, row.operation()) {
            self.filtered = true;
            return;
        }
        self.ready
            .push(accounts.ready(plugin, row.definition(), caller));
        let choices = Choices::new(plugin, row.definition(), caller, accounts);
        if choices.is_empty() {
            self.tools.push(Arc::clone(row.tool(own)));
            return;
        }
        self.filtered = true;
        let members = written.members(plugin, choices);
        let schema = row
            .texts()
            .input
            .with(&members.properties, &members.required);
        self.own_bytes += schema.len() as u64 + ENTRY;
        self.tools.push(Arc::new(Tool::new(row, own, schema)));
    }
}

/// What a set depends on; the same until one of it changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Versions {
    catalogue: u64,
    own: u64,
    shared: u64,
    listed: u64,
}

/// What a set is made of besides the catalogue.
struct Depends {
    rows: Vec<ConnectionRow>,
    /// What MCP servers list for the caller.
    listed: HashMap<PluginId, Arc<Offered>>,
}

/// Whose tools, and of which plugin.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Key {
    subject: Subject,
    /// What policy and scopes look at besides.
    email: Option<String>,
    scopes: Option<String>,
    /// Nobody logged in; what is listed then is everybody's.
    anonymous: bool,
    plugin: Option<PluginId>,
}

#[derive(Clone)]
struct Known {
    set: Arc<ToolSet>,
    at: Versions,
    weight: u64,
}

#[derive(Clone)]
struct ByWeight;

impl Weighter<Key, Known> for ByWeight {
    fn weight(&self, _key: &Key, known: &Known) -> u64 {
        known.weight
    }
}

/// Callers' tools, bounded.
pub(crate) struct ToolSets {
    known: Cache<Key, Known, ByWeight>,
    /// The sets themselves by fingerprint, so that callers with the same tools share one.
    shared: Cache<([u8; 32], [u8; 32], bool), Arc<ToolSet>>,
}

impl ToolSets {
    pub(crate) fn new() -> Self {
        Self {
            known: Cache::with_weighter(1_024, CAPACITY, ByWeight),
            shared: Cache::new(SHARED),
        }
    }

    /// A caller's tools.
    pub(super) async fn get(
        &self,
        gateway: &Inner,
        catalogue: &Catalogue,
        caller: &Caller,
        plugin: Option<&Arc<PluginEntry>>,
    ) -> Result<Arc<ToolSet>, Refusal> {
        let identity = caller.identity();
        let key = Key {
            subject: identity.subject,
            email: identity.email.clone(),
            scopes: identity
                .scopes
                .as_ref()
                .map(|scopes| scopes.as_str().to_owned()),
            anonymous: caller.method() == Method::None,
            plugin: plugin.map(|plugin| plugin.id),
        };
        // Read before the rows are, so that a change in between makes the set an old one.
        let version = |owner| gateway.credentials.version(owner);
        let at = Versions {
            catalogue: catalogue.version,
            own: version(Owner::Subject(identity.subject)),
            shared: version(Owner::Platform),
            listed: gateway.listings.version(),
        };
        if let Some(known) = self.known.get(&key)
            && known.at == at
        {
            return Ok(known.set);
        }
        let rows = gateway
            .usable_connections(caller, plugin.map(|plugin| &**plugin))
            .await?;
        let mut listed = listings::known(gateway, catalogue, caller, plugin).await;
        approvals::hold(gateway, catalogue, &mut listed).await?;
        let set = ToolSet::new(catalogue, caller, plugin, &Depends { rows, listed });
        let pointers = set.tools.len() as u64 * 9;
        let fresh = set.own_bytes + pointers + ENTRY;
        let ready: Vec<u8> = set.ready.iter().copied().map(u8::from).collect();
        let by = (
            set.fingerprint,
            gestalt_vault::sha256(&[&ready]),
            set.filtered,
        );
        let (set, weight) = match self.shared.get(&by) {
            Some(known) => (known, ENTRY),
            // What is made for one caller alone is not kept for others.
            None if set.own_bytes > 0 => (Arc::new(set), fresh),
            None => {
                let set = Arc::new(set);
                self.shared.insert(by, Arc::clone(&set));
                (set, fresh)
            }
        };
        let known = Known {
            set: Arc::clone(&set),
            at,
            weight,
        };
        self.known.insert(key, known);
        Ok(set)
    }
}
