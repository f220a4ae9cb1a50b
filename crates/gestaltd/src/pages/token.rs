//! Making an API token in the browser: the one that the command line is given first.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::response::Response;
use gestalt_gateway::NewToken;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;

use super::login::{check_form, not_a_form};
use super::page;
use crate::http::Door;
use crate::http::context::presented;
use crate::http::problem::Refused;

#[derive(Template)]
#[template(path = "token.html")]
struct TokenPage<'a> {
    url: String,
    name: &'a str,
    until: &'a str,
    token: &'a str,
}

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct TokenForm {
    name: String,
    form: String,
}

/// Makes a token for whoever is logged in, and shows it this once.
pub(super) async fn create(
    door: State<Door>,
    parts: Parts,
    form: Result<Form<TokenForm>, FormRejection>,
) -> Result<Response, Refused> {
    let Form(form) = form.map_err(|_| not_a_form())?;
    check_form(&door, &parts, &form.form)?;
    let presented = presented(&parts, &door)?;
    let caller = door.gateway().authenticate(&presented).await?;
    let new = NewToken {
        name: form.name,
        scopes: None,
        permissions: None,
        expires_in: None,
        cidrs: None,
    };
    let (made, secret) = door.gateway().create_token(&caller, new).await?;
    let template = TokenPage {
        url: door.site().url(""),
        name: &made.name,
        until: &made.expires_at,
        token: secret.expose(),
    };
    page(StatusCode::OK, &template)
}
