//! Why a call would be allowed or refused.

use axum::Json;
use axum::extract::State;
use gestalt_api::explain::{ExplainRequest, Explanation};
use gestalt_gateway::ExplainInput;

use super::shape::Shaped as _;
use crate::http::Door;
use crate::http::context::Known;
use crate::http::input::Input;
use crate::http::problem::Refused;

/// The whole decision on a call, without making it.
#[utoipa::path(
    post,
    path = "/api/v1/explain",
    operation_id = "explain",
    tag = "about",
    request_body = ExplainRequest,
    responses((status = 200, description = "The decision, step by step.", body = Explanation))
)]
pub(super) async fn explain(
    door: State<Door>,
    caller: Known,
    Input(asked): Input<ExplainRequest>,
) -> Result<Json<Explanation>, Refused> {
    let input = ExplainInput {
        integration: asked.integration,
        operation: asked.operation,
        connection: asked.connection,
        instance: asked.instance,
        subject: asked.subject,
    };
    Ok(Json(
        door.gateway().explain(&caller.0, input).await?.shape(),
    ))
}
