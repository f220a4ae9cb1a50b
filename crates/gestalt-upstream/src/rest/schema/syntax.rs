//! Whether a schema is one, told without compiling it.
//!
//! Compiling a validator costs a hundred times what this walk does, and most operations are
//! never called; so a plugin's schemas are looked through when it is loaded, and compiled
//! when they are first used. What the walk passes must compile.

use serde_json::{Map, Value};

use super::types::{Types, pointer_of};

/// Schemas within each other.
const DEEPEST: usize = 200;

/// Says what is wrong with a schema that stands for itself.
pub(crate) fn check(schema: &Value) -> Result<(), String> {
    let mut walk = Walk {
        root: schema,
        unusual: false,
    };
    walk.schema(schema, 0)?;
    if walk.unusual {
        super::validator(schema).map(drop)?;
    }
    Ok(())
}

struct Walk<'a> {
    root: &'a Value,
    /// Holds what only the compiler can tell: anchors, references by URL, older words.
    unusual: bool,
}

type Checked = Result<(), String>;

impl Walk<'_> {
    fn schema(&mut self, schema: &Value, depth: usize) -> Checked {
        if depth > DEEPEST {
            return Err(format!("is deeper than {DEEPEST} levels"));
        }
        match schema {
            Value::Bool(_) => Ok(()),
            Value::Object(object) => object
                .iter()
                .try_for_each(|(word, value)| self.keyword(word, value, depth + 1)),
            other => Err(format!("has {other} where a schema must stand")),
        }
    }

    fn keyword(&mut self, word: &str, value: &Value, depth: usize) -> Checked {
        let holds = match word {
            "type" => is_type(value),
            "properties" | "$defs" | "definitions" | "dependentSchemas" => {
                return self.schemas(word, value, depth);
            }
            "patternProperties" => {
                for pattern in value.as_object().into_iter().flat_map(Map::keys) {
                    regex(pattern)?;
                }
                return self.schemas(word, value, depth);
            }
            "items"
            | "additionalProperties"
            | "unevaluatedProperties"
            | "unevaluatedItems"
            | "contains"
            | "propertyNames"
            | "not"
            | "if"
            | "then"
            | "else"
            | "contentSchema" => return self.schema(value, depth),
            "prefixItems" | "allOf" | "anyOf" | "oneOf" => match value.as_array() {
                Some(list) if !list.is_empty() => {
                    return list.iter().try_for_each(|one| self.schema(one, depth));
                }
                _ => false,
            },
            "enum" | "examples" => value.is_array(),
            "required" => is_names(value),
            "dependentRequired" => value
                .as_object()
                .is_some_and(|members| members.values().all(is_names)),
            "multipleOf" => value.as_f64().is_some_and(|number| number > 0.0),
            "maximum" | "minimum" | "exclusiveMaximum" | "exclusiveMinimum" => value.is_number(),
            "maxLength" | "minLength" | "maxItems" | "minItems" | "maxProperties"
            | "minProperties" | "maxContains" | "minContains" => is_count(value),
            "uniqueItems" | "deprecated" | "readOnly" | "writeOnly" => value.is_boolean(),
            "format" | "title" | "description" | "$comment" | "contentEncoding"
            | "contentMediaType" => value.is_string(),
            "pattern" => match value.as_str() {
                Some(pattern) => return regex(pattern),
                None => false,
            },
            "$ref" => return self.reference(value),
            "$id" | "$anchor" | "$dynamicAnchor" | "$dynamicRef" | "$recursiveRef"
            | "$recursiveAnchor" | "$schema" | "$vocabulary" | "dependencies"
            | "additionalItems" => {
                self.unusual = true;
                true
            }
            _ => true,
        };
        if holds {
            return Ok(());
        }
        let shown: String = value.to_string().chars().take(80).collect();
        Err(format!("`{word}` cannot be {shown}"))
    }

    fn schemas(&mut self, word: &str, value: &Value, depth: usize) -> Checked {
        let Some(members) = value.as_object() else {
            return Err(format!("`{word}` must be an object of schemas"));
        };
        members
            .values()
            .try_for_each(|one| self.schema(one, depth + 1))
    }

    fn reference(&mut self, value: &Value) -> Checked {
        let Some(reference) = value.as_str() else {
            return Err("`$ref` must be a string".to_owned());
        };
        match pointer_of(reference) {
            Some(pointer) if self.root.pointer(&pointer).is_some() => Ok(()),
            Some(_) => Err(format!("`{reference}` points to nothing")),
            None => {
                self.unusual = true;
                Ok(())
            }
        }
    }
}

fn is_type(value: &Value) -> bool {
    let known = |value: &Value| {
        value
            .as_str()
            .is_some_and(|name| Types::named(name) != Types::NONE)
    };
    match value {
        Value::Array(names) => !names.is_empty() && names.iter().all(known) && is_names(value),
        one => known(one),
    }
}

/// Strings, none twice.
fn is_names(value: &Value) -> bool {
    let Some(list) = value.as_array() else {
        return false;
    };
    let names: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
    names.is_some_and(|mut names| {
        names.sort_unstable();
        names.windows(2).all(|pair| pair[0] != pair[1])
    })
}

fn is_count(value: &Value) -> bool {
    value.is_u64()
        || value
            .as_f64()
            .is_some_and(|number| number >= 0.0 && number.fract() == 0.0)
}

fn regex(pattern: &str) -> Checked {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '^' | '$');
    // An anchor cannot be repeated, and nothing here can repeat it.
    if pattern.chars().all(plain) {
        return Ok(());
    }
    super::validator(&serde_json::json!({ "pattern": pattern })).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_schema_is_refused() {
        for schema in [
            json!(5),
            json!({"type": "strnig"}),
            json!({"type": []}),
            json!({"properties": {"a": {"items": [1]}}}),
            json!({"allOf": []}),
            json!({"required": ["a", "a"]}),
            json!({"required": true}),
            json!({"minimum": "5"}),
            json!({"exclusiveMinimum": true}),
            json!({"maxLength": -1}),
            json!({"pattern": "("}),
            json!({"patternProperties": {"[": {}}}),
            json!({"$ref": "#/$defs/none"}),
            json!({"$ref": "https://example.com/none"}),
            json!({"enum": {}}),
            json!({"title": 5}),
        ] {
            assert!(check(&schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn what_passes_compiles() {
        for schema in [
            json!(true),
            json!({"type": ["string", "null"], "pattern": "^a|[b-c]+$", "x-other": 5, "example": 5}),
            json!({"$ref": "#/$defs/a%20b", "$defs": {"a b": {"$ref": "#"}}}),
            json!({"properties": {"a": {"$anchor": "it"}, "b": {"$ref": "#it"}}}),
            json!({"dependentRequired": {"a": ["b"]}, "maxProperties": 3.0}),
            json!({"pattern": "^-$"}),
        ] {
            assert_eq!(check(&schema), Ok(()), "{schema}");
            assert!(super::super::validator(&schema).is_ok(), "{schema}");
        }
    }
}
