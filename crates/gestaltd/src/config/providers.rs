//! `providers`: what serves the gateway itself. Here login and database; secrets have their own file.

use std::path::PathBuf;
use std::time::Duration;

use gestalt_core::Secret;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::check::Checker;
use super::decode::{Entries, Located, decode, suggest};
use super::effective::{Database, LocalLogin, LoginConfig, StoreConfig};
use super::report::Problem;
use super::scalars::{Period, Source};
use super::source::At;

/// What serves the gateway itself, by kind and name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ProvidersSection {
    /// Logins: `none`, `local`, `oidc`, `google`, …. Left out, nobody logs in.
    authentication: Option<Located<Entries<ProviderEntry>>>,
    /// Databases: a file of SQLite unless set.
    indexeddb: Entries<ProviderEntry>,
    /// Where secret refs are looked up: `env`, `file`, ….
    pub(super) secrets: Entries<ProviderEntry>,
    /// Policies from elsewhere.
    authorization: Entries<ProviderEntry>,
    /// Stores of upstream credentials.
    external_credentials: Entries<ProviderEntry>,
    /// Shared caches.
    cache: Entries<ProviderEntry>,
    /// Traces, metrics and logs.
    telemetry: Entries<ProviderEntry>,
    /// Sinks of the audit trail.
    audit: Entries<ProviderEntry>,
    /// Where executable plugins run.
    runtime: Entries<ProviderEntry>,
    /// Web applications.
    ui: Entries<ProviderEntry>,
}

/// One provider.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ProviderEntry {
    /// What it is; the provider of its own name unless set.
    pub(super) source: Option<Located<Source>>,
    /// Its own config.
    config: Option<Located<Value>>,
    /// Of `none`: the operator accepts that whoever reaches the gateway is its admin.
    insecure: Option<Located<bool>>,
    /// What a provider in a process of its own may reach.
    egress: Option<Located<Value>>,
}

/// Logins that are built in, in this build or a later one.
const LOGINS: &[&str] = &[
    "none", "local", "oidc", "google", "okta", "auth0", "entra", "keycloak",
];

/// `config` of `none`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct NoneConfig {
    insecure: bool,
}

/// `config` of `local`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct LocalConfig {
    email: Option<String>,
    display_name: Option<String>,
}

/// `config` of `oidc` and of the presets made from it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct OidcConfig {
    issuer_url: Option<Located<String>>,
    client_id: Option<String>,
    client_secret: Option<String>,
    redirect_url: Option<String>,
    scopes: Vec<String>,
    allowed_domains: Vec<String>,
    audience: Option<String>,
    session_ttl: Option<Period>,
    pkce: Option<bool>,
    assume_email_verified: Option<bool>,
    claims: Option<Value>,
    domain: Option<String>,
    tenant: Option<String>,
    realm: Option<String>,
}

/// `config` of a database.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct DatabaseConfig {
    dsn: Option<Located<String>>,
    max_connections: Option<Located<u32>>,
    acquire_timeout: Option<Period>,
}

impl ProvidersSection {
    /// Which login is meant; never `none` where another one was asked for.
    pub(super) fn login(
        &self,
        choice: Option<&Located<String>>,
        checker: &mut Checker<'_>,
    ) -> Option<LoginConfig> {
        let Some(section) = &self.authentication else {
            let empty = checker
                .root
                .find(&["providers", "authentication"])
                .map(|node| node.at);
            return match choice {
                None if empty.is_none() => Some(LoginConfig::None { insecure: false }),
                None => {
                    let at = empty.unwrap_or(checker.root.at);
                    checker.problem(no_login(at));
                    None
                }
                Some(choice) => {
                    let problem =
                        Problem::new(format!("no login is called `{}`", choice.value), choice.at);
                    checker.problem(
                        problem
                            .label("not configured")
                            .help("write it under `providers.authentication`"),
                    );
                    None
                }
            };
        };
        if section.value.0.is_empty() {
            checker.problem(no_login(section.at));
        }
        let (name, entry) = checker.take(choose("authentication", &section.value, choice))??;
        if section.value.0.len() > 1 && choice.is_none() {
            checker.unsupported("several logins side by side", section.at);
        }
        login(name, entry, checker)
    }

    /// Which database is meant: by default a file beside the first config file.
    pub(super) fn store(
        &self,
        choice: Option<&Located<String>>,
        checker: &mut Checker<'_>,
    ) -> Option<StoreConfig> {
        let default = checker.sources.folder(checker.root.at).join("gestalt.db");
        let mut store = StoreConfig {
            database: Database::Sqlite(default),
            max_connections: 10,
            acquire_timeout: Duration::from_secs(5),
        };
        let Some((name, entry)) = checker.take(choose("indexeddb", &self.indexeddb, choice))?
        else {
            return Some(store);
        };
        if let Some(kind) = foreign_database(entry) {
            checker.unsupported(&format!("a database of `{kind}`"), name.at);
        }
        let config = checker
            .root
            .find(&["providers", "indexeddb", &name.value, "config"]);
        let config: DatabaseConfig = checker
            .take(config.map(decode).transpose())?
            .unwrap_or_default();
        if let Some(dsn) = &config.dsn {
            store.database = database(dsn, name.at, checker)?;
        }
        if let Some(most) = config.max_connections {
            if most.value == 0 {
                checker.problem(Problem::new("expected at least one connection", most.at));
            }
            store.max_connections = most.value;
        }
        store.acquire_timeout = config
            .acquire_timeout
            .map_or(store.acquire_timeout, |p| p.0);
        Some(store)
    }

    /// Notes the kinds of provider that this build does not have.
    pub(super) fn check_others(&self, checker: &mut Checker<'_>) {
        for (kind, entries) in [
            ("authorization", &self.authorization),
            ("externalCredentials", &self.external_credentials),
            ("cache", &self.cache),
            ("telemetry", &self.telemetry),
            ("audit", &self.audit),
            ("runtime", &self.runtime),
            ("ui", &self.ui),
        ] {
            for (name, _) in &entries.0 {
                checker.unsupported(&format!("a provider of `{kind}`"), name.at);
            }
        }
    }
}

fn no_login(at: At) -> Problem {
    Problem::new("`authentication` names no login", at)
        .help("leave it out to serve this machine without a login")
}

type Chosen<'a> = Option<(&'a Located<String>, &'a ProviderEntry)>;

/// The entry that `server.providers` names, else the only one there is.
fn choose<'a>(
    kind: &str,
    entries: &'a Entries<ProviderEntry>,
    choice: Option<&Located<String>>,
) -> Result<Chosen<'a>, Problem> {
    let pair = |(name, entry): &'a (Located<String>, ProviderEntry)| (name, entry);
    if let Some(choice) = choice {
        let found = entries
            .0
            .iter()
            .find(|(name, _)| name.value == choice.value);
        let known = entries.0.iter().map(|(name, _)| name.value.as_str());
        return found.map(|entry| Some(pair(entry))).ok_or_else(|| {
            Problem::new(
                format!("`providers.{kind}` has no `{}`", choice.value),
                choice.at,
            )
            .label("not configured")
            .help(suggest(&choice.value, known))
        });
    }
    match entries.0.as_slice() {
        [] => Ok(None),
        [first, second, ..] if kind != "authentication" => Err(Problem::new(
            format!("`providers.{kind}` has several entries; one must be chosen"),
            second.0.at,
        )
        .help(format!(
            "write `{kind}: {}` under `server.providers`",
            first.0.value
        ))),
        [first, ..] => Ok(Some(pair(first))),
    }
}

fn login(
    name: &Located<String>,
    entry: &ProviderEntry,
    checker: &mut Checker<'_>,
) -> Option<LoginConfig> {
    let word = match &entry.source {
        None => name.value.as_str(),
        Some(Located {
            value: Source::BuiltIn(word),
            ..
        }) => word.as_str(),
        // The published package, of any version, is what is built in here.
        Some(Located {
            value: Source::Package(package),
            ..
        }) if package.ends_with("/auth/oidc") => "oidc",
        Some(Located {
            value: Source::Path(path),
            at,
        }) => {
            super::manifest::check_kind(path, *at, "authentication", checker);
            checker.unsupported("a login by a provider of your own", *at);
            return Some(LoginConfig::Unsupported {
                name: name.value.clone(),
            });
        }
        Some(Located { at, .. }) => {
            checker.unsupported("a login by a published package", *at);
            return Some(LoginConfig::Unsupported {
                name: name.value.clone(),
            });
        }
    };
    let place = entry.source.as_ref().map_or(name.at, |source| source.at);
    if !LOGINS.contains(&word) {
        let problem =
            Problem::new(format!("no login is built in as `{word}`"), place).label("not built in");
        checker.problem(problem.help(suggest(word, LOGINS.iter().copied())));
        return None;
    }
    if let Some(insecure) = entry.insecure.filter(|_| word != "none") {
        checker.problem(Problem::new("`insecure` belongs to `none`", insecure.at));
    }
    let config = checker
        .root
        .find(&["providers", "authentication", &name.value, "config"]);
    match word {
        "none" => {
            let config: NoneConfig = checker
                .take(config.map(decode).transpose())?
                .unwrap_or_default();
            let beside = entry.insecure.is_some_and(|insecure| insecure.value);
            Some(LoginConfig::None {
                insecure: beside || config.insecure,
            })
        }
        "local" => {
            let config: LocalConfig = checker
                .take(config.map(decode).transpose())?
                .unwrap_or_default();
            Some(LoginConfig::Local(LocalLogin {
                email: config.email,
                display_name: config.display_name,
            }))
        }
        _ => {
            let config: OidcConfig = checker
                .take(config.map(decode).transpose())?
                .unwrap_or_default();
            if word == "oidc" && config.issuer_url.is_none() {
                checker.problem(
                    Problem::new("`oidc` needs `config.issuerUrl`", name.at).label("no issuer"),
                );
            }
            if let Some(issuer) = &config.issuer_url {
                checker.parse::<url::Url>(issuer);
            }
            checker.unsupported(&format!("a login by `{word}`"), place);
            Some(LoginConfig::Unsupported {
                name: name.value.clone(),
            })
        }
    }
}

/// The kind of a database that is not SQL; `None` for those that are.
fn foreign_database(entry: &ProviderEntry) -> Option<&str> {
    let word = match &entry.source.as_ref()?.value {
        Source::BuiltIn(word) => word.as_str(),
        Source::Package(package) => package.rsplit('/').next().unwrap_or(package),
        Source::Path(text) | Source::Release(text) => return Some(text),
    };
    let sql = ["relationaldb", "sql", "sqlite", "postgres", "postgresql"];
    (!sql.contains(&word)).then_some(word)
}

/// `postgres://…`, `sqlite:PATH`, `sqlite://PATH`, `file:PATH` or a path.
fn database(dsn: &Located<String>, at: At, checker: &mut Checker<'_>) -> Option<Database> {
    let text = dsn.value.as_str();
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Some(Database::Postgres(Secret::new(text)));
    }
    let path = ["sqlite://", "sqlite:", "file:"]
        .iter()
        .find_map(|start| text.strip_prefix(start));
    if let (None, Some((scheme, _))) = (path, text.split_once("://")) {
        checker.unsupported(&format!("a database of `{scheme}`"), at);
        return Some(Database::Sqlite(PathBuf::new()));
    }
    let path = path.unwrap_or(text);
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    if path.is_empty() || path == ":memory:" {
        checker.problem(
            Problem::new("expected the path of a file", dsn.at)
                .help("the store is durable: it needs a file"),
        );
        return None;
    }
    Some(Database::Sqlite(checker.sources.resolve(dsn.at, path)))
}
