//! Results that were too large to be given at once, kept for a while, so that their rest can
//! be asked for without calling the upstream again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gestalt_core::{Clock, Entropy, Subject, Timestamp};
use gestalt_gateway::FoundTool;

/// What begins a continuation of ours; the gateway's have no `.`.
const PREFIX: &str = "held.";

/// Bounds of what is kept of results that were too large.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldLimits {
    /// How long a result is kept.
    pub life: Duration,
    /// All that is kept, in bytes.
    pub max_bytes: usize,
    /// What is kept of one subject's, in bytes.
    pub max_subject_bytes: usize,
}

impl Default for HeldLimits {
    fn default() -> Self {
        Self {
            life: Duration::from_mins(10),
            max_bytes: 64 * 1024 * 1024,
            max_subject_bytes: 16 * 1024 * 1024,
        }
    }
}

/// Results that are kept at the same time.
const RESULTS: usize = 1_024;

/// A result that was not given whole.
#[derive(Debug)]
pub(super) struct Rest {
    /// Whose it is: nobody else is given it.
    pub(super) subject: Subject,
    /// What was called: nothing else continues it.
    pub(super) tool: FoundTool,
    /// All of the text.
    pub(super) text: String,
    /// There was more than could be kept.
    pub(super) cut: bool,
    /// The upstream's own status was an error.
    pub(super) is_error: bool,
    /// What asks for the page after this one.
    pub(super) next_page: Option<String>,
}

/// Results that were too large; bounded in time and bytes.
pub(crate) struct Held {
    limits: HeldLimits,
    clock: Clock,
    entropy: Entropy,
    /// The oldest first.
    kept: Mutex<VecDeque<Entry>>,
}

struct Entry {
    id: String,
    until: Timestamp,
    rest: Arc<Rest>,
}

impl Held {
    pub(crate) fn new(limits: HeldLimits, clock: Clock, entropy: Entropy) -> Self {
        Self {
            limits,
            clock,
            entropy,
            kept: Mutex::default(),
        }
    }

    /// Keeps a result and gives the name it is found by; `None` if it cannot be kept.
    pub(super) fn keep(&self, rest: Rest) -> Option<(String, Arc<Rest>)> {
        let size = rest.text.len();
        if size > self.limits.max_subject_bytes.min(self.limits.max_bytes) {
            return None;
        }
        let mut random = [0; 16];
        self.entropy.fill(&mut random).ok()?;
        let id = URL_SAFE_NO_PAD.encode(random);
        let now = self.clock.now();
        let rest = Arc::new(rest);
        let entry = Entry {
            id: id.clone(),
            until: now.after(self.limits.life),
            rest: Arc::clone(&rest),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|entry| entry.until > now);
        let subject = rest.subject;
        make_room(
            &mut kept,
            self.limits.max_subject_bytes.saturating_sub(size),
            RESULTS,
            |entry| entry.rest.subject == subject,
        );
        make_room(
            &mut kept,
            self.limits.max_bytes.saturating_sub(size),
            RESULTS - 1,
            |_| true,
        );
        kept.push_back(entry);
        Some((id, rest))
    }

    /// Finds a result of this subject and tool.
    pub(super) fn find(&self, id: &str, subject: Subject, tool: &FoundTool) -> Option<Arc<Rest>> {
        let now = self.clock.now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|entry| entry.until > now);
        kept.iter()
            .find(|entry| entry.id == id)
            .map(|entry| &entry.rest)
            .filter(|rest| {
                rest.subject == subject
                    && rest.tool.plugin == tool.plugin
                    && rest.tool.operation == tool.operation
            })
            .cloned()
    }
}

/// Drops the oldest of those that are meant until they fit.
fn make_room(
    kept: &mut VecDeque<Entry>,
    max_bytes: usize,
    max_entries: usize,
    meant: impl Fn(&Entry) -> bool,
) {
    let of = |entries: &VecDeque<Entry>| {
        let sizes = entries.iter().filter(|entry| meant(entry));
        sizes.fold((0, 0), |(bytes, count), entry| {
            (bytes + entry.rest.text.len(), count + 1)
        })
    };
    let (mut bytes, mut count) = of(kept);
    while bytes > max_bytes || count > max_entries {
        let Some(gone) = kept
            .iter()
            .position(&meant)
            .and_then(|oldest| kept.remove(oldest))
        else {
            return;
        };
        bytes -= gone.rest.text.len();
        count -= 1;
    }
}

/// What asks for a result from a place on.
pub(super) fn continuation(id: &str, offset: usize) -> String {
    format!("{PREFIX}{id}.{offset}")
}

/// Whether a continuation asks for a result that was kept here.
pub(super) fn is_ours(continuation: &str) -> bool {
    continuation.starts_with(PREFIX)
}

/// Reads what [`continuation`] wrote.
pub(super) fn read(continuation: &str) -> Option<(&str, usize)> {
    let (id, offset) = continuation.strip_prefix(PREFIX)?.split_once('.')?;
    Some((id, offset.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use gestalt_core::clock::ManualClock;

    use super::*;

    const LIMITS: HeldLimits = HeldLimits {
        life: Duration::from_mins(10),
        max_bytes: 64 * 1024,
        max_subject_bytes: 16 * 1024,
    };

    fn tool(operation: &str) -> FoundTool {
        FoundTool {
            plugin: "tracker".into(),
            operation: operation.into(),
            structured: false,
            paginated: false,
            read_only: true,
            live: None,
            graphql: false,
        }
    }

    fn rest(subject: Subject, bytes: usize) -> Rest {
        Rest {
            subject,
            tool: tool("list"),
            text: "x".repeat(bytes),
            cut: false,
            is_error: false,
            next_page: None,
        }
    }

    fn user(number: u64) -> Subject {
        let id =
            gestalt_core::id::UserId::generate(Timestamp::from_micros(0), &Entropy::seeded(number));
        Subject::User(id.unwrap())
    }

    #[test]
    fn a_result_is_found_by_its_own_subject_and_tool_only_and_for_a_while() {
        let clock = ManualClock::at(Timestamp::from_micros(0));
        let held = Held::new(LIMITS, Clock::Manual(clock.clone()), Entropy::seeded(1));
        let (bob, eve) = (user(1), user(2));
        let (id, _) = held.keep(rest(bob, 10)).unwrap();
        assert!(held.find(&id, eve, &tool("list")).is_none());
        assert!(held.find(&id, bob, &tool("other")).is_none());
        assert!(held.find("", bob, &tool("list")).is_none());
        assert!(held.find(&id, bob, &tool("list")).is_some());
        clock.advance(LIMITS.life / 2);
        assert!(held.find(&id, bob, &tool("list")).is_some());
        clock.advance(LIMITS.life / 2);
        assert!(held.find(&id, bob, &tool("list")).is_none());
    }

    #[test]
    fn the_oldest_make_room_and_nobody_takes_it_all() {
        let held = Held::new(LIMITS, Clock::System, Entropy::seeded(1));
        assert!(
            held.keep(rest(user(1), LIMITS.max_subject_bytes + 1))
                .is_none()
        );
        let half = LIMITS.max_subject_bytes / 2;
        let keep = |subject| held.keep(rest(subject, half)).unwrap().0;
        let is_there = |subject, id: &str| held.find(id, subject, &tool("list")).is_some();
        let of_bob = keep(user(1));
        // However much eve has, bob's stays until the whole is full.
        let of_eve: Vec<String> = (0..5).map(|_| keep(user(2))).collect();
        assert!(is_there(user(1), &of_bob));
        let left = of_eve.iter().filter(|id| is_there(user(2), id)).count();
        assert_eq!(left, 2);
        for number in 3..20 {
            keep(user(number));
        }
        assert!(!is_there(user(1), &of_bob));
        let kept = held.kept.lock().unwrap();
        let bytes: usize = kept.iter().map(|entry| entry.rest.text.len()).sum();
        assert_eq!(bytes, LIMITS.max_bytes);
    }

    #[test]
    fn a_continuation_is_read_as_it_was_written() {
        assert_eq!(read(&continuation("abc", 7)), Some(("abc", 7)));
        for bad in [
            "",
            "held.",
            "held.abc",
            "held.abc.-1",
            "held.abc.x",
            "abc.7",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
