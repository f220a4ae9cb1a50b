//! Reading and verifying the audit trail. Reading it is itself recorded.

use gestalt_core::{Code, Refusal};
use gestalt_store::{AuditFilter, AuditRow, Store};

use super::views::{AuditQuery, AuditView, PageQuery, Paged, VerificationView, VerifyInput};
use super::{action, keys};
use crate::audit::record::Body;
use crate::audit::{from_store, verify};
use crate::authenticate::caller::{Caller, Permission};
use crate::authorize::Action;
use crate::settings::Settings;
use crate::{Gateway, Inner, OpenError};

const READ: Action = action("audit", "audit.read", Permission::Audit);
const EXPORT: Action = action("audit", "audit.export", Permission::Audit);
const VERIFY: Action = action("audit", "audit.verify", Permission::Admin);

impl Gateway {
    /// Lists records, newest first. Who is no admin sees their own.
    ///
    /// # Errors
    /// `invalid_request` for a cursor or limit that does not hold, `forbidden` for others' records.
    pub async fn query_audit(
        &self,
        caller: &Caller,
        query: AuditQuery,
        page: PageQuery,
    ) -> Result<Paged<AuditView>, Refusal> {
        let gateway = &*self.inner;
        let filter = gateway
            .begin_reading(caller, READ, query, page.cursor.is_none())
            .await?;
        let page = gateway
            .store
            .query_audit(&filter, &page.request()?)
            .await
            .map_err(from_store)?;
        Ok(Paged::of(page, |row| view(&row)))
    }

    /// Gives records page by page, oldest first, for an export.
    ///
    /// # Errors
    /// As [`Gateway::query_audit`].
    pub async fn export_audit(
        &self,
        caller: &Caller,
        query: AuditQuery,
        page: PageQuery,
    ) -> Result<Paged<AuditView>, Refusal> {
        let gateway = &*self.inner;
        let filter = gateway
            .begin_reading(caller, EXPORT, query, page.cursor.is_none())
            .await?;
        let page = gateway
            .store
            .export_audit(&filter, &page.request()?)
            .await
            .map_err(from_store)?;
        Ok(Paged::of(page, |row| view(&row)))
    }

    /// Verifies every chain against its hashes, its checkpoints, and keys and checkpoints
    /// that were kept elsewhere.
    ///
    /// # Errors
    /// `forbidden` for who is no admin; `invalid_request` for a key or checkpoint that is none.
    pub async fn verify_audit(
        &self,
        caller: &Caller,
        input: VerifyInput,
    ) -> Result<VerificationView, Refusal> {
        let gateway = &*self.inner;
        let grant = gateway.manage(caller, VERIFY)?;
        gateway.audit.flush().await;
        let found = verify::verify(&gateway.store, &gateway.keyring, &input).await?;
        let mut entry = gateway.entry(caller, &grant).details(serde_json::json!({
            "ok": found.ok, "records": found.records, "faults": found.faults.len(),
        }));
        entry.outcome = Some(crate::audit::record::Outcome::of("ok"));
        gateway.audit.record(entry)?;
        Ok(found)
    }
}

/// Verifies the trail of a database that no daemon has open. It writes nothing.
///
/// # Errors
/// [`OpenError`], also for a key or checkpoint that is none.
pub async fn verify_offline(
    settings: &Settings,
    input: &VerifyInput,
) -> Result<VerificationView, OpenError> {
    let store = Store::open(&settings.store).await?;
    let found = async {
        let keyring = keys::open(&store, settings).await?.keyring;
        let refused = |refusal: Refusal| OpenError::Verify(refusal.message);
        verify::verify(&store, &keyring, input)
            .await
            .map_err(refused)
    };
    let found = found.await;
    store.close().await;
    found
}

impl Inner {
    /// Authorizes and records a reading, and narrows it to what the caller may see. What was
    /// handed over before is written first, so that a caller finds their own last call.
    async fn begin_reading(
        &self,
        caller: &Caller,
        action: Action,
        query: AuditQuery,
        first_page: bool,
    ) -> Result<AuditFilter, Refusal> {
        let grant = self.manage(caller, action)?;
        let own = caller.subject().to_string();
        let subject = match query.subject {
            asked if caller.is_admin() => asked,
            None => Some(own),
            Some(asked) if asked == own => Some(own),
            Some(_) => {
                let refusal = Refusal::new(
                    Code::Forbidden,
                    "Only an admin reads the records of others.",
                )
                .field("subject");
                return Err(self.refuse(caller, &grant, refusal));
            }
        };
        if first_page {
            let mut entry = self.entry(caller, &grant);
            entry.outcome = Some(crate::audit::record::Outcome::of("ok"));
            self.audit.record(entry)?;
            self.audit.flush().await;
        }
        Ok(AuditFilter {
            subject,
            plugin: query.integration,
            operation: query.operation,
            kind: query.kind,
            outcome: query.outcome,
            request: query.request_id,
            since: query.since,
            until: query.until,
        })
    }
}

fn view(row: &AuditRow) -> AuditView {
    let body: Option<Body<'_>> = serde_json::from_str(&row.record).ok();
    let text = |value: Option<std::borrow::Cow<'_, str>>| value.map(std::borrow::Cow::into_owned);
    let hash = gestalt_vault::hex(&row.hash);
    let base = AuditView {
        writer: row.writer.to_string(),
        seq: row.seq,
        at: row.at.to_string(),
        kind: row.kind.clone(),
        action: String::new(),
        phase: row.phase.clone(),
        subject: row.subject.clone(),
        credential: None,
        integration: row.plugin.clone(),
        operation: row.operation.clone(),
        connection: None,
        instance: None,
        target: None,
        address: None,
        decision: "unreadable".to_owned(),
        reason: None,
        outcome: None,
        upstream_status: None,
        duration_micros: None,
        request_id: row.request.clone(),
        trace_id: None,
        arguments_digest: None,
        details: None,
        hash,
    };
    let Some(body) = body else { return base };
    AuditView {
        action: body.action.into_owned(),
        credential: text(body.credential),
        connection: text(body.connection),
        instance: text(body.instance),
        target: text(body.target),
        address: body.address.map(|address| address.to_string()),
        decision: body.decision.into_owned(),
        reason: text(body.reason),
        outcome: text(body.outcome),
        upstream_status: body.upstream_status,
        duration_micros: body.duration_micros,
        trace_id: text(body.trace_id),
        arguments_digest: text(body.arguments_digest),
        details: body.details,
        ..base
    }
}
