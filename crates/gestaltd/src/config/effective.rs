//! The config as the daemon uses it: checked and resolved, nothing of YAML left.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use gestalt_core::plugin::Plugin;
use gestalt_core::secret::Secret;
use ipnet::IpNet;
use url::Url;

/// Everything `serve` needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Listeners, keys, lifetimes of tokens.
    pub server: ServerConfig,
    /// Who may log in, and how.
    pub login: LoginConfig,
    /// How long a login lasts.
    pub sessions: SessionConfig,
    /// The database.
    pub store: StoreConfig,
    /// The audit trail.
    pub audit: AuditConfig,
    /// How much is kept in memory.
    pub cache: CacheConfig,
    /// Bounds of what is said over MCP.
    pub mcp: crate::mcp::Limits,
    /// What is too large, too slow or too often.
    pub limits: LimitConfig,
    /// The folder for what can be made again: prepared documents, documents by URL.
    pub state_folder: PathBuf,
    /// The config's own files, which no child may read.
    pub files: Vec<PathBuf>,
    /// The plugins this build can serve, in the order of their names.
    pub plugins: Vec<Plugin>,
    /// Rules; `None` lets every authenticated subject invoke every plugin.
    pub authorization: Option<Authorization>,
}

/// A host name or address, and a port, to listen on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listen {
    /// A host name or an address literal without brackets.
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

/// Listeners, keys, lifetimes of tokens.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// API and pages. `localhost:8080` unless set.
    pub public: Listen,
    /// Health, metrics and admin API on a listener of their own, where wanted.
    pub management: Option<Listen>,
    /// What callers put before a path; its own path is `/`. Made of `public` unless set.
    pub base_url: Url,
    /// Whether the operator has set it; if not, it follows the port that was bound.
    pub base_url_set: bool,
    /// The root key as the operator wrote it.
    pub encryption_key: Secret,
    /// Root keys that may still unwrap, newest first.
    pub previous_encryption_keys: Vec<Secret>,
    /// How long a token lives when its maker names no time. 30 days unless set.
    pub api_token_ttl: Duration,
    /// How long a token may live at most. 365 days unless set.
    pub api_token_max_ttl: Duration,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long calls may finish after SIGTERM. 30 seconds unless set.
    pub drain_timeout: Duration,
}

/// Who may log in, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoginConfig {
    /// Every request is the anonymous subject.
    None {
        /// The operator accepts that others than this machine can reach it.
        insecure: bool,
    },
    /// One user of this machine, by a single-use link.
    Local(LocalLogin),
    /// A login that this build cannot honour; such a config is never served.
    Unsupported {
        /// Its name under `providers.authentication`.
        name: String,
    },
}

/// The one user of the `local` login.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LocalLogin {
    /// The user's e-mail, where wanted.
    pub email: Option<String>,
    /// What pages call the user.
    pub display_name: Option<String>,
}

/// How long a login lasts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionConfig {
    /// At most, from the login on. 24 hours unless set.
    pub ttl: Duration,
    /// Without a request. 12 hours unless set; never longer than `ttl`.
    pub idle_timeout: Duration,
}

/// The database.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Which.
    pub database: Database,
    /// How many connections at most. 10 unless set.
    pub max_connections: u32,
    /// How long to wait for one. 5 seconds unless set.
    pub acquire_timeout: Duration,
}

/// Which database.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file; `gestalt.db` beside the first config file unless set.
    Sqlite(PathBuf),
    /// A `postgres://` URL.
    Postgres(Secret),
}

/// The audit trail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditConfig {
    /// When a call may go on.
    pub durability: Durability,
    /// How many records wait at most; a full queue refuses calls. 16,384 unless set.
    pub queue: usize,
    /// How long a record waits at most for its batch. 50 ms unless set.
    pub flush_interval: Duration,
    /// After how many records a checkpoint is signed. 1000 unless set.
    pub checkpoint_every: u64,
    /// File outside the database to which checkpoints are appended.
    pub checkpoint_file: Option<PathBuf>,
}

/// When a call may go on with respect to its audit record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// At once; the record is written with the next batch.
    #[default]
    Buffered,
    /// When the record of the intent is committed.
    Strict,
}

/// How much is kept in memory, in entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CacheConfig {
    /// API tokens. 150,000 unless set.
    pub tokens: usize,
    /// Sessions. 50,000 unless set.
    pub sessions: usize,
    /// Stored connections, sealed. 200,000 unless set.
    pub connections: usize,
    /// What is said of a caller to a plugin. 20,000 unless set.
    pub identity_headers: usize,
}

/// What is too large, too slow or too often.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LimitConfig {
    /// Largest request body, in bytes. 100 MiB unless set.
    pub max_request_bytes: u64,
    /// Largest answer that streams through, in bytes. 2 GiB unless set.
    pub max_response_bytes: u64,
    /// Largest answer that is read whole, in bytes. 16 MiB unless set.
    pub max_buffered_bytes: u64,
    /// Longest wait for a connection to an upstream. 10 seconds unless set.
    pub connect_timeout: Duration,
    /// Longest wait for the head of an upstream's answer. 30 seconds unless set.
    pub request_timeout: Duration,
    /// Longest silence in a body, and life of an idle pooled connection. 60 seconds unless set.
    pub idle_timeout: Duration,
    /// How many redirects are followed. 5 unless set.
    pub max_redirects: u32,
    /// How many requests are worked on at a time. 4096 unless set.
    pub max_concurrent_requests: usize,
    /// Unknown tokens that one address may present per minute, once its burst is used up. 20
    /// unless set.
    pub unknown_tokens_per_minute: u32,
    /// Unknown tokens that one address may present at once. 20 unless set.
    pub unknown_tokens_burst: u32,
    /// Lookups of uncached tokens that run at the same time. 32 unless set.
    pub concurrent_lookups: usize,
}

/// Rules; a rule that denies wins over every rule that allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authorization {
    /// What holds where no rule matches.
    pub default: Effect,
    /// The rules, as written.
    pub rules: Vec<Rule>,
}

/// What a rule does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Lets through.
    Allow,
    /// Refuses.
    Deny,
}

/// One rule. Patterns are literal but for `*`, which stands for any run of characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// What it does.
    pub effect: Effect,
    /// `*`, `anonymous`, `user:*`, `user:usr_…`, `user:NAME`, `service_account:NAME`.
    pub subjects: Vec<String>,
    /// Patterns of plugin names.
    pub plugins: Vec<String>,
    /// Patterns of operation names; `*` alone unless given.
    pub operations: Vec<String>,
    /// Patterns of connection names; `*` alone unless given.
    pub connections: Vec<String>,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Where it is written: `config.yaml:12`.
    pub location: String,
}

/// Something that is understood but that this build cannot honour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsupported {
    /// What it is: `authentication by oidc`.
    pub feature: String,
    /// Where it is written: `config.yaml:12:5`.
    pub location: String,
}

/// What the running daemon puts into the config: parts of the binary itself.
#[derive(Clone, Copy, Default, Debug)]
pub struct Builtins {
    /// Where the demo's upstream listens; `None` when it does not run (`validate`).
    pub demo: Option<SocketAddr>,
}
