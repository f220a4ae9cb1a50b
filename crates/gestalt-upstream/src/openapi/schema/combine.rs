//! Parts that become one schema.

use serde_json::{Map, Value, json};

/// Most parts that become one; more stay parts.
const MOST_PARTS: usize = 64;

/// Where a schema in the making keeps the names of the members that it has in the other
/// direction only. No keyword of a document is called so when it gets here.
pub(super) const HIDDEN: &str = "x-hidden";

/// Puts the parts of `allOf` into the schema itself where that says the same; elsewhere they
/// stay.
pub(super) fn all_of(mut schema: Map<String, Value>) -> Map<String, Value> {
    let Some(Value::Array(parts)) = schema.remove("allOf") else {
        return schema;
    };
    if parts.len() > MOST_PARTS {
        schema.insert("allOf".to_owned(), parts.into());
        return schema;
    }
    let single = parts.len() == 1;
    let mut merged = Map::new();
    let own = Value::Object(schema.clone());
    let fits = parts.iter().chain([&own]).all(|part| match part {
        Value::Bool(true) => true,
        Value::Object(part) => add(&mut merged, part),
        _ => false,
    });
    if fits {
        // Each part alone would refuse what the others name.
        if !(single && schema.get("properties").is_none()) {
            merged.remove("additionalProperties");
        }
        for word in ["description", "title", "default", "deprecated"] {
            if let Some(own) = schema.remove(word) {
                merged.insert(word.to_owned(), own);
            }
        }
        return merged;
    }
    schema.insert("allOf".to_owned(), parts.into());
    schema
}

/// Adds a part's keywords; false if one stands in the way of another.
fn add(merged: &mut Map<String, Value>, part: &Map<String, Value>) -> bool {
    part.iter().all(|(word, value)| match word.as_str() {
        "$ref" | "allOf" | "patternProperties" | "unevaluatedProperties" | "unevaluatedItems" => {
            false
        }
        "description" | "title" | "default" | "deprecated" => {
            merged.entry(word.as_str()).or_insert_with(|| value.clone());
            true
        }
        "properties" => {
            properties(merged, value);
            true
        }
        "required" | HIDDEN => {
            names(merged, word, value);
            true
        }
        // Of the whole, see above.
        "additionalProperties" => {
            merged.insert(word.clone(), value.clone());
            true
        }
        _ => match merged.get(word) {
            None => {
                merged.insert(word.clone(), value.clone());
                true
            }
            Some(known) => known == value,
        },
    })
}

fn properties(merged: &mut Map<String, Value>, more: &Value) {
    let known = merged
        .entry("properties")
        .or_insert_with(|| Value::Object(Map::new()));
    let (Value::Object(known), Value::Object(more)) = (known, more) else {
        return;
    };
    for (name, schema) in more {
        let both = match known.get(name) {
            None => schema.clone(),
            Some(one) if one == schema => continue,
            Some(one) => {
                if let Some(parts) = only_parts(one) {
                    let more = parts.iter().chain([schema]).cloned();
                    known.insert(name.clone(), json!({"allOf": more.collect::<Value>()}));
                    continue;
                }
                let both = json!({"allOf": [one, schema]});
                let both = both.as_object().cloned().unwrap_or_default();
                Value::Object(all_of(both))
            }
        };
        known.insert(name.clone(), both);
    }
}

/// The parts of what is nothing but parts that could not become one.
fn only_parts(schema: &Value) -> Option<&Vec<Value>> {
    let schema = schema.as_object().filter(|schema| schema.len() == 1)?;
    schema.get("allOf")?.as_array()
}

fn names(merged: &mut Map<String, Value>, word: &str, more: &Value) {
    let known = merged
        .entry(word)
        .or_insert_with(|| Value::Array(Vec::new()));
    let (Value::Array(known), Value::Array(more)) = (known, more) else {
        return;
    };
    for name in more {
        if !known.contains(name) {
            known.push(name.clone());
        }
    }
}

/// Takes the names of hidden members out of `required`, of the schema and of its parts, and
/// gives them.
pub(super) fn hide(schema: &mut Map<String, Value>) -> Option<Value> {
    let mut hidden = Map::new();
    let mut take = |schema: &mut Map<String, Value>| {
        if let Some(more) = schema.remove(HIDDEN) {
            names(&mut hidden, HIDDEN, &more);
        }
    };
    take(schema);
    let parts = schema.get_mut("allOf").and_then(Value::as_array_mut);
    parts
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
        .for_each(&mut take);
    let hidden = hidden.remove(HIDDEN)?;
    let is_hidden = |name: &Value| hidden.as_array().is_some_and(|list| list.contains(name));
    let leave = |schema: &mut Map<String, Value>| {
        if let Some(Value::Array(required)) = schema.get_mut("required") {
            required.retain(|name| !is_hidden(name));
            if required.is_empty() {
                schema.remove("required");
            }
        }
    };
    leave(schema);
    let parts = schema.get_mut("allOf").and_then(Value::as_array_mut);
    parts
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
        .for_each(leave);
    Some(hidden)
}

/// A schema that null holds to as well (`nullable` of OpenAPI 3.0).
pub(super) fn nullable(mut schema: Map<String, Value>) -> Map<String, Value> {
    let null = Value::from("null");
    match schema.get_mut("type") {
        Some(Value::String(kind)) if kind != "null" => {
            let both = json!([kind, "null"]);
            schema.insert("type".to_owned(), both);
        }
        Some(Value::Array(kinds)) if !kinds.contains(&null) => kinds.push(null),
        Some(_) => {}
        None => {
            let narrow = ["$ref", "allOf", "anyOf", "oneOf", "enum", "const", "not"];
            if !narrow.iter().any(|word| schema.contains_key(*word)) {
                return schema;
            }
            let mut outer = Map::new();
            for word in ["description", "title", "default", "deprecated"] {
                if let Some(value) = schema.remove(word) {
                    outer.insert(word.to_owned(), value);
                }
            }
            outer.insert("anyOf".to_owned(), json!([schema, {"type": "null"}]));
            return outer;
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(schema: &Value) -> Value {
        all_of(schema.as_object().unwrap().clone()).into()
    }

    #[test]
    fn parts_become_one_where_that_says_the_same() {
        let check = |schema: &Value, expect: &Value| assert_eq!(merged(schema), *expect);
        let (a, b) = (json!({"type": "string"}), json!({"type": "integer"}));
        check(
            &json!({"allOf": [
                {"type": "object", "properties": {"a": a}, "required": ["a"], "description": "Base."},
                {"properties": {"a": a, "b": b}, "required": ["a", "b"]}
            ], "description": "Own."}),
            &json!({"type": "object", "properties": {"a": a, "b": b}, "required": ["a", "b"], "description": "Own."}),
        );
        check(&json!({"allOf": [a]}), &a);
        let apart = json!({"allOf": [a, b]});
        check(&apart, &apart);
        let kept = json!({"allOf": [{"$ref": "#/$defs/a"}, a]});
        check(&kept, &kept);
    }

    #[test]
    fn null_holds_to_what_is_nullable() {
        let check = |schema: &Value, expect: &Value| {
            let schema = schema.as_object().unwrap().clone();
            assert_eq!(Value::from(nullable(schema)), *expect);
        };
        check(
            &json!({"type": "string", "enum": ["a"]}),
            &json!({"type": ["string", "null"], "enum": ["a", null]}),
        );
        check(&json!({"minimum": 1}), &json!({"minimum": 1}));
        check(
            &json!({"$ref": "#/$defs/a", "description": "A."}),
            &json!({"description": "A.", "anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}),
        );
    }
}
