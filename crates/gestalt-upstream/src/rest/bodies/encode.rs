//! Form, multipart and raw bodies.

use std::borrow::Cow;
use std::fmt::{Display, Write};

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use gestalt_core::Entropy;
use gestalt_core::operation::Style;

use super::part::{Part, is_content_type};
use crate::UpstreamError;
use crate::rest::json;
use crate::rest::pairs::Pairs;
use crate::rest::schema::Given;
use crate::rest::style::{Form, Writing};
use crate::rest::template::{climbs, push_encoded};

/// Base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One member of a body.
pub(crate) struct Member<'a> {
    /// What callers say.
    pub(crate) field: Cow<'a, str>,
    /// The upstream's name.
    pub(crate) name: &'a str,
    /// Its value's exact text.
    pub(crate) json: Cow<'a, str>,
    pub(crate) part: &'a Part,
}

impl Member<'_> {
    fn wrong(&self, why: impl Display) -> UpstreamError {
        let field = &*self.field;
        UpstreamError::invalid(field, format!("`{field}` {why}."))
    }
}

/// `application/x-www-form-urlencoded`; `taken` says which names callers' own keys may not
/// be.
pub(crate) fn form(
    members: &[Member<'_>],
    taken: &dyn Fn(&str) -> bool,
) -> Result<String, UpstreamError> {
    let mut out = String::new();
    let mut pairs = Pairs::new(&mut out, taken);
    for member in members {
        let mut key = String::new();
        push_encoded(&mut key, member.name);
        let form = Form::of_json(&member.json);
        match (&form, member.part.style) {
            (Form::Nothing, _) => {}
            (Form::Object(_), None) => pairs.push(&key, &json::compact(&member.json)),
            (Form::Array(_), None) if member.part.json => {
                pairs.push(&key, &json::compact(&member.json));
            }
            (_, style) => {
                let (style, explode) = style.unwrap_or((Style::Form, true));
                let writing = Writing {
                    key: &key,
                    style,
                    explode,
                };
                let written = pairs.write(writing, &form, &member.json);
                written.map_err(|why| member.wrong(why))?;
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
                let items = json::items(json).unwrap_or_default();
                for item in items.into_iter().filter(|item| *item != "null") {
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
        json,
        binary,
        transfer,
        ..
    } = member.part;
    let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"");
    if *binary {
        let file = File::read(member, value)?;
        let shown = file.name.map_or(name, |name| escape_name(&name));
        let content_type = file.content_type.as_deref().or(content_type.as_deref());
        let content_type = content_type.unwrap_or("application/octet-stream");
        let _ = write!(
            head,
            "; filename=\"{shown}\"\r\nContent-Type: {content_type}"
        );
        push_part(out, &head, &file.content);
        return Ok(());
    }
    let string = if *json { None } else { json::string(value) };
    let is_json = *json || (string.is_none() && value.starts_with(['{', '[']));
    let default = is_json.then_some("application/json");
    if let Some(content_type) = content_type.as_deref().or(default) {
        let _ = write!(head, "\r\nContent-Type: {content_type}");
    }
    if let Some(encoding) = transfer.as_deref().filter(|name| is_token(name)) {
        let _ = write!(head, "\r\nContent-Transfer-Encoding: {encoding}");
    }
    let text = string.unwrap_or(Cow::Borrowed(value));
    push_part(out, &head, text.as_bytes());
    Ok(())
}

fn push_part(out: &mut Vec<u8>, head: &str, content: &[u8]) {
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(content);
    out.extend_from_slice(b"\r\n");
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// A file among arguments: its bytes in base64, or an object that names it too.
struct File<'a> {
    name: Option<Cow<'a, str>>,
    content_type: Option<Cow<'a, str>>,
    content: Vec<u8>,
}

impl<'a> File<'a> {
    fn read(member: &Member<'_>, value: &'a str) -> Result<Self, UpstreamError> {
        let bytes = |text: Option<Cow<'_, str>>| {
            let bytes = text.and_then(|text| BASE64.decode(&*text).ok());
            bytes.ok_or_else(|| member.wrong("must be base64"))
        };
        if !value.starts_with('{') {
            return Ok(Self {
                name: None,
                content_type: None,
                content: bytes(json::string(value))?,
            });
        }
        let members = json::members(value).map_err(|why| member.wrong(why))?;
        let find = |wanted: &str| {
            let found = members.iter().find(|(key, _)| key == wanted);
            found.and_then(|(_, value)| json::string(value))
        };
        let file = Self {
            name: find("filename"),
            content_type: find("contentType"),
            content: bytes(find("content"))?,
        };
        if file.name.as_deref().is_some_and(|name| !is_file_name(name)) {
            return Err(member.wrong("has a `filename` that is no plain name of a file"));
        }
        let content_type = file.content_type.as_deref();
        if content_type.is_some_and(|text| !is_content_type(text)) {
            return Err(member.wrong("has a `contentType` that is none"));
        }
        Ok(file)
    }
}

/// Says whether a text is the name of a file and no path to one.
fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(['/', '\\'])
        && !name.chars().any(char::is_control)
        && !climbs(name)
}

/// A name as browsers write it (HTML, multipart/form-data encoding algorithm).
fn escape_name(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Any other body: a string's text or bytes.
pub(crate) fn raw(name: &str, given: &Given<'_>, part: &Part) -> Result<Vec<u8>, UpstreamError> {
    match given.string() {
        Some(text) if part.binary => BASE64
            .decode(&*text)
            .map_err(|_| UpstreamError::invalid(name, format!("`{name}` must be base64."))),
        Some(text) => Ok(text.into_owned().into_bytes()),
        None => Ok(given.json().into_owned().into_bytes()),
    }
}
