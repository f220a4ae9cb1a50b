//! Who holds which token or session: a bounded cache before the store.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use gestalt_core::id::{SessionId, TokenId};
use gestalt_core::{Code, Refusal, Subject, Timestamp};
use gestalt_store::{AuthFailureRow, Change, SessionRow, TokenRow, UserRow};
use ipnet::IpNet;
use quick_cache::sync::Cache;
use tokio::sync::{Semaphore, watch};

use super::caller::{Identity, Method, Permission};
use super::limits::{BackOff, FailureBudget};
use super::living::Living;
use crate::Inner;
use crate::authorize::scope::Scopes;
use crate::settings::{CacheSettings, LimitSettings, LoginSettings};

/// Addresses with failures that are counted between two writes; more are counted as one.
const FAILURES: usize = 4_096;

type Hash = [u8; 32];

/// Known identities by the hash of their credential.
pub(crate) struct Identities {
    known: Cache<Hash, Arc<Identity>>,
    /// Moves with every revocation, so that a lookup that overlaps one is not remembered.
    epoch: RwLock<u64>,
    /// Tells streams under way that one of their callers may be gone.
    changed: watch::Sender<()>,
    anonymous: Arc<Identity>,
    unknown: FailureBudget,
    living: Arc<Living>,
    logins: BackOff,
    lookups: Semaphore,
    used: Mutex<Vec<(Method, Timestamp)>>,
    failures: Mutex<HashMap<(IpAddr, Code, i64), u64>>,
}

impl Identities {
    pub(crate) fn new(caches: CacheSettings, limits: LimitSettings) -> Self {
        Self {
            known: Cache::new(caches.identities.max(1)),
            epoch: RwLock::default(),
            changed: watch::Sender::new(()),
            anonymous: Arc::new(Identity::anonymous()),
            unknown: FailureBudget::new(
                limits.unknown_tokens_burst,
                limits.unknown_tokens_per_minute,
            ),
            living: Arc::default(),
            logins: BackOff::new(),
            lookups: Semaphore::new(limits.concurrent_lookups.max(1)),
            used: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    pub(crate) fn anonymous(&self) -> &Arc<Identity> {
        &self.anonymous
    }

    pub(crate) fn logins(&self) -> &BackOff {
        &self.logins
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Finds who holds a well-formed token or session value.
    pub(crate) async fn find(
        &self,
        gateway: &Inner,
        address: IpAddr,
        text: &str,
    ) -> Result<Arc<Identity>, Refusal> {
        let now = gateway.clock.now();
        let hashes: Vec<Hash> = gateway
            .keyring
            .hash_candidates(text)
            .into_iter()
            .map(|(_, hash)| hash)
            .collect();
        let cached = hashes.iter().find_map(|hash| self.known.get(hash));
        let identity = match cached {
            Some(identity) => identity,
            None => self.look_up(gateway, address, text, &hashes).await?,
        };
        check(&identity, address, now)?;
        if identity.used(now) {
            self.used
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((identity.method, now));
        }
        Ok(identity)
    }

    async fn look_up(
        &self,
        gateway: &Inner,
        address: IpAddr,
        text: &str,
        hashes: &[Hash],
    ) -> Result<Arc<Identity>, Refusal> {
        let now = gateway.clock.now();
        if let Some(wait) = self.unknown.exhausted(address, now)
            && !self.living.knows(hashes)
        {
            if self.living.is_due(now) {
                let living = Arc::clone(&self.living);
                let reading = living.read(gateway.store.clone(), now);
                gateway.tracker.spawn(reading);
            }
            return Err(Refusal::new(
                Code::RateLimited,
                "Too many unknown tokens from this address.",
            )
            .retry_after(wait));
        }
        let _turn = self.lookups.acquire().await.map_err(Refusal::internal)?;
        let epoch = *self.epoch.read().unwrap_or_else(PoisonError::into_inner);
        let found = if text.starts_with("gst_ses_") {
            let found = gateway
                .store
                .find_session_by_hash(hashes)
                .await
                .map_err(crate::audit::from_store)?;
            found.map(|(row, user)| (row.hash, session_identity(gateway, &row, user)))
        } else {
            let found = gateway
                .store
                .find_token_by_hash(hashes)
                .await
                .map_err(crate::audit::from_store)?;
            found.map(|(row, user)| (row.hash, token_identity(gateway, &row, user)))
        };
        let Some((hash, identity)) = found else {
            self.unknown.spend(address, now);
            return Err(super::does_not_hold());
        };
        // What is dead is looked up each time, so it is bounded like what is unknown.
        let identity = identity.inspect_err(|_| {
            self.unknown.spend(address, now);
            self.living.forget(&hash);
        })?;
        let identity = Arc::new(identity);
        let now_at = self.epoch.read().unwrap_or_else(PoisonError::into_inner);
        if *now_at == epoch {
            self.known.insert(hash, Arc::clone(&identity));
        }
        Ok(identity)
    }

    /// Forgets one credential that was revoked or changed.
    pub(crate) fn forget(&self, hash: &Hash) {
        self.move_epoch();
        self.known.remove(hash);
    }

    /// Forgets all credentials.
    pub(crate) fn forget_all(&self) {
        self.move_epoch();
        self.known.clear();
    }

    fn move_epoch(&self) {
        *self.epoch.write().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.send_replace(());
    }

    /// Moves with every revocation.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Counts a failure before an identity is known; it never refuses a call.
    pub(crate) fn note_failure(&self, address: IpAddr, code: Code, now: Timestamp) {
        let minute = now.as_micros().div_euclid(60_000_000);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (address, code, minute);
        if failures.len() < FAILURES || failures.contains_key(&key) {
            *failures.entry(key).or_default() += 1;
        } else {
            *failures
                .entry((IpAddr::from([0, 0, 0, 0]), code, minute))
                .or_default() += 1;
        }
    }

    /// What is to be written: uses and failures since the last time.
    pub(crate) fn drain(&self, now: Timestamp) -> Vec<Change> {
        self.living.rest(now);
        let used = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        let failures =
            std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner));
        let mut tokens: Vec<(TokenId, Timestamp)> = Vec::new();
        let mut sessions: Vec<(SessionId, Timestamp)> = Vec::new();
        for (method, at) in used {
            match method {
                Method::Token(id) => tokens.push((id, at)),
                Method::Session(id) => sessions.push((id, at)),
                Method::None | Method::System => {}
            }
        }
        let failures: Vec<AuthFailureRow> = failures
            .into_iter()
            .map(|((address, code, minute), count)| AuthFailureRow {
                address: address.to_string(),
                reason: code.as_str().to_owned(),
                minute: Timestamp::from_micros(minute * 60_000_000),
                count,
            })
            .collect();
        let mut changes = Vec::new();
        if !tokens.is_empty() {
            changes.push(Change::TouchTokens(tokens));
        }
        if !sessions.is_empty() {
            changes.push(Change::TouchSessions(sessions));
        }
        if !failures.is_empty() {
            changes.push(Change::CountAuthFailures(failures));
        }
        changes
    }
}

/// What must hold at each use: time and place.
fn check(identity: &Identity, address: IpAddr, now: Timestamp) -> Result<(), Refusal> {
    if identity.expires_at.is_some_and(|end| end <= now) {
        return Err(Refusal::new(
            Code::TokenExpired,
            "The credential has expired.",
        ));
    }
    if let Some(idle) = identity.idle {
        let last = Timestamp::from_micros(identity.last_used.load(Ordering::Relaxed));
        if now.since(last) > idle {
            return Err(Refusal::new(
                Code::TokenExpired,
                "The session was idle for too long.",
            ));
        }
    }
    if !identity.cidrs.is_empty() {
        let address = address.to_canonical();
        if !identity.cidrs.iter().any(|net| net.contains(&address)) {
            return Err(Refusal::new(
                Code::InsufficientScope,
                "The token may not be used from this address.",
            ));
        }
    }
    Ok(())
}

/// Reads a token row; what does not parse makes the token unusable, never unrestricted.
fn token_identity(
    gateway: &Inner,
    row: &TokenRow,
    user: Option<UserRow>,
) -> Result<Identity, Refusal> {
    if row.revoked_at.is_some() {
        return Err(Refusal::new(Code::TokenRevoked, "The token was revoked."));
    }
    let subject = subject_of(gateway, &row.owner, user.as_ref())?;
    let unusable = |what: &str| {
        Refusal::new(
            Code::Unauthenticated,
            "The token is unusable; make a new one.",
        )
        .because(format!("{}: its stored {what} do not parse", row.id))
    };
    let words: Vec<String> =
        serde_json::from_str(&row.permissions).map_err(|_| unusable("permissions"))?;
    let permissions = words
        .iter()
        .map(|word| Permission::parse(word).ok_or_else(|| unusable("permissions")))
        .collect::<Result<_, _>>()?;
    let scopes = row
        .scopes
        .as_deref()
        .map(Scopes::parse)
        .transpose()
        .map_err(|_| unusable("scopes"))?;
    let texts: Vec<String> =
        serde_json::from_str(&row.cidrs).map_err(|_| unusable("address ranges"))?;
    let cidrs: Vec<IpNet> = texts
        .iter()
        .map(|text| text.parse().map_err(|_| unusable("address ranges")))
        .collect::<Result<_, _>>()?;
    Ok(Identity {
        subject,
        admin: user
            .as_ref()
            .map_or(subject == Subject::Anonymous, |user| user.admin),
        email: user
            .as_ref()
            .and_then(|user| user.email.as_deref().map(str::to_lowercase)),
        display_name: user.and_then(|user| user.display_name),
        method: Method::Token(row.id),
        permissions,
        scopes,
        cidrs,
        expires_at: Some(row.expires_at),
        idle: None,
        last_used: AtomicI64::new(row.last_used_at.map_or(0, Timestamp::as_micros)),
    })
}

fn session_identity(
    gateway: &Inner,
    row: &SessionRow,
    user: Option<UserRow>,
) -> Result<Identity, Refusal> {
    if row.revoked_at.is_some() {
        return Err(Refusal::new(Code::TokenRevoked, "The session was ended."));
    }
    let subject = subject_of(gateway, &row.owner, user.as_ref())?;
    let user = user.ok_or_else(super::does_not_hold)?;
    let permissions = Permission::ALL
        .into_iter()
        .filter(|p| user.admin || *p != Permission::Admin)
        .collect();
    Ok(Identity {
        subject,
        admin: user.admin,
        email: user.email.as_deref().map(str::to_lowercase),
        display_name: user.display_name,
        method: Method::Session(row.id),
        permissions,
        scopes: None,
        cidrs: Vec::new(),
        expires_at: Some(row.expires_at),
        idle: Some(Duration::from_secs(
            u64::try_from(row.idle_timeout_secs).unwrap_or(0),
        )),
        last_used: AtomicI64::new(row.last_seen_at.as_micros()),
    })
}

/// The subject behind a credential, if it may still act.
fn subject_of(gateway: &Inner, owner: &str, user: Option<&UserRow>) -> Result<Subject, Refusal> {
    let subject: Subject = owner.parse().map_err(|_| super::does_not_hold())?;
    let holds = match subject {
        Subject::User(_) => user.is_some_and(|user| user.disabled_at.is_none()),
        Subject::Anonymous => matches!(gateway.settings.login, LoginSettings::None),
        Subject::ServiceAccount(_) | Subject::System(_) => false,
    };
    if holds {
        Ok(subject)
    } else {
        Err(super::does_not_hold().because(format!("{owner} may not act")))
    }
}
