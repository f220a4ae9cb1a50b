//! From the config to what the gateway is told.

use std::path::PathBuf;
use std::time::Duration;

use gestalt_core::{Clock, Entropy};
use gestalt_gateway::settings::{
    Argon2Cost, AuditSettings, CacheSettings, CatalogueSettings, Database as StoreDatabase,
    Durability as GatewayDurability, Effect as RuleEffect, LimitSettings, LocalLogin,
    LoginSettings, PolicySettings, ProcessSettings, Resolver, RuleSettings, Settings,
    StoreSettings, TokenSettings, UpstreamSettings,
};
use url::Url;

use crate::config::{
    Authorization, Config, Database, Durability, Effect, LimitConfig, LoginConfig, Rule,
};

/// How long a login code can be used.
const LOGIN_CODE_TTL: Duration = Duration::from_mins(30);

/// Who `local` login knows when the config names nobody.
const LOCAL_EMAIL: &str = "owner@localhost";

/// A login that this build cannot honour reached the gateway; the config refuses it before.
#[derive(Debug, thiserror::Error)]
#[error("the login `{0}` cannot be honoured by this build")]
pub(crate) struct UnknownLogin(String);

/// Everything that the gateway is told at start.
///
/// # Errors
/// [`UnknownLogin`]: a login never becomes `none`.
pub(crate) fn gateway_settings(config: &Config) -> Result<Settings, UnknownLogin> {
    Ok(Settings {
        store: store_settings(config),
        upstream: UpstreamSettings {
            processes: process_settings(config),
            ..upstream_settings(&config.limits)
        },
        resolver: Resolver::System,
        root_key: config.server.encryption_key.clone(),
        previous_root_keys: config.server.previous_encryption_keys.clone(),
        argon2: Argon2Cost::default(),
        login: login(config)?,
        tokens: TokenSettings {
            default_ttl: config.server.api_token_ttl,
            max_ttl: config.server.api_token_max_ttl,
        },
        audit: AuditSettings {
            durability: match config.audit.durability {
                Durability::Buffered => GatewayDurability::Buffered,
                Durability::Strict => GatewayDurability::Strict,
            },
            queue: config.audit.queue,
            flush: config.audit.flush_interval,
            checkpoint_every: config.audit.checkpoint_every,
            checkpoint_file: config.audit.checkpoint_file.clone(),
            ..AuditSettings::default()
        },
        caches: CacheSettings {
            identities: config.cache.tokens.saturating_add(config.cache.sessions),
            credentials: config.cache.connections,
            identity_headers: config.cache.identity_headers,
        },
        limits: LimitSettings {
            unknown_tokens_burst: config.limits.unknown_tokens_burst,
            unknown_tokens_per_minute: config.limits.unknown_tokens_per_minute,
            concurrent_lookups: config.limits.concurrent_lookups,
        },
        issuer: issuer(&config.server.base_url),
        catalogue: catalogue_settings(config),
        clock: Clock::System,
        entropy: Entropy::System,
    })
}

/// Who signs what upstreams are told: the base URL without the `/` at its end.
pub(crate) fn issuer(base_url: &Url) -> String {
    base_url.as_str().trim_end_matches('/').to_owned()
}

/// Where rows are kept.
pub(crate) fn store_settings(config: &Config) -> StoreSettings {
    StoreSettings {
        database: match &config.store.database {
            Database::Sqlite(path) => StoreDatabase::Sqlite(path.clone()),
            Database::Postgres(url) => StoreDatabase::Postgres(url.clone()),
        },
        max_connections: config.store.max_connections,
        acquire_timeout: config.store.acquire_timeout,
    }
}

/// Plugins and policy: what a reload replaces.
pub(crate) fn catalogue_settings(config: &Config) -> CatalogueSettings {
    let policy = config
        .authorization
        .as_ref()
        .map_or_else(PolicySettings::default, policy);
    CatalogueSettings {
        plugins: config.plugins.clone(),
        policy,
    }
}

fn upstream_settings(limits: &LimitConfig) -> UpstreamSettings {
    UpstreamSettings {
        connect_timeout: limits.connect_timeout,
        request_timeout: limits.request_timeout,
        idle_timeout: limits.idle_timeout,
        max_request_bytes: limits.max_request_bytes,
        max_response_bytes: limits.max_response_bytes,
        max_buffered_bytes: limits.max_buffered_bytes,
        max_redirects: limits.max_redirects,
        ..UpstreamSettings::default()
    }
}

/// Children live beside the store, and see neither it nor the config.
fn process_settings(config: &Config) -> ProcessSettings {
    let mut protected = config.files.clone();
    if let Database::Sqlite(file) = &config.store.database {
        protected.push(file.clone());
    }
    protected.extend(config.audit.checkpoint_file.clone());
    // A child does not start where the daemon did.
    let whole = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    ProcessSettings {
        run_directory: whole(config.state_folder.join("run")),
        protected: protected.into_iter().map(whole).collect(),
        ..ProcessSettings::default()
    }
}

fn login(config: &Config) -> Result<LoginSettings, UnknownLogin> {
    match &config.login {
        LoginConfig::None { .. } => Ok(LoginSettings::None),
        LoginConfig::Local(local) => Ok(LoginSettings::Local(LocalLogin {
            email: local
                .email
                .clone()
                .unwrap_or_else(|| LOCAL_EMAIL.to_owned()),
            display_name: local.display_name.clone(),
            session_ttl: config.sessions.ttl,
            idle_timeout: config.sessions.idle_timeout,
            code_ttl: LOGIN_CODE_TTL,
        })),
        LoginConfig::Unsupported { name } => Err(UnknownLogin(name.clone())),
    }
}

fn policy(authorization: &Authorization) -> PolicySettings {
    let effect = |effect: Effect| match effect {
        Effect::Allow => RuleEffect::Allow,
        Effect::Deny => RuleEffect::Deny,
    };
    // A list that matches all is no limit: it also matches a plugin without connections.
    let limit = |patterns: &[String]| {
        if patterns.iter().any(|p| p == "*") {
            Vec::new()
        } else {
            patterns.to_vec()
        }
    };
    let rule = |rule: &Rule| RuleSettings {
        effect: effect(rule.effect),
        subjects: rule.subjects.clone(),
        plugins: rule.plugins.clone(),
        operations: limit(&rule.operations),
        connections: limit(&rule.connections),
        location: match &rule.name {
            Some(name) => format!("{} (`{name}`)", rule.location),
            None => rule.location.clone(),
        },
    };
    PolicySettings {
        default: effect(authorization.default),
        rules: authorization.rules.iter().map(rule).collect(),
    }
}
