//! The keys that sign what upstreams are told: which one signs, and which are published.
//!
//! Everything follows from when a key was made. The first signs at once. A later one is
//! published first and signs when every upstream that keeps our keys for as long as it is
//! told has read them again; the one before it stays published until its last token has ended.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use gestalt_core::Timestamp;
use gestalt_core::id::KeyId;
use gestalt_vault::{KeyState, RootKey, SigningKey, VaultError, WrappedKey};
use serde_json::{Value, json};

use super::jwt;

/// How long upstreams are told to keep the published keys.
pub(crate) const PUBLISHED_FOR: Duration = Duration::from_mins(5);

/// How long a key is published before it signs: twice what upstreams are told to keep.
pub(crate) const SIGNS_AFTER: Duration = Duration::from_mins(10);

/// How long a key stays published after another signs; much longer than its last token holds.
pub(crate) const RETIRES_AFTER: Duration = Duration::from_hours(1);

const _: () = assert!(RETIRES_AFTER.as_secs() > jwt::LIFETIME.as_secs());

/// The keys, newest first; at least one.
pub(crate) struct Signers {
    /// The current root key first.
    roots: Vec<RootKey>,
    keys: ArcSwap<Vec<Signer>>,
    /// Held by whoever changes them.
    pub(crate) changing: tokio::sync::Mutex<()>,
}

/// One key and its row.
#[derive(Clone)]
struct Signer {
    key: Arc<SigningKey>,
    row: WrappedKey,
}

impl Signers {
    /// Opens the stored keys; `rows` holds at least one that is not destroyed.
    pub(crate) fn open(roots: Vec<RootKey>, rows: &[WrappedKey]) -> Result<Self, VaultError> {
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows.iter().filter(|row| row.state != KeyState::Destroyed) {
            keys.push(Signer::open(&roots, row.clone())?);
        }
        if keys.is_empty() {
            return Err(VaultError::NoActiveKey(gestalt_vault::Purpose::IdentityJwt));
        }
        keys.sort_by_key(|signer| std::cmp::Reverse((signer.row.created_at, signer.row.id)));
        Ok(Self {
            roots,
            keys: ArcSwap::from_pointee(keys),
            changing: tokio::sync::Mutex::default(),
        })
    }

    /// The key that wraps new ones.
    pub(crate) fn root(&self) -> Option<&RootKey> {
        self.roots.first()
    }

    /// The key that signs now.
    pub(super) fn signer(&self, now: Timestamp) -> Arc<SigningKey> {
        let keys = self.keys.load();
        Arc::clone(&keys[signing(&keys, now)].key)
    }

    /// The public halves as a JWK Set (RFC 7517 §5): of the key that signs, of one that will,
    /// and of those whose tokens may still be under way.
    pub(crate) fn published(&self, now: Timestamp) -> Value {
        let keys = self.keys.load();
        let signing = signing(&keys, now);
        let listed = keys.iter().enumerate().filter(|(index, _)| {
            *index <= signing || now < signs_from(&keys, index - 1).after(RETIRES_AFTER)
        });
        let jwk =
            |signer: &Signer| jwt::jwk(&signer.key.id().to_string(), &signer.key.public_key());
        json!({ "keys": listed.map(|(_, signer)| jwk(signer)).collect::<Vec<_>>() })
    }

    /// When the newest key begins to sign, if it does not yet.
    pub(crate) fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        let keys = self.keys.load();
        (signing(&keys, now) > 0).then(|| signs_from(&keys, 0))
    }

    /// When a new key is made: now, but after every other, also when the clock was set back, for
    /// their order says which one signs.
    pub(crate) fn next(&self, now: Timestamp) -> Timestamp {
        let newest = self.keys.load()[0].row.created_at;
        now.max(newest.after(Duration::from_micros(1)))
    }

    /// Takes a new key in front.
    pub(crate) fn add(&self, row: WrappedKey) -> Result<(), VaultError> {
        let mut keys = vec![Signer::open(&self.roots, row)?];
        keys.extend(self.keys.load().iter().cloned());
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    /// The rows whose state is not what time has made of them, put right, and the key that
    /// signs; `None` if all are.
    pub(crate) fn unsettled(&self, now: Timestamp) -> Option<(KeyId, Vec<WrappedKey>)> {
        let keys = self.keys.load();
        let signing = signing(&keys, now);
        let settled = keys.iter().enumerate().map(|(index, signer)| WrappedKey {
            state: match index.cmp(&signing) {
                std::cmp::Ordering::Less => KeyState::Prepublished,
                std::cmp::Ordering::Equal => KeyState::Active,
                std::cmp::Ordering::Greater => KeyState::DecryptOnly,
            },
            ..signer.row.clone()
        });
        let moved = settled
            .zip(keys.iter())
            .filter(|(row, old)| *row != old.row);
        let moved: Vec<_> = moved.map(|(row, _)| row).collect();
        (!moved.is_empty()).then(|| (keys[signing].row.id, moved))
    }

    /// Takes over rows that were written.
    pub(crate) fn settle(&self, rows: &[WrappedKey]) {
        let mut keys = Vec::clone(&self.keys.load());
        for signer in &mut keys {
            if let Some(row) = rows.iter().find(|row| row.id == signer.row.id) {
                signer.row = row.clone();
            }
        }
        self.keys.store(Arc::new(keys));
    }
}

impl Signer {
    fn open(roots: &[RootKey], row: WrappedKey) -> Result<Self, VaultError> {
        let key = Arc::new(SigningKey::open(roots, &row)?);
        Ok(Self { key, row })
    }
}

/// The newest key whose time has come; the oldest if the clock is before all of them.
fn signing(keys: &[Signer], now: Timestamp) -> usize {
    (0..keys.len())
        .find(|index| signs_from(keys, *index) <= now)
        .unwrap_or(keys.len() - 1)
}

/// When a key begins to sign: the first one at once.
fn signs_from(keys: &[Signer], index: usize) -> Timestamp {
    let made = keys[index].row.created_at;
    if index + 1 == keys.len() {
        made
    } else {
        made.after(SIGNS_AFTER)
    }
}
