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
use url::Url;

use super::{cookie, page};
use crate::http::Door;
use crate::http::context::presented;
use crate::http::input::Params;
use crate::http::problem::{self, Refused};

/// Longest path that a login leads to, in bytes.
const LONGEST_NEXT: usize = 1_024;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    /// Nobody logs in here.
    open: bool,
    code: Option<&'a str>,
    failure: Option<&'a str>,
    /// Where to go on.
    next: Option<&'a str>,
    form: String,
}

/// What the login page is asked to show.
#[derive(Default)]
pub(super) struct Asked<'a> {
    /// A login code that came with the link.
    pub(super) code: Option<&'a str>,
    /// Why the last try did not log in.
    pub(super) failure: Option<&'a str>,
    /// Where to go on, as [`safe_next`] gives it.
    pub(super) next: Option<&'a str>,
    /// The browser's session does not hold; its cookie goes.
    pub(super) stale: bool,
}

/// What a login link carries.
#[derive(Deserialize)]
pub(super) struct Link {
    code: Option<String>,
    next: Option<String>,
}

/// Shows the button that logs in.
pub(super) async fn ask(
    door: State<Door>,
    Params(link): Params<Link>,
    parts: Parts,
) -> Result<Response, Refused> {
    let asked = Asked {
        code: link.code.as_deref(),
        next: link.next.as_deref().and_then(safe_next),
        ..Asked::default()
    };
    show(&door, &parts, StatusCode::OK, &asked)
}

/// Writes the login page.
///
/// # Errors
/// Without randomness there is no form.
pub(super) fn show(
    door: &Door,
    parts: &Parts,
    status: StatusCode,
    asked: &Asked<'_>,
) -> Result<Response, Refused> {
    let form = cookie::form_token(door, &parts.headers)?;
    let template = LoginPage {
        open: door.gateway().login() == LoginKind::None,
        code: asked.code.filter(|code| !code.is_empty()),
        failure: asked.failure,
        next: asked.next,
        form: form.value,
    };
    let mut response = page(status, &template)?;
    let headers = response.headers_mut();
    if let Some(cookie) = form.cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
    if asked.stale || cookie::is_foreign(door, &parts.headers) {
        headers.append(header::SET_COOKIE, cookie::cleared_session(door));
    }
    Ok(response)
}

/// What the login form sends.
#[derive(Deserialize)]
pub(super) struct LoginForm {
    code: String,
    next: Option<String>,
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
    let next = form.next.as_deref().and_then(safe_next);
    let code = Secret::new(code_of(&form.code));
    let (value, session) = match door.gateway().redeem_login_code(&presented, code).await {
        Ok(opened) => opened,
        Err(refusal)
            if matches!(
                refusal.kind(),
                Kind::Unauthenticated | Kind::Invalid | Kind::NotFound
            ) =>
        {
            let status = problem::status(refusal.code);
            let asked = Asked {
                failure: Some(&refusal.message),
                next,
                ..Asked::default()
            };
            return show(&door, &parts, status, &asked);
        }
        Err(refusal) => return Err(refusal.into()),
    };
    let read = |time: &str| Timestamp::parse_rfc3339(time).unwrap_or_default();
    // From when it began: a clock that has moved since would cost the last second.
    let lives = read(&session.expires_at).since(read(&session.created_at));
    let cookie = cookie::session(&door, &value, lives.as_secs())?;
    Ok(go_on(next.unwrap_or("/"), cookie))
}

/// The code in what a person has entered, which may be the whole link.
fn code_of(entered: &str) -> &str {
    let entered = entered.trim();
    let code = entered
        .rsplit_once("code=")
        .map_or(entered, |(_, code)| code);
    code.split('&').next().unwrap_or(code)
}

/// Where a login may lead besides the start: a page that connects, and nothing else. It is
/// a path of this site however a browser reads it, so it is no way out to another.
pub(super) fn safe_next(path: &str) -> Option<&str> {
    let formed = path.len() <= LONGEST_NEXT
        && path
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'\\' && b != b'#');
    let here = Url::parse("http://here.invalid/").ok()?;
    let read = here.join(path).ok().filter(|_| formed)?;
    let same = read.as_str().strip_prefix("http://here.invalid") == Some(path);
    (same && path.starts_with("/connect/")).then_some(path)
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
    Ok(go_on("/", cookie::cleared_session(&door)))
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

fn go_on(path: &str, cookie: HeaderValue) -> Response {
    let place = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
    let headers = [(header::LOCATION, place), (header::SET_COOKIE, cookie)];
    (StatusCode::SEE_OTHER, headers).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_to_no_other_site_and_no_other_page() {
        for path in [
            "",
            "/",
            "/token",
            "connect/demo",
            "//evil.example/connect/demo",
            "/\\evil.example/connect/demo",
            "https://evil.example/connect/demo",
            "/connect/../token",
            "/connect/..%2ftoken\r\nLocation:%20x",
            "/connect/%2e%2e/token",
            "/connect/./demo",
            "/connect/demo\tx",
            "/connect/demo#x",
            "/connect/d\u{e9}mo",
            "http://here.invalid/connect/demo",
            "javascript:alert(1)",
        ] {
            assert_eq!(safe_next(path), None, "{path}");
        }
        let long = format!("/connect/{}", "x".repeat(LONGEST_NEXT));
        assert_eq!(safe_next(&long), None);
        for path in [
            "/connect/demo",
            "/connect/demo?connection=a.b&instance=work&for=user%3Ausr_1",
        ] {
            assert_eq!(safe_next(path), Some(path));
        }
    }

    #[test]
    fn a_code_is_found_in_its_link() {
        for entered in [
            " gst_log_x ",
            "http://localhost:8080/login?code=gst_log_x",
            "http://localhost:8080/login?code=gst_log_x&next=%2Fconnect%2Fdemo",
        ] {
            assert_eq!(code_of(entered), "gst_log_x", "{entered}");
        }
    }
}
