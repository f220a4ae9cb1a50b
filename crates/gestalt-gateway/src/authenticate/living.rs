//! Which credentials live, by a fingerprint of their hash.
//!
//! Nothing is read before it is needed: when an address has used up its budget of unknown
//! tokens. From then on what lives is told from what is unknown without a statement, so
//! that a token in use is not held back by what others present from the same address.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use gestalt_core::Timestamp;
use gestalt_store::{Bearer, Store, StoreError};

/// The most that are remembered: 18 MiB of them. Others are held back as if unknown.
const MOST: usize = 1_000_000;

/// Read again after this long at the earliest, while it is needed.
const READ_EVERY: Duration = Duration::from_secs(30);

/// Forgotten when it was not needed for this long.
const KEPT: Duration = Duration::from_mins(10);

/// Hashes a statement.
const PAGE: u32 = 10_000;

/// Fingerprints of the credentials that live, and when they were last asked for.
#[derive(Debug, Default)]
pub(crate) struct Living {
    known: RwLock<HashSet<u64>>,
    read_at: Mutex<Option<Timestamp>>,
}

impl Living {
    /// Whether one of a text's hashes is of a credential that lived when it was last read.
    pub(super) fn knows(&self, hashes: &[[u8; 32]]) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        hashes.iter().any(|hash| known.contains(&fingerprint(hash)))
    }

    /// Forgets one that turned out to be dead.
    pub(super) fn forget(&self, hash: &[u8; 32]) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.remove(&fingerprint(hash));
    }

    /// Whether it is time to read; whoever is told so reads.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let mut read_at = self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        let due = read_at.is_none_or(|at| now.since(at) >= READ_EVERY);
        if due {
            *read_at = Some(now);
        }
        due
    }

    /// Reads what lives. What cannot be read leaves what was known.
    pub(super) async fn read(self: Arc<Self>, store: Store, now: Timestamp) {
        match read(&store, now).await {
            Ok(read) => *self.known.write().unwrap_or_else(PoisonError::into_inner) = read,
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the credentials that live were not read"
            ),
        }
    }

    /// Gives the memory back once it is not needed any more.
    pub(crate) fn rest(&self, now: Timestamp) {
        let mut read_at = self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        if read_at.is_some_and(|at| now.since(at) >= KEPT) {
            *read_at = None;
            *self.known.write().unwrap_or_else(PoisonError::into_inner) = HashSet::new();
        }
    }
}

async fn read(store: &Store, now: Timestamp) -> Result<HashSet<u64>, StoreError> {
    let mut known = HashSet::new();
    for bearer in [Bearer::Sessions, Bearer::Tokens] {
        let mut after = [0; 32];
        while known.len() < MOST {
            let page = store.list_living_hashes(bearer, after, now, PAGE).await?;
            known.extend(page.iter().map(fingerprint));
            match page.last() {
                Some(last) => after = *last,
                None => break,
            }
        }
    }
    Ok(known)
}

/// Eight bytes of a keyed hash, which nobody without the pepper can aim at.
fn fingerprint(hash: &[u8; 32]) -> u64 {
    let first = hash.first_chunk();
    first.map_or(0, |first| u64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_at_most_once_in_a_while() {
        let living = Living::default();
        let start = Timestamp::from_micros(1_000_000_000);
        assert!(living.is_due(start));
        assert!(!living.is_due(start.after(READ_EVERY / 2)));
        assert!(living.is_due(start.after(READ_EVERY)));
        living.rest(start.after(READ_EVERY + KEPT));
        assert!(living.is_due(start.after(READ_EVERY + KEPT)));
    }
}
