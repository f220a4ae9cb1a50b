//! Operations on the keys that sign what upstreams are told.

use gestalt_core::{Code, Refusal, Timestamp};
use gestalt_store::{Change, KeyRow};
use gestalt_vault::{KeyState, Keyring, Purpose, WrappedKey};
use serde_json::Value;

use super::action;
use crate::audit::record::Entry;
use crate::authenticate::caller::{Caller, Permission};
use crate::authorize::Action;
use crate::identity::signers::{PUBLISHED_FOR, SIGNS_AFTER};
use crate::{Gateway, Inner};

const ROTATE: Action = action("key", "key.rotate", Permission::Admin);

/// A key that was made to take another's place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RotatedKey {
    /// Its id, the `kid` of what it will sign.
    pub id: String,
    /// When it begins to sign; it is published from now on.
    pub signs_from: Timestamp,
}

impl Gateway {
    /// The public halves of the keys that sign what upstreams are told of callers, as a JWK
    /// Set, and for how long it may be kept. No private half is in it.
    pub fn published_keys(&self) -> (Value, std::time::Duration) {
        let gateway = &*self.inner;
        let keys = gateway.identity.signers.published(gateway.clock.now());
        (keys, PUBLISHED_FOR)
    }

    /// Makes a new key of a purpose. It is published at once and signs ten minutes later; the
    /// one before it stays published for an hour after that.
    ///
    /// # Errors
    /// `forbidden` for who is no admin; `invalid_request` for a purpose whose keys are not
    /// rotated like this, and while a new key waits for its time.
    pub async fn rotate_key(&self, caller: &Caller, purpose: &str) -> Result<RotatedKey, Refusal> {
        let gateway = &*self.inner;
        let grant = gateway.manage(caller, ROTATE)?;
        let signers = &gateway.identity.signers;
        let _one_at_a_time = signers.changing.lock().await;
        let now = gateway.clock.now();
        may_rotate(purpose, signers.waits_until(now))
            .map_err(|refusal| gateway.refuse(caller, &grant, refusal))?;
        let root = signers
            .root()
            .ok_or_else(|| Refusal::internal("there is no root key".to_owned()))?;
        let at = signers.next(now);
        let made = Keyring::create_key(root, Purpose::IdentityJwt, at, &gateway.entropy)
            .map_err(Refusal::internal)?;
        let made = WrappedKey {
            state: KeyState::Prepublished,
            ..made
        };
        let rotated = RotatedKey {
            id: made.id.to_string(),
            signs_from: at.after(SIGNS_AFTER),
        };
        let entry = gateway.entry(caller, &grant).target(made.id).details(
            serde_json::json!({ "purpose": purpose, "signs_from": rotated.signs_from.to_string() }),
        );
        gateway
            .commit(vec![Change::PutKey(row_of(made.clone()))], entry)
            .await?;
        signers.add(made).map_err(Refusal::internal)?;
        Ok(rotated)
    }
}

fn may_rotate(purpose: &str, waiting: Option<Timestamp>) -> Result<(), Refusal> {
    if purpose != Purpose::IdentityJwt.as_str() {
        return Err(Refusal::new(
            Code::InvalidRequest,
            "Keys of this purpose are not rotated by this build.",
        )
        .field("purpose")
        .hint("`identity_jwt` can be."));
    }
    match waiting {
        None => Ok(()),
        Some(from) => Err(Refusal::new(
            Code::InvalidRequest,
            format!("A new key is published already and signs from {from} on."),
        )
        .hint("Rotate again after that.")),
    }
}

/// Writes what time has made of the keys: the new one is active, the one before it is not.
pub(crate) async fn settle(gateway: &Inner) -> Result<(), Refusal> {
    let signers = &gateway.identity.signers;
    let _one_at_a_time = signers.changing.lock().await;
    let now = gateway.clock.now();
    let Some((active, rows)) = signers.unsettled(now) else {
        return Ok(());
    };
    let changes = rows.iter().cloned().map(row_of).map(Change::PutKey);
    let entry = Entry::bare(now, "key", "key.activate").target(active);
    gateway.commit(changes.collect(), entry).await?;
    signers.settle(&rows);
    Ok(())
}

/// The row that stores a key.
pub(crate) fn row_of(key: WrappedKey) -> KeyRow {
    KeyRow {
        id: key.id,
        purpose: key.purpose.as_str().to_owned(),
        state: key.state.as_str().to_owned(),
        root_id: key.root_id,
        wrapped: key.wrapped,
        created_at: key.created_at,
    }
}
