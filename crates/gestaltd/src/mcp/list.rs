//! `tools/list`: pages are written once and kept, so that a list that was asked for before
//! costs one lookup and one write.

use std::fmt::Write as _;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use gestalt_gateway::{Tool, ToolSet};
use http_body::{Body as HttpBody, Frame, SizeHint};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::answer;
use super::discover::TTL_MS;
use super::era::Era;
use super::fault::Fault;

/// What a page's own members take at most, in bytes, beside its tools.
const TOOL_OVERHEAD: usize = 192;

/// Bounds of a page and of the pages that are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListLimits {
    /// Tools of a page.
    pub max_tools: usize,
    /// Bytes of a page, unless a single tool has more.
    pub max_bytes: usize,
    /// Bytes of all pages that are kept.
    pub max_kept_bytes: u64,
}

impl Default for ListLimits {
    fn default() -> Self {
        Self {
            max_tools: 1_000,
            max_bytes: 4 * 1024 * 1024,
            max_kept_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Pages that are kept, whoever asked for them: equal sets of tools share them.
pub(super) struct Pages {
    limits: ListLimits,
    kept: Cache<Key, Bytes, Weight>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    set: [u8; 32],
    filtered: bool,
    era: Era,
    page: u32,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Key, Bytes> for Weight {
    fn weight(&self, _: &Key, page: &Bytes) -> u64 {
        page.len() as u64 + 256
    }
}

impl Pages {
    pub(super) fn new(limits: ListLimits) -> Self {
        Self {
            limits,
            kept: Cache::with_weighter(256, limits.max_kept_bytes, Weight),
        }
    }

    /// The message up to its id: a page of the set.
    ///
    /// # Errors
    /// For a cursor that is not of this set.
    pub(super) fn get(
        &self,
        set: &ToolSet,
        cursor: Option<&str>,
        era: Era,
    ) -> Result<Bytes, Fault> {
        let fingerprint = set.fingerprint();
        let page = match cursor {
            None => 0,
            Some(cursor) => read_cursor(cursor, &fingerprint).ok_or_else(no_such_page)?,
        };
        let key = Key {
            set: fingerprint,
            filtered: set.filtered(),
            era,
            page,
        };
        if let Some(known) = self.kept.get(&key) {
            return Ok(known);
        }
        let tools = set.tools();
        let sizes: Vec<usize> = tools.iter().map(|tool| size(tool)).collect();
        let (range, more) = cut(&sizes, page, &self.limits).ok_or_else(no_such_page)?;
        let next = more.then(|| write_cursor(page + 1, &fingerprint));
        let written = write(&tools[range], next.as_deref(), era, set.filtered());
        self.kept.insert(key, written.clone());
        Ok(written)
    }
}

pub(super) fn no_such_page() -> Fault {
    Fault::invalid_params(
        "The cursor is none of this list, or the list has changed: ask again from its start.",
    )
}

/// Which tools, by their sizes, a page has, and whether there are more; nothing if there is
/// no such page.
fn cut(sizes: &[usize], page: u32, limits: &ListLimits) -> Option<(Range<usize>, bool)> {
    let mut start = 0;
    let mut left = page;
    loop {
        let end = start + length(&sizes[start..], limits);
        if left == 0 {
            return Some((start..end, end < sizes.len()));
        }
        if end == sizes.len() {
            return None;
        }
        (start, left) = (end, left - 1);
    }
}

/// How many of these make one page.
fn length(sizes: &[usize], limits: &ListLimits) -> usize {
    let mut bytes = 0_usize;
    let fits = sizes.iter().take(limits.max_tools).take_while(|size| {
        bytes = bytes.saturating_add(**size);
        bytes <= limits.max_bytes
    });
    fits.count().max(1).min(sizes.len())
}

fn size(tool: &Tool) -> usize {
    if let Some(json) = &tool.json {
        return json.len() + 1;
    }
    let output = tool.output_schema.as_ref().map_or(0, |schema| schema.len());
    let title = tool.title.as_ref().map_or(0, |title| 2 * title.len());
    tool.name.len()
        + title
        + tool.description.len()
        + tool.input_schema.len()
        + output
        + TOOL_OVERHEAD
}

/// A cursor is the page's number and the set it is of.
fn write_cursor(page: u32, fingerprint: &[u8; 32]) -> String {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&fingerprint[..8]);
    bytes[8..].copy_from_slice(&page.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_cursor(cursor: &str, fingerprint: &[u8; 32]) -> Option<u32> {
    if cursor.len() != 16 {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (set, page) = bytes.split_at_checked(8)?;
    let page = u32::from_be_bytes(page.try_into().ok()?);
    (set == &fingerprint[..8] && page > 0).then_some(page)
}

/// Writes the message up to its id.
fn write(tools: &[Arc<Tool>], next: Option<&str>, era: Era, filtered: bool) -> Bytes {
    let mut members = String::from(r#""tools":["#);
    for (at, tool) in tools.iter().enumerate() {
        if at > 0 {
            members.push(',');
        }
        push_tool(&mut members, tool);
    }
    members.push(']');
    if let Some(next) = next {
        push_member(&mut members, "nextCursor", next);
    }
    if era == Era::Modern {
        let scope = if filtered { "private" } else { "public" };
        let _ = write!(members, r#","ttlMs":{TTL_MS}"#);
        push_member(&mut members, "cacheScope", scope);
    }
    let mut text = String::with_capacity(members.len() + 200);
    text.push_str(r#"{"jsonrpc":"2.0","result":"#);
    answer::push_result(&mut text, era, "complete", &members);
    text.push_str(r#","id":"#);
    Bytes::from(text)
}

/// The whole of one tool: an object's text.
pub(super) fn definition(tool: &Tool) -> String {
    let mut text = String::with_capacity(size(tool));
    push_tool(&mut text, tool);
    text
}

fn push_tool(text: &mut String, tool: &Tool) {
    if let Some(json) = &tool.json {
        text.push_str(json);
        return;
    }
    text.push_str(r#"{"name":"#);
    push_string(text, &tool.name);
    if let Some(title) = &tool.title {
        push_member(text, "title", title);
    }
    push_member(text, "description", &tool.description);
    text.push_str(r#","inputSchema":"#);
    text.push_str(&tool.input_schema);
    if let Some(schema) = &tool.output_schema {
        text.push_str(r#","outputSchema":"#);
        text.push_str(schema);
    }
    text.push_str(r#","annotations":{"openWorldHint":true"#);
    if let Some(title) = &tool.title {
        push_member(text, "title", title);
    }
    let hints = &tool.annotations;
    for (name, hint) in [
        ("readOnlyHint", Some(hints.read_only)),
        ("destructiveHint", hints.destructive),
        ("idempotentHint", hints.idempotent),
    ] {
        if let Some(hint) = hint {
            let _ = write!(text, r#","{name}":{hint}"#);
        }
    }
    text.push_str("}}");
}

fn push_member(text: &mut String, name: &str, value: &str) {
    text.push_str(",\"");
    text.push_str(name);
    text.push_str("\":");
    push_string(text, value);
}

fn push_string(text: &mut String, value: &str) {
    text.push_str(&serde_json::Value::from(value).to_string());
}

/// A page and the id it answers to, in two pieces that are written at once.
/// `id`: its JSON text.
pub(super) fn body(page: Bytes, id: &str) -> Body {
    let end = Bytes::from(format!("{id}}}"));
    Body::new(Pieces([page, end]))
}

/// The same as one text.
pub(super) fn text(page: &Bytes, id: &str) -> String {
    format!("{}{id}}}", String::from_utf8_lossy(page))
}

struct Pieces([Bytes; 2]);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let next = self.0.iter_mut().find(|piece| !piece.is_empty());
        Poll::Ready(next.map(|piece| Ok(Frame::data(std::mem::take(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.iter().all(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}

#[cfg(test)]
mod tests;
