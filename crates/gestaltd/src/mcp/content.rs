//! What came of a call, as the content of a tool's result.
//!
//! A result is written as one JSON object's text: `content` first, then `structuredContent`,
//! `isError` and `_meta` where there is something to say in them. What an upstream sent is never
//! read into a tree and written again: numbers and order stay what they were.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gestalt_core::{Kind as RefusalKind, Refusal, Subject};
use gestalt_gateway::{FoundTool, Reply};
use http::{HeaderMap, StatusCode, header};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use self::arrived::{Arrived, Kind};
use self::graphql::Outcome;
use self::written::Written;
use super::held::{self, Held, Rest};
use crate::http::Site;
use crate::http::invoke::arguments::is_deeper;

mod arrived;
mod graphql;
mod written;

/// Arrays and objects within each other that are still given as structured content.
const MAX_DEPTH: usize = 100;

/// Bounds of one result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContentLimits {
    /// Text given at once, in bytes; the rest can be asked for.
    pub max_text_bytes: usize,
    /// An image, a sound or another file, in bytes before base64; a larger one is not given.
    pub max_blob_bytes: usize,
    /// Text that is read of an answer, in bytes; what is beyond is left where it is.
    pub max_read_bytes: usize,
}

impl Default for ContentLimits {
    fn default() -> Self {
        Self {
            max_text_bytes: 256 * 1024,
            max_blob_bytes: 4 * 1024 * 1024,
            max_read_bytes: 8 * 1024 * 1024,
        }
    }
}

/// Who calls which tool.
pub(crate) struct ToolCall<'a> {
    pub(crate) subject: Subject,
    pub(crate) tool: &'a FoundTool,
}

/// Writes the result that an upstream's answer is.
pub(crate) async fn result(
    reply: Reply,
    call: &ToolCall<'_>,
    limits: &ContentLimits,
    held: &Held,
) -> String {
    let Reply {
        status,
        headers,
        body,
        continuation,
        stopped,
    } = reply;
    let kind = Kind::of(&headers);
    let max_bytes = if kind.may_be_text() {
        limits.max_read_bytes.max(limits.max_text_bytes)
    } else {
        limits.max_blob_bytes
    };
    let arrived = match arrived::read(body, max_bytes).await {
        Ok(arrived) => arrived,
        Err(sentence) => return told(&sentence),
    };
    let mut result = Written::default();
    let refused = status.is_client_error() || status.is_server_error();
    let outcome = arrived.text().filter(|_| call.tool.graphql && !arrived.cut);
    let outcome = outcome.map_or(Outcome::Data, Outcome::of);
    let failed = refused || outcome == Outcome::Failed;
    result.is_error = failed;
    if refused || arrived.bytes.is_empty() {
        result.text(&answered(status, &headers));
    }
    if arrived.bytes.is_empty() {
        if call.tool.structured && !failed {
            result.structured = Some("{}".into());
        }
    } else if let Some(text) = arrived.text().filter(|_| kind.may_be_text()) {
        if text.len() > limits.max_text_bytes || arrived.cut {
            let rest = Rest {
                subject: call.subject,
                tool: call.tool.clone(),
                text: text.to_owned(),
                cut: arrived.cut,
                is_error: failed,
                next_page: continuation,
            };
            return first_piece(result, rest, limits, held);
        }
        result.text(text);
        if outcome == Outcome::Partial {
            result.text("Part of the data is missing; `errors` says why.");
        }
        if !failed {
            result.structured = structured(text, &kind, call.tool.structured);
        }
    } else {
        blob(&mut result, &kind, &arrived, call, limits);
    }
    paged(&mut result, continuation, stopped);
    result.finish()
}

/// Writes what a continuation of a result that was kept here asks for; `None` if it is the
/// gateway's to read.
pub(crate) fn continued(
    continuation: &str,
    call: &ToolCall<'_>,
    limits: &ContentLimits,
    held: &Held,
) -> Option<String> {
    if !held::is_ours(continuation) {
        return None;
    }
    let found = held::read(continuation).and_then(|(id, offset)| {
        let rest = held.find(id, call.subject, call.tool)?;
        rest.text
            .is_char_boundary(offset)
            .then_some((id, rest, offset))
    });
    let Some((id, rest, offset)) = found else {
        return Some(told(
            "The rest of this result is no longer kept. Call the tool again without `_continuation`.",
        ));
    };
    let mut result = Written {
        is_error: rest.is_error,
        ..Written::default()
    };
    piece(&mut result, &rest, Some(id), offset, limits);
    Some(result.finish())
}

/// Writes a refusal so that an agent can act on it.
pub(crate) fn refused(refusal: &Refusal, site: &Site) -> String {
    let link = refusal.link.as_deref().map(|path| site.url(path));
    let mut text = refusal.message.clone();
    let asked = match refusal.kind() {
        RefusalKind::NotConnected => link.as_ref().map(|link| {
            format!(
                "\nAsk the user to open this link and connect, then call the tool again: {link}"
            )
        }),
        RefusalKind::Choose if !refusal.choices.is_empty() => {
            let member = refusal.field.as_deref().unwrap_or("_instance");
            let choices = refusal.choices.join(", ");
            Some(format!(
                "\nCall the tool again with `{member}` set to one of: {choices}"
            ))
        }
        _ => None,
    };
    match (&asked, &refusal.hint) {
        // The sentence says all that the hint would.
        (Some(asked), _) if refusal.kind() == RefusalKind::Choose => text.push_str(asked),
        (asked, hint) => {
            text.push_str(asked.as_deref().unwrap_or_default());
            if let Some(hint) = hint {
                let _infallible = write!(text, "\n{hint}");
            }
        }
    }
    if let Some(wait) = refusal.retry_after {
        let _infallible = write!(text, "\nTry again in {} seconds.", wait.as_secs().max(1));
    }
    let mut result = Written {
        is_error: true,
        ..Written::default()
    };
    result.text(&text);
    result.meta("gestalt/code", &refusal.code.as_str().into());
    if let Some(link) = link {
        result.meta("gestalt/link", &link.into());
    }
    if !refusal.choices.is_empty() {
        result.meta("gestalt/choices", &json!(refusal.choices));
    }
    result.finish()
}

/// An error that is one sentence.
fn told(sentence: &str) -> String {
    let mut result = Written {
        is_error: true,
        ..Written::default()
    };
    result.text(sentence);
    result.finish()
}

/// What the status and the headers say that an agent can use.
fn answered(status: StatusCode, headers: &HeaderMap) -> String {
    let mut text = format!("The upstream answered {status}.");
    for (name, said) in [
        (header::LOCATION, "It names this place"),
        (header::RETRY_AFTER, "It asks to try again after"),
    ] {
        if let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) {
            let _infallible = write!(text, " {said}: {value}.");
        }
    }
    text
}

/// A JSON object as it is. Where the tool has a schema of its results, whatever else came
/// is put into an object, since each result must have one then.
fn structured<'a>(text: &'a str, kind: &Kind, needed: bool) -> Option<Cow<'a, str>> {
    let text = text.trim();
    let is_json = *kind != Kind::Text && !is_deeper(text.as_bytes(), MAX_DEPTH);
    let json = is_json.then(|| serde_json::from_str::<&RawValue>(text).ok());
    match json.flatten() {
        Some(object) if object.get().starts_with('{') => Some(object.get().into()),
        Some(other) if needed => Some(format!(r#"{{"_result":{}}}"#, other.get()).into()),
        None if needed => Some("{}".into()),
        _ => None,
    }
}

fn blob(
    result: &mut Written<'_>,
    kind: &Kind,
    arrived: &Arrived,
    call: &ToolCall<'_>,
    limits: &ContentLimits,
) {
    let FoundTool {
        plugin, operation, ..
    } = call.tool;
    let media_type = match kind {
        Kind::Image(name) | Kind::Audio(name) | Kind::Binary(name) => name,
        Kind::Json | Kind::Text | Kind::Unknown => "application/octet-stream",
    };
    if arrived.cut || arrived.bytes.len() > limits.max_blob_bytes {
        let max = limits.max_blob_bytes;
        result.text(&format!(
            "The answer is a file ({media_type}) of more than {max} bytes, which is too large for a \
             result. Fetch it over HTTP: POST /api/v1/{plugin}/{operation}"
        ));
        result.is_error = true;
        return;
    }
    let data = STANDARD.encode(&arrived.bytes);
    result.block(&match kind {
        Kind::Image(name) => json!({ "type": "image", "data": data, "mimeType": name }),
        Kind::Audio(name) => json!({ "type": "audio", "data": data, "mimeType": name }),
        _ => json!({ "type": "resource", "resource": {
            "uri": format!("gestalt://{plugin}/{operation}/result"),
            "mimeType": media_type,
            "blob": data,
        }}),
    });
    if call.tool.structured && !result.is_error {
        result.structured = Some("{}".into());
    }
}

/// Says how the next page is asked for, or why there is none.
fn paged(result: &mut Written<'_>, next: Option<String>, stopped: Option<&'static str>) {
    if let Some(next) = next {
        let quoted = Value::from(&*next);
        result.text(&format!(
            "There are more results. For the next page call this tool again with the same arguments and `_continuation`: {quoted}"
        ));
        result.meta("gestalt/continuation", &quoted);
    }
    if let Some(why) = stopped {
        if !matches!(why, "end" | "empty_page" | "not_a_page") {
            result.text(&format!(
                "There may be more results, but no next page can be asked for: {why}."
            ));
        }
        result.meta("gestalt/stopped", &why.into());
    }
}

/// Keeps a result that is too large and writes the first piece of it.
fn first_piece(mut result: Written<'_>, rest: Rest, limits: &ContentLimits, held: &Held) -> String {
    let structured = rest.tool.structured;
    // What is beyond the limit of reading needs no place if nothing else is left to ask for.
    let kept = if rest.text.len() > limits.max_text_bytes {
        held.keep(rest)
            .map_or_else(|| (None, None), |(id, rest)| (Some(id), Some(rest)))
    } else {
        (None, Some(Arc::new(rest)))
    };
    if let (id, Some(rest)) = kept {
        piece(&mut result, &rest, id.as_deref(), 0, limits);
    } else {
        result.is_error = true;
        result.text("The result is too large to be given. Ask for less.");
    }
    if !result.is_error && structured && result.structured.is_none() {
        result.structured = Some("{}".into());
    }
    result.finish()
}

/// Writes as much of a kept result as is given at once.
fn piece(
    result: &mut Written<'_>,
    rest: &Arc<Rest>,
    id: Option<&str>,
    offset: usize,
    limits: &ContentLimits,
) {
    let all = rest.text.len();
    let end = offset.saturating_add(limits.max_text_bytes.max(4));
    let end = rest.text.floor_char_boundary(end);
    result.text(&rest.text[offset..end]);
    let more = if rest.cut { "more than " } else { "" };
    let mut members = String::new();
    match id {
        Some(id) if end < all => {
            let next = Value::from(held::continuation(id, end));
            result.text(&format!(
                "This is part of the result: bytes {offset} to {end} of {more}{all}. For the next part call this \
                 tool again with `_continuation`: {next}"
            ));
            result.meta("gestalt/continuation", &next);
            members = format!(r#","_continuation":{next}"#);
        }
        _ if rest.cut => {
            result.text(&format!(
                "The answer is longer than the {all} bytes that are read of it; the rest was left. Ask for less."
            ));
            result.meta("gestalt/cut", &true.into());
        }
        _ => paged(result, rest.next_page.clone(), None),
    }
    if rest.tool.structured && !rest.is_error {
        result.structured = Some(format!(r#"{{"_part":true{members}}}"#).into());
    }
}

#[cfg(test)]
mod tests;
