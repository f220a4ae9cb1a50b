//! The flat schema of an operation's arguments.

use std::fmt::Write;

use gestalt_core::Schema;
use serde_json::{Map, Value, json};

/// One thing to offer.
#[derive(Clone, Copy)]
pub(crate) struct Offered<'a> {
    pub(crate) name: &'a str,
    pub(crate) schema: &'a Value,
    pub(crate) description: Option<&'a str>,
    pub(crate) required: bool,
}

/// A flat object schema in the making, as text.
#[derive(Default)]
pub(crate) struct FlatSchema {
    properties: String,
    required: String,
    definitions: Map<String, Value>,
}

impl FlatSchema {
    /// Adds an input whose schema stands for itself.
    pub(crate) fn add(&mut self, offered: &Offered<'_>) {
        if !has_reference(offered.schema) {
            return self.put(offered);
        }
        let mut schema = offered.schema.clone();
        if !self.hoist(&mut schema) {
            relocate(
                &mut schema,
                &format!("#/properties/{}", escape(offered.name)),
            );
        }
        self.put(&Offered {
            schema: &schema,
            ..*offered
        });
    }

    /// Adds fields of a body whose references are into the whole body's schema.
    pub(crate) fn add_fields(&mut self, whole: &Value, fields: &[Offered<'_>]) {
        if !has_reference(whole) {
            return fields.iter().for_each(|field| self.put(field));
        }
        if self.hoist(&mut whole.clone()) {
            return fields.iter().for_each(|field| self.put(field));
        }
        let mut moved = whole.clone();
        relocate(&mut moved, "#/$defs/body");
        self.definitions.insert("body".to_owned(), moved);
        for field in fields {
            let mut schema = field.schema.clone();
            relocate(&mut schema, "#/$defs/body");
            self.put(&Offered {
                schema: &schema,
                ..*field
            });
        }
    }

    /// Moves a schema's definitions to the top, where that leaves every reference as it is.
    fn hoist(&mut self, schema: &mut Value) -> bool {
        let taken = |name: &String| name == "body" || self.definitions.contains_key(name);
        let free = schema
            .get("$defs")
            .and_then(Value::as_object)
            .is_some_and(|definitions| !definitions.keys().any(taken));
        if !free || !refers_only_to_definitions(schema) {
            return false;
        }
        if let Some(Value::Object(definitions)) = schema
            .as_object_mut()
            .and_then(|object| object.shift_remove("$defs"))
        {
            self.definitions.extend(definitions);
        }
        true
    }

    fn put(&mut self, offered: &Offered<'_>) {
        let name = Value::from(offered.name).to_string();
        let mut schema = offered.schema.to_string();
        if let Some(text) = offered.description
            && offered.schema.get("description").is_none()
        {
            match offered.schema {
                Value::Object(object) => {
                    let comma = if object.is_empty() { "" } else { "," };
                    let text = Value::from(text);
                    schema.pop();
                    let _ = write!(schema, "{comma}\"description\":{text}}}");
                }
                Value::Bool(true) => schema = json!({ "description": text }).to_string(),
                _ => {}
            }
        }
        push_item(&mut self.properties, &format!("{name}:{schema}"));
        if offered.required {
            push_item(&mut self.required, &name);
        }
    }

    /// The schema.
    pub(crate) fn finish(self) -> Schema {
        let mut text = String::with_capacity(self.properties.len() + self.required.len() + 100);
        text.push_str("{\"type\":\"object\",\"properties\":{");
        text.push_str(&self.properties);
        text.push('}');
        if !self.required.is_empty() {
            text.push_str(",\"required\":[");
            text.push_str(&self.required);
            text.push(']');
        }
        text.push_str(",\"additionalProperties\":false");
        if !self.definitions.is_empty() {
            text.push_str(",\"$defs\":");
            text.push_str(&Value::Object(self.definitions).to_string());
        }
        text.push('}');
        Schema::written(text)
    }
}

fn push_item(list: &mut String, item: &str) {
    list.push_str(if list.is_empty() { "" } else { "," });
    list.push_str(item);
}

/// Says whether every reference of a schema is to one of its definitions.
fn refers_only_to_definitions(schema: &Value) -> bool {
    match schema {
        Value::Object(object) => object.iter().all(|(key, value)| match value {
            Value::String(reference) if key == "$ref" => reference.starts_with("#/$defs/"),
            other => refers_only_to_definitions(other),
        }),
        Value::Array(items) => items.iter().all(refers_only_to_definitions),
        _ => true,
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
    fn definitions_move_to_the_top_where_they_can() {
        let schema = json!({
            "properties": { "a": { "$ref": "#/$defs/n" } },
            "$defs": { "n": { "type": "integer" } },
        });
        let mut flat = FlatSchema::default();
        let offered = |name| Offered {
            name,
            schema: &schema,
            description: Some("It."),
            required: false,
        };
        flat.add(&offered("x"));
        flat.add(&offered("y"));
        let expect = json!({
            "type": "object",
            "properties": {
                "x": {
                    "properties": { "a": { "$ref": "#/$defs/n" } },
                    "description": "It.",
                },
                "y": {
                    "properties": { "a": { "$ref": "#/properties/y/$defs/n" } },
                    "$defs": { "n": { "type": "integer" } },
                    "description": "It.",
                },
            },
            "additionalProperties": false,
            "$defs": { "n": { "type": "integer" } },
        });
        assert_eq!(flat.finish().value(), expect);
    }

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
        let flat = flat.finish().value();
        let validator = jsonschema::validator_for(&flat).unwrap();
        assert!(validator.is_valid(&json!({"a/x": 1, "b": "t"})), "{flat}");
        assert!(!validator.is_valid(&json!({"a/x": "1", "b": "t"})));
        assert!(!validator.is_valid(&json!({"a/x": 1, "b": 1})));
        assert!(!validator.is_valid(&json!({"a/x": 1, "b": "t", "c": 1})));
    }
}
