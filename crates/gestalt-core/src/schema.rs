//! JSON Schemas, kept as text.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// A JSON Schema 2020-12 that stands for itself: what it refers to is inside it.
///
/// It is kept as JSON text, which for a large schema takes a tenth of what its tree would;
/// clones share it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Schema(Arc<str>);

impl Schema {
    /// Takes over a text; `None` if it is no JSON, or nested too deeply to be read.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<Value>(text).ok()?;
        Some(Self(text.into()))
    }

    /// Takes over a text that was put together from read or written JSON, without reading it
    /// again. A text that is no JSON makes a schema that nothing holds to.
    pub fn written(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The tree, read anew at each call.
    pub fn value(&self) -> Value {
        // What is here was written from a tree, or has been read once.
        serde_json::from_str(&self.0).unwrap_or(Value::Bool(false))
    }
}

impl From<&Value> for Schema {
    fn from(value: &Value) -> Self {
        Self(value.to_string().into())
    }
}

impl From<Value> for Schema {
    fn from(value: Value) -> Self {
        Self::from(&value)
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_json_is_no_schema() {
        for text in ["", "{", "{} x", &"[".repeat(1_000)] {
            assert!(Schema::parse(text).is_none());
        }
    }

    #[test]
    fn a_text_keeps_its_form() {
        let text = r#"{ "maximum": 1.0, "type": "number" }"#;
        assert_eq!(Schema::parse(text).as_ref().map(Schema::text), Some(text));
        let tree = json!({"type": "object", "properties": {"b": {}, "a": {}}});
        assert_eq!(Schema::from(&tree).value(), tree);
    }
}
