//! The whole config as it is written.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::authorization::AuthorizationSection;
use super::connections::ConnectionEntry;
use super::decode::{Entries, Located};
use super::plugins::PluginEntry;
use super::providers::ProvidersSection;
use super::server::{AuditSection, ServerSection};

/// The config of a gateway. Every text may hold `${VAR}` or be `{ secret: { provider, name } }`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Document {
    /// Listeners, keys, limits.
    pub(super) server: ServerSection,
    /// Ways to authenticate that plugins share by `ref`.
    pub(super) connections: Entries<ConnectionEntry>,
    /// What serves the gateway itself: login, database, secrets.
    pub(super) providers: ProvidersSection,
    /// Named upstreams.
    pub(super) plugins: Entries<PluginEntry>,
    /// Who may invoke what; left out, every authenticated subject may invoke every plugin.
    pub(super) authorization: Option<AuthorizationSection>,
    /// The audit trail.
    pub(super) audit: AuditSection,
    /// Where executable plugins run.
    pub(super) runtime: Option<Located<Value>>,
}
