//! The flat schema of an operation's arguments.

use serde_json::{Map, Value, json};

/// One thing to offer.
pub(crate) struct Offered<'a> {
    pub(crate) name: &'a str,
    pub(crate) schema: &'a Value,
    pub(crate) description: Option<&'a str>,
    pub(crate) required: bool,
}

/// A flat object schema in the making.
#[derive(Default)]
pub(crate) struct FlatSchema {
    properties: Map<String, Value>,
    required: Vec<Value>,
    definitions: Map<String, Value>,
}

impl FlatSchema {
    /// Adds an input whose schema stands for itself.
    pub(crate) fn add(&mut self, offered: &Offered<'_>) {
        let place = format!("#/properties/{}", escape(offered.name));
        self.put(offered, &place);
    }

    /// Adds fields of a body whose references are into the whole body's schema.
    pub(crate) fn add_fields(&mut self, whole: &Value, fields: &[Offered<'_>]) {
        if has_reference(whole) {
            let mut whole = whole.clone();
            relocate(&mut whole, "#/$defs/body");
            self.definitions.insert("body".to_owned(), whole);
        }
        for field in fields {
            self.put(field, "#/$defs/body");
        }
    }

    fn put(&mut self, offered: &Offered<'_>, place: &str) {
        let mut schema = offered.schema.clone();
        relocate(&mut schema, place);
        if let (Some(text), Value::Object(object)) = (offered.description, &mut schema) {
            object.entry("description").or_insert_with(|| text.into());
        }
        self.properties.insert(offered.name.to_owned(), schema);
        if offered.required {
            self.required.push(offered.name.into());
        }
    }

    /// The schema.
    pub(crate) fn finish(self) -> Value {
        let mut schema = json!({ "type": "object", "properties": self.properties });
        if !self.required.is_empty() {
            schema["required"] = self.required.into();
        }
        schema["additionalProperties"] = false.into();
        if !self.definitions.is_empty() {
            schema["$defs"] = self.definitions.into();
        }
        schema
    }
}

/// A name as one step of a JSON pointer in a URI fragment.
fn escape(name: &str) -> String {
    let mut out = String::new();
    super::template::push_encoded(&mut out, &name.replace('~', "~0").replace('/', "~1"));
    out
}

/// Says whether a schema refers to a part of itself.
pub(crate) fn has_reference(schema: &Value) -> bool {
    match schema {
        Value::Object(object) => object
            .iter()
            .any(|(key, value)| key == "$ref" && value.is_string() || has_reference(value)),
        Value::Array(items) => items.iter().any(has_reference),
        _ => false,
    }
}

/// Rewrites a schema's references to itself for where it will stand.
fn relocate(schema: &mut Value, place: &str) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                match value {
                    Value::String(reference) if key == "$ref" => {
                        if let Some(rest) = reference.strip_prefix('#') {
                            *reference = format!("{place}{rest}");
                        }
                    }
                    other => relocate(other, place),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                relocate(item, place);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_still_resolve() {
        let schema = json!({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}});
        let whole =
            json!({"properties": {"b": {"$ref": "#/$defs/s"}}, "$defs": {"s": {"type": "string"}}});
        let offer = |name, schema| Offered {
            name,
            schema,
            description: None,
            required: true,
        };
        let mut flat = FlatSchema::default();
        flat.add(&offer("a/x", &schema));
        flat.add_fields(&whole, &[offer("b", &whole["properties"]["b"])]);
        let flat = flat.finish();
        let validator = jsonschema::validator_for(&flat).unwrap();
        assert!(validator.is_valid(&json!({"a/x": 1, "b": "t"})), "{flat}");
        assert!(!validator.is_valid(&json!({"a/x": "1", "b": "t"})));
        assert!(!validator.is_valid(&json!({"a/x": 1, "b": 1})));
        assert!(!validator.is_valid(&json!({"a/x": 1, "b": "t", "c": 1})));
    }
}
