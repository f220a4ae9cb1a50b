//! Browser sessions: list and end.

use gestalt_core::Refusal;
use gestalt_core::id::SessionId;
use gestalt_store::{Change, SessionRow};

use super::views::{PageQuery, Paged, SessionView};
use super::{action, not_found, read_id};
use crate::Gateway;
use crate::audit::from_store;
use crate::authenticate::caller::{Caller, Method, Permission};
use crate::authorize::Action;

const READ: Action = action("session", "session.read", Permission::Tokens);
const REVOKE: Action = action("session", "session.revoke", Permission::Tokens);
const REVOKE_ALL: Action = action("session", "session.revoke_all", Permission::Tokens);

impl Gateway {
    /// Lists the caller's sessions, newest first.
    ///
    /// # Errors
    /// `invalid_request` for a cursor or limit that does not hold.
    pub async fn list_sessions(
        &self,
        caller: &Caller,
        page: PageQuery,
    ) -> Result<Paged<SessionView>, Refusal> {
        let gateway = &*self.inner;
        gateway.manage(caller, READ)?;
        let owner = caller.subject().to_string();
        let page = gateway
            .store
            .list_sessions(&owner, &page.request()?)
            .await
            .map_err(from_store)?;
        let now = gateway.clock.now();
        let mut paged = Paged::of(page, |row| {
            (row.revoked_at.is_none() && row.expires_at > now).then(|| view(caller, &row))
        });
        Ok(Paged {
            items: paged.items.drain(..).flatten().collect(),
            next: paged.next,
        })
    }

    /// Ends one of the caller's sessions.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn revoke_session(&self, caller: &Caller, id: &str) -> Result<(), Refusal> {
        let gateway = &*self.inner;
        let grant = gateway.manage(caller, REVOKE)?;
        let owner = caller.subject().to_string();
        let found = async {
            let id: SessionId = read_id(id, "session")?;
            let row = gateway.store.find_session(id).await.map_err(from_store)?;
            row.filter(|row| row.owner == owner)
                .ok_or_else(|| not_found("session"))
        };
        let row = found
            .await
            .map_err(|refusal| gateway.refuse(caller, &grant, refusal))?;
        let change = Change::RevokeSession {
            id: row.id,
            owner,
            at: gateway.clock.now(),
        };
        gateway
            .commit(vec![change], gateway.entry(caller, &grant).target(row.id))
            .await?;
        gateway.identities.forget(&row.hash);
        Ok(())
    }

    /// Ends all of the caller's sessions, or all others; says how many.
    ///
    /// # Errors
    /// Those of every operation.
    pub async fn revoke_sessions(&self, caller: &Caller, others: bool) -> Result<u64, Refusal> {
        let gateway = &*self.inner;
        let grant = gateway.manage(caller, REVOKE_ALL)?;
        let except = match caller.method() {
            Method::Session(id) if others => Some(id),
            _ => None,
        };
        let owner = caller.subject().to_string();
        let change = Change::RevokeSessions {
            owner,
            except,
            at: gateway.clock.now(),
        };
        let affected = gateway
            .commit(vec![change], gateway.entry(caller, &grant))
            .await?;
        gateway.identities.forget_all();
        Ok(affected.first().copied().unwrap_or(0))
    }

    /// Ends the session that asks; nothing to do for another kind of caller.
    ///
    /// # Errors
    /// Those of every operation.
    pub async fn logout(&self, caller: &Caller) -> Result<(), Refusal> {
        match caller.method() {
            Method::Session(id) => self.revoke_session(caller, &id.to_string()).await,
            Method::None | Method::Token(_) | Method::System => Ok(()),
        }
    }
}

pub(super) fn view(caller: &Caller, row: &SessionRow) -> SessionView {
    SessionView {
        id: row.id.to_string(),
        subject: row.owner.clone(),
        created_at: row.created_at.to_string(),
        last_seen_at: row.last_seen_at.to_string(),
        expires_at: row.expires_at.to_string(),
        address: row.address.clone(),
        user_agent: row.user_agent.clone(),
        current: caller.method() == Method::Session(row.id),
    }
}
