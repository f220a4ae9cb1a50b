//! Which of the protocol's two eras a request belongs to, and whether its headers say what
//! its body says.
//!
//! From 2026-07-28 on each request tells its version and the client's capabilities in
//! `_meta`, and repeats version, method and name in headers. Before, a client opened with
//! `initialize`; here such a client is served without a session, so nothing of it is kept.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};

use super::fault::Fault;
use super::frame::{Frame, Meta};

const MODERN: &str = "2026-07-28";

/// Every version that is spoken here, newest first.
pub(super) const SUPPORTED: [&str; 4] = [MODERN, LEGACY[0], LEGACY[1], LEGACY[2]];

/// Those that begin with `initialize`, newest first.
const LEGACY: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// One of the protocol's two eras.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Era {
    /// 2026-07-28: every request stands for itself.
    Modern,
    /// 2025-03-26 to 2025-11-25: begins with `initialize`.
    Legacy,
}

impl Era {
    /// The same, as the gateway calls it.
    pub(super) fn of_gateway(self) -> gestalt_gateway::Era {
        match self {
            Self::Modern => gestalt_gateway::Era::Modern,
            Self::Legacy => gestalt_gateway::Era::Legacy,
        }
    }

    /// Tells a message's era, and checks what its headers repeat of it.
    ///
    /// # Errors
    /// [`Fault`] if header and body differ, the version is not spoken here, or a request of
    /// the modern era lacks what each must have.
    pub fn of(frame: &Frame<'_>, meta: &Meta<'_>, headers: &HeaderMap) -> Result<Self, Fault> {
        let header = single(headers, &VERSION)?;
        let declared = meta.version();
        let version = match (header, declared.as_deref()) {
            (Some(header), Some(declared)) if header != declared => {
                return Err(mismatch(&VERSION));
            }
            (Some(version), _) => version,
            (None, Some(declared)) if LEGACY.contains(&declared) => declared,
            (None, Some(_)) => return Err(missing(&VERSION)),
            (None, None) => LEGACY[2],
        };
        if frame.method == "initialize" && version != MODERN && declared.is_none() {
            return Ok(Self::Legacy);
        }
        if LEGACY.contains(&version) {
            return Ok(Self::Legacy);
        }
        if version != MODERN {
            return Err(Fault::unsupported_version(version));
        }
        if frame.id.is_some() {
            check(frame, meta, headers)?;
        }
        Ok(Self::Modern)
    }
}

/// The version that `initialize` settles on.
pub(super) fn negotiate(wanted: Option<&str>) -> &'static str {
    let known = LEGACY.into_iter().find(|known| Some(*known) == wanted);
    known.unwrap_or(LEGACY[0])
}

/// What every request of the modern era must have.
fn check(frame: &Frame<'_>, meta: &Meta<'_>, headers: &HeaderMap) -> Result<(), Fault> {
    if meta.version().is_none() {
        let text = "`_meta` lacks `io.modelcontextprotocol/protocolVersion`.";
        return Err(Fault::invalid_params(text));
    }
    if !meta.declares_capabilities() {
        let text = "`_meta` lacks `io.modelcontextprotocol/clientCapabilities`.";
        return Err(Fault::invalid_params(text));
    }
    match single(headers, &METHOD)? {
        None => return Err(missing(&METHOD)),
        Some(method) if method != frame.method => return Err(mismatch(&METHOD)),
        Some(_) => {}
    }
    let named = match &*frame.method {
        "tools/call" | "prompts/get" => frame.params.name()?,
        "resources/read" => frame.params.uri()?,
        _ => return Ok(()),
    };
    let header = single(headers, &NAME)?.ok_or_else(|| missing(&NAME))?;
    let header = decode(header).ok_or_else(|| {
        Fault::header_mismatch("The header `Mcp-Name` is not the Base64 it says it is.")
    })?;
    if header == named {
        Ok(())
    } else {
        Err(mismatch(&NAME))
    }
}

/// A header's one value, without the space around it.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Fault> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let value = value.to_str().ok().filter(|_| values.next().is_none());
    match value {
        Some(value) => Ok(Some(value.trim_matches([' ', '\t']))),
        None => Err(mismatch(name)),
    }
}

/// The version that a request is sent in, where its era is known.
pub(super) fn version(headers: &HeaderMap, era: Era) -> &str {
    match era {
        Era::Modern => MODERN,
        Era::Legacy => {
            let named = single(headers, &VERSION).ok().flatten();
            let known = named.and_then(|named| LEGACY.into_iter().find(|known| *known == named));
            known.unwrap_or(LEGACY[2])
        }
    }
}

/// Undoes the Base64 that stands for what a header cannot carry.
pub(super) fn decode(value: &str) -> Option<Cow<'_, str>> {
    let inner = value
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="));
    let Some(inner) = inner else {
        return Some(Cow::Borrowed(value));
    };
    let bytes = STANDARD.decode(inner).ok()?;
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn missing(name: &HeaderName) -> Fault {
    Fault::header_mismatch(format!("The header `{name}` is missing."))
}

fn mismatch(name: &HeaderName) -> Fault {
    Fault::header_mismatch(format!(
        "The header `{name}` does not say what the body says."
    ))
}

#[cfg(test)]
mod tests;
