//! API tokens.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gestalt_api::page::PageInfo;
use gestalt_api::token::{CreateToken, CreatedToken, RevokedCount, RotateToken, Token, TokenPage};
use gestalt_core::Secret;
use gestalt_gateway::{NewToken, TokenView};
use http::StatusCode;

use super::PageParams;
use super::shape::Shaped as _;
use crate::http::Door;
use crate::http::context::Known;
use crate::http::input::{Input, MaybeInput, Params, Place, duration};
use crate::http::problem::Refused;

/// Makes a token; its secret is shown this once. It is never wider than its maker.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    operation_id = "createToken",
    tag = "tokens",
    request_body = CreateToken,
    responses((status = 201, description = "The token, with its secret.", body = CreatedToken))
)]
pub(super) async fn create_token(
    door: State<Door>,
    caller: Known,
    Input(asked): Input<CreateToken>,
) -> Result<Response, Refused> {
    let expires_in = asked
        .expires_in
        .as_deref()
        .map(|text| duration(text, "expiresIn"));
    let new = NewToken {
        name: asked.name,
        scopes: asked.scopes,
        permissions: asked.permissions,
        expires_in: expires_in.transpose()?,
        cidrs: asked.cidrs,
    };
    Ok(created(door.gateway().create_token(&caller.0, new).await?))
}

fn created((details, secret): (TokenView, Secret)) -> Response {
    let token = secret.expose().to_owned();
    let details = details.shape();
    (StatusCode::CREATED, Json(CreatedToken { token, details })).into_response()
}

/// The caller's tokens, newest first, without their secrets.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    operation_id = "listTokens",
    tag = "tokens",
    params(PageParams),
    responses((status = 200, description = "A page of tokens.", body = TokenPage))
)]
pub(super) async fn list_tokens(
    door: State<Door>,
    caller: Known,
    Params(page): Params<PageParams>,
) -> Result<Json<TokenPage>, Refused> {
    let paged = door.gateway().list_tokens(&caller.0, page.into()).await?;
    Ok(Json(TokenPage {
        items: paged.items.shape(),
        page: PageInfo { next: paged.next },
    }))
}

/// Revokes all of the caller's tokens.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens",
    operation_id = "revokeTokens",
    tag = "tokens",
    responses((status = 200, description = "How many held until now.", body = RevokedCount))
)]
pub(super) async fn revoke_tokens(
    door: State<Door>,
    caller: Known,
) -> Result<Json<RevokedCount>, Refused> {
    let revoked = door.gateway().revoke_tokens(&caller.0).await?;
    Ok(Json(RevokedCount { revoked }))
}

/// One token, without its secret.
#[utoipa::path(
    get,
    path = "/api/v1/tokens/{id}",
    operation_id = "getToken",
    tag = "tokens",
    params(("id" = String, Path, description = "The token's id.", pattern = "^tok_[0-9a-f]{32}$")),
    responses((status = 200, description = "The token.", body = Token))
)]
pub(super) async fn get_token(
    door: State<Door>,
    caller: Known,
    Place(id): Place<String>,
) -> Result<Json<Token>, Refused> {
    Ok(Json(
        door.gateway().get_token(&caller.0, &id).await?.shape(),
    ))
}

/// Revokes a token.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{id}",
    operation_id = "revokeToken",
    tag = "tokens",
    params(("id" = String, Path, description = "The token's id.", pattern = "^tok_[0-9a-f]{32}$")),
    responses((status = 204, description = "It no longer holds."))
)]
pub(super) async fn revoke_token(
    door: State<Door>,
    caller: Known,
    Place(id): Place<String>,
) -> Result<StatusCode, Refused> {
    door.gateway().revoke_token(&caller.0, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a successor with the same reach; the old token still works for `grace`.
#[utoipa::path(
    post,
    path = "/api/v1/tokens/{id}/rotate",
    operation_id = "rotateToken",
    tag = "tokens",
    params(("id" = String, Path, description = "The token's id.", pattern = "^tok_[0-9a-f]{32}$")),
    request_body = RotateToken,
    responses((status = 201, description = "The successor, with its secret.", body = CreatedToken))
)]
pub(super) async fn rotate_token(
    door: State<Door>,
    caller: Known,
    Place(id): Place<String>,
    MaybeInput(asked): MaybeInput<RotateToken>,
) -> Result<Response, Refused> {
    let grace = asked.grace.as_deref().map(|grace| duration(grace, "grace"));
    let grace = grace.transpose()?.unwrap_or(Duration::ZERO);
    Ok(created(
        door.gateway().rotate_token(&caller.0, &id, grace).await?,
    ))
}
