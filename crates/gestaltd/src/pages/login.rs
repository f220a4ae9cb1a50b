//! Logging in by a single-use link, and out.
//!
//! Opening the link consumes nothing: mail scanners and link previews open links too. The
//! code is redeemed by the form that the page shows, and only from the browser that got it.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Response};
use gestalt_core::{Code, Kind, Refusal, Secret, Timestamp};
use gestalt_gateway::LoginKind;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::{cookie, page};
use crate::http::Door;
use crate::http::context::presented;
use crate::http::input::Params;
use crate::http::problem::{self, Refused};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    /// Nobody logs in here.
    open: bool,
    code: Option<&'a str>,
    failure: Option<&'a str>,
    form: String,
}

/// What a login link carries.
#[derive(Deserialize)]
pub(super) struct Link {
    code: Option<String>,
}

/// Shows the button that logs in.
pub(super) async fn ask(
    door: State<Door>,
    Params(link): Params<Link>,
    parts: Parts,
) -> Result<Response, Refused> {
    show(&door, &parts, StatusCode::OK, link.code.as_deref(), None)
}

fn show(
    door: &Door,
    parts: &Parts,
    status: StatusCode,
    code: Option<&str>,
    failure: Option<&str>,
) -> Result<Response, Refused> {
    let form = cookie::form_token(door, &parts.headers)?;
    let template = LoginPage {
        open: door.gateway().login() == LoginKind::None,
        code: code.filter(|code| !code.is_empty()),
        failure,
        form: form.value,
    };
    let mut response = page(status, &template)?;
    let headers = response.headers_mut();
    if let Some(cookie) = form.cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
    if cookie::is_foreign(door, &parts.headers) {
        headers.append(header::SET_COOKIE, cookie::cleared_session(door));
    }
    Ok(response)
}

/// What the login form sends.
#[derive(Deserialize)]
pub(super) struct LoginForm {
    code: String,
    form: String,
}

/// Redeems the code for a session.
pub(super) async fn log_in(
    door: State<Door>,
    parts: Parts,
    form: Result<Form<LoginForm>, FormRejection>,
) -> Result<Response, Refused> {
    let Form(form) = form.map_err(|_| not_a_form())?;
    check_form(&door, &parts, &form.form)?;
    let presented = presented(&parts, &door)?;
    let code = Secret::new(form.code.trim());
    let (value, session) = match door.gateway().redeem_login_code(&presented, code).await {
        Ok(opened) => opened,
        Err(refusal)
            if matches!(
                refusal.kind(),
                Kind::Unauthenticated | Kind::Invalid | Kind::NotFound
            ) =>
        {
            let status = problem::status(refusal.code);
            return show(&door, &parts, status, None, Some(&refusal.message));
        }
        Err(refusal) => return Err(refusal.into()),
    };
    let ends = Timestamp::parse_rfc3339(&session.expires_at).unwrap_or_default();
    let seconds = ends.since(door.clock().now()).as_secs();
    let cookie = cookie::session(&door, &value, seconds)?;
    Ok(to_start(cookie))
}

/// What the logout form sends.
#[derive(Deserialize)]
pub(super) struct LogoutForm {
    form: String,
}

/// Ends the browser's session.
pub(super) async fn log_out(
    door: State<Door>,
    parts: Parts,
    form: Result<Form<LogoutForm>, FormRejection>,
) -> Result<Response, Refused> {
    let Form(form) = form.map_err(|_| not_a_form())?;
    check_form(&door, &parts, &form.form)?;
    let presented = presented(&parts, &door)?;
    match door.gateway().authenticate(&presented).await {
        Ok(caller) => door.gateway().logout(&caller).await?,
        Err(refusal) if refusal.kind() == Kind::Unauthenticated => {}
        Err(refusal) => return Err(refusal.into()),
    }
    Ok(to_start(cookie::cleared_session(&door)))
}

pub(super) fn not_a_form() -> Refusal {
    Refusal::new(Code::InvalidRequest, "The form is not complete.")
}

/// Refuses a form that another site sent, or that was not shown to this browser.
pub(super) fn check_form(door: &Door, parts: &Parts, given: &str) -> Result<(), Refusal> {
    let cross_site = presented(parts, door)?.same_origin == Some(false);
    if cross_site || !cookie::form_holds(door, &parts.headers, given) {
        return Err(
            Refusal::new(Code::Forbidden, "The form is not from this browser.")
                .hint("Open the page again and use the form it shows."),
        );
    }
    Ok(())
}

fn to_start(cookie: HeaderValue) -> Response {
    let place = HeaderValue::from_static("/");
    let headers = [(header::LOCATION, place), (header::SET_COOKIE, cookie)];
    (StatusCode::SEE_OTHER, headers).into_response()
}
