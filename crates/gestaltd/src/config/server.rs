//! `server` and `audit`: listeners, keys, lifetimes, limits.

mod audit;
mod limits;
mod mcp;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gestalt_core::Secret;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::check::Checker;
use super::decode::Located;
use super::effective::{
    CacheConfig, Database, LimitConfig, Listen, ServerConfig, SessionConfig, StoreConfig,
};
use super::report::Problem;
use super::scalars::Period;
use super::source::At;
use limits::{CacheSection, LimitSection};
use mcp::McpSection;

pub(super) use audit::AuditSection;

/// Listeners, keys, limits.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ServerSection {
    /// Where API and pages are served. `localhost:8080` unless set.
    public: Option<ListenEntry>,
    /// Where health, metrics and admin API are served, if not on the public listener.
    management: Option<ListenEntry>,
    /// The URL by which callers reach the gateway.
    base_url: Option<Located<String>>,
    /// The root key: 64 hex digits, or a passphrase of at least 16 characters.
    encryption_key: Option<Located<String>>,
    /// Root keys that may still open what they sealed, newest first.
    previous_encryption_keys: Vec<Located<String>>,
    /// How long a token lives when its maker names no time. 30 days unless set.
    api_token_ttl: Option<Located<Period>>,
    /// How long a token may live at most. 365 days unless set.
    api_token_max_ttl: Option<Located<Period>>,
    /// Address ranges of proxies whose `X-Forwarded-For` is believed.
    trusted_proxies: Vec<Located<String>>,
    /// What plugins may reach besides what they name.
    pub(super) egress: ServerEgress,
    /// Which of `providers` is used, where there are several.
    pub(super) providers: ProviderChoice,
    /// How long a login lasts.
    sessions: SessionSection,
    /// What is too large, too slow or too often.
    limits: LimitSection,
    /// How much is kept in memory.
    cache: CacheSection,
    /// Bounds of what is said over MCP.
    mcp: McpSection,
    /// How long calls may finish after SIGTERM. 30 seconds unless set.
    drain_timeout: Option<Period>,
    /// The folder for what can be made again: prepared documents, documents by URL. Beside the
    /// SQLite file unless set, or beside the first config file.
    state_folder: Option<Located<String>>,
    /// Certificate and key of the server itself.
    tls: Option<Located<Value>>,
    /// Origins whose pages may call the API.
    cors: Option<Located<Value>>,
}

/// A host and a port to listen on.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ListenEntry {
    /// A host name or address.
    host: Option<Located<String>>,
    /// A port.
    port: Option<u16>,
}

/// What plugins may reach besides what they name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ServerEgress {
    /// `deny` unless set. `allow` lets plugins reach any public host.
    pub(super) default_action: Action,
}

/// Whether something is let through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Action {
    Allow,
    #[default]
    Deny,
}

/// Which of `providers` is used, where there are several.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ProviderChoice {
    /// The login.
    pub(super) authentication: Option<Located<String>>,
    /// The database.
    pub(super) indexeddb: Option<Located<String>>,
    /// What a secret ref means by `default`.
    pub(super) secrets: Option<Located<String>>,
}

/// How long a login lasts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct SessionSection {
    /// At most, from the login on. 24 hours unless set.
    ttl: Option<Located<Period>>,
    /// Without a request. 12 hours unless set.
    idle_timeout: Option<Located<Period>>,
}

const DAY: Duration = Duration::from_hours(24);

impl ServerSection {
    /// Checks the section.
    pub(super) fn check(&self, checker: &mut Checker<'_>) -> Option<ServerConfig> {
        let public = self
            .public
            .clone()
            .unwrap_or_default()
            .listen(8080, checker);
        if let Some(tls) = &self.tls {
            checker.unsupported("TLS in the server itself (`server.tls`)", tls.at);
        }
        if let Some(cors) = &self.cors {
            checker.unsupported("CORS (`server.cors`)", cors.at);
        }
        let ttl = period(self.api_token_ttl.as_ref(), 30 * DAY);
        let max_ttl = period(self.api_token_max_ttl.as_ref(), 365 * DAY);
        if ttl > max_ttl
            && let Some(at) = self.api_token_ttl.as_ref().map(|l| l.at)
        {
            checker.problem(Problem::new(
                "`apiTokenTtl` is longer than `apiTokenMaxTtl`",
                at,
            ));
        }
        for located in [&self.api_token_ttl, &self.api_token_max_ttl]
            .into_iter()
            .flatten()
        {
            checker.positive(located);
        }
        let base_url_set = self.base_url.is_some();
        let base_url = match &self.base_url {
            Some(written) => base_url(written, checker),
            None => default_base_url(&public),
        };
        let keys = self
            .encryption_key
            .iter()
            .chain(&self.previous_encryption_keys);
        keys.for_each(|key| check_key(key, checker));
        if self.encryption_key.is_none() {
            checker.missing(
                Problem::unplaced("`server.encryptionKey` is missing, and nothing can be sealed without it")
                    .help("write `encryptionKey: { secret: { provider: env, name: GESTALT_ENCRYPTION_KEY } }` under `server`"),
            );
        }
        Some(ServerConfig {
            base_url_set,
            base_url: base_url?,
            management: self
                .management
                .clone()
                .map(|entry| entry.listen(9090, checker)),
            public,
            encryption_key: self
                .encryption_key
                .as_ref()
                .map(|key| Secret::new(key.value.as_str()))
                .unwrap_or_default(),
            previous_encryption_keys: self
                .previous_encryption_keys
                .iter()
                .map(|key| Secret::new(key.value.as_str()))
                .collect(),
            api_token_ttl: ttl,
            api_token_max_ttl: max_ttl,
            trusted_proxies: self
                .trusted_proxies
                .iter()
                .filter_map(|p| proxy(p, checker))
                .collect(),
            drain_timeout: self.drain_timeout.map_or(Duration::from_secs(30), |p| p.0),
        })
    }

    pub(super) fn sessions(&self, checker: &mut Checker<'_>) -> SessionConfig {
        for located in [&self.sessions.ttl, &self.sessions.idle_timeout]
            .into_iter()
            .flatten()
        {
            checker.positive(located);
        }
        let ttl = period(self.sessions.ttl.as_ref(), DAY);
        let idle = period(self.sessions.idle_timeout.as_ref(), DAY / 2);
        SessionConfig {
            ttl,
            idle_timeout: idle.min(ttl),
        }
    }

    /// The folder for what can be made again.
    pub(super) fn state_folder(&self, store: &StoreConfig, checker: &Checker<'_>) -> PathBuf {
        let sources = &checker.sources;
        match (&self.state_folder, &store.database) {
            (Some(written), _) => sources.resolve(written.at, &written.value),
            (None, Database::Sqlite(file)) => file.parent().map(Path::to_owned).unwrap_or_default(),
            (None, Database::Postgres(_)) => sources.folder(checker.root.at),
        }
    }

    pub(super) fn limits(&self) -> LimitConfig {
        self.limits.effective()
    }

    pub(super) fn cache(&self) -> CacheConfig {
        self.cache.effective()
    }

    pub(super) fn mcp(&self) -> crate::mcp::Limits {
        self.mcp.effective()
    }

    /// Where the public host is written.
    pub(super) fn public_at(&self) -> Option<At> {
        self.public.as_ref()?.host.as_ref().map(|host| host.at)
    }

    /// Where the management host is written.
    pub(super) fn management_at(&self) -> Option<At> {
        self.management.as_ref()?.host.as_ref().map(|host| host.at)
    }

    /// Where the base URL is written.
    pub(super) fn base_url_at(&self) -> Option<At> {
        self.base_url.as_ref().map(|url| url.at)
    }

    /// Where the trusted proxies are written.
    pub(super) fn proxies_at(&self) -> Option<At> {
        self.trusted_proxies.first().map(|proxy| proxy.at)
    }
}

impl ListenEntry {
    fn listen(self, port: u16, checker: &mut Checker<'_>) -> Listen {
        let host = self
            .host
            .as_ref()
            .map_or("localhost", |host| host.value.as_str());
        let bare = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host);
        let listen = Listen {
            host: bare.to_owned(),
            port: self.port.unwrap_or(port),
        };
        if let Some(host) = self
            .host
            .as_ref()
            .filter(|_| default_base_url(&listen).is_none())
        {
            checker.problem(Problem::new(
                "expected a host name or an address, without a port",
                host.at,
            ));
        }
        listen
    }
}

fn period(given: Option<&Located<Period>>, default: Duration) -> Duration {
    given.map_or(default, |period| period.value.0)
}

fn check_key(key: &Located<String>, checker: &mut Checker<'_>) {
    if key.value.chars().count() < 16 {
        checker.problem(
            Problem::new(
                "a root key has 64 hex digits, or is a passphrase of 16 characters or more",
                key.at,
            )
            .label("too short")
            .help("`openssl rand -hex 32` makes one"),
        );
    }
}

fn proxy(written: &Located<String>, checker: &mut Checker<'_>) -> Option<IpNet> {
    let text = &written.value;
    let net = text
        .parse()
        .ok()
        .or_else(|| text.parse().ok().map(|ip: IpAddr| ip.into()));
    if net.is_none() {
        checker.problem(Problem::new(
            "expected an address range such as `10.0.0.0/8`",
            written.at,
        ));
    }
    net
}

fn base_url(written: &Located<String>, checker: &mut Checker<'_>) -> Option<Url> {
    let bad = |why: &str| {
        Problem::new(format!("`baseUrl` {why}"), written.at)
            .help("it looks like `https://gestalt.example.com`")
    };
    let problem = match Url::parse(&written.value) {
        Err(error) => bad(&format!("is no URL: {error}")),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            bad("must begin with `https://` or `http://`")
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            bad("must not hold a user name")
        }
        Ok(url) if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
            bad("must end after the host and port: the gateway serves at the root")
        }
        Ok(url) => return Some(url),
    };
    checker.problem(problem);
    None
}

/// What a browser on this machine would use; `None` if the host is none.
fn default_base_url(public: &Listen) -> Option<Url> {
    let anywhere = public
        .host
        .parse::<IpAddr>()
        .is_ok_and(|ip| ip.is_unspecified());
    let host = if anywhere {
        "localhost"
    } else {
        public.host.as_str()
    };
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    Url::parse(&format!("http://{host}:{}", public.port)).ok()
}
