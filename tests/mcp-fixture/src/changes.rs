//! What changes while the server runs, and who is told.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::broadcast;

/// How many changes a slow subscriber may be behind before it misses some.
pub(crate) const BACKLOG: usize = 64;

/// A change that clients can subscribe to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Tools,
    Prompts,
    /// A resource, by its URI.
    Resource(String),
}

/// The parts of the server that change, shared by all its clients.
#[derive(Debug)]
pub(crate) struct Changes {
    sender: broadcast::Sender<Change>,
    more_tools: AtomicBool,
    more_prompts: AtomicBool,
    version: AtomicU64,
}

impl Changes {
    pub(crate) fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(BACKLOG),
            more_tools: AtomicBool::new(false),
            more_prompts: AtomicBool::new(false),
            version: AtomicU64::new(1),
        }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.sender.subscribe()
    }

    /// Whether the list of tools has one more than at the start.
    pub(crate) fn more_tools(&self) -> bool {
        self.more_tools.load(Ordering::SeqCst)
    }

    /// Whether the list of prompts has one more than at the start.
    pub(crate) fn more_prompts(&self) -> bool {
        self.more_prompts.load(Ordering::SeqCst)
    }

    /// How often the watched resource has changed, counted from 1.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    /// Makes the change and tells whoever subscribed; nobody need have.
    pub(crate) fn make(&self, change: Change) {
        match change {
            Change::Tools => {
                self.more_tools.fetch_not(Ordering::SeqCst);
            }
            Change::Prompts => {
                self.more_prompts.fetch_not(Ordering::SeqCst);
            }
            Change::Resource(_) => {
                self.version.fetch_add(1, Ordering::SeqCst);
            }
        }
        let _ = self.sender.send(change);
    }
}

/// The next of what is told; none when there will be no more. What a slow subscriber missed is
/// gone.
pub(crate) async fn next<T: Clone>(receiver: &mut broadcast::Receiver<T>) -> Option<T> {
    loop {
        match receiver.recv().await {
            Ok(told) => return Some(told),
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, Changes, next};

    #[tokio::test]
    async fn who_subscribed_is_told_and_the_list_is_another() {
        let changes = Changes::new();
        changes.make(Change::Prompts);
        let mut receiver = changes.subscribe();
        changes.make(Change::Tools);
        assert_eq!(next(&mut receiver).await, Some(Change::Tools));
        assert!(changes.more_tools() && changes.more_prompts());
        changes.make(Change::Tools);
        assert!(!changes.more_tools());
        drop(changes);
        assert_eq!(next(&mut receiver).await, Some(Change::Tools));
        assert_eq!(next(&mut receiver).await, None);
    }
}
