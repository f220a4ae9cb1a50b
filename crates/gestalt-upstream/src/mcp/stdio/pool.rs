//! The children of one plugin: one for each subject and credential, or one for all.

mod failures;
mod keeper;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use gestalt_core::Entropy;
use gestalt_core::host::EgressRules;
use gestalt_core::mcp::McpProcess;
use gestalt_core::name::PluginName;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use self::failures::Failures;
use self::keeper::Keeper;
use super::calls::Askable;
use super::child::{Child, Made};
use super::sessions::Sessions;
use super::wire::{Edit, rewrite};
use crate::egress::{Policy, Proxy, Resolver, Tls};
use crate::mask::Masker;
use crate::mcp::exchange::{Authority, Era, Whose};
use crate::process::{Launch, Processes};
use crate::{BoxError, Settings, Upstream, UpstreamError};

/// The version that a child of the legacy era is spoken to in, unless it knows older ones only.
const LEGACY: &str = "2025-11-25";
/// Which child.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    whose: Whose,
    era: Era,
}

/// The children of one plugin.
pub(super) struct Pool {
    processes: Processes,
    plugin: PluginName,
    process: McpProcess,
    /// Longest message in bytes.
    limit: usize,
    room: Arc<Semaphore>,
    slots: Arc<Mutex<HashMap<Key, Arc<Slot>>>>,
    sessions: Arc<Sessions>,
    rules: EgressRules,
    ways_out: (Arc<Settings>, Resolver, Tls),
    /// Listens when the first child is started.
    proxy: OnceCell<Proxy>,
    entropy: Entropy,
}

/// A child's place, which outlives it for as long as it must not be started again.
#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    /// Held while it is started.
    starting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// The child, and when its start began.
    child: Option<(Arc<Child>, Instant)>,
    failures: Failures,
}

impl State {
    fn is(&self, child: &Arc<Child>) -> bool {
        let held = self.child.as_ref();
        held.is_some_and(|(held, _)| Arc::ptr_eq(held, child))
    }

    /// Takes out a child that is gone, and notes it if that was its own doing.
    fn bury(&mut self) {
        let gone = self.child.take_if(|(child, _)| child.is_gone());
        if let Some((child, began)) = gone {
            if child.was_stopped() {
                self.failures = Failures::default();
            } else {
                let now = Instant::now();
                self.failures.note(now - began, now);
            }
        }
    }
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn child(&self) -> Option<Arc<Child>> {
        let state = self.state();
        let (child, _) = state.child.as_ref()?;
        (!child.is_gone()).then(|| Arc::clone(child))
    }
}

impl Pool {
    pub(super) fn new(
        upstream: &Upstream,
        plugin: &PluginName,
        process: &McpProcess,
        rules: &EgressRules,
        sessions: Arc<Sessions>,
    ) -> Self {
        let room = process.max_processes.min(Semaphore::MAX_PERMITS);
        let limit = upstream.settings().max_buffered_bytes;
        Self {
            processes: upstream.processes().clone(),
            plugin: plugin.clone(),
            process: process.clone(),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            room: Arc::new(Semaphore::new(room)),
            slots: Arc::default(),
            sessions,
            rules: rules.clone(),
            ways_out: upstream.parts(),
            proxy: OnceCell::new(),
            entropy: Entropy::System,
        }
    }

    /// Which child serves somebody in an era.
    pub(super) fn key(&self, whose: &Whose, era: Era) -> Key {
        let whose = if self.process.shared {
            Whose {
                subject: String::new(),
                credential: whose.credential.clone(),
                capabilities: "{}".to_owned(),
            }
        } else {
            whose.clone()
        };
        Key { whose, era }
    }

    /// The child, started if there is none.
    pub(super) async fn child(
        &self,
        key: &Key,
        authority: &Authority,
    ) -> Result<Arc<Child>, UpstreamError> {
        let slot = self.slot(key);
        if let Some(child) = slot.child() {
            return Ok(child);
        }
        let _starting = slot.starting.lock().await;
        if let Some(child) = slot.child() {
            return Ok(child);
        }
        let wait = {
            let mut state = slot.state();
            state.bury();
            state.failures.wait(Instant::now())
        };
        if let Some(wait) = wait {
            let plugin = &self.plugin;
            let seconds = wait.as_secs() + 1;
            return Err(UpstreamError::process(format!(
                "The process of {plugin} failed and is started again in {seconds} s."
            )));
        }
        let began = Instant::now();
        match self.start(key, authority).await {
            Ok(child) => {
                slot.state().child = Some((Arc::clone(&child), began));
                tokio::spawn(self.keeper(key, &slot).keep(Arc::downgrade(&child)));
                Ok(child)
            }
            Err(error) => {
                if !matches!(error, UpstreamError::Config { .. }) {
                    let now = Instant::now();
                    slot.state().failures.note(now - began, now);
                }
                Err(error)
            }
        }
    }

    /// Ends a child and forgets it, without taking that for a failure.
    pub(super) fn discard(&self, key: &Key, child: &Arc<Child>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.get(key).is_some_and(|slot| slot.state().is(child)) {
            slots.remove(key);
        }
        child.kill();
    }

    fn slot(&self, key: &Key) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(key) {
            return Arc::clone(slot);
        }
        // Room is made by what nobody needs any more.
        let now = Instant::now();
        slots.retain(|_, slot| {
            let state = slot.state();
            Arc::strong_count(slot) > 1 || state.child.is_some() || state.failures.count_still(now)
        });
        Arc::clone(slots.entry(key.clone()).or_default())
    }

    fn keeper(&self, key: &Key, slot: &Arc<Slot>) -> Keeper {
        Keeper {
            slots: Arc::downgrade(&self.slots),
            slot: Arc::downgrade(slot),
            sessions: Arc::clone(&self.sessions),
            key: key.clone(),
            idle: self.process.idle_timeout,
            grace: self.processes.settings().stop_timeout,
        }
    }

    async fn start(&self, key: &Key, authority: &Authority) -> Result<Arc<Child>, UpstreamError> {
        let permit = self.make_room().await?;
        let internal = |error: BoxError| UpstreamError::Internal(error);
        let start = || {
            let policy = Policy::of_rules(self.rules.clone());
            let socket = self.processes.socket().ok();
            Proxy::start(&self.plugin, policy, self.ways_out.clone(), socket)
        };
        let proxy = self.proxy.get_or_try_init(start).await;
        let proxy = proxy.map_err(|error| internal(error.into()))?;
        let launch = Launch {
            plugin: &self.plugin,
            process: &self.process,
            fields: &authority.fields,
            ticket: proxy.admit(&self.entropy).map_err(internal)?,
            masker: Masker::new(&authority.injection),
        };
        let running = self.processes.start(launch).await?;
        let child = Arc::new(Child::new(Made {
            plugin: &self.plugin,
            running,
            masker: Masker::new(&authority.injection),
            askable: if self.process.shared {
                Askable::Nobody
            } else {
                Askable::Client
            },
            limit: self.limit,
            permit,
        }));
        if key.era == Era::Legacy {
            self.initialize(&child, &key.whose.capabilities).await?;
        }
        Ok(child)
    }

    /// Room for one more, made by ending what has been idle for longest where there is none.
    async fn make_room(&self) -> Result<OwnedSemaphorePermit, UpstreamError> {
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            return Ok(permit);
        }
        let idle = {
            let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            let idle = slots.values().filter_map(|slot| slot.child());
            idle.filter(|child| child.calls().is_idle())
                .min_by_key(|child| child.asked_at())
        };
        if let Some(child) = idle {
            child.stop(self.processes.settings().stop_timeout).await;
            child.ended().await;
            // Its reader gives the room back when it has seen the end.
            let wait = tokio::time::timeout(
                self.processes.settings().stop_timeout,
                Arc::clone(&self.room).acquire_owned(),
            );
            if let Ok(Ok(permit)) = wait.await {
                return Ok(permit);
            }
        }
        Err(UpstreamError::process(format!(
            "As many processes of {} are running as may be ({}), and all of them are at work. \
             Try again later.",
            self.plugin, self.process.max_processes
        )))
    }

    /// The handshake of the legacy era, once for a child (specification, "Lifecycle").
    async fn initialize(
        &self,
        child: &Arc<Child>,
        capabilities: &str,
    ) -> Result<(), UpstreamError> {
        let version = env!("CARGO_PKG_VERSION");
        let params = format!(
            r#"{{"protocolVersion":"{LEGACY}","capabilities":{capabilities},"clientInfo":{{"name":"gestalt","version":"{version}"}}}}"#
        );
        let limit = self.processes.settings().start_timeout;
        let answer = child.ask_ourselves("initialize", &params, limit).await?;
        let result = result_of(&answer).ok_or_else(|| {
            UpstreamError::answer(format!(
                "The process of {} does not let itself be initialized.",
                self.plugin
            ))
        })?;
        child.tell(Bytes::from_static(
            br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        ))?;
        let _ = child.hello.set(result);
        Ok(())
    }
}

/// The result of a response.
fn result_of(message: &Bytes) -> Option<Bytes> {
    #[derive(Deserialize)]
    struct Response<'a> {
        #[serde(borrow)]
        result: &'a RawValue,
    }
    let response: Response<'_> = serde_json::from_slice(message).ok()?;
    Some(message.slice_ref(response.result.get().as_bytes()))
}

/// What `initialize` is answered with, for a client that asked for an older version than the
/// child speaks: what the versions share is more than what keeps a client from going on.
pub(super) fn in_version(hello: &Bytes, version: &str) -> Bytes {
    #[derive(Deserialize)]
    struct Hello<'a> {
        #[serde(borrow, rename = "protocolVersion")]
        version: &'a RawValue,
    }
    let known = ["2024-11-05", "2025-03-26", "2025-06-18", LEGACY];
    let Ok(said) = serde_json::from_slice::<Hello<'_>>(hello) else {
        return hello.clone();
    };
    // Versions are dates.
    let older = said.version.get().trim_matches('"') > version;
    if older && known.contains(&version) {
        rewrite(hello, vec![Edit(said.version, format!("\"{version}\""))])
    } else {
        hello.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_of_an_older_version_is_answered_in_its_own() {
        let hello = Bytes::from_static(br#"{"protocolVersion":"2025-11-25","x":1.0}"#);
        let text = |version| String::from_utf8(in_version(&hello, version).to_vec()).unwrap();
        assert_eq!(
            text("2025-06-18"),
            r#"{"protocolVersion":"2025-06-18","x":1.0}"#
        );
        assert_eq!(
            text("1999-01-01"),
            r#"{"protocolVersion":"2025-11-25","x":1.0}"#
        );
    }
}
