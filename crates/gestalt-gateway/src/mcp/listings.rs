//! What servers listed, remembered by whose account it was asked for with.
//!
//! A list is asked for again when it is older than the server or the config says, or when the
//! server says that it has changed; by one task at a time, which nobody's disconnect ends.
//! Until it is there, and where it cannot be had, what was listed last is shown.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures_util::future::join_all;
use gestalt_core::id::{ConnectionId, PluginId};
use gestalt_core::mcp::{Approval, McpServer};
use gestalt_core::name::InstanceName;
use gestalt_core::{Code, Kind, Refusal};
use quick_cache::sync::Cache;
use tokio::sync::Mutex as Flight;
use tokio::time::Instant;

use super::offered::Offered;
use crate::Inner;
use crate::authenticate::caller::Caller;
use crate::authorize::{self, LiveWanted, Permit};
use crate::catalogue::{Catalogue, PluginEntry};
use crate::pipeline::relay;
use crate::resolve;

/// Accounts whose lists are remembered.
const ACCOUNTS: usize = 4_096;

/// How long a server that did not answer is not waited for.
const REST: Duration = Duration::from_secs(10);

/// What the trail calls it.
const LIST: &str = "list";

/// Whose account.
type Account = Option<(ConnectionId, u64)>;

/// What servers listed.
pub(crate) struct Listings {
    slots: Cache<(PluginId, Account), Arc<Slot>>,
    /// What a server listed last, to whomever: tools do not vanish for who has yet to connect.
    last: Mutex<HashMap<PluginId, Arc<Offered>>>,
    /// Moves when any list is another than before.
    version: AtomicU64,
    /// How often each plugin's server said that a list has changed.
    changes: Mutex<HashMap<PluginId, u64>>,
}

#[derive(Default)]
struct Slot {
    known: ArcSwapOption<Known>,
    flight: Flight<()>,
    /// Nobody waits for a server that does not answer.
    resting: Mutex<Option<Instant>>,
}

struct Known {
    offered: Arc<Offered>,
    at: Instant,
    ttl: Duration,
    /// How long everything but tools is fresh.
    rest_ttl: Duration,
    changes: u64,
    /// What the config said of the server then.
    server: McpServer,
}

impl Listings {
    pub(crate) fn new() -> Self {
        Self {
            slots: Cache::new(ACCOUNTS),
            last: Mutex::default(),
            version: AtomicU64::new(0),
            changes: Mutex::default(),
        }
    }

    /// Moves when any list is another than before.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    /// What is offered of a list is another than before.
    pub(crate) fn moved(&self) {
        self.version.fetch_add(1, Ordering::SeqCst);
    }

    /// A server says that one of its lists has changed.
    pub(crate) fn changed(&self, plugin: PluginId) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        *changes.entry(plugin).or_default() += 1;
    }

    fn changes(&self, plugin: PluginId) -> u64 {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.get(&plugin).copied().unwrap_or_default()
    }

    /// What a server listed last, to whomever.
    pub(crate) fn last(&self, plugin: PluginId) -> Option<Arc<Offered>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(&plugin).cloned()
    }

    /// Remembers what a server listed; equal lists of several accounts are one.
    fn remember(&self, plugin: PluginId, fresh: Offered) -> Arc<Offered> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = last.get(&plugin)
            && known.digest == fresh.digest
        {
            return Arc::clone(known);
        }
        let fresh = Arc::new(fresh);
        last.insert(plugin, Arc::clone(&fresh));
        fresh
    }

    fn slot(&self, plugin: PluginId, account: Account) -> Arc<Slot> {
        let made = self
            .slots
            .get_or_insert_with(&(plugin, account), || Ok::<_, ()>(Arc::default()));
        made.unwrap_or_default()
    }
}

/// What of a listing has to be fresh: servers say of each list how long it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    /// The tools.
    Tools,
    /// Resources, templates, prompts.
    Rest,
}

impl Slot {
    fn fresh(
        &self,
        listings: &Listings,
        plugin: &PluginEntry,
        wanted: Wanted,
    ) -> Option<Arc<Offered>> {
        let known = self.known.load();
        let known = known.as_ref()?;
        let ttl = match wanted {
            Wanted::Tools => known.ttl,
            Wanted::Rest => known.rest_ttl,
        };
        let young = known.at.elapsed() < ttl;
        let unchanged = known.changes == listings.changes(plugin.id);
        let same = plugin.definition.mcp.as_ref() == Some(&known.server);
        (young && unchanged && same).then(|| Arc::clone(&known.offered))
    }

    fn any(&self) -> Option<Arc<Offered>> {
        let known = self.known.load();
        known.as_ref().map(|known| Arc::clone(&known.offered))
    }

    fn rests(&self) -> bool {
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.is_some_and(|since| since.elapsed() < REST)
    }

    fn rest(&self, rests: bool) {
        let since = rests.then(Instant::now);
        *self.resting.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// What the servers of plugins list for a caller, in the plugins' order.
pub(crate) async fn of(
    gateway: &Arc<Inner>,
    catalogue: &Arc<Catalogue>,
    caller: &Caller,
    plugins: &[&Arc<PluginEntry>],
    wait: (Duration, Wanted),
) -> Vec<Result<Arc<Offered>, Refusal>> {
    let asked = plugins
        .iter()
        .map(|plugin| one(gateway, catalogue, caller, plugin, wait));
    join_all(asked).await
}

/// What is known of what servers list for a caller, of one plugin or of all; nobody is asked.
pub(crate) async fn known(
    gateway: &Inner,
    catalogue: &Catalogue,
    caller: &Caller,
    plugin: Option<&Arc<PluginEntry>>,
) -> HashMap<PluginId, Arc<Offered>> {
    let plugins: Vec<&Arc<PluginEntry>> = match plugin {
        Some(plugin) => vec![plugin],
        None => catalogue.all().collect(),
    };
    let mut known = HashMap::new();
    for plugin in plugins {
        if !super::is_of_use(plugin, caller) {
            continue;
        }
        let own = match account(gateway, catalogue, caller, plugin).await {
            Ok((_, account)) => gateway.listings.slot(plugin.id, account).any(),
            Err(_) => None,
        };
        let offered = own.or_else(|| gateway.listings.last(plugin.id));
        known.extend(offered.map(|offered| (plugin.id, offered)));
    }
    known
}

/// With whose account a caller would ask a server what it lists. Where a choice is open, which
/// is made at the call, it is the first.
async fn account(
    gateway: &Inner,
    catalogue: &Catalogue,
    caller: &Caller,
    plugin: &PluginEntry,
) -> Result<(Permit, Account), Refusal> {
    let (mut connection, mut instance): (Option<String>, Option<String>) = (None, None);
    loop {
        let wanted = LiveWanted {
            plugin: &plugin.name,
            operation: LIST,
            connection: connection.as_deref(),
            instance: instance.as_deref(),
        };
        let found = match authorize::session(catalogue, caller, &wanted) {
            Ok(permit) => match resolve::account(gateway, caller, &permit).await {
                Ok(account) => return Ok((permit, account)),
                Err(refusal) => refusal,
            },
            Err(refusal) => refusal,
        };
        let open = match found.code {
            Code::ConnectionSelectionRequired => &mut connection,
            Code::InstanceSelectionRequired => &mut instance,
            _ => return Err(found),
        };
        match found.choices.first() {
            Some(first) if open.is_none() => *open = Some(first.clone()),
            _ => return Err(found),
        }
    }
}

async fn one(
    gateway: &Arc<Inner>,
    catalogue: &Arc<Catalogue>,
    caller: &Caller,
    plugin: &Arc<PluginEntry>,
    (patience, wanted): (Duration, Wanted),
) -> Result<Arc<Offered>, Refusal> {
    // What keeps the caller from asking is met again at the call, with what can be done.
    let (permit, account) = match account(gateway, catalogue, caller, plugin).await {
        Ok(known) => known,
        Err(refusal) if matches!(refusal.kind(), Kind::Choose | Kind::NotConnected) => {
            return gateway.listings.last(plugin.id).ok_or(refusal);
        }
        Err(refusal) => return Err(refusal),
    };
    let slot = gateway.listings.slot(plugin.id, account);
    if let Some(fresh) = slot.fresh(&gateway.listings, plugin, wanted) {
        return Ok(fresh);
    }
    let before = slot.any();
    if before.is_some() && slot.rests() {
        return before.ok_or_else(|| Refusal::internal("a list is gone".to_owned()));
    }
    let task = ask(
        Arc::clone(gateway),
        caller.clone(),
        permit,
        (Arc::clone(&slot), wanted),
    );
    let task = gateway.tracker.spawn(task);
    match tokio::time::timeout(patience, task).await {
        Ok(Ok(Ok(offered))) => Ok(offered),
        Ok(Ok(Err(refusal))) => before
            .or_else(|| gateway.listings.last(plugin.id))
            .ok_or(refusal),
        Ok(Err(_)) | Err(_) => {
            slot.rest(true);
            before
                .or_else(|| gateway.listings.last(plugin.id))
                .ok_or_else(late)
        }
    }
}

/// What a server lists today for the account that a permit leads to: nothing older than the
/// config allows, and nothing that was listed for another account.
pub(crate) async fn current(
    gateway: &Arc<Inner>,
    caller: &Caller,
    permit: &Permit,
) -> Result<Arc<Offered>, Refusal> {
    let plugin = permit.plugin();
    let account = resolve::account(gateway, caller, permit).await?;
    let slot = gateway.listings.slot(plugin.id, account);
    if let Some(fresh) = slot.fresh(&gateway.listings, plugin, Wanted::Tools) {
        return Ok(fresh);
    }
    if slot.rests() {
        let what = "The server does not list its tools at the moment, and none of a pinned server is called unseen.";
        return Err(Refusal::new(Code::UpstreamUnreachable, what).retry_after(REST));
    }
    let catalogue = gateway.catalogue.load_full();
    let wanted = LiveWanted {
        plugin: &plugin.name,
        operation: LIST,
        connection: permit.connection().map(|entry| &*entry.name),
        instance: permit.instance().map(InstanceName::as_str),
    };
    let permit = authorize::session(&catalogue, caller, &wanted)?;
    let task = ask(
        Arc::clone(gateway),
        caller.clone(),
        permit,
        (Arc::clone(&slot), Wanted::Tools),
    );
    let task = gateway.tracker.spawn(task);
    let Ok(Ok(listed)) = tokio::time::timeout(super::LONG_PATIENCE, task).await else {
        slot.rest(true);
        return Err(late());
    };
    listed
}

/// What was listed last for the account that a permit leads to, if anything; nobody is asked.
pub(crate) async fn last_for(
    gateway: &Inner,
    caller: &Caller,
    permit: &Permit,
) -> Result<Option<Arc<Offered>>, Refusal> {
    let account = resolve::account(gateway, caller, permit).await?;
    Ok(gateway.listings.slot(permit.plugin().id, account).any())
}

fn late() -> Refusal {
    Refusal::new(
        Code::UpstreamTimeout,
        "The server has not listed its tools in time.",
    )
}

/// Asks a server, unless another has done so meanwhile.
async fn ask(
    gateway: Arc<Inner>,
    caller: Caller,
    permit: Permit,
    (slot, wanted): (Arc<Slot>, Wanted),
) -> Result<Arc<Offered>, Refusal> {
    let _turn = slot.flight.lock().await;
    let plugin = Arc::clone(permit.plugin());
    if let Some(fresh) = slot.fresh(&gateway.listings, &plugin, wanted) {
        return Ok(fresh);
    }
    // Read before the server is asked, so that a change in between is not missed.
    let changes = gateway.listings.changes(plugin.id);
    let Some(server) = &plugin.definition.mcp else {
        return Err(Refusal::internal("the plugin has no MCP server".to_owned()));
    };
    let listing = match relay::list(&gateway, &caller, &permit).await {
        Ok(listing) => listing,
        Err(refusal) => {
            slot.rest(true);
            tracing::warn!(
                plugin = %plugin.name,
                error = &refusal as &dyn std::error::Error,
                "a server did not list what it offers"
            );
            return Err(refusal);
        }
    };
    slot.rest(false);
    let said = listing.ttl.unwrap_or(server.list_ttl);
    let rest_ttl = listing.rest_ttl.unwrap_or(server.list_ttl);
    // A pinned server does not say itself how long it is believed.
    let ttl = match server.approval {
        Approval::Pinned => said.min(server.list_ttl),
        Approval::None => said,
    };
    let offered = Offered::new(&plugin.name, server, listing);
    let offered = gateway.listings.remember(plugin.id, offered);
    let before = slot.any();
    if before.is_none_or(|before| !Arc::ptr_eq(&before, &offered)) {
        gateway.listings.moved();
    }
    slot.known.store(Some(Arc::new(Known {
        offered: Arc::clone(&offered),
        at: Instant::now(),
        ttl,
        rest_ttl,
        changes,
        server: server.clone(),
    })));
    Ok(offered)
}
