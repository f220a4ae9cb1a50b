//! The audit trail.

use crate::page::PageInfo;
use crate::shape;

shape! {
    /// One record.
    pub struct AuditRecord {
        /// The chain it is in: `wri_…`.
        pub writer: String,
        /// Its place in the chain.
        pub seq: u64,
        /// RFC 3339.
        pub at: String,
        /// `invocation`, `token`, `session`, `connection`, `authentication`, `configuration`, `audit`, `gap`, …
        pub kind: String,
        /// What was done: `invoke`, `token.create`, …
        pub action: String,
        /// For invocations: `intent`, `outcome` or `complete` (both in one).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phase: Option<String>,
        /// Who.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub subject: Option<String>,
        /// The token or session used.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub credential: Option<String>,
        /// The plugin.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub integration: Option<String>,
        /// The operation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub operation: Option<String>,
        /// The connection.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub connection: Option<String>,
        /// The instance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub instance: Option<String>,
        /// What the record is about, by id: a token, a session, a connection.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub target: Option<String>,
        /// The caller's address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub address: Option<String>,
        /// `allow` or `deny`.
        pub decision: String,
        /// Why: a refusal's code, or the rule.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reason: Option<String>,
        /// `ok`, `upstream_error`, a refusal's code, `cancelled`, `unknown`; absent on an intent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub outcome: Option<String>,
        /// The upstream's HTTP status.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub upstream_status: Option<u16>,
        /// From the door to the answer, in microseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub duration_micros: Option<u64>,
        /// `req_…`
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub request_id: Option<String>,
        /// The caller's trace id (W3C Trace Context).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub trace_id: Option<String>,
        /// SHA-256 of the arguments, in hex.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub arguments_digest: Option<String>,
        /// More, by kind of record; never a secret, never a body.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub details: Option<serde_json::Value>,
        /// The record's hash in the chain, in hex.
        pub hash: String,
    }
}

shape! {
    /// A page of records, newest first.
    pub struct AuditPage {
        /// The records.
        pub items: Vec<AuditRecord>,
        /// Where the next page starts.
        pub page: PageInfo,
    }
}

shape! {
    /// Asks for a verification.
    #[derive(Default)]
    #[serde(deny_unknown_fields)]
    pub struct VerifyAudit {
        /// Public keys (Ed25519, hex) kept elsewhere; the gateway's own if empty.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub keys: Vec<String>,
        /// Checkpoints kept elsewhere, one JSON line each.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub checkpoints: Vec<String>,
    }
}

shape! {
    /// What a verification found.
    pub struct AuditVerification {
        /// Every record, chain and checkpoint holds.
        pub ok: bool,
        /// How many records were read.
        pub records: u64,
        /// How many checkpoints were held against them.
        pub checkpoints: u64,
        /// What does not hold, and where.
        pub faults: Vec<AuditFault>,
    }
}

shape! {
    /// Something in the trail that does not hold.
    pub struct AuditFault {
        /// The chain.
        pub writer: String,
        /// The first place that does not hold.
        pub seq: u64,
        /// `edited`, `missing`, `reordered`, `truncated`, `checkpoint_mismatch`, `bad_signature`, `rolled_back`.
        pub kind: String,
        /// In a sentence.
        pub detail: String,
    }
}
