//! The end of a child.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::sleep_until;

use super::super::child::Child;
use super::super::sessions::Sessions;
use super::{Key, Slot};

/// Ends a child that is idle, and clears up after one that ended.
pub(super) struct Keeper {
    pub(super) slots: Weak<Mutex<HashMap<Key, Arc<Slot>>>>,
    pub(super) slot: Weak<Slot>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) key: Key,
    pub(super) idle: Duration,
    pub(super) grace: Duration,
}

impl Keeper {
    /// Stays until the child is gone.
    pub(super) async fn keep(self, child: Weak<Child>) {
        let Some(ended) = child.upgrade().map(|child| child.end()) else {
            return;
        };
        let mut ended = std::pin::pin!(ended);
        loop {
            let Some(asked) = child.upgrade().map(|child| child.asked_at()) else {
                return;
            };
            let idle = sleep_until(asked + self.idle);
            tokio::select! {
                () = &mut ended => break,
                () = idle => {}
            }
            let Some(held) = child.upgrade() else { return };
            if held.calls().is_idle() && held.asked_at() == asked {
                held.stop(self.grace).await;
                break;
            }
            if held.asked_at() == asked {
                // A long call is under way.
                drop(held);
                tokio::select! {
                    () = &mut ended => break,
                    () = tokio::time::sleep(self.idle.max(Duration::from_secs(1))) => {}
                }
            }
        }
        if let Some(child) = child.upgrade() {
            self.clear(&child);
        }
    }

    fn clear(&self, child: &Arc<Child>) {
        self.sessions.forget(child);
        let Some(slot) = self.slot.upgrade() else {
            return;
        };
        let mut state = slot.state();
        if !state.is(child) {
            return;
        }
        state.bury();
        drop(state);
        if let Some(slots) = self.slots.upgrade().filter(|_| child.was_stopped()) {
            let mut slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
            // One that somebody is about to start in stays.
            if Arc::strong_count(&slot) <= 2 {
                slots.remove(&self.key);
            }
        }
    }
}
