//! Stored connections to upstreams.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gestalt_api::connection::{ConnectManual, Connection, ConnectionPage, Disconnected};
use gestalt_api::page::PageInfo;
use gestalt_core::Secret;
use gestalt_gateway::{ConnectRequest, PageQuery};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::shape::Shaped as _;
use crate::http::Door;
use crate::http::context::Known;
use crate::http::input::{Input, Params, Place, duration};
use crate::http::problem::Refused;

/// Connects by fields that a person enters: the credential is checked, sealed, and used from
/// then on.
#[utoipa::path(
    post,
    path = "/api/v1/auth/connect-manual",
    operation_id = "connectManual",
    tag = "connections",
    request_body = ConnectManual,
    responses((status = 201, description = "The connection.", body = Connection))
)]
pub(super) async fn connect_manual(
    door: State<Door>,
    caller: Known,
    Input(asked): Input<ConnectManual>,
) -> Result<Response, Refused> {
    let grace = asked.grace.as_deref().map(|grace| duration(grace, "grace"));
    let credentials = asked.credentials.into_iter();
    let request = ConnectRequest {
        integration: asked.integration,
        connection: asked.connection,
        instance: asked.instance,
        credentials: credentials
            .map(|(name, value)| (name, Secret::new(value)))
            .collect(),
        platform: asked.platform,
        grace: grace.transpose()?,
    };
    let view = door.gateway().connect_manual(&caller.0, request).await?;
    Ok((StatusCode::CREATED, Json(view.shape())).into_response())
}

/// Which connections to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Of this plugin only.
    #[param(pattern = "^[a-z][a-z0-9_-]{0,30}$")]
    integration: Option<String>,
    /// The `next` of the page before.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// Items at most; 50 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The caller's connections, and the shared ones it may use.
#[utoipa::path(
    get,
    path = "/api/v1/connections",
    operation_id = "listConnections",
    tag = "connections",
    params(ListParams),
    responses((status = 200, description = "A page of connections.", body = ConnectionPage))
)]
pub(super) async fn list_connections(
    door: State<Door>,
    caller: Known,
    Params(params): Params<ListParams>,
) -> Result<Json<ConnectionPage>, Refused> {
    let page = PageQuery {
        cursor: params.cursor,
        limit: params.limit,
    };
    let integration = params.integration.as_deref();
    let paged = door
        .gateway()
        .list_connections(&caller.0, integration, page)
        .await?;
    Ok(Json(ConnectionPage {
        items: paged.items.shape(),
        page: PageInfo { next: paged.next },
    }))
}

/// One connection.
#[utoipa::path(
    get,
    path = "/api/v1/connections/{id}",
    operation_id = "getConnection",
    tag = "connections",
    params(("id" = String, Path, description = "The connection's id.", pattern = "^con_[0-9a-f]{32}$")),
    responses((status = 200, description = "The connection.", body = Connection))
)]
pub(super) async fn get_connection(
    door: State<Door>,
    caller: Known,
    Place(id): Place<String>,
) -> Result<Json<Connection>, Refused> {
    Ok(Json(
        door.gateway().get_connection(&caller.0, &id).await?.shape(),
    ))
}

/// Disconnects one connection: its credential is destroyed.
#[utoipa::path(
    delete,
    path = "/api/v1/connections/{id}",
    operation_id = "disconnect",
    tag = "connections",
    params(("id" = String, Path, description = "The connection's id.", pattern = "^con_[0-9a-f]{32}$")),
    responses((status = 200, description = "What became of it.", body = Disconnected))
)]
pub(super) async fn disconnect(
    door: State<Door>,
    caller: Known,
    Place(id): Place<String>,
) -> Result<Json<Disconnected>, Refused> {
    Ok(Json(
        door.gateway().disconnect(&caller.0, &id).await?.shape(),
    ))
}

/// Asks the upstream whether the credential still holds.
#[utoipa::path(
    post,
    path = "/api/v1/connections/{id}/check",
    operation_id = "checkConnection",
    tag = "connections",
    params(("id" = String, Path, description = "The connection's id.", pattern = "^con_[0-9a-f]{32}$")),
    responses((status = 200, description = "The connection, as it is now.", body = Connection))
)]
pub(super) async fn check_connection(
    door: State<Door>,
    caller: Known,
    Place(id): Place<String>,
) -> Result<Json<Connection>, Refused> {
    Ok(Json(
        door.gateway()
            .check_connection(&caller.0, &id)
            .await?
            .shape(),
    ))
}

/// Returns to the credential that the last one replaced, while it is kept.
#[utoipa::path(
    post,
    path = "/api/v1/connections/{id}/rollback",
    operation_id = "rollbackConnection",
    tag = "connections",
    params(("id" = String, Path, description = "The connection's id.", pattern = "^con_[0-9a-f]{32}$")),
    responses((status = 200, description = "The connection, as it is now.", body = Connection))
)]
pub(super) async fn rollback_connection(
    door: State<Door>,
    caller: Known,
    Place(id): Place<String>,
) -> Result<Json<Connection>, Refused> {
    Ok(Json(
        door.gateway()
            .rollback_connection(&caller.0, &id)
            .await?
            .shape(),
    ))
}
