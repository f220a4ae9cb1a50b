//! The API's routes. Router and OpenAPI document come from one table: [`router`].

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gestalt_core::Refusal;
use gestalt_gateway::{Caller, PageQuery};
use http::{HeaderValue, header};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Door;
use super::problem::Refused;

pub mod admin;
mod approvals;
mod audit;
mod connections;
pub(crate) mod document;
mod explain;
mod integrations;
mod me;
mod sessions;
pub(crate) mod shape;
mod tokens;

/// Every route of the API, and with it the document's every operation.
pub(crate) fn router() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(me::get_me))
        .routes(routes!(connections::connect_manual))
        .routes(routes!(sessions::logout))
        .routes(routes!(integrations::list_integrations))
        .routes(routes!(
            integrations::get_integration,
            integrations::disconnect_integration
        ))
        .routes(routes!(integrations::list_operations))
        .routes(routes!(integrations::get_operation))
        .routes(routes!(integrations::search_operations))
        .routes(routes!(
            approvals::list_tool_approvals,
            approvals::approve_tools
        ))
        .routes(routes!(connections::list_connections))
        .routes(routes!(
            connections::get_connection,
            connections::disconnect
        ))
        .routes(routes!(connections::check_connection))
        .routes(routes!(connections::rollback_connection))
        .routes(routes!(
            tokens::list_tokens,
            tokens::create_token,
            tokens::revoke_tokens
        ))
        .routes(routes!(tokens::get_token, tokens::revoke_token))
        .routes(routes!(tokens::rotate_token))
        .routes(routes!(sessions::list_sessions, sessions::revoke_sessions))
        .routes(routes!(sessions::revoke_session))
        .routes(routes!(audit::query_audit))
        .routes(routes!(audit::export_audit))
        .routes(routes!(audit::verify_audit))
        .routes(routes!(explain::explain))
        .routes(routes!(admin::reload))
        .routes(routes!(get_document))
        .routes(routes!(document::invoke_by_get, document::invoke_by_post))
}

/// Whether a caller administers the gateway with this credential.
pub(super) fn is_admin(caller: &Caller) -> Result<(), Refusal> {
    if caller.is_admin() {
        return Ok(());
    }
    Err(Refusal::new(
        gestalt_core::Code::Forbidden,
        "This is for admins.",
    ))
}

/// Which part of a list is asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// The `next` of the page before.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// Items at most; 50 if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

impl From<PageParams> for PageQuery {
    fn from(page: PageParams) -> Self {
        Self {
            cursor: page.cursor,
            limit: page.limit,
        }
    }
}

/// This document.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    operation_id = "getOpenApiDocument",
    tag = "about",
    responses((status = 200, description = "The OpenAPI document of this API.", body = serde_json::Value)),
    security(())
)]
async fn get_document(_door: State<Door>) -> Result<Response, Refused> {
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json)], document::json()).into_response())
}

#[cfg(test)]
mod tests;
