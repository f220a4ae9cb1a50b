//! A page for each code that a refusal can have: the `type` of a problem document.

use askama::Template;
use axum::response::Response;
use gestalt_core::{Code, Refusal};
use http::StatusCode;

use super::page;
use crate::http::input::Place;
use crate::http::problem::{self, Refused};

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    title: &'static str,
    code: &'static str,
    status: u16,
    meaning: &'static str,
    remedy: &'static str,
}

/// What a code means and what to do about it.
pub(super) async fn problem(Place(word): Place<String>) -> Result<Response, Refused> {
    let code = Code::ALL.iter().find(|code| code.as_str() == word);
    let Some(code) = code.copied() else {
        return Err(Refusal::new(Code::NotFound, "There is no problem of this name.").into());
    };
    let (meaning, remedy) = about(code);
    let template = ProblemPage {
        title: problem::title(code),
        code: code.as_str(),
        status: problem::status(code).as_u16(),
        meaning,
        remedy,
    };
    page(StatusCode::OK, &template)
}

/// What a code means, and what to do.
#[expect(clippy::too_many_lines, reason = "a table: one arm a code")]
const fn about(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::InvalidRequest => (
            "The request does not have the form it must have. Its `field` names the member at fault where there is one.",
            "Compare it with the operation's schema; a hint names the nearest name that is known.",
        ),
        Code::Unauthenticated => (
            "The request carries no credential, or one that does not hold. A credential that is presented must hold, also where none is needed.",
            "Send an API token as `Authorization: Bearer`, or log in.",
        ),
        Code::TokenExpired => (
            "The token held once; its time is over.",
            "Make a new one. A token can be rotated before it expires, so that both work for a while.",
        ),
        Code::TokenRevoked => (
            "Somebody took the token back.",
            "Make a new one, and find out in the audit trail why the old one was revoked.",
        ),
        Code::Forbidden => (
            "The policy, or the state of the caller, says no.",
            "Ask for the whole decision with `POST /api/v1/explain`, and your admin for a rule.",
        ),
        Code::InsufficientScope => (
            "The caller may do this, but the token was made for less.",
            "Make a token whose scopes or permissions cover it.",
        ),
        Code::NotFound => (
            "It does not exist, or belongs to somebody else: the answer is the same.",
            "Check the name or id; lists show what you can see.",
        ),
        Code::InstanceSelectionRequired => (
            "Several accounts are connected, and the call does not say which is meant.",
            "Pass `_instance` with one of the `choices`.",
        ),
        Code::ConnectionSelectionRequired => (
            "The plugin can be reached by several connections, and the call does not say by which.",
            "Pass `_connection` with one of the `choices`.",
        ),
        Code::NotConnected => (
            "There is no credential of yours for this upstream yet.",
            "Open the link that the answer carries, or run `gestalt plugin connect`; then call again.",
        ),
        Code::ReconnectRequired => (
            "The upstream no longer takes the stored credential.",
            "Connect again with a new one; the connection keeps its name.",
        ),
        Code::AdminConfigurationRequired => (
            "The plugin uses one shared credential, which is not set yet.",
            "An admin sets it with `gestalt plugin connect --platform`.",
        ),
        Code::TooLarge => (
            "The request, or a part of it, is larger than a limit.",
            "Send less at a time; large bodies stream where the operation takes such a body.",
        ),
        Code::RateLimited => (
            "Too many requests came from this caller or address.",
            "Wait for as long as `Retry-After` says.",
        ),
        Code::UpstreamUnreachable => (
            "No connection to the upstream came about, or it broke.",
            "Try again; if it lasts, check the upstream's address with `gestaltd doctor`.",
        ),
        Code::UpstreamInvalid => (
            "The upstream answered with something that is not what it must be.",
            "Look at the daemon's log for the request's id; the operation's definition may be wrong.",
        ),
        Code::EgressDenied => (
            "The plugin wanted to reach an address that its egress rules do not permit.",
            "If it should be permitted, an admin adds it to the plugin's `egress`.",
        ),
        Code::ResponseTooLarge => (
            "The upstream's answer is larger than a limit. Nothing is ever cut silently.",
            "Ask for less at a time, by pages or filters.",
        ),
        Code::UpstreamTimeout => (
            "The upstream took longer than it may.",
            "Try again later. Whether the upstream did what it was asked is not known.",
        ),
        Code::Unavailable => (
            "The gateway cannot serve now: it starts, stops, or its store does not answer.",
            "Wait for as long as `Retry-After` says.",
        ),
        Code::AuditUnavailable => (
            "The audit trail cannot be written, so nothing is done.",
            "The operator looks at the daemon's log and at the space on its disk.",
        ),
        Code::Overloaded => (
            "The gateway has more work than it takes on.",
            "Wait for as long as `Retry-After` says, and call less at the same time.",
        ),
        Code::Internal => (
            "The gateway met a fault of its own.",
            "Give the operator the request's id: the daemon's log says more under it.",
        ),
    }
}
