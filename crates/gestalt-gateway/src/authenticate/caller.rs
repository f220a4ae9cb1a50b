//! A caller: proof that a request was authenticated.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use gestalt_core::id::{SessionId, TokenId};
use gestalt_core::{Subject, Timestamp};
use ipnet::IpNet;

use super::presented::Circumstances;
use crate::authorize::scope::Scopes;

/// One thing that a credential may be good for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Permission {
    /// Invoke operations.
    Invoke,
    /// Make, check and remove connections.
    Connect,
    /// Make and revoke API tokens and sessions.
    Tokens,
    /// Read the audit trail.
    Audit,
    /// Administer the gateway.
    Admin,
}

impl Permission {
    /// All of them, in the contract's order.
    pub const ALL: [Self; 5] = [
        Self::Invoke,
        Self::Connect,
        Self::Tokens,
        Self::Audit,
        Self::Admin,
    ];

    /// The word used in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::Connect => "connect",
            Self::Tokens => "tokens",
            Self::Audit => "audit",
            Self::Admin => "admin",
        }
    }

    /// Reads the word used in the API.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|permission| permission.as_str() == word)
    }
}

/// How the caller proved who they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// No login is configured.
    None,
    /// A browser session.
    Session(SessionId),
    /// An API token.
    Token(TokenId),
    /// The gateway's own work.
    System,
}

/// What is known of a credential's holder; shared by the cache and every caller it makes.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) subject: Subject,
    pub(crate) email: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) admin: bool,
    pub(crate) method: Method,
    pub(crate) permissions: BTreeSet<Permission>,
    pub(crate) scopes: Option<Scopes>,
    pub(crate) cidrs: Vec<IpNet>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) idle: Option<Duration>,
    /// When it was last used, in microseconds; written to the store in batches.
    pub(crate) last_used: AtomicI64,
}

impl Identity {
    /// Whoever calls a gateway without a login.
    pub(crate) fn anonymous() -> Self {
        Self {
            subject: Subject::Anonymous,
            email: None,
            display_name: None,
            admin: true,
            method: Method::None,
            permissions: Permission::ALL.into(),
            scopes: None,
            cidrs: Vec::new(),
            expires_at: None,
            idle: None,
            last_used: AtomicI64::new(0),
        }
    }

    /// Notes a use; says whether the store should be told, which is once a minute at most.
    pub(crate) fn used(&self, now: Timestamp) -> bool {
        const EVERY: i64 = 60_000_000;
        let last = self.last_used.load(Ordering::Relaxed);
        now.as_micros().saturating_sub(last) >= EVERY
            && self
                .last_used
                .compare_exchange(last, now.as_micros(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

/// An authenticated caller. Only `authenticate` makes one.
#[derive(Clone, Debug)]
pub struct Caller {
    identity: Arc<Identity>,
    circumstances: Circumstances,
    ambient: bool,
    same_origin: Option<bool>,
}

impl Caller {
    pub(super) fn new(
        identity: Arc<Identity>,
        circumstances: Circumstances,
        ambient: bool,
        same_origin: Option<bool>,
    ) -> Self {
        Self {
            identity,
            circumstances,
            ambient,
            same_origin,
        }
    }

    /// The gateway itself, with the reason for its work. It may do anything.
    pub fn system(reason: &'static str) -> Self {
        let identity = Identity {
            subject: Subject::System(reason),
            method: Method::System,
            ..Identity::anonymous()
        };
        let circumstances = Circumstances {
            request: None,
            address: None,
            trace: None,
        };
        Self::new(Arc::new(identity), circumstances, false, None)
    }

    /// Who it is.
    pub fn subject(&self) -> Subject {
        self.identity.subject
    }

    /// How they proved it.
    pub fn method(&self) -> Method {
        self.identity.method
    }

    /// Whether this credential holds a permission.
    pub fn may(&self, permission: Permission) -> bool {
        self.identity.permissions.contains(&permission)
    }

    /// Whether they administer the gateway and this credential says so.
    pub fn is_admin(&self) -> bool {
        self.identity.admin && self.may(Permission::Admin)
    }

    /// Whether the credential is an API token.
    pub(crate) fn is_token(&self) -> bool {
        matches!(self.identity.method, Method::Token(_))
    }

    /// Whether a browser sends this credential by itself, and it was not our page that asked.
    pub(crate) fn is_cross_site(&self) -> bool {
        self.ambient && self.same_origin == Some(false)
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) fn circumstances(&self) -> &Circumstances {
        &self.circumstances
    }

    /// The id of the token or session used.
    pub(crate) fn credential_id(&self) -> Option<String> {
        match self.identity.method {
            Method::Token(id) => Some(id.to_string()),
            Method::Session(id) => Some(id.to_string()),
            Method::None | Method::System => None,
        }
    }
}

impl Caller {
    /// Whoever is logging in with a code: good for the record of it and nothing else.
    pub(crate) fn logging_in(owner: &str, presented: &super::presented::Presented) -> Option<Self> {
        let identity = Identity {
            subject: owner.parse().ok()?,
            admin: false,
            permissions: BTreeSet::new(),
            ..Identity::anonymous()
        };
        Some(Self::new(
            Arc::new(identity),
            presented.circumstances(),
            false,
            None,
        ))
    }
}

impl Caller {
    /// A subject as policy sees it, for `explain`; it holds no permission but `invoke`.
    pub(crate) fn standing_for(subject: Subject, user: Option<gestalt_store::UserRow>) -> Self {
        let identity = Identity {
            subject,
            admin: false,
            email: user
                .and_then(|user| user.email)
                .map(|email| email.to_lowercase()),
            method: Method::System,
            permissions: [Permission::Invoke].into(),
            ..Identity::anonymous()
        };
        let circumstances = Circumstances {
            request: None,
            address: None,
            trace: None,
        };
        Self::new(Arc::new(identity), circumstances, false, None)
    }
}
