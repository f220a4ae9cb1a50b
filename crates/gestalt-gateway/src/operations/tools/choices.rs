//! What a caller has to choose between when they call a tool: connections, and accounts.

use std::collections::{BTreeSet, HashMap};

use gestalt_core::connection::{Mode, Owner, State};
use gestalt_core::operation::Operation;
use gestalt_store::ConnectionRow;
use serde_json::{Value, json};

use crate::authenticate::caller::Caller;
use crate::authorize::{allows, any_connection, connection_for, fitting};
use crate::catalogue::PluginEntry;

/// More accounts than these are not named one by one.
const MAX_NAMED: usize = 50;

/// The accounts of a plugin that a caller can use, by connection.
#[derive(Debug, Default)]
pub(super) struct Accounts(Vec<Account>);

#[derive(Debug, Default)]
struct Account {
    names: BTreeSet<String>,
    /// A call that names none is refused.
    ambiguous: bool,
    /// There is one that works, or none is needed.
    ready: bool,
}

impl Accounts {
    /// By the same rules as a call finds its credential.
    pub(super) fn new(plugin: &PluginEntry, rows: &[ConnectionRow]) -> Self {
        let of = |entry: &crate::catalogue::ConnectionEntry| {
            let fitting = |platform: bool| {
                rows.iter().filter(move |row| {
                    row.plugin == plugin.id
                        && row.connection == entry.definition.name
                        && (row.owner == Owner::Platform) == platform
                })
            };
            let named = |platform: bool| -> BTreeSet<String> {
                fitting(platform)
                    .map(|row| row.instance.to_string())
                    .collect()
            };
            let works = |platform: bool| {
                fitting(platform).any(|row| matches!(row.state, State::Connected | State::Degraded))
            };
            let (own, shared) = match entry.definition.mode {
                Mode::None => (BTreeSet::new(), BTreeSet::new()),
                Mode::User => (named(false), BTreeSet::new()),
                Mode::Platform => (BTreeSet::new(), named(true)),
                Mode::Either => (named(false), named(true)),
            };
            let ready = match entry.definition.mode {
                Mode::None => true,
                _ if !entry.usable() => false,
                // The shared one never stands in for one's own.
                _ if own.is_empty() => !shared.is_empty() && works(true),
                _ => works(false),
            };
            Account {
                ready,
                ambiguous: own.len() > 1 || own.is_empty() && shared.len() > 1,
                names: own.into_iter().chain(shared).collect(),
            }
        };
        Self(plugin.connections.iter().map(of).collect())
    }

    /// Whether an operation can be called as things are.
    pub(super) fn ready(
        &self,
        plugin: &PluginEntry,
        operation: &Operation,
        caller: &Caller,
    ) -> bool {
        let fitting = fitting(plugin, operation);
        let may = |index: &&usize| {
            let name = plugin.connections[**index].definition.name.as_str();
            allows(plugin, caller, operation.name.as_str(), Some(name))
        };
        fitting.is_empty() || fitting.iter().filter(may).any(|index| self.0[*index].ready)
    }

    /// The same for what a live upstream names, which any connection fits.
    pub(super) fn ready_live(&self, plugin: &PluginEntry, name: &str, caller: &Caller) -> bool {
        let mut entries = plugin.connections.iter().zip(&self.0);
        plugin.connections.is_empty()
            || entries.any(|(entry, account)| {
                account.ready && allows(plugin, caller, name, Some(&entry.name))
            })
    }
}

/// What there is to choose for one operation.
#[derive(PartialEq, Eq, Hash, Clone, Debug, Default)]
pub(super) struct Choices {
    connections: Vec<usize>,
    default: Option<usize>,
    accounts: BTreeSet<String>,
    account_required: bool,
}

impl Choices {
    pub(super) fn new(
        plugin: &PluginEntry,
        operation: &Operation,
        caller: &Caller,
        accounts: &Accounts,
    ) -> Self {
        let allowed: Vec<usize> = fitting(plugin, operation)
            .into_iter()
            .filter(|index| plugin.connections[*index].usable())
            .filter(|index| {
                let name = plugin.connections[*index].definition.name.as_str();
                allows(plugin, caller, operation.name.as_str(), Some(name))
            })
            .collect();
        let default = connection_for(plugin, operation, None).ok().flatten();
        Self::between(allowed, default, accounts)
    }

    /// The same for what a live upstream names, which any connection fits.
    pub(super) fn live(
        plugin: &PluginEntry,
        name: &str,
        caller: &Caller,
        accounts: &Accounts,
    ) -> Self {
        let may = |index: &usize| {
            let entry = &plugin.connections[*index];
            entry.usable() && allows(plugin, caller, name, Some(&entry.name))
        };
        let allowed: Vec<usize> = (0..plugin.connections.len()).filter(may).collect();
        let default = any_connection(plugin, None).ok().flatten();
        Self::between(allowed, default, accounts)
    }

    fn between(allowed: Vec<usize>, default: Option<usize>, accounts: &Accounts) -> Self {
        let default = default.filter(|index| allowed.contains(index));
        let choosable: Vec<&Account> = allowed.iter().map(|index| &accounts.0[*index]).collect();
        let names: BTreeSet<String> = if choosable.iter().any(|account| account.names.len() > 1) {
            let names = choosable.iter().flat_map(|account| &account.names);
            names.cloned().collect()
        } else {
            BTreeSet::new()
        };
        let account_required = match choosable.as_slice() {
            [only] => only.ambiguous,
            _ => false,
        };
        // The one connection that a call without `_connection` takes is no choice.
        let forced = matches!(allowed.as_slice(), [only] if default == Some(*only));
        Self {
            connections: if forced { Vec::new() } else { allowed },
            default: if forced { None } else { default },
            accounts: names,
            account_required,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.connections.is_empty() && self.accounts.is_empty()
    }

    /// The members that choose, as JSON text: properties, and which of them are required.
    pub(super) fn members(&self, plugin: &PluginEntry) -> Members {
        let name = |index: &usize| plugin.connections[*index].definition.name.as_str();
        let mut members = Members::default();
        if !self.connections.is_empty() {
            let names: Vec<&str> = self.connections.iter().map(name).collect();
            let mut schema = json!({
                "type": "string",
                "enum": names,
                "description": "Which connection of the integration is used.",
            });
            if let Some(default) = &self.default {
                schema["default"] = name(default).into();
            }
            members.add("_connection", &schema, self.default.is_none());
        }
        if !self.accounts.is_empty() {
            let mut schema = json!({
                "type": "string",
                "description": "Which of the connected accounts is used.",
            });
            if self.accounts.len() <= MAX_NAMED {
                schema["enum"] = self.accounts.iter().map(String::as_str).collect();
            }
            members.add("_instance", &schema, self.account_required);
        }
        members
    }
}

/// Members of an input schema, as JSON text.
#[derive(Default, Debug)]
pub(super) struct Members {
    pub(super) properties: String,
    pub(super) required: String,
}

impl Members {
    fn add(&mut self, name: &str, schema: &Value, required: bool) {
        let name = Value::from(name).to_string();
        let comma = |text: &mut String| {
            if !text.is_empty() {
                text.push(',');
            }
        };
        comma(&mut self.properties);
        self.properties.push_str(&name);
        self.properties.push(':');
        self.properties.push_str(&schema.to_string());
        if required {
            comma(&mut self.required);
            self.required.push_str(&name);
        }
    }
}

/// Choices written once for all operations of a plugin that have the same.
#[derive(Default, Debug)]
pub(super) struct Written(HashMap<Choices, Members>);

impl Written {
    pub(super) fn members(&mut self, plugin: &PluginEntry, choices: Choices) -> &Members {
        self.0
            .entry(choices)
            .or_insert_with_key(|choices| choices.members(plugin))
    }
}
