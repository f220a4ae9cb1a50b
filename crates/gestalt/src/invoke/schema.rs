//! An operation's input schema: names, types and values.

use std::collections::BTreeSet;

use serde_json::Value;

/// How far references in a schema are followed.
const MAX_DEPTH: usize = 16;

/// An operation's arguments, as its schema describes them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schema<'a> {
    root: &'a Value,
}

impl<'a> Schema<'a> {
    /// The operation's input schema.
    pub(crate) fn new(root: &'a Value) -> Self {
        Self { root }
    }

    /// The names and schemas of all parameters.
    pub(crate) fn parameters(self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.root
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.as_str(), schema))
    }

    /// The JSON types that a parameter may have; none if it says nothing.
    pub(crate) fn types(self, schema: &'a Value) -> BTreeSet<&'a str> {
        let mut types = BTreeSet::new();
        self.collect(schema, &mut types, MAX_DEPTH);
        types
    }

    /// The values that a parameter may have, where they are counted.
    pub(crate) fn values(self, schema: &'a Value) -> Vec<String> {
        let schema = self.resolve(schema);
        let listed = schema.get("enum").and_then(Value::as_array);
        let values = listed.into_iter().flatten().map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        let values: Vec<String> = values.collect();
        if values.is_empty() && self.types(schema).contains("boolean") {
            return vec!["true".to_owned(), "false".to_owned()];
        }
        values
    }

    /// The names of all parameters that a call needs.
    pub(super) fn required(self) -> impl Iterator<Item = &'a str> {
        let names = self.root.get("required").and_then(Value::as_array);
        names.into_iter().flatten().filter_map(Value::as_str)
    }

    /// Other names than the schema's are refused.
    pub(super) fn is_closed(self) -> bool {
        self.root.get("additionalProperties") == Some(&Value::Bool(false))
    }

    /// A parameter's schema.
    pub(super) fn find(self, name: &str) -> Option<&'a Value> {
        self.root.get("properties")?.get(name)
    }

    /// Follows references within the document.
    pub(crate) fn resolve(self, mut schema: &'a Value) -> &'a Value {
        for _ in 0..MAX_DEPTH {
            let target = schema
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|reference| self.root.pointer(reference.strip_prefix('#')?));
            match target {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    fn collect(self, schema: &'a Value, types: &mut BTreeSet<&'a str>, depth: usize) {
        if depth == 0 {
            return;
        }
        let schema = self.resolve(schema);
        match schema.get("type") {
            Some(Value::String(one)) => {
                types.insert(one);
            }
            Some(Value::Array(several)) => {
                types.extend(several.iter().filter_map(Value::as_str));
            }
            _ => {
                for key in ["anyOf", "oneOf", "allOf"] {
                    let parts = schema.get(key).and_then(Value::as_array);
                    for part in parts.into_iter().flatten() {
                        self.collect(part, types, depth - 1);
                    }
                }
                let listed = schema.get("enum").and_then(Value::as_array);
                for value in listed.into_iter().flatten() {
                    types.insert(type_of(value));
                }
            }
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
