//! A caller's tools, remembered as long as nothing that they depend on changes.

use std::sync::Arc;

use gestalt_core::connection::Owner;
use gestalt_core::id::PluginId;
use gestalt_core::{Refusal, Subject};
use gestalt_store::ConnectionRow;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::choices::{Accounts, Choices, Written};
use super::table::Row;
use super::texts::Tool;
use crate::Inner;
use crate::authenticate::caller::{Caller, Method};
use crate::authorize::may_list;
use crate::catalogue::{Catalogue, PluginEntry};

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

    fn new(
        catalogue: &Catalogue,
        caller: &Caller,
        of: Option<&Arc<PluginEntry>>,
        rows: &[ConnectionRow],
    ) -> Self {
        let own = of.is_some();
        let listed = catalogue.tools.rows(of.map(|plugin| &*plugin.name));
        let mut set = Self {
            tools: Vec::with_capacity(listed.len()),
            ready: Vec::with_capacity(listed.len()),
            filtered: caller.method() != Method::None,
            fingerprint: [0; 32],
            own_bytes: 0,
        };
        for rows_of_plugin in listed.chunk_by(|a, b| Arc::ptr_eq(a.plugin(), b.plugin())) {
            let Some(first) = rows_of_plugin.first() else {
                continue;
            };
            let accounts = Accounts::new(first.plugin(), rows);
            let mut written = Written::default();
            for row in rows_of_plugin {
                set.add((row, own), caller, &accounts, &mut written);
            }
        }
        let digests: Vec<&[u8]> = set.tools.iter().map(|tool| &tool.digest[..]).collect();
        set.fingerprint = gestalt_vault::sha256(&digests);
        set
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
        };
        if let Some(known) = self.known.get(&key)
            && known.at == at
        {
            return Ok(known.set);
        }
        let rows = gateway
            .usable_connections(caller, plugin.map(|plugin| &**plugin))
            .await?;
        let set = ToolSet::new(catalogue, caller, plugin, &rows);
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
