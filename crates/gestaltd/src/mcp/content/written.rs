//! The text of a result.

use std::borrow::Cow;

use serde_json::Value;

/// A result in the making.
#[derive(Default)]
pub(super) struct Written<'a> {
    /// The blocks, as JSON text.
    pub(super) content: String,
    /// An object's JSON text.
    pub(super) structured: Option<Cow<'a, str>>,
    pub(super) is_error: bool,
    /// Members, as JSON text.
    pub(super) meta: String,
}

impl Written<'_> {
    /// Adds a block of text.
    pub(super) fn text(&mut self, text: &str) {
        self.next_block();
        self.content.push_str(r#"{"type":"text","text":"#);
        push_string(&mut self.content, text);
        self.content.push('}');
    }

    /// Adds a block of another kind.
    pub(super) fn block(&mut self, block: &Value) {
        self.next_block();
        self.content.push_str(&block.to_string());
    }

    fn next_block(&mut self) {
        if !self.content.is_empty() {
            self.content.push(',');
        }
    }

    /// Adds something for programs.
    pub(super) fn meta(&mut self, name: &str, value: &Value) {
        if !self.meta.is_empty() {
            self.meta.push(',');
        }
        push_string(&mut self.meta, name);
        self.meta.push(':');
        self.meta.push_str(&value.to_string());
    }

    pub(super) fn finish(self) -> String {
        let structured = self.structured.unwrap_or_default();
        let size = self.content.len() + structured.len() + self.meta.len() + 80;
        let mut text = String::with_capacity(size);
        text.push_str(r#"{"content":["#);
        text.push_str(&self.content);
        text.push(']');
        if !structured.is_empty() {
            text.push_str(r#","structuredContent":"#);
            text.push_str(&structured);
        }
        if self.is_error {
            text.push_str(r#","isError":true"#);
        }
        if !self.meta.is_empty() {
            text.push_str(r#","_meta":{"#);
            text.push_str(&self.meta);
            text.push('}');
        }
        text.push('}');
        text
    }
}

/// Adds a JSON string.
fn push_string(out: &mut String, text: &str) {
    // A text can always be written as a JSON string.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}
