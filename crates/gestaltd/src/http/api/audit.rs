//! The audit trail.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use gestalt_api::audit::{AuditPage, AuditVerification, VerifyAudit};
use gestalt_api::page::PageInfo;
use gestalt_core::{Code, Refusal, Timestamp};
use gestalt_gateway::{AuditQuery, AuditView, Caller, PageQuery, Paged, VerifyInput};
use http::{HeaderValue, header};
use http_body::Frame;
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;

use super::shape::Shaped as _;
use crate::http::Door;
use crate::http::context::Known;
use crate::http::input::{MaybeInput, Params};
use crate::http::problem::Refused;

/// Records read from the gateway at a time during an export.
const BATCH: u32 = 500;

/// What to look for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Who: `user:usr_…` or `anonymous`.
    #[param(max_length = 200)]
    subject: Option<String>,
    /// The plugin.
    #[param(max_length = 200)]
    integration: Option<String>,
    /// The operation.
    #[param(max_length = 200)]
    operation: Option<String>,
    /// The kind of record.
    #[param(max_length = 200)]
    kind: Option<String>,
    /// How it ended.
    #[param(max_length = 200)]
    outcome: Option<String>,
    /// Not before this moment.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Before this moment.
    #[param(format = DateTime)]
    until: Option<String>,
    /// The request.
    #[param(pattern = "^req_[0-9a-f]{32}$")]
    request_id: Option<String>,
    /// The `next` of the page before.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// Records at most; 50 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

impl Filter {
    fn split(self) -> Result<(AuditQuery, PageQuery), Refusal> {
        let moment = |text: Option<String>, field: &str| {
            text.map(|text| {
                Timestamp::parse_rfc3339(&text).ok_or_else(|| {
                    let text = format!("`{field}` is not a moment in RFC 3339.");
                    Refusal::new(Code::InvalidRequest, text).field(field)
                })
            })
            .transpose()
        };
        let query = AuditQuery {
            since: moment(self.since, "since")?,
            until: moment(self.until, "until")?,
            subject: self.subject,
            integration: self.integration,
            operation: self.operation,
            kind: self.kind,
            outcome: self.outcome,
            request_id: self.request_id,
        };
        let page = PageQuery {
            cursor: self.cursor,
            limit: self.limit,
        };
        Ok((query, page))
    }
}

/// Records of the audit trail, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    operation_id = "queryAudit",
    tag = "audit",
    params(Filter),
    responses((status = 200, description = "A page of records.", body = AuditPage))
)]
pub(super) async fn query_audit(
    door: State<Door>,
    caller: Known,
    Params(filter): Params<Filter>,
) -> Result<Json<AuditPage>, Refused> {
    let (query, page) = filter.split()?;
    let paged = door.gateway().query_audit(&caller.0, query, page).await?;
    Ok(Json(AuditPage {
        items: paged.items.shape(),
        page: PageInfo { next: paged.next },
    }))
}

/// Records of the audit trail as JSON Lines, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit/export",
    operation_id = "exportAudit",
    tag = "audit",
    params(Filter),
    responses((
        status = 200,
        description = "One record a line.",
        body = String,
        content_type = "application/x-ndjson"
    ))
)]
pub(super) async fn export_audit(
    door: State<Door>,
    caller: Known,
    Params(filter): Params<Filter>,
) -> Result<Response, Refused> {
    let (query, page) = filter.split()?;
    let left = page.limit.map_or(u64::MAX, u64::from);
    let first = batch(page.cursor);
    let first = door
        .gateway()
        .export_audit(&caller.0, query.clone(), first)
        .await?;
    let (lines, body) = mpsc::channel(2);
    let export = Export {
        door: door.0,
        caller: caller.0,
        query,
        lines,
        left,
    };
    tokio::spawn(export.run(first));
    let kind = HeaderValue::from_static("application/x-ndjson");
    Ok(([(header::CONTENT_TYPE, kind)], Body::new(Lines(body))).into_response())
}

fn batch(cursor: Option<String>) -> PageQuery {
    PageQuery {
        cursor,
        limit: Some(BATCH),
    }
}

/// An export under way; it ends when its reader goes away.
struct Export {
    door: Door,
    caller: Caller,
    query: AuditQuery,
    lines: mpsc::Sender<Result<Bytes, Refusal>>,
    left: u64,
}

impl Export {
    async fn run(mut self, mut page: Paged<AuditView>) {
        loop {
            let written = self.write(page.items);
            let broken = written.is_err();
            let gone = self.lines.send(written).await.is_err();
            let Some(next) = page.next.filter(|_| !gone && !broken && self.left > 0) else {
                return;
            };
            let gateway = self.door.gateway();
            let next = gateway.export_audit(&self.caller, self.query.clone(), batch(Some(next)));
            page = match next.await {
                Ok(page) => page,
                // The answer has begun: a broken end says that it is not whole.
                Err(refusal) => {
                    let _gone = self.lines.send(Err(refusal)).await;
                    return;
                }
            };
        }
    }

    fn write(&mut self, records: Vec<AuditView>) -> Result<Bytes, Refusal> {
        let mut text = Vec::new();
        for record in records {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            serde_json::to_writer(&mut text, &record.shape()).map_err(Refusal::internal)?;
            text.push(b'\n');
        }
        Ok(text.into())
    }
}

/// The reader's side of an export.
struct Lines(mpsc::Receiver<Result<Bytes, Refusal>>);

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = Refusal;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Refusal>>> {
        self.0
            .poll_recv(cx)
            .map(|next| next.map(|lines| lines.map(Frame::data)))
    }
}

/// Holds every record, chain and checkpoint against each other; admins only.
#[utoipa::path(
    post,
    path = "/api/v1/audit/verify",
    operation_id = "verifyAudit",
    tag = "audit",
    request_body = VerifyAudit,
    responses((status = 200, description = "What was found.", body = AuditVerification))
)]
pub(super) async fn verify_audit(
    door: State<Door>,
    caller: Known,
    MaybeInput(asked): MaybeInput<VerifyAudit>,
) -> Result<Json<AuditVerification>, Refused> {
    Ok(Json(verify(&door, &caller.0, asked).await?))
}

/// The same for every door that asks.
pub(super) async fn verify(
    door: &Door,
    caller: &Caller,
    asked: VerifyAudit,
) -> Result<AuditVerification, Refusal> {
    let input = VerifyInput {
        keys: asked.keys,
        checkpoints: asked.checkpoints,
    };
    Ok(door.gateway().verify_audit(caller, input).await?.shape())
}
