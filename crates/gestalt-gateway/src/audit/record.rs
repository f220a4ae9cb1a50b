//! What the audit trail says: entries as the walk makes them, records as they are chained.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use gestalt_core::id::{RequestId, WriterId};
use gestalt_core::{Refusal, Subject, Timestamp};
use gestalt_store::AuditRow;
use serde::{Deserialize, Serialize};

use crate::authenticate::caller::{Caller, Method};
use crate::authorize::{Action, Permit};
use crate::resolve::outcome_of;

/// What a record's text usually needs, in bytes.
const USUAL_BYTES: usize = 1_024;

/// An entry before it has a place in the chain.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) kind: &'static str,
    pub(crate) action: Cow<'static, str>,
    pub(crate) phase: Option<&'static str>,
    pub(crate) subject: Option<Subject>,
    pub(crate) credential: Method,
    pub(crate) plugin: Option<Arc<str>>,
    pub(crate) operation: Option<Arc<str>>,
    pub(crate) connection: Option<Arc<str>>,
    pub(crate) instance: Option<Arc<str>>,
    pub(crate) target: Option<String>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) request: Option<RequestId>,
    pub(crate) trace: Option<String>,
    pub(crate) allowed: bool,
    pub(crate) reason: Option<Arc<str>>,
    pub(crate) digest: Option<[u8; 32]>,
    pub(crate) details: Option<serde_json::Value>,
    pub(crate) outcome: Option<Outcome>,
}

/// How something that was allowed ended.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// `ok`, `upstream_error`, a refusal's code, `cancelled`, `unknown`.
    pub(crate) result: Cow<'static, str>,
    /// The upstream's HTTP status.
    pub(crate) status: Option<u16>,
    /// From the door to the end of the answer.
    pub(crate) duration: Option<Duration>,
    /// The instance that was used, once it is known.
    pub(crate) instance: Option<Arc<str>>,
}

impl Outcome {
    pub(crate) fn of(result: impl Into<Cow<'static, str>>) -> Self {
        Self {
            result: result.into(),
            status: None,
            duration: None,
            instance: None,
        }
    }
}

impl Entry {
    /// An entry of the gateway's own, with nobody behind it.
    pub(crate) fn bare(
        at: Timestamp,
        kind: &'static str,
        action: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            at,
            kind,
            action: action.into(),
            phase: None,
            subject: None,
            credential: Method::System,
            plugin: None,
            operation: None,
            connection: None,
            instance: None,
            target: None,
            address: None,
            request: None,
            trace: None,
            allowed: true,
            reason: None,
            digest: None,
            details: None,
            outcome: None,
        }
    }

    fn by(
        caller: &Caller,
        at: Timestamp,
        kind: &'static str,
        action: impl Into<Cow<'static, str>>,
    ) -> Self {
        let circumstances = caller.circumstances();
        Self {
            subject: Some(caller.subject()),
            credential: caller.method(),
            address: circumstances.address,
            request: circumstances.request,
            trace: circumstances.trace.clone(),
            ..Self::bare(at, kind, action)
        }
    }

    /// A piece of management that a caller does.
    pub(crate) fn management(caller: &Caller, action: Action, at: Timestamp) -> Self {
        Self::by(caller, at, action.kind, action.name)
    }

    /// An invocation that was permitted.
    pub(crate) fn invocation(
        caller: &Caller,
        permit: &Permit,
        at: Timestamp,
        digest: [u8; 32],
    ) -> Self {
        Self {
            plugin: Some(permit.plugin().name.clone()),
            operation: Some(Arc::clone(permit.operation_name())),
            connection: permit.connection().map(|entry| entry.name.clone()),
            instance: permit.instance().map(|name| name.as_str().into()),
            reason: Some(Arc::clone(permit.reason())),
            digest: Some(digest),
            ..Self::by(caller, at, "invocation", "invoke")
        }
    }

    /// An invocation that was not permitted.
    pub(crate) fn refused_invocation(
        caller: &Caller,
        at: Timestamp,
        names: (&str, &str),
        refusal: &Refusal,
    ) -> Self {
        let name = |text: &str| Some(text.chars().take(160).collect::<String>().into());
        Self {
            phase: Some("complete"),
            plugin: name(names.0),
            operation: name(names.1),
            ..Self::by(caller, at, "invocation", "invoke").refused(refusal)
        }
    }

    #[must_use]
    pub(crate) fn refused(mut self, refusal: &Refusal) -> Self {
        self.allowed = false;
        let word = outcome_of(refusal);
        self.reason = Some(word.into());
        self.outcome = Some(Outcome::of(word));
        self
    }

    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "it is given ids, which are small"
    )]
    pub(crate) fn target(mut self, target: impl ToString) -> Self {
        self.target = Some(target.to_string());
        self
    }

    #[must_use]
    pub(crate) fn details(mut self, details: serde_json::Value) -> Self {
        self.details = Some(details);
        self
    }

    /// The row at a place of the chain.
    pub(crate) fn row(&self, writer: WriterId, seq: u64, previous: &[u8; 32]) -> AuditRow {
        self.row_as(self.phase, self.outcome.as_ref(), (writer, seq, previous))
    }

    /// The row at a place of the chain, in another phase.
    pub(crate) fn row_as(
        &self,
        phase: Option<&'static str>,
        outcome: Option<&Outcome>,
        (writer, seq, previous): (WriterId, u64, &[u8; 32]),
    ) -> AuditRow {
        let body = self.body(phase, outcome);
        let mut record = Vec::with_capacity(USUAL_BYTES);
        let written = serde_json::to_writer(&mut record, &body).is_ok();
        let record = String::from_utf8(record)
            .ok()
            .filter(|_| written)
            .unwrap_or_default();
        AuditRow {
            writer,
            seq,
            at: self.at,
            kind: self.kind.to_owned(),
            phase: body.phase.map(Cow::into_owned),
            subject: body.subject.map(Cow::into_owned),
            plugin: body.integration.map(Cow::into_owned),
            operation: body.operation.map(Cow::into_owned),
            request: body.request_id.map(Cow::into_owned),
            hash: chain_hash(previous, writer, seq, &record),
            record,
        }
    }

    fn body<'a>(&'a self, phase: Option<&'static str>, outcome: Option<&'a Outcome>) -> Body<'a> {
        let instance = outcome
            .and_then(|outcome| outcome.instance.as_deref())
            .or(self.instance.as_deref());
        Body {
            at: self.at.as_micros(),
            kind: self.kind.into(),
            action: Cow::Borrowed(&self.action),
            phase: phase.map(Into::into),
            subject: self.subject.map(|subject| subject.to_string().into()),
            credential: match self.credential {
                Method::Token(id) => Some(id.to_string().into()),
                Method::Session(id) => Some(id.to_string().into()),
                Method::None | Method::System => None,
            },
            integration: self.plugin.as_deref().map(Into::into),
            operation: self.operation.as_deref().map(Into::into),
            connection: self.connection.as_deref().map(Into::into),
            instance: instance.map(Into::into),
            target: self.target.as_deref().map(Into::into),
            address: self.address,
            decision: if self.allowed { "allow" } else { "deny" }.into(),
            reason: self.reason.as_deref().map(Into::into),
            outcome: outcome.map(|outcome| Cow::Borrowed(&*outcome.result)),
            upstream_status: outcome.and_then(|outcome| outcome.status),
            duration_micros: outcome
                .and_then(|outcome| outcome.duration)
                .map(|duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
            request_id: self.request.map(|id| id.to_string().into()),
            trace_id: self.trace.as_deref().map(Into::into),
            arguments_digest: self.digest.map(|digest| gestalt_vault::hex(&digest).into()),
            details: self.details.clone(),
        }
    }
}

/// The canonical form of a record: what is hashed. Members are in this order and absent
/// ones are left out.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body<'a> {
    pub(crate) at: i64,
    pub(crate) kind: Cow<'a, str>,
    pub(crate) action: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) phase: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) credential: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) integration: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) connection: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) instance: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<IpAddr>,
    pub(crate) decision: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upstream_status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) duration_micros: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) arguments_digest: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) details: Option<serde_json::Value>,
}

/// The hash of a record in its chain: SHA-256 over the previous hash, the chain, the place
/// and the record's text, in that order.
pub(crate) fn chain_hash(
    previous: &[u8; 32],
    writer: WriterId,
    seq: u64,
    record: &str,
) -> [u8; 32] {
    gestalt_vault::sha256(&[
        previous,
        writer.as_bytes(),
        &seq.to_be_bytes(),
        record.as_bytes(),
    ])
}
