//! What MCP servers offer: learned from themselves, remembered, and shown to each caller as
//! far as policy and scopes let them use it.

pub(crate) mod approvals;
pub(crate) mod invoke;
pub(crate) mod listings;
pub(crate) mod meta;
pub(crate) mod offered;

use std::sync::Arc;
use std::time::Duration;

use gestalt_core::Refusal;
use gestalt_upstream::mcp::Answer;

use crate::Gateway;
use crate::authenticate::caller::Caller;
use crate::authorize::{may_invoke, may_list_live, visible_plugin};
use crate::catalogue::PluginEntry;
use crate::mcp::listings::Wanted;
use crate::pipeline::relay::{self, Relay, Used};
use crate::resolve::bound::{self, Bound};

/// How long a list of several servers waits for one of them.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a list of one server waits for it.
const LONG_PATIENCE: Duration = Duration::from_secs(30);

/// What an MCP server lists besides tools.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offers {
    /// Resources.
    Resources,
    /// Templates of resources' URIs.
    Templates,
    /// Prompts.
    Prompts,
}

/// One resource, template or prompt.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Its plugin.
    pub plugin: Arc<str>,
    /// Its URI, template or name.
    pub key: Arc<str>,
    /// What the server says of it, as it says it: JSON text.
    pub json: Arc<str>,
}

impl Gateway {
    /// Whether a plugin is an MCP server.
    ///
    /// # Errors
    /// `insufficient_scope`; `not_found`.
    pub fn is_mcp(&self, caller: &Caller, plugin: &str) -> Result<bool, Refusal> {
        may_invoke(caller)?;
        let catalogue = self.inner.catalogue.load();
        let plugin = visible_plugin(&catalogue, caller, plugin)?;
        Ok(plugin.definition.mcp.is_some())
    }

    /// The plugins that are MCP servers and may be of use to the caller, by name.
    pub fn mcp_plugins(&self, caller: &Caller) -> Vec<Arc<str>> {
        let catalogue = self.inner.catalogue.load();
        let visible = catalogue.all().filter(|plugin| is_of_use(plugin, caller));
        visible.map(|plugin| Arc::clone(&plugin.name)).collect()
    }

    /// Sends a message to an MCP server: the walk.
    ///
    /// # Errors
    /// Every kind of refusal; see the contract's table.
    pub async fn relay(&self, caller: Caller, relay: Relay) -> Result<Answer, Refusal> {
        relay::relay(&self.inner, caller, relay).await
    }

    /// Whether a caller may use something of an MCP server over some connection.
    pub fn may_use(&self, caller: &Caller, plugin: &str, used: &Used) -> bool {
        let catalogue = self.inner.catalogue.load();
        let entry = may_invoke(caller).and_then(|()| visible_plugin(&catalogue, caller, plugin));
        entry.is_ok_and(|entry| may_list_live(entry, caller, &used.operation()))
    }

    /// Lists what MCP servers offer besides tools, of one plugin or of all: by plugin, in the
    /// servers' own order. Servers that do not answer in time are represented by what they
    /// listed last.
    ///
    /// # Errors
    /// `insufficient_scope`; `not_found` for the plugin; for one plugin, whatever keeps its
    /// server from answering, if it never has.
    pub async fn offers(
        &self,
        caller: &Caller,
        plugin: Option<&str>,
        kind: Offers,
    ) -> Result<Vec<Offer>, Refusal> {
        may_invoke(caller)?;
        let catalogue = self.inner.catalogue.load_full();
        let plugins: Vec<&Arc<PluginEntry>> = match plugin {
            Some(name) => vec![visible_plugin(&catalogue, caller, name)?],
            None => catalogue
                .all()
                .filter(|plugin| is_of_use(plugin, caller))
                .collect(),
        };
        let listed = listings::of(
            &self.inner,
            &catalogue,
            caller,
            &plugins,
            (patience(plugin), Wanted::Rest),
        )
        .await;
        let mut offers = Vec::new();
        for (entry, listing) in plugins.iter().zip(listed) {
            let listing = match listing {
                Ok(listing) => listing,
                Err(refusal) if plugin.is_some() => return Err(refusal),
                Err(_) => continue,
            };
            let (entries, prefix) = match kind {
                Offers::Resources => (&listing.resources, "resource:"),
                Offers::Templates => (&listing.templates, "resource:"),
                Offers::Prompts => (&listing.prompts, "prompt:"),
            };
            let may = |key: &str| may_list_live(entry, caller, &format!("{prefix}{key}"));
            offers.extend(entries.iter().filter(|one| may(&one.key)).map(|one| Offer {
                plugin: Arc::clone(&entry.name),
                key: Arc::clone(&one.key),
                json: Arc::clone(&one.json),
            }));
        }
        Ok(offers)
    }

    /// Seals a text to a caller and, where it is about one, a plugin. It opens again for them
    /// alone, on any replica.
    ///
    /// # Errors
    /// `internal` without random bytes; `not_found` for the plugin.
    pub fn bind(
        &self,
        caller: &Caller,
        bound: Bound,
        plugin: Option<&str>,
        text: &[u8],
    ) -> Result<String, Refusal> {
        let plugin = self.plugin_id(caller, plugin)?;
        bound::seal(&self.inner, caller, (bound, plugin), text)
    }

    /// Opens what [`Gateway::bind`] sealed; nothing if it was not made so, for them, or was
    /// changed.
    pub fn unbind(
        &self,
        caller: &Caller,
        bound: Bound,
        plugin: Option<&str>,
        sealed: &str,
    ) -> Option<Vec<u8>> {
        let plugin = self.plugin_id(caller, plugin).ok()?;
        bound::open(&self.inner, caller, (bound, plugin), sealed)
    }

    fn plugin_id(
        &self,
        caller: &Caller,
        plugin: Option<&str>,
    ) -> Result<Option<gestalt_core::id::PluginId>, Refusal> {
        let catalogue = self.inner.catalogue.load();
        plugin
            .map(|name| visible_plugin(&catalogue, caller, name).map(|plugin| plugin.id))
            .transpose()
    }
}

/// How long a list waits for a server: for one alone as long as a call would.
pub(crate) fn patience(plugin: Option<&str>) -> Duration {
    if plugin.is_some() {
        LONG_PATIENCE
    } else {
        PATIENCE
    }
}

/// Whether a plugin is an MCP server that a caller may do anything with.
pub(crate) fn is_of_use(plugin: &PluginEntry, caller: &Caller) -> bool {
    let who = caller.identity();
    plugin.definition.mcp.is_some()
        && plugin.policy.may_do_anything(who)
        && who
            .scopes
            .as_ref()
            .is_none_or(|scopes| scopes.names(&plugin.definition))
}
