//! Refusals over MCP: the one table from code to what a client sees.
//!
//! What keeps a request from being understood at all, or concerns the transport (who is it,
//! how often, not now), is HTTP, where a client's own machinery looks for it. What the caller
//! got wrong is an error of the protocol. What the model can act on is a result with
//! `isError`, which alone it is shown.

use gestalt_core::id::RequestId;
use gestalt_core::{Code, Kind, Refusal};
use serde_json::{Value, json};

use super::fault::Fault;
use crate::http::Site;

/// How a refusal is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shown {
    /// As the HTTP door shows it: status, headers, problem document.
    Http,
    /// As an error of JSON-RPC with this code.
    Error(i32),
    /// As a tool's result with `isError`.
    Result,
}

/// How a refusal is shown.
pub(super) const fn shown(code: Code) -> Shown {
    match code.kind() {
        Kind::Invalid | Kind::NotFound | Kind::TooLarge => Shown::Error(-32602),
        Kind::Unauthenticated | Kind::Limited | Kind::Unavailable => Shown::Http,
        Kind::Forbidden if matches!(code, Code::InsufficientScope) => Shown::Http,
        Kind::Forbidden | Kind::Choose | Kind::NotConnected | Kind::Upstream | Kind::Timeout => {
            Shown::Result
        }
        Kind::Internal => Shown::Error(-32603),
    }
}

/// A refusal as an error of JSON-RPC, with what the HTTP door would say beside it.
pub(super) fn fault(code: i32, refusal: &Refusal, request_id: RequestId) -> Fault {
    let mut data = json!({
        "code": refusal.code.as_str(),
        "requestId": request_id.to_string(),
    });
    for (name, value) in [("hint", &refusal.hint), ("field", &refusal.field)] {
        if let Some(value) = value {
            data[name] = Value::from(value.as_str());
        }
    }
    let message = match &refusal.hint {
        Some(hint) => format!("{} {hint}", refusal.message),
        None => refusal.message.clone(),
    };
    Fault::of_refusal(code, message, data)
}

/// Where a person can mend it.
pub(super) fn link(refusal: &Refusal, site: &Site) -> Option<String> {
    refusal.link.as_deref().map(|path| site.url(path))
}

#[cfg(test)]
mod tests {
    use gestalt_core::{Entropy, Timestamp};

    use super::*;

    #[test]
    fn the_table_from_code_to_what_a_client_sees() {
        let table: Vec<String> = Code::ALL
            .iter()
            .map(|code| match shown(*code) {
                Shown::Http => {
                    let status = crate::http::problem::status(*code).as_u16();
                    format!("{} HTTP {status}", code.as_str())
                }
                Shown::Error(number) => format!("{} {number}", code.as_str()),
                Shown::Result => format!("{} isError", code.as_str()),
            })
            .collect();
        insta::assert_snapshot!(table.join("\n"), @"
        invalid_request -32602
        unauthenticated HTTP 401
        token_expired HTTP 401
        token_revoked HTTP 401
        forbidden isError
        insufficient_scope HTTP 403
        not_found -32602
        instance_selection_required isError
        connection_selection_required isError
        not_connected isError
        reconnect_required isError
        admin_configuration_required isError
        too_large -32602
        rate_limited HTTP 429
        upstream_unreachable isError
        upstream_invalid isError
        egress_denied isError
        response_too_large isError
        upstream_timeout isError
        unavailable HTTP 503
        audit_unavailable HTTP 503
        overloaded HTTP 503
        internal -32603
        ");
    }

    #[test]
    fn an_internal_fault_tells_nothing_but_the_request_id() {
        let id = RequestId::generate(Timestamp::from_micros(0), &Entropy::seeded(1)).unwrap();
        let refusal = Refusal::internal("row 7 of api_tokens: pepper gone");
        let message = fault(-32603, &refusal, id).message(None);
        assert!(!message.contains("api_tokens"), "{message}");
        assert!(message.contains("req_"), "{message}");
    }
}
