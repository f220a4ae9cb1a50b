//! Sessions of clients of the legacy era, each at one child.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use gestalt_core::Entropy;

use super::child::Child;
use crate::UpstreamError;
use crate::mcp::exchange::Whose;

/// Most sessions of one subject and credential: the oldest makes room for a new one.
const MAX_SESSIONS: usize = 256;

/// All sessions of one plugin.
#[derive(Default)]
pub(super) struct Sessions {
    state: Mutex<State>,
    entropy: Entropy,
}

#[derive(Default)]
struct State {
    by_id: HashMap<String, Session>,
    /// The ids of each, oldest first.
    of: HashMap<Whose, VecDeque<String>>,
}

struct Session {
    child: Weak<Child>,
    whose: Whose,
}

impl Sessions {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session. Its id cannot be guessed, and serves nobody else.
    pub(super) fn begin(&self, child: &Arc<Child>, whose: &Whose) -> Result<String, UpstreamError> {
        use std::fmt::Write as _;
        let mut random = [0; 16];
        self.entropy
            .fill(&mut random)
            .map_err(|error| UpstreamError::Internal(error.into()))?;
        let mut id = String::with_capacity(32);
        for byte in random {
            let _ = write!(id, "{byte:02x}");
        }
        let mut state = self.state();
        let of = state.of.entry(whose.clone()).or_default();
        of.push_back(id.clone());
        let oldest = (of.len() > MAX_SESSIONS).then(|| of.pop_front()).flatten();
        if let Some(oldest) = oldest {
            state.by_id.remove(&oldest);
        }
        let session = Session {
            child: Arc::downgrade(child),
            whose: whose.clone(),
        };
        state.by_id.insert(id.clone(), session);
        Ok(id)
    }

    /// The child of a session, if it is whose it is said to be and the child lives.
    pub(super) fn find(&self, id: &str, whose: &Whose) -> Option<Arc<Child>> {
        let state = self.state();
        let session = state.by_id.get(id).filter(|found| found.whose == *whose)?;
        session.child.upgrade().filter(|child| !child.is_gone())
    }

    /// Ends a session and gives its child, if it was whose it is said to be.
    pub(super) fn end(&self, id: &str, whose: &Whose) -> Option<Arc<Child>> {
        let mut state = self.state();
        state.by_id.get(id).filter(|found| found.whose == *whose)?;
        let session = state.by_id.remove(id)?;
        if let Some(of) = state.of.get_mut(whose) {
            of.retain(|other| other != id);
            if of.is_empty() {
                state.of.remove(whose);
            }
        }
        session.child.upgrade().filter(|child| !child.is_gone())
    }

    /// Forgets the sessions of a child that is gone.
    pub(super) fn forget(&self, child: &Arc<Child>) {
        let gone = Arc::downgrade(child);
        let mut state = self.state();
        let State { by_id, of } = &mut *state;
        by_id.retain(|_, session| !session.child.ptr_eq(&gone));
        of.retain(|_, ids| {
            ids.retain(|id| by_id.contains_key(id));
            !ids.is_empty()
        });
    }
}
