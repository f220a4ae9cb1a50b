//! The merged config as text, with its secrets left out.

use super::parse::is_secret;
use super::tree::{Node, Origin, Value};

/// What stands for a secret.
const REDACTED: &str = "\"***\"";

/// Writes the tree as YAML. Variables are not expanded and secret refs not resolved, so that
/// only what is written in the files themselves can be a secret, and is left out by its key.
pub(super) fn print(node: &Node) -> String {
    let mut text = String::new();
    match &node.value {
        Value::Map(entries) if entries.is_empty() => text.push_str("{}\n"),
        _ => write(node, 0, &mut text),
    }
    text
}

fn write(node: &Node, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    for entry in node.entries() {
        out.push_str(&indent);
        out.push_str(&quoted(&entry.key));
        out.push(':');
        if is_secret(&entry.key) && holds_text(&entry.value) {
            out.push(' ');
            out.push_str(REDACTED);
            out.push('\n');
        } else {
            value(&entry.value, depth + 1, out);
        }
    }
}

/// What stands after `key:` or `-`, with the line's end.
fn value(node: &Node, depth: usize, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str(" null\n"),
        Value::Map(entries) if entries.is_empty() => out.push_str(" {}\n"),
        Value::List(items) if items.is_empty() => out.push_str(" []\n"),
        Value::Scalar(scalar) => {
            out.push(' ');
            match scalar.origin {
                Origin::Plain => out.push_str(scalar.text.expose()),
                _ => out.push_str(&serde_json::Value::from(scalar.text.expose()).to_string()),
            }
            out.push('\n');
        }
        Value::Map(_) => {
            out.push('\n');
            write(node, depth, out);
        }
        Value::List(items) => {
            out.push('\n');
            for item in items {
                out.push_str(&"  ".repeat(depth));
                out.push('-');
                value(item, depth + 1, out);
            }
        }
    }
}

/// Says whether a value is a text or a list of texts: a map has keys of its own to go by.
fn holds_text(node: &Node) -> bool {
    match &node.value {
        // A variable stands in the file by its name only.
        Value::Scalar(scalar) => {
            let text = scalar.text.expose();
            let variable = text.starts_with("${") && text.ends_with('}') && !text.contains(":-");
            !variable && !matches!(text, "true" | "false")
        }
        Value::List(items) => items.iter().any(holds_text),
        Value::Null | Value::Map(_) => false,
    }
}

/// A key as it can stand in a line of YAML.
fn quoted(key: &str) -> String {
    let plain = key
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if plain {
        key.to_owned()
    } else {
        serde_json::Value::from(key).to_string()
    }
}
