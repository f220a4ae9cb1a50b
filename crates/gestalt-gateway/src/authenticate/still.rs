//! Whether a caller still holds: asked while they listen to a stream that has no end.

use std::pin::pin;
use std::time::Duration;

use super::caller::{Caller, Method};
use crate::Inner;

/// Longest time that is slept at once; an expiry further away is looked at again.
const NAP: Duration = Duration::from_hours(1);

/// Resolves when a caller no longer holds: revoked, expired, or nobody can say.
pub(crate) async fn ended(gateway: &Inner, caller: &Caller) {
    let mut changes = gateway.identities.changes();
    loop {
        let left = caller
            .identity()
            .expires_at
            .map(|at| at.since(gateway.clock.now()));
        if left.is_some_and(|left| left.is_zero()) {
            return;
        }
        let nap = left.map_or(NAP, |left| left.min(NAP));
        let sleep = pin!(tokio::time::sleep(nap));
        tokio::select! {
            changed = changes.changed() => {
                if changed.is_err() || !holds(gateway, caller).await {
                    return;
                }
            }
            () = sleep => {}
        }
    }
}

async fn holds(gateway: &Inner, caller: &Caller) -> bool {
    match caller.method() {
        Method::None | Method::System => true,
        Method::Token(id) => {
            let row = gateway.store.find_token(id).await.ok().flatten();
            row.is_some_and(|row| row.revoked_at.is_none())
        }
        Method::Session(id) => {
            let row = gateway.store.find_session(id).await.ok().flatten();
            row.is_some_and(|row| row.revoked_at.is_none())
        }
    }
}
