//! What operations take and give: plain values that doors turn into their own shapes.
//! Times are RFC 3339, ids carry their prefix.

use std::collections::BTreeMap;
use std::time::Duration;

use gestalt_core::{Secret, Timestamp};
use serde_json::Value;

/// Which part of a list is asked for.
#[derive(Clone, Debug, Default)]
pub struct PageQuery {
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// Items at most: 1 to 1,000; 50 if absent.
    pub limit: Option<u32>,
}

/// Part of a list.
#[derive(Clone, Debug)]
pub struct Paged<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page starts; absent on the last.
    pub next: Option<String>,
}

/// Asks for an API token.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What people call it: 1 to 100 characters.
    pub name: String,
    /// Space-separated scopes.
    pub scopes: Option<String>,
    /// Permissions, as words.
    pub permissions: Option<Vec<String>>,
    /// How long it lives.
    pub expires_in: Option<Duration>,
    /// Address ranges it may be used from.
    pub cidrs: Option<Vec<String>>,
}

/// An API token, without its secret.
#[derive(Clone, Debug)]
pub struct TokenView {
    /// `tok_…`
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whose it is.
    pub subject: String,
    /// As given when it was made.
    pub scopes: Option<String>,
    /// What it may do.
    pub permissions: Vec<String>,
    /// Where it may be used from; anywhere if empty.
    pub cidrs: Vec<String>,
    /// When it was made.
    pub created_at: String,
    /// When it ends.
    pub expires_at: String,
    /// When it was last used.
    pub last_used_at: Option<String>,
    /// When it was taken back.
    pub revoked_at: Option<String>,
    /// Its successor.
    pub rotated_to: Option<String>,
    /// `active`, `expired`, `revoked` or `unusable`.
    pub status: &'static str,
}

/// A browser session, without its value.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// `ses_…`
    pub id: String,
    /// Whose it is.
    pub subject: String,
    /// When it began.
    pub created_at: String,
    /// When it was last used.
    pub last_seen_at: String,
    /// When it ends at the latest.
    pub expires_at: String,
    /// Where it was opened from.
    pub address: Option<String>,
    /// The browser.
    pub user_agent: Option<String>,
    /// It is the one that asks.
    pub current: bool,
}

/// Asks to connect by fields that a person enters.
#[derive(Debug)]
pub struct ConnectRequest {
    /// The plugin.
    pub integration: String,
    /// Which of its connections.
    pub connection: Option<String>,
    /// Which account.
    pub instance: Option<String>,
    /// The fields.
    pub credentials: BTreeMap<String, Secret>,
    /// Sets the shared credential.
    pub platform: bool,
    /// How long a replaced credential is kept; the connection's own if absent.
    pub grace: Option<Duration>,
}

/// A stored connection, without its credential.
#[derive(Clone, Debug)]
pub struct ConnectionView {
    /// `con_…`
    pub id: String,
    /// The plugin.
    pub integration: String,
    /// Which of its connections.
    pub connection: String,
    /// Which account.
    pub instance: String,
    /// Whose it is.
    pub owner: String,
    /// How it was made.
    pub auth_type: String,
    /// The account, as the upstream calls it.
    pub nickname: Option<String>,
    /// How it is doing.
    pub state: &'static str,
    /// Why.
    pub state_reason: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When its credential was last set.
    pub updated_at: String,
    /// When it was last checked.
    pub checked_at: Option<String>,
    /// Until when the replaced credential can be rolled back to.
    pub rollback_until: Option<String>,
    /// What the person who connected should know.
    pub warnings: Vec<String>,
}

/// What became of a disconnect.
#[derive(Clone, Debug)]
pub struct DisconnectedView {
    /// The connections that are gone.
    pub disconnected: Vec<String>,
    /// `revoked`, `unsupported` or `failed`.
    pub upstream: &'static str,
}

/// A plugin, as the caller may use it.
#[derive(Clone, Debug)]
pub struct IntegrationView {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub display_name: String,
    /// What it is for.
    pub description: Option<String>,
    /// How to authenticate to its upstream.
    pub connections: Vec<ConnectionMethodView>,
    /// The caller's stored connections, and the shared ones it may use.
    pub connected: Vec<ConnectionView>,
    /// How many operations the caller may invoke.
    pub operations: u64,
    /// `ready`, `not_connected`, `reconnect_required` or `admin_configuration_required`.
    pub status: &'static str,
}

/// A way to authenticate to a plugin's upstream.
#[derive(Clone, Debug)]
pub struct ConnectionMethodView {
    /// Its name.
    pub name: String,
    /// Whose credential is used.
    pub mode: &'static str,
    /// How the credential is come by.
    pub auth_type: &'static str,
    /// A credential can be come by; not yet where it takes an OAuth flow.
    pub usable: bool,
    /// What a person enters.
    pub fields: Vec<FieldView>,
}

/// One thing that a person enters.
#[derive(Clone, Debug)]
pub struct FieldView {
    /// Its name.
    pub name: String,
    /// What a form calls it.
    pub label: String,
    /// Where to find it.
    pub description: Option<String>,
    /// An example.
    pub placeholder: Option<String>,
    /// Hidden while typed.
    pub secret: bool,
    /// Connecting is refused without it.
    pub required: bool,
    /// A regular expression it must match.
    pub pattern: Option<String>,
}

/// An operation that the caller may invoke.
#[derive(Clone, Debug)]
pub struct OperationView {
    /// Its name.
    pub name: String,
    /// Its name as a tool for agents.
    pub tool: String,
    /// A short title.
    pub title: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// GET may invoke it.
    pub read_only: bool,
    /// The upstream advises against it.
    pub deprecated: bool,
    /// Words that group operations.
    pub tags: Vec<String>,
    /// The upstream's method and path template.
    pub upstream: String,
    /// JSON Schema of all its arguments.
    pub input_schema: Value,
    /// Content types its body may have besides JSON arguments.
    pub body_types: Vec<String>,
    /// JSON Schema of its answer.
    pub output_schema: Option<Value>,
    /// It answers in pages.
    pub paginated: bool,
}

/// What to look for in the audit trail.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Who.
    pub subject: Option<String>,
    /// The plugin.
    pub integration: Option<String>,
    /// The operation.
    pub operation: Option<String>,
    /// The kind of record.
    pub kind: Option<String>,
    /// The outcome.
    pub outcome: Option<String>,
    /// The request.
    pub request_id: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not at or after.
    pub until: Option<Timestamp>,
}

/// One record of the audit trail.
#[derive(Clone, Debug)]
pub struct AuditView {
    /// The chain.
    pub writer: String,
    /// The place in it.
    pub seq: u64,
    /// When.
    pub at: String,
    /// The kind of record.
    pub kind: String,
    /// What was done.
    pub action: String,
    /// `intent`, `outcome` or `complete`.
    pub phase: Option<String>,
    /// Who.
    pub subject: Option<String>,
    /// The token or session used.
    pub credential: Option<String>,
    /// The plugin.
    pub integration: Option<String>,
    /// The operation.
    pub operation: Option<String>,
    /// The connection.
    pub connection: Option<String>,
    /// The instance.
    pub instance: Option<String>,
    /// What it is about, by id.
    pub target: Option<String>,
    /// The caller's address.
    pub address: Option<String>,
    /// `allow` or `deny`.
    pub decision: String,
    /// Why.
    pub reason: Option<String>,
    /// How it ended.
    pub outcome: Option<String>,
    /// The upstream's status.
    pub upstream_status: Option<u16>,
    /// How long it took, in microseconds.
    pub duration_micros: Option<u64>,
    /// The request.
    pub request_id: Option<String>,
    /// The trace.
    pub trace_id: Option<String>,
    /// Digest of the arguments.
    pub arguments_digest: Option<String>,
    /// More, by kind.
    pub details: Option<Value>,
    /// The record's hash, in hex.
    pub hash: String,
}

/// What a verification is held against, besides the store's own keys and checkpoints.
#[derive(Clone, Debug, Default)]
pub struct VerifyInput {
    /// Public keys (Ed25519, hex) kept elsewhere; the store's own if empty.
    pub keys: Vec<String>,
    /// Checkpoints kept elsewhere, as JSON lines.
    pub checkpoints: Vec<String>,
}

/// What a verification found.
#[derive(Clone, Debug)]
pub struct VerificationView {
    /// Everything holds.
    pub ok: bool,
    /// Records read.
    pub records: u64,
    /// Checkpoints held against them.
    pub checkpoints: u64,
    /// What does not hold.
    pub faults: Vec<FaultView>,
}

/// Something that does not hold.
#[derive(Clone, Debug)]
pub struct FaultView {
    /// The chain.
    pub writer: String,
    /// The first place that does not hold.
    pub seq: u64,
    /// `edited` (also moved), `missing`, `truncated`, `checkpoint_mismatch`, `bad_signature`, `rolled_back`.
    pub kind: &'static str,
    /// In a sentence.
    pub detail: String,
}

/// Asks for the decision on a call.
#[derive(Clone, Debug)]
pub struct ExplainInput {
    /// The plugin.
    pub integration: String,
    /// The operation.
    pub operation: String,
    /// Which connection.
    pub connection: Option<String>,
    /// Which instance.
    pub instance: Option<String>,
    /// For whom; the caller if absent.
    pub subject: Option<String>,
}

/// The whole decision.
#[derive(Clone, Debug)]
pub struct ExplanationView {
    /// Whether the call would be made.
    pub allowed: bool,
    /// The refusal's code.
    pub code: Option<&'static str>,
    /// Each step.
    pub steps: Vec<ExplainStepView>,
}

/// One step of a decision.
#[derive(Clone, Debug)]
pub struct ExplainStepView {
    /// Which step.
    pub step: &'static str,
    /// `pass`, `refuse` or `not_reached`.
    pub result: &'static str,
    /// Why.
    pub detail: String,
}

/// Who the gateway takes the caller for.
#[derive(Clone, Debug)]
pub struct MeView {
    /// Who.
    pub subject: String,
    /// Their e-mail.
    pub email: Option<String>,
    /// What people call them.
    pub display_name: Option<String>,
    /// Whether they administer the gateway.
    pub admin: bool,
    /// `none`, `session`, `api_token` or `system`.
    pub authenticated_by: &'static str,
    /// The token's or session's id.
    pub credential: Option<String>,
    /// What this credential may do.
    pub permissions: Vec<String>,
    /// The token's scopes.
    pub scopes: Option<String>,
    /// When the credential ends.
    pub expires_at: Option<String>,
    /// How people log in here.
    pub login: &'static str,
    /// The server's version.
    pub version: &'static str,
}
