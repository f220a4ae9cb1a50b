//! What the gateway is told at start: plain values, already checked.

use std::path::PathBuf;
use std::time::Duration;

use gestalt_core::plugin::Plugin;
use gestalt_core::{Clock, Entropy, Secret};

pub use crate::authorize::policy::{Effect, PolicySettings, RuleSettings};
pub use gestalt_store::{Database, Settings as StoreSettings};
pub use gestalt_upstream::{
    ProcessLimits, ProcessSettings, Resolver, Settings as UpstreamSettings,
};
pub use gestalt_vault::Argon2Cost;

/// Everything the gateway is told at start.
#[derive(Debug)]
pub struct Settings {
    /// Where rows are kept.
    pub store: StoreSettings,
    /// Limits of outbound requests.
    pub upstream: UpstreamSettings,
    /// How names become addresses.
    pub resolver: Resolver,
    /// The root key, as the operator writes it.
    pub root_key: Secret,
    /// Root keys that may still unwrap.
    pub previous_root_keys: Vec<Secret>,
    /// Cost of deriving a root key from a passphrase.
    pub argon2: Argon2Cost,
    /// How people log in.
    pub login: LoginSettings,
    /// API tokens.
    pub tokens: TokenSettings,
    /// The audit trail.
    pub audit: AuditSettings,
    /// Bounds of what is kept in memory.
    pub caches: CacheSettings,
    /// Limits against abuse.
    pub limits: LimitSettings,
    /// Who signs what upstreams are told of callers: the URL by which callers reach the
    /// gateway, without a `/` at its end. Its keys are published below it.
    pub issuer: String,
    /// Plugins and policy.
    pub catalogue: CatalogueSettings,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
}

/// What a reload replaces: plugins and policy.
#[derive(Clone, Debug, Default)]
pub struct CatalogueSettings {
    /// The plugins.
    pub plugins: Vec<Plugin>,
    /// Who may do what.
    pub policy: PolicySettings,
}

/// How people log in.
#[derive(Clone, Debug)]
pub enum LoginSettings {
    /// Every request is one anonymous subject, an admin.
    None,
    /// One person, by single-use links.
    Local(LocalLogin),
}

/// Login for one person.
#[derive(Clone, Debug)]
pub struct LocalLogin {
    /// Their e-mail; the user is made at the first start.
    pub email: String,
    /// What people call them.
    pub display_name: Option<String>,
    /// Longest life of a session.
    pub session_ttl: Duration,
    /// A session unused for this long ends.
    pub idle_timeout: Duration,
    /// How long a login code can be used.
    pub code_ttl: Duration,
}

/// Lifetimes of API tokens.
#[derive(Clone, Copy, Debug)]
pub struct TokenSettings {
    /// When the maker names none.
    pub default_ttl: Duration,
    /// The longest that can be asked for.
    pub max_ttl: Duration,
}

/// When an invocation's intent is durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// Soon after: a kill may lose the last batch, and a `gap` record says so.
    Buffered,
    /// Before the credential is used.
    Strict,
}

impl Durability {
    /// The word used in config and database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buffered => "buffered",
            Self::Strict => "strict",
        }
    }
}

/// The audit trail.
#[derive(Clone, Debug)]
pub struct AuditSettings {
    /// When an invocation's intent is durable.
    pub durability: Durability,
    /// Records waiting to be written; beyond it calls are refused.
    pub queue: usize,
    /// Longest wait of a record before it is written.
    pub flush: Duration,
    /// Records between two checkpoints.
    pub checkpoint_every: u64,
    /// Longest time between two checkpoints, while records are written.
    pub checkpoint_interval: Duration,
    /// A file outside the database that receives each checkpoint as a JSON line.
    pub checkpoint_file: Option<PathBuf>,
}

/// Bounds of what is kept in memory, in entries.
#[derive(Clone, Copy, Debug)]
pub struct CacheSettings {
    /// Known tokens and sessions.
    pub identities: usize,
    /// Sealed credentials.
    pub credentials: usize,
    /// What is said of a caller to a plugin, a kilobyte or two each.
    pub identity_headers: usize,
}

/// Limits against abuse.
#[derive(Clone, Copy, Debug)]
pub struct LimitSettings {
    /// Unknown tokens an address may present at once before it is refused unread.
    pub unknown_tokens_burst: u32,
    /// Unknown tokens an address may present per minute after that.
    pub unknown_tokens_per_minute: u32,
    /// Lookups of uncached tokens that run at the same time.
    pub concurrent_lookups: usize,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self {
            durability: Durability::Buffered,
            queue: 16_384,
            flush: Duration::from_millis(50),
            checkpoint_every: 10_000,
            checkpoint_interval: Duration::from_mins(5),
            checkpoint_file: None,
        }
    }
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            identities: 200_000,
            credentials: 200_000,
            identity_headers: 20_000,
        }
    }
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            unknown_tokens_burst: 20,
            unknown_tokens_per_minute: 20,
            concurrent_lookups: 32,
        }
    }
}

impl Default for TokenSettings {
    fn default() -> Self {
        let day = Duration::from_hours(24);
        Self {
            default_ttl: 30 * day,
            max_ttl: 365 * day,
        }
    }
}

impl LocalLogin {
    /// A day at most, eight hours idle, codes for thirty minutes.
    pub fn for_email(email: impl Into<String>) -> Self {
        let hour = Duration::from_hours(1);
        Self {
            email: email.into(),
            display_name: None,
            session_ttl: 24 * hour,
            idle_timeout: 8 * hour,
            code_ttl: hour / 2,
        }
    }
}
