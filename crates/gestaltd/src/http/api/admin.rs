//! What only an admin asks: on the public listener with an admin's credential, on the
//! management listener likewise, and on the admin socket as the one who owns the process.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use gestalt_api::audit::{AuditVerification, VerifyAudit};
use gestalt_core::Refusal;
use gestalt_gateway::Caller;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{audit, is_admin};
use crate::http::Door;
use crate::http::context::Known;
use crate::http::problem::Refused;

/// Reads the configuration again. A bad one is refused, and the old one stays.
#[utoipa::path(
    post,
    path = "/api/v1/admin/reload",
    operation_id = "reload",
    tag = "admin",
    responses((status = 204, description = "The new configuration holds."))
)]
pub(super) async fn reload(door: State<Door>, caller: Known) -> Result<StatusCode, Refused> {
    is_admin(&caller.0)?;
    door.reload().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A link that logs one person in, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoginLink {
    /// Opened in a browser.
    pub url: String,
}

/// Routes of the management listener besides those of its operator.
pub(crate) fn management() -> Router<Door> {
    Router::new()
        .route("/api/v1/admin/reload", post(reload))
        .route("/api/v1/admin/login-code", post(make_login_code))
        .route("/api/v1/audit/verify", post(audit::verify_audit))
}

async fn make_login_code(door: State<Door>, caller: Known) -> Result<Json<LoginLink>, Refused> {
    is_admin(&caller.0)?;
    Ok(Json(login_link(&door, &caller.0).await?))
}

/// Makes a single-use login link.
///
/// # Errors
/// As the gateway: where nobody logs in, or the caller may not.
pub(crate) async fn login_link(door: &Door, caller: &Caller) -> Result<LoginLink, Refusal> {
    let code = door.gateway().create_login_code(caller).await?;
    let url = door.site().url(&format!("/login?code={}", code.expose()));
    Ok(LoginLink { url })
}

/// Verifies the audit trail.
///
/// # Errors
/// As the gateway.
pub(crate) async fn verify_audit(
    door: &Door,
    caller: &Caller,
    asked: VerifyAudit,
) -> Result<AuditVerification, Refusal> {
    audit::verify(door, caller, asked).await
}
