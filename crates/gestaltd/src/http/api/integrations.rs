//! Plugins and their operations.

use axum::Json;
use axum::extract::State;
use gestalt_api::connection::Disconnected;
use gestalt_api::integration::{FoundList, Integration, IntegrationList, Operation, OperationList};
use gestalt_core::{Code, Refusal};
use gestalt_gateway::ToolSearch;
use serde::Deserialize;
use utoipa::IntoParams;

use super::shape::Shaped as _;
use crate::http::Door;
use crate::http::context::Known;
use crate::http::input::{Params, Place};
use crate::http::problem::Refused;

/// The plugins that the caller may use.
#[utoipa::path(
    get,
    path = "/api/v1/integrations",
    operation_id = "listIntegrations",
    tag = "integrations",
    responses((status = 200, description = "By name.", body = IntegrationList))
)]
pub(super) async fn list_integrations(
    door: State<Door>,
    caller: Known,
) -> Result<Json<IntegrationList>, Refused> {
    let items = door.gateway().list_integrations(&caller.0).await?;
    Ok(Json(IntegrationList {
        items: items.shape(),
    }))
}

/// One plugin.
#[utoipa::path(
    get,
    path = "/api/v1/integrations/{integration}",
    operation_id = "getIntegration",
    tag = "integrations",
    params(("integration" = String, Path, description = "The plugin.", pattern = "^[a-z][a-z0-9_-]{0,30}$")),
    responses((status = 200, description = "The plugin.", body = Integration))
)]
pub(super) async fn get_integration(
    door: State<Door>,
    caller: Known,
    Place(integration): Place<String>,
) -> Result<Json<Integration>, Refused> {
    let view = door
        .gateway()
        .get_integration(&caller.0, &integration)
        .await?;
    Ok(Json(view.shape()))
}

/// Which of a plugin's stored connections.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of this connection only.
    #[param(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    connection: Option<String>,
    /// Of this instance only.
    #[param(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    instance: Option<String>,
}

/// Disconnects the caller from a plugin.
#[utoipa::path(
    delete,
    path = "/api/v1/integrations/{integration}",
    operation_id = "disconnectIntegration",
    tag = "integrations",
    params(("integration" = String, Path, description = "The plugin.", pattern = "^[a-z][a-z0-9_-]{0,30}$"), Which),
    responses((status = 200, description = "What became of it.", body = Disconnected))
)]
pub(super) async fn disconnect_integration(
    door: State<Door>,
    caller: Known,
    Place(integration): Place<String>,
    Params(which): Params<Which>,
) -> Result<Json<Disconnected>, Refused> {
    let (connection, instance) = (which.connection.as_deref(), which.instance.as_deref());
    let view = door
        .gateway()
        .disconnect_integration(&caller.0, &integration, connection, instance)
        .await?;
    Ok(Json(view.shape()))
}

/// A plugin's operations that the caller may invoke.
#[utoipa::path(
    get,
    path = "/api/v1/integrations/{integration}/operations",
    operation_id = "listOperations",
    tag = "integrations",
    params(("integration" = String, Path, description = "The plugin.", pattern = "^[a-z][a-z0-9_-]{0,30}$")),
    responses((status = 200, description = "By name.", body = OperationList))
)]
pub(super) async fn list_operations(
    door: State<Door>,
    caller: Known,
    Place(integration): Place<String>,
) -> Result<Json<OperationList>, Refused> {
    let items = door
        .gateway()
        .list_operations(&caller.0, &integration)
        .await?;
    Ok(Json(OperationList {
        items: items.shape(),
    }))
}

/// One operation, with the schema of its arguments.
#[utoipa::path(
    get,
    path = "/api/v1/integrations/{integration}/operations/{operation}",
    operation_id = "getOperation",
    tag = "integrations",
    params(
        ("integration" = String, Path, description = "The plugin.", pattern = "^[a-z][a-z0-9_-]{0,30}$"),
        ("operation" = String, Path, description = "The operation.", pattern = "^[A-Za-z][A-Za-z0-9_.-]{0,127}$"),
    ),
    responses((status = 200, description = "The operation.", body = Operation))
)]
pub(super) async fn get_operation(
    door: State<Door>,
    caller: Known,
    Place((integration, operation)): Place<(String, String)>,
) -> Result<Json<Operation>, Refused> {
    let view = door
        .gateway()
        .get_operation(&caller.0, &integration, &operation)
        .await?;
    Ok(Json(view.shape()))
}

/// What is looked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Sought {
    /// What is to be done, in a few plain words.
    #[param(min_length = 1, max_length = 1000, pattern = "\\S")]
    query: String,
    /// Of this plugin only.
    #[param(pattern = "^[a-z][a-z0-9_-]{0,30}$")]
    integration: Option<String>,
    /// How many at most; 10 unless given.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u32>,
}

/// Operations that the caller may invoke and that fit what is to be done.
#[utoipa::path(
    get,
    path = "/api/v1/search",
    operation_id = "searchOperations",
    tag = "integrations",
    params(Sought),
    responses((status = 200, description = "The best first.", body = FoundList))
)]
pub(super) async fn search_operations(
    door: State<Door>,
    caller: Known,
    Params(sought): Params<Sought>,
) -> Result<Json<FoundList>, Refused> {
    let limit = sought.limit.unwrap_or(10);
    if !(1..=50).contains(&limit) {
        let refusal = Refusal::new(Code::InvalidRequest, "`limit` is 1 to 50.");
        return Err(refusal.field("limit").into());
    }
    let search = ToolSearch {
        query: &sought.query,
        plugin: sought.integration.as_deref(),
        limit: limit as usize,
    };
    let found = door.gateway().search_tools(&caller.0, None, search).await?;
    Ok(Json(FoundList {
        items: found.shape(),
    }))
}
