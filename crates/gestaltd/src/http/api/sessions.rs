//! Browser sessions.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gestalt_api::page::PageInfo;
use gestalt_api::session::SessionPage;
use gestalt_api::token::RevokedCount;
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::PageParams;
use super::shape::Shaped as _;
use crate::http::Door;
use crate::http::context::Known;
use crate::http::input::{Params, Place};
use crate::http::problem::Refused;
use crate::pages::cookie;

/// Ends the session that asks.
#[utoipa::path(
    post,
    path = "/api/v1/auth/logout",
    operation_id = "logout",
    tag = "sessions",
    responses((status = 204, description = "The session is over; a token is left as it was."))
)]
pub(super) async fn logout(door: State<Door>, caller: Known) -> Result<Response, Refused> {
    door.gateway().logout(&caller.0).await?;
    let cleared = [(header::SET_COOKIE, cookie::cleared_session(&door))];
    Ok((StatusCode::NO_CONTENT, cleared).into_response())
}

/// The caller's sessions, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/sessions",
    operation_id = "listSessions",
    tag = "sessions",
    params(PageParams),
    responses((status = 200, description = "A page of sessions.", body = SessionPage))
)]
pub(super) async fn list_sessions(
    door: State<Door>,
    caller: Known,
    Params(page): Params<PageParams>,
) -> Result<Json<SessionPage>, Refused> {
    let paged = door.gateway().list_sessions(&caller.0, page.into()).await?;
    Ok(Json(SessionPage {
        items: paged.items.shape(),
        page: PageInfo { next: paged.next },
    }))
}

/// Which sessions to revoke.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RevokeParams {
    /// Leave the one that asks.
    #[serde(default)]
    #[param(required = false)]
    others: bool,
}

/// Revokes all of the caller's sessions.
#[utoipa::path(
    delete,
    path = "/api/v1/sessions",
    operation_id = "revokeSessions",
    tag = "sessions",
    params(RevokeParams),
    responses((status = 200, description = "How many held until now.", body = RevokedCount))
)]
pub(super) async fn revoke_sessions(
    door: State<Door>,
    caller: Known,
    Params(params): Params<RevokeParams>,
) -> Result<Json<RevokedCount>, Refused> {
    let revoked = door
        .gateway()
        .revoke_sessions(&caller.0, params.others)
        .await?;
    Ok(Json(RevokedCount { revoked }))
}

/// Revokes a session.
#[utoipa::path(
    delete,
    path = "/api/v1/sessions/{id}",
    operation_id = "revokeSession",
    tag = "sessions",
    params(("id" = String, Path, description = "The session's id.", pattern = "^ses_[0-9a-f]{32}$")),
    responses((status = 204, description = "It no longer holds."))
)]
pub(super) async fn revoke_session(
    door: State<Door>,
    caller: Known,
    Place(id): Place<String>,
) -> Result<StatusCode, Refused> {
    door.gateway().revoke_session(&caller.0, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
