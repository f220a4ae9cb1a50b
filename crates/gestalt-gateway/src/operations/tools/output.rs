//! The schema of a tool's structured results.
//!
//! A client refuses a result that does not hold by the schema, although the upstream has
//! answered; and upstreams leave out members that they call required, send null, and add words to
//! enumerations. So the schema that a tool shows keeps names, types and descriptions, and
//! asserts no more than types, null included.

use serde_json::{Map, Value, json};

/// Members of a schema that hold several.
const LISTS: [&str; 2] = ["allOf", "prefixItems"];

/// Members that stay as they are.
const KEPT: [&str; 6] = [
    "$ref",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
];

/// Alternatives and references within each other that are looked at for the root's type.
const MAX_HOPS: usize = 8;

/// What a schema of answers tells a client, as text; `None` where answers are no objects.
pub(super) fn relaxed(schema: Value) -> Option<String> {
    if !is_object(&schema, &schema, MAX_HOPS) {
        return None;
    }
    let Value::Object(mut root) = relax(schema) else {
        return None;
    };
    root.insert("type".to_owned(), "object".into());
    Some(Value::Object(root).to_string())
}

/// Whether a schema is for objects and nothing else but null.
fn is_object(root: &Value, schema: &Value, hops: usize) -> bool {
    let Some(left) = hops.checked_sub(1) else {
        return false;
    };
    let of = |schema: &Value| is_object(root, schema, left);
    let list = |name: &str| schema.get(name).and_then(Value::as_array);
    match schema.get("type") {
        Some(Value::String(word)) => return word == "object",
        Some(Value::Array(words)) => {
            return words.iter().any(|word| word == "object")
                && words.iter().all(|word| word == "object" || word == "null");
        }
        _ => {}
    }
    let referred = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| root.pointer(reference.strip_prefix('#')?));
    referred.is_some_and(of)
        || schema.get("properties").is_some()
        || list("allOf").is_some_and(|all| all.iter().any(of))
        || ["anyOf", "oneOf"]
            .into_iter()
            .filter_map(list)
            .any(|some| !some.is_empty() && some.iter().all(of))
}

fn relax(schema: Value) -> Value {
    let Value::Object(schema) = schema else {
        return Value::Bool(true);
    };
    let mut out = Map::with_capacity(schema.len());
    for (name, value) in schema {
        match (&*name, value) {
            ("type", value) => {
                out.insert(name, with_null(value));
            }
            ("properties" | "$defs", Value::Object(named)) => {
                let named = named.into_iter().map(|(name, value)| (name, relax(value)));
                out.insert(name, Value::Object(named.collect()));
            }
            ("items", value) | ("additionalProperties", value @ Value::Object(_)) => {
                out.insert(name, relax(value));
            }
            // Alternatives that assert less than they did may well hold together.
            ("oneOf" | "anyOf", Value::Array(list)) => alternatives(&mut out, list),
            ("enum", Value::Array(values)) => {
                out.insert("examples".to_owned(), Value::Array(values));
            }
            ("const", value) => {
                out.insert("examples".to_owned(), json!([value]));
            }
            (list, Value::Array(values)) if LISTS.contains(&list) => {
                out.insert(name, values.into_iter().map(relax).collect());
            }
            (kept, value) if KEPT.contains(&kept) => {
                out.insert(name, value);
            }
            _ => {}
        }
    }
    Value::Object(out)
}

fn alternatives(out: &mut Map<String, Value>, list: Vec<Value>) {
    if !list.is_empty() && !out.contains_key("anyOf") {
        let mut list: Vec<Value> = list.into_iter().map(relax).collect();
        list.push(json!({ "type": "null" }));
        out.insert("anyOf".to_owned(), Value::Array(list));
    }
}

fn with_null(kind: Value) -> Value {
    match kind {
        Value::String(word) if word != "null" => json!([word, "null"]),
        Value::Array(mut words) => {
            if !words.iter().any(|word| word == "null") {
                words.push("null".into());
            }
            Value::Array(words)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_has_no_schema() {
        for schema in [
            json!(true),
            json!({}),
            json!({"type": "array"}),
            json!({"type": ["object", "array"]}),
            json!({"$ref": "#"}),
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}),
            json!({"oneOf": [{"type": "object"}, {"type": "array"}]}),
        ] {
            assert_eq!(relaxed(schema.clone()), None, "{schema}");
        }
    }

    #[test]
    fn it_tells_much_and_asserts_little() {
        let schema = json!({
            "type": "object",
            "required": ["id", "state"],
            "additionalProperties": false,
            "properties": {
                "id": {"type": "integer", "minimum": 1},
                "state": {"type": "string", "enum": ["open", "closed"], "description": "How it is."},
                "owner": {"$ref": "#/$defs/user"},
                "labels": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
                "by": {"oneOf": [{"$ref": "#/$defs/user"}, {"type": "string", "format": "email"}]},
            },
            "$defs": {"user": {"type": ["object"], "required": ["name"], "properties": {"name": {"const": "ada"}}}},
        });
        let text = relaxed(schema).unwrap();
        insta::assert_snapshot!(text, @r##"{"type":"object","properties":{"id":{"type":["integer","null"]},"state":{"type":["string","null"],"examples":["open","closed"],"description":"How it is."},"owner":{"$ref":"#/$defs/user"},"labels":{"type":["array","null"],"items":{"type":["string","null"]}},"by":{"anyOf":[{"$ref":"#/$defs/user"},{"type":["string","null"]},{"type":"null"}]}},"$defs":{"user":{"type":["object","null"],"properties":{"name":{"examples":["ada"]}}}}}"##);
        let schema: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(schema["type"], "object");
    }
}
