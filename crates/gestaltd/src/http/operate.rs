//! What whoever operates the daemon asks: is it alive, is it ready, how is it doing.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderValue, header};
use serde_json::json;

use super::Door;
use super::context::Known;
use super::problem::Refused;

/// On the public listener: figures are for admins.
pub(super) fn public() -> Router<Door> {
    probes().route("/metrics", get(metrics_for_admins))
}

/// On the management listener, which is not for everyone.
pub(super) fn management() -> Router<Door> {
    probes().route("/metrics", get(metrics))
}

fn probes() -> Router<Door> {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
}

/// The process runs and answers.
async fn health() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// The store is reachable and the keys are open.
async fn ready(door: State<Door>) -> Result<Response, Refused> {
    door.gateway().ready().await?;
    Ok(Json(json!({ "status": "ready" })).into_response())
}

async fn metrics_for_admins(door: State<Door>, caller: Known) -> Result<Response, Refused> {
    super::api::is_admin(&caller.0)?;
    Ok(metrics(door).await)
}

/// Prometheus' text format.
async fn metrics(door: State<Door>) -> Response {
    let kind =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    (
        [(header::CONTENT_TYPE, kind)],
        door.gateway().metrics_text(),
    )
        .into_response()
}
