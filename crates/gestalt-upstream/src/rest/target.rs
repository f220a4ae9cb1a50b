//! Where a parameter goes, and by which name.

use gestalt_core::operation::{Location, Parameter, Style};
use http::HeaderName;

use super::template::push_encoded;
use crate::UpstreamError;

/// Headers that belong to the connection, the body or the credential: no parameter and no
/// fixed header of an operation may be one.
const OWN_HEADERS: &[&str] = &[
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// How a parameter with a content type of its own is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    /// As JSON.
    Json,
    /// As the string that it is; any other value as JSON.
    Text,
}

/// A parameter outside the body, compiled.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) location: Location,
    pub(crate) style: Style,
    pub(crate) explode: bool,
    pub(crate) allow_reserved: bool,
    /// Sent as one text instead of by style: a string as it is where this is no JSON.
    pub(crate) content: Option<Content>,
    /// The upstream's name, as it is.
    pub(crate) wire: String,
    /// The upstream's name, percent-encoded.
    pub(crate) key: String,
    /// For headers.
    pub(crate) header: Option<HeaderName>,
}

impl Target {
    pub(crate) fn new(parameter: &Parameter, place: &str) -> Result<Self, UpstreamError> {
        let mut key = String::new();
        push_encoded(&mut key, &parameter.wire_name);
        let header = match parameter.location {
            Location::Header => Some(header_name(&parameter.wire_name, place)?),
            _ => None,
        };
        let content = parameter.content_type.as_deref();
        let content = content.map(|content_type| {
            if is_json_type(content_type) {
                Content::Json
            } else {
                Content::Text
            }
        });
        Ok(Self {
            location: parameter.location,
            style: parameter.style,
            explode: parameter.explode,
            allow_reserved: parameter.allow_reserved,
            content,
            wire: parameter.wire_name.clone(),
            key,
            header,
        })
    }
}

impl Target {
    /// Says whether a query name is this parameter's: by itself, or as a key below it.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        name.strip_prefix(&self.wire)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
    }
}

/// Says whether a content type is JSON.
pub(crate) fn is_json_type(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

pub(crate) fn header_name(name: &str, place: &str) -> Result<HeaderName, UpstreamError> {
    let lower = name.to_ascii_lowercase();
    if OWN_HEADERS.contains(&lower.as_str()) {
        return Err(UpstreamError::config(
            place,
            format!(
                "the header `{name}` is the gateway's own; a credential belongs in a connection"
            ),
        ));
    }
    HeaderName::from_bytes(lower.as_bytes())
        .map_err(|_| UpstreamError::config(place, format!("`{name}` is no header name")))
}
