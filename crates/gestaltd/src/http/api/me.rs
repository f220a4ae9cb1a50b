//! The caller itself.

use axum::Json;
use axum::extract::State;
use gestalt_api::me::Me;

use super::shape::Shaped as _;
use crate::http::Door;
use crate::http::context::Known;
use crate::http::problem::Refused;

/// Who the gateway takes the caller for.
#[utoipa::path(
    get,
    path = "/api/v1/me",
    operation_id = "getMe",
    tag = "about",
    responses((status = 200, description = "The caller.", body = Me))
)]
pub(super) async fn get_me(door: State<Door>, caller: Known) -> Result<Json<Me>, Refused> {
    Ok(Json(door.gateway().me(&caller.0)?.shape()))
}
