//! What a document says to makers of tools besides OpenAPI itself.
//!
//! Read is `x-speakeasy-mcp`, which names a tool, describes it, says what it does to the
//! upstream in MCP's words, and can keep an operation from being a tool.

use super::document::Node;
use super::schema::Schemas;

/// Hints of one operation.
#[derive(Default)]
pub(super) struct Hints {
    pub(super) disabled: bool,
    pub(super) name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) read_only: Option<bool>,
    pub(super) destructive: Option<bool>,
    pub(super) idempotent: Option<bool>,
}

/// Reads an operation's hints.
pub(super) fn read(operation: &Node<'_>, schemas: &Schemas<'_>) -> Hints {
    let Some(node) = operation.get("x-speakeasy-mcp") else {
        return Hints::default();
    };
    let text = |key: &str| node.get(key).and_then(|node| node.text());
    let flag = |key: &str| node.get(key).and_then(|node| node.flag());
    Hints {
        disabled: flag("disabled") == Some(true),
        name: text("name"),
        title: text("title"),
        description: schemas.operation_text(&node, "description"),
        read_only: flag("readOnlyHint"),
        destructive: flag("destructiveHint"),
        idempotent: flag("idempotentHint"),
    }
}
