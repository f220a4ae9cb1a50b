//! `local` login: single-use codes that become a session.

use gestalt_core::id::SessionId;
use gestalt_core::{Code, Refusal, Secret, Subject};
use gestalt_store::{Change, LoginCodeRow, SessionRow};
use gestalt_vault::token::{Recognised, TokenKind, mint, recognise};

use super::action;
use super::sessions::view;
use super::views::SessionView;
use crate::audit::from_store;
use crate::authenticate::caller::{Caller, Permission};
use crate::authenticate::presented::Presented;
use crate::authorize::Action;
use crate::settings::{LocalLogin, LoginSettings};
use crate::{Gateway, Inner};

const CODE: Action = action("authentication", "login_code.create", Permission::Admin);
const LOGIN: Action = action("authentication", "session.create", Permission::Invoke);

impl Gateway {
    /// Makes a single-use login code for the person that `local` login knows.
    ///
    /// # Errors
    /// `invalid_request` where no such login is configured; `forbidden` for who is no admin.
    pub async fn create_login_code(&self, caller: &Caller) -> Result<Secret, Refusal> {
        let gateway = &*self.inner;
        let grant = gateway.manage(caller, CODE)?;
        let (LoginSettings::Local(login), Some(user)) =
            (&gateway.settings.login, gateway.local_user)
        else {
            return Err(Refusal::new(
                Code::InvalidRequest,
                "Login codes are for `local` login, which is not configured.",
            ));
        };
        let now = gateway.clock.now();
        let code = mint(TokenKind::LoginCode, &gateway.entropy).map_err(Refusal::internal)?;
        let (pepper, hash) = gateway.keyring.hash_token(code.expose());
        let row = LoginCodeRow {
            hash,
            pepper,
            owner: Subject::User(user).to_string(),
            created_at: now,
            expires_at: now.after(login.code_ttl),
            redeemed_at: None,
        };
        gateway
            .commit(
                vec![Change::CreateLoginCode(row)],
                gateway.entry(caller, &grant).target(user),
            )
            .await?;
        Ok(code)
    }

    /// Turns a login code into a session; gives the cookie's value. A code works once.
    ///
    /// # Errors
    /// `unauthenticated` for a code that does not hold, `rate_limited` after several of those.
    pub async fn redeem_login_code(
        &self,
        presented: &Presented,
        code: Secret,
    ) -> Result<(Secret, SessionView), Refusal> {
        let gateway = &*self.inner;
        let now = gateway.clock.now();
        let back_off = gateway.identities.logins();
        if let Some(wait) = back_off.wait(presented.address, now) {
            return Err(Refusal::new(
                Code::RateLimited,
                "Too many failed logins from this address.",
            )
            .retry_after(wait));
        }
        let refused = |why: &'static str| {
            back_off.failed(presented.address, now);
            gateway
                .identities
                .note_failure(presented.address, Code::Unauthenticated, now);
            gateway.metrics.not_authenticated(Code::Unauthenticated);
            Refusal::new(
                Code::Unauthenticated,
                "This login code does not hold: it was used, or its time is over.",
            )
            .hint("Make another with: gestaltd login-code")
            .because(why)
        };
        let LoginSettings::Local(login) = &gateway.settings.login else {
            return Err(refused("no local login"));
        };
        if !matches!(
            recognise(code.expose()),
            Recognised::WellFormed(TokenKind::LoginCode)
        ) {
            return Err(refused("malformed"));
        }
        let hashes: Vec<[u8; 32]> = gateway
            .keyring
            .hash_candidates(code.expose())
            .into_iter()
            .map(|(_, hash)| hash)
            .collect();
        let found = gateway
            .store
            .find_login_code(&hashes)
            .await
            .map_err(from_store)?;
        let row = found.ok_or_else(|| refused("unknown"))?;
        if row.redeemed_at.is_some() || row.expires_at <= now {
            return Err(refused("used or over"));
        }
        let (session, value) = new_session(gateway, presented, login, &row)?;
        let caller =
            Caller::logging_in(&row.owner, presented).ok_or_else(|| refused("no subject"))?;
        let entry = crate::audit::record::Entry::management(&caller, LOGIN, now).target(session.id);
        let changes = vec![
            Change::RedeemLoginCode {
                hash: row.hash,
                at: now,
            },
            Change::CreateSession(session.clone()),
        ];
        gateway
            .commit(changes, entry)
            .await
            .map_err(|refusal| match refusal.code {
                Code::NotFound => refused("used meanwhile"),
                _ => refusal,
            })?;
        back_off.succeeded(presented.address);
        let view = view(&caller, &session);
        Ok((value, view))
    }
}

/// Makes the session that a code is redeemed for.
fn new_session(
    gateway: &Inner,
    presented: &Presented,
    login: &LocalLogin,
    code: &LoginCodeRow,
) -> Result<(SessionRow, Secret), Refusal> {
    let now = gateway.clock.now();
    let value = mint(TokenKind::Session, &gateway.entropy).map_err(Refusal::internal)?;
    let (pepper, hash) = gateway.keyring.hash_token(value.expose());
    let agent = presented.user_agent.as_ref();
    let session = SessionRow {
        id: SessionId::generate(now, &gateway.entropy).map_err(Refusal::internal)?,
        owner: code.owner.clone(),
        hash,
        pepper,
        created_at: now,
        last_seen_at: now,
        expires_at: now.after(login.session_ttl),
        idle_timeout_secs: i64::try_from(login.idle_timeout.as_secs()).unwrap_or(i64::MAX),
        revoked_at: None,
        address: Some(presented.address.to_string()),
        user_agent: agent.map(|agent| agent.chars().take(300).collect()),
    };
    Ok((session, value))
}
