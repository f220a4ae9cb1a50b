//! Form, multipart and raw bodies.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use gestalt_core::Entropy;
use gestalt_core::operation::Style;

use super::layout::Part;
use crate::UpstreamError;
use crate::rest::json;
use crate::rest::pairs::Pairs;
use crate::rest::schema::Given;
use crate::rest::style::{Form, Writing};
use crate::rest::template::push_encoded;

/// Base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One member of a body.
pub(crate) struct Member<'a> {
    /// The upstream's name.
    pub(crate) name: &'a str,
    /// Its value's exact text.
    pub(crate) json: Cow<'a, str>,
    pub(crate) part: &'a Part,
}

/// `application/x-www-form-urlencoded`.
pub(crate) fn form(members: &[Member<'_>]) -> Result<String, UpstreamError> {
    let mut out = String::new();
    let taken = |key: &str| members.iter().any(|member| member.name == key);
    let mut pairs = Pairs::new(&mut out, &taken);
    for member in members {
        let mut key = String::new();
        push_encoded(&mut key, member.name);
        let form = Form::of_json(&member.json);
        match (&form, member.part.style) {
            (Form::Object(_), None) => pairs.push(&key, &member.json),
            (_, style) => {
                let (style, explode) = style.unwrap_or((Style::Form, true));
                let writing = Writing {
                    key: &key,
                    style,
                    explode,
                };
                pairs.write(writing, &form, &member.json).map_err(|why| {
                    UpstreamError::invalid(member.name, format!("`{}` {why}.", member.name))
                })?;
            }
        }
    }
    Ok(out)
}

/// `multipart/form-data` (RFC 7578), and its boundary.
pub(crate) fn multipart(
    members: &[Member<'_>],
    entropy: &Entropy,
) -> Result<(Vec<u8>, String), UpstreamError> {
    let random: [u8; 16] = entropy
        .array()
        .map_err(|error| UpstreamError::Internal(error.into()))?;
    let boundary = format!("gestalt-{:032x}", u128::from_le_bytes(random));
    let mut out = Vec::new();
    for member in members {
        let json = &*member.json;
        match json.as_bytes().first() {
            Some(b'n') => {}
            Some(b'[') => {
                for item in json::items(json).unwrap_or_default() {
                    part(&mut out, &boundary, member, item)?;
                }
            }
            _ => part(&mut out, &boundary, member, json)?,
        }
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((out, boundary))
}

fn part(
    out: &mut Vec<u8>,
    boundary: &str,
    member: &Member<'_>,
    value: &str,
) -> Result<(), UpstreamError> {
    let name = escape_name(member.name);
    let Part {
        content_type,
        file,
        base64,
        ..
    } = member.part;
    let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"");
    if *file {
        let _ = write!(head, "; filename=\"{name}\"");
    }
    let string = json::string(value);
    let default = match (&string, file) {
        (_, true) => Some("application/octet-stream"),
        (None, false) if value.starts_with(['{', '[']) => Some("application/json"),
        _ => None,
    };
    // The definition's own text, which was read as a header when the plugin was compiled.
    let content_type = content_type
        .as_deref()
        .filter(|t| !t.contains(['*', ',', '\r', '\n']));
    if let Some(content_type) = content_type.or(default) {
        let _ = write!(head, "\r\nContent-Type: {content_type}");
    }
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    let text = string.unwrap_or(Cow::Borrowed(value));
    if *base64 {
        out.extend_from_slice(&decode(member.name, &text)?);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// A name as browsers write it (HTML, multipart/form-data encoding algorithm).
fn escape_name(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn decode(name: &str, text: &str) -> Result<Vec<u8>, UpstreamError> {
    BASE64
        .decode(text)
        .map_err(|_| UpstreamError::invalid(name, format!("`{name}` must be base64.")))
}

/// Any other body: a string's text or bytes, else JSON.
pub(crate) fn raw(given: &Given<'_>, part: &Part) -> Result<Vec<u8>, UpstreamError> {
    match given.string() {
        Some(text) if part.base64 => decode("body", &text),
        Some(text) => Ok(text.into_owned().into_bytes()),
        None => Ok(given.json().into_owned().into_bytes()),
    }
}
