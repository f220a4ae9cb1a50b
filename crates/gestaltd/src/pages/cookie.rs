//! Cookies of the pages. With https they carry the prefix that no other host can set.

use gestalt_core::{Refusal, Secret};
use http::{HeaderMap, HeaderValue};

use crate::http::Door;
use crate::http::context::{SESSION_FORM, cookie_name, cookies};

fn attributes(door: &Door, same_site: &str) -> String {
    let secure = if door.site().https() { "; Secure" } else { "" };
    format!("; Path=/; HttpOnly; SameSite={same_site}{secure}")
}

/// Sets the session cookie for as long as the session lives at most.
///
/// # Errors
/// Never for a value that the gateway made.
pub(super) fn session(door: &Door, value: &Secret, seconds: u64) -> Result<HeaderValue, Refusal> {
    let (name, attributes) = (cookie_name(door), attributes(door, "Lax"));
    let text = format!("{name}={}; Max-Age={seconds}{attributes}", value.expose());
    let mut header = HeaderValue::try_from(text).map_err(Refusal::internal)?;
    header.set_sensitive(true);
    Ok(header)
}

/// Clears the session cookie.
pub(crate) fn cleared_session(door: &Door) -> HeaderValue {
    let (name, attributes) = (cookie_name(door), attributes(door, "Lax"));
    let text = format!("{name}=; Max-Age=0{attributes}");
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Says whether a cookie of the session's name is there that is none of ours.
pub(super) fn is_foreign(door: &Door, headers: &HeaderMap) -> bool {
    cookies(headers, cookie_name(door)).any(|value| !value.starts_with(SESSION_FORM))
}

/// The token that a form must repeat, bound to the browser by its cookie.
pub(super) struct FormToken {
    /// Stands in the form.
    pub(super) value: String,
    /// To be set, where the browser has none yet.
    pub(super) cookie: Option<HeaderValue>,
}

fn form_name(door: &Door) -> &'static str {
    if door.site().https() {
        "__Host-gst_form"
    } else {
        "gst_form"
    }
}

fn is_formed(value: &str) -> bool {
    value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The browser's form token; a new one if it has none.
///
/// # Errors
/// Without randomness there is no form.
pub(super) fn form_token(door: &Door, headers: &HeaderMap) -> Result<FormToken, Refusal> {
    let name = form_name(door);
    if let Some(value) = cookies(headers, name).find(|value| is_formed(value)) {
        let value = value.to_owned();
        return Ok(FormToken {
            value,
            cookie: None,
        });
    }
    let (one, other) = (
        door.entropy().array().map_err(Refusal::internal)?,
        door.entropy().array().map_err(Refusal::internal)?,
    );
    let value = format!(
        "{:032x}{:032x}",
        u128::from_be_bytes(one),
        u128::from_be_bytes(other)
    );
    let text = format!("{name}={value}{}", attributes(door, "Strict"));
    let mut cookie = HeaderValue::try_from(text).map_err(Refusal::internal)?;
    cookie.set_sensitive(true);
    let cookie = Some(cookie);
    Ok(FormToken { value, cookie })
}

/// Says whether a form repeats the token of the browser that sends it.
pub(super) fn form_holds(door: &Door, headers: &HeaderMap, given: &str) -> bool {
    let mut known = cookies(headers, form_name(door));
    match (known.next(), known.next()) {
        (Some(known), None) => is_formed(known) && equal(known.as_bytes(), given.as_bytes()),
        _ => false,
    }
}

/// Compares without telling by its time where the two differ.
fn equal(one: &[u8], other: &[u8]) -> bool {
    let differing = one
        .iter()
        .zip(other)
        .fold(0, |differing, (a, b)| differing | (a ^ b));
    one.len() == other.len() && differing == 0
}
