//! What whoever operates the daemon asks: is it alive, is it ready, how is it doing; and the
//! keys by which an upstream verifies who calls.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderValue, header};
use serde_json::json;

use super::Door;
use super::context::Known;
use super::problem::Refused;

/// Where upstreams find the keys (RFC 8615).
pub(super) const KEYS: &str = "/.well-known/jwks.json";

/// On the public listener: figures are for admins.
pub(super) fn public() -> Router<Door> {
    probes()
        .route("/metrics", get(metrics_for_admins))
        .route(KEYS, get(published_keys))
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

/// A JWK Set (RFC 7517 §5) of public keys, for anybody and for every cache on the way.
async fn published_keys(door: State<Door>) -> Response {
    let (keys, kept_for) = door.gateway().published_keys();
    let kind = HeaderValue::from_static("application/jwk-set+json");
    let kept = HeaderValue::try_from(format!("public, max-age={}", kept_for.as_secs()))
        .unwrap_or(HeaderValue::from_static("no-store"));
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, kept)];
    (headers, keys.to_string()).into_response()
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
