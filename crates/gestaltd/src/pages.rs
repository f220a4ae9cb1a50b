//! The daemon's own pages: rendered here, without JavaScript and without inline style.
//!
//! A form carries a token that is bound to the browser by a cookie no other site can read or
//! set; a GET never changes anything.

use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::{get, post};
use gestalt_core::id::RequestId;
use gestalt_core::{Kind, Refusal};
use http::{HeaderValue, StatusCode, header};

use crate::http::problem::{self, Refused};
use crate::http::{Door, Site};

mod connect;
pub(crate) mod cookie;
mod login;
mod problems;
mod start;
mod token;

const STYLE: &str = include_str!("../templates/style.css");

/// Every page.
pub(crate) fn router() -> Router<Door> {
    Router::new()
        .route("/", get(start::start))
        .route("/login", get(login::ask).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/token", post(token::create))
        .route(
            "/connect/{plugin}",
            get(connect::ask).post(connect::connect),
        )
        .route("/problems/{code}", get(problems::problem))
        .route("/assets/style.css", get(style))
}

async fn style() -> Response {
    let mut response = Response::new(Body::from(STYLE));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/css; charset=utf-8"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=3600"),
    );
    response
}

/// Writes a page.
fn page(status: StatusCode, template: &impl Template) -> Result<Response, Refused> {
    let html = template.render().map_err(Refusal::internal)?;
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    Ok(response)
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage<'a> {
    title: &'a str,
    message: &'a str,
    hint: Option<&'a str>,
    link: Option<String>,
    code: &'a str,
    request_id: String,
    log_in: bool,
}

/// A refusal as a person reads it.
pub(crate) fn refusal(refused: &Refused, site: &Site, request_id: RequestId) -> Response {
    let refusal = refused.refusal();
    let template = RefusalPage {
        title: problem::title(refusal.code),
        message: &refusal.message,
        hint: refusal.hint.as_deref(),
        link: refusal.link.as_deref().map(|path| site.url(path)),
        code: refusal.code.as_str(),
        request_id: request_id.to_string(),
        log_in: refusal.kind() == Kind::Unauthenticated,
    };
    let written = page(refused.status(), &template);
    written.unwrap_or_else(|refused| problem::answer(&refused, site, request_id, false))
}
