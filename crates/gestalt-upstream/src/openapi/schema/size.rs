//! How long a schema is as text, told without writing it.

use serde_json::Value;

/// Says whether a tree's JSON is no longer than a number of bytes.
pub(super) fn fits(value: &Value, bytes: usize) -> bool {
    left(value, bytes).is_some()
}

/// What a tree's JSON leaves of a number of bytes.
fn left(value: &Value, bytes: usize) -> Option<usize> {
    match value {
        Value::Null | Value::Bool(true) => bytes.checked_sub(4),
        Value::Bool(false) => bytes.checked_sub(5),
        Value::Number(number) => bytes.checked_sub(number.to_string().len()),
        Value::String(text) => bytes.checked_sub(quoted(text)),
        Value::Array(items) => {
            let bytes = bytes.checked_sub(2 + items.len().saturating_sub(1))?;
            items
                .iter()
                .try_fold(bytes, |bytes, item| left(item, bytes))
        }
        Value::Object(members) => {
            let marks = 2 + members
                .len()
                .saturating_mul(2)
                .saturating_sub(1)
                .max(members.len());
            let bytes = bytes.checked_sub(marks)?;
            members.iter().try_fold(bytes, |bytes, (name, value)| {
                left(value, bytes.checked_sub(quoted(name))?)
            })
        }
    }
}

/// The length of a string's JSON.
fn quoted(text: &str) -> usize {
    let escapes = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    });
    escapes.sum::<usize>() + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_exact() {
        for text in [
            "null",
            "[]",
            "{}",
            "[1,true,false,-0.5]",
            r#"{"a":{"b":[]},"c":null}"#,
            r#""ä\u0001\n\"\\""#,
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            let length = value.to_string().len();
            assert!(fits(&value, length) && !fits(&value, length - 1), "{text}");
        }
    }
}
