//! Authenticate: from what a request presents to a caller, or a refusal.
//!
//! The order is: session cookie; `Authorization: Bearer` or `X-API-Key` with an API token; a
//! bearer that is a session's value; else nothing was presented. A credential that is
//! presented and does not hold is refused, also where no login is configured.

pub(crate) mod caller;
mod identities;
pub(crate) mod limits;
pub(crate) mod living;
pub(crate) mod presented;
pub(crate) mod still;

use std::sync::Arc;

use gestalt_core::{Code, Refusal, Secret};
use gestalt_vault::token::{Recognised, TokenKind, recognise};

use crate::Inner;
use crate::settings::LoginSettings;
use caller::{Caller, Identity};
pub(crate) use identities::Identities;
use presented::Presented;

/// Decides who presents a request.
pub(crate) async fn authenticate(
    gateway: &Inner,
    presented: &Presented,
) -> Result<Caller, Refusal> {
    let decided = decide(gateway, presented).await;
    match &decided {
        Ok(caller) => gateway.metrics.authenticated(caller.method()),
        Err(refusal) => {
            gateway.metrics.not_authenticated(refusal.code);
            if refusal.kind() == gestalt_core::Kind::Unauthenticated {
                gateway.identities.note_failure(
                    presented.address,
                    refusal.code,
                    gateway.clock.now(),
                );
            }
        }
    }
    decided
}

async fn decide(gateway: &Inner, presented: &Presented) -> Result<Caller, Refusal> {
    if let Some(cookie) = &presented.cookie {
        let identity = by_cookie(gateway, presented, cookie).await?;
        return ambient(identity, presented, true);
    }
    let explicit = explicit_credential(presented)?;
    if let Some(text) = explicit {
        let identity = match recognise(text) {
            // An API key is an API token; a session's value is a cookie or a bearer.
            Recognised::WellFormed(TokenKind::Session) if presented.authorization.is_none() => {
                return Err(does_not_hold());
            }
            Recognised::WellFormed(TokenKind::Api | TokenKind::Session) => {
                gateway
                    .identities
                    .find(gateway, presented.address, text)
                    .await?
            }
            _ => return Err(does_not_hold()),
        };
        return Ok(Caller::new(
            identity,
            presented.circumstances(),
            false,
            presented.same_origin,
        ));
    }
    match gateway.settings.login {
        LoginSettings::None => {
            if presented.forwarded {
                return Err(Refusal::new(
                    Code::Forbidden,
                    "Without a login the gateway serves this machine only, and this request came through a proxy.",
                )
                .hint("Configure `providers.authentication`."));
            }
            ambient(Arc::clone(gateway.identities.anonymous()), presented, false)
        }
        LoginSettings::Local(_) => Err(Refusal::new(
            Code::Unauthenticated,
            "A credential is needed.",
        )
        .hint("Send an API token, or log in.")),
    }
}

async fn by_cookie(
    gateway: &Inner,
    presented: &Presented,
    cookie: &Secret,
) -> Result<Arc<Identity>, Refusal> {
    match recognise(cookie.expose()) {
        Recognised::WellFormed(TokenKind::Session) => {
            gateway
                .identities
                .find(gateway, presented.address, cookie.expose())
                .await
        }
        _ => Err(does_not_hold()),
    }
}

/// The bearer token or API key; both together must be the same.
fn explicit_credential(presented: &Presented) -> Result<Option<&str>, Refusal> {
    let bearer = match &presented.authorization {
        None => None,
        Some(header) => {
            let (scheme, token) = header.expose().split_once(' ').ok_or_else(does_not_hold)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(does_not_hold());
            }
            Some(token.trim_matches(' '))
        }
    };
    let key = presented.api_key.as_ref().map(Secret::expose);
    match (bearer, key) {
        (Some(bearer), Some(key)) if bearer != key => Err(does_not_hold()),
        (bearer, key) => Ok(bearer.or(key)),
    }
}

/// A credential that a browser sends by itself, or none: it changes state only for our own
/// pages. A client that says nothing of an origin passes only without a cookie.
fn ambient(
    identity: Arc<Identity>,
    presented: &Presented,
    cookie: bool,
) -> Result<Caller, Refusal> {
    let refused = match presented.same_origin {
        Some(same) => !same,
        None => cookie,
    };
    if refused && !presented.safe_method {
        return Err(Refusal::new(
            Code::Forbidden,
            "This request does not come from the gateway's own pages.",
        )
        .hint("Programs send an API token instead of the session cookie."));
    }
    Ok(Caller::new(
        identity,
        presented.circumstances(),
        true,
        presented.same_origin,
    ))
}

fn does_not_hold() -> Refusal {
    Refusal::new(Code::Unauthenticated, "The credential does not hold.")
}
