//! Lists of resources, templates and prompts: what the server listed, as far as the caller may
//! use it, each entry as the server wrote it.

use std::fmt::Write as _;

use gestalt_gateway::{Offer, Offers};
use http::Response;

use super::{Exchange, Told};
use crate::http::guard::Outgoing;
use crate::http::problem::Refused;
use crate::mcp::discover::TTL_MS;
use crate::mcp::era::Era;
use crate::mcp::fault::Fault;

/// Answers a list.
pub(super) async fn answer(
    exchange: &Exchange<'_>,
    told: &Told,
) -> Result<Response<Outgoing>, Refused> {
    let kind = kind_of(&exchange.frame.method);
    let gateway = exchange.door.gateway();
    let caller = &exchange.sender.caller;
    let from = match exchange.frame.params.cursor() {
        Ok(cursor) => cursor,
        Err(fault) => return Ok(told.fault(&fault)),
    };
    let offers = match gateway.offers(caller, Some(exchange.plugin), kind).await {
        Ok(offers) => offers,
        Err(refusal) => return told.refused(refusal, false),
    };
    let limit = exchange.door.limits().mcp.lists.max_bytes;
    Ok(match page(&offers, from.as_deref(), limit) {
        Ok(page) => told.result(&members(kind, page, exchange.era)),
        Err(fault) => told.fault(&fault),
    })
}

pub(in crate::mcp) fn kind_of(method: &str) -> Offers {
    match method {
        "resources/list" => Offers::Resources,
        "resources/templates/list" => Offers::Templates,
        _ => Offers::Prompts,
    }
}

/// A page of entries, and the cursor of the next one: the place where it begins.
pub(in crate::mcp) fn page<'a>(
    offers: &'a [Offer],
    cursor: Option<&str>,
    max_bytes: usize,
) -> Result<(&'a [Offer], Option<usize>), Fault> {
    let wrong = || Fault::invalid_params("The cursor is none of this list.");
    let start = match cursor {
        None => 0,
        Some(cursor) => cursor.parse().map_err(|_| wrong())?,
    };
    let rest = offers
        .get(start..)
        .filter(|rest| start == 0 || !rest.is_empty());
    let rest = rest.ok_or_else(wrong)?;
    let mut bytes = 0_usize;
    let fits = rest.iter().take_while(|offer| {
        bytes = bytes.saturating_add(offer.json.len() + 1);
        bytes <= max_bytes
    });
    let length = fits.count().max(1).min(rest.len());
    let next = (length < rest.len()).then_some(start + length);
    Ok((&rest[..length], next))
}

/// The members of a list's result.
pub(in crate::mcp) fn members(
    kind: Offers,
    (offers, next): (&[Offer], Option<usize>),
    era: Era,
) -> String {
    let member = match kind {
        Offers::Resources => "resources",
        Offers::Templates => "resourceTemplates",
        Offers::Prompts => "prompts",
    };
    let mut text = format!(r#""{member}":["#);
    for (at, offer) in offers.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(&offer.json);
    }
    text.push(']');
    if let Some(next) = next {
        let _infallible = write!(text, r#","nextCursor":"{next}""#);
    }
    if era == Era::Modern {
        let _infallible = write!(text, r#","ttlMs":{TTL_MS},"cacheScope":"private""#);
    }
    text
}
