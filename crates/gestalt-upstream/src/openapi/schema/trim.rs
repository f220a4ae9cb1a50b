//! A schema that is too large or too deep is trimmed, by these rules in this order, until it
//! fits:
//!
//! 1. descriptions more than three levels down are dropped;
//! 2. what is deeper than 8, then 6, 5, 4, 3, 2 levels and one level is left open, with
//!    descriptions on fewer and fewer levels; lists of more than 30 values are dropped,
//!    `not` and conditions too, and of alternatives any may hold;
//! 3. of the members only the required ones and the first that fit stay, each with its type;
//! 4. nothing but the type stays.

use serde_json::{Map, Value, json};

use super::whole::{depth, named};

/// Arrays and objects within each other that a schema may have: readers of JSON give up at
/// 128, and more is put around it.
const DEEPEST: usize = 80;

/// Levels that stay, and levels whose descriptions stay.
const STEPS: &[(usize, usize)] = &[
    (8, 3),
    (6, 3),
    (5, 2),
    (4, 2),
    (3, 1),
    (2, 1),
    (1, 1),
    (1, 0),
];
/// Most values of an `enum` that stay.
const MOST_VALUES: usize = 30;
/// A level of members or items counts, whatever it is combined of does not; but no more
/// combinations than this are looked into.
const DEEPEST_COMBINATION: usize = 12;

/// Whether a schema may stay as it is.
pub(crate) fn fits(schema: &Value, limit: usize) -> bool {
    super::size::fits(schema, limit) && depth(schema) <= DEEPEST
}

/// Trims a schema, and says by which rule if more than descriptions went.
pub(crate) fn trim(schema: &Value, limit: usize) -> (Value, Option<String>) {
    let plain = without_descriptions(schema, 0);
    if fits(&plain, limit) {
        return (plain, None);
    }
    let definitions = schema.get("$defs").and_then(Value::as_object);
    for (levels, described) in STEPS {
        let mut cutting = Cutting {
            definitions,
            described: *described,
            left: limit,
            full: false,
        };
        let cut = cutting.schema(schema, *levels, 0, 0);
        if !cutting.full && fits(&cut, limit) {
            let rule = format!("what is deeper than {levels} levels is left open");
            return (cut, Some(rule));
        }
    }
    (
        members(schema, limit),
        Some("members are left out".to_owned()),
    )
}

fn without_descriptions(schema: &Value, level: usize) -> Value {
    match schema {
        Value::Object(object) => object
            .iter()
            .filter(|(key, value)| level <= 3 || *key != "description" || !value.is_string())
            .map(|(key, value)| {
                let deeper = matches!(key.as_str(), "properties" | "items" | "$defs");
                let level = level + usize::from(deeper);
                (key.clone(), without_descriptions(value, level))
            })
            .collect(),
        Value::Array(items) => items
            .iter()
            .map(|item| without_descriptions(item, level))
            .collect(),
        other => other.clone(),
    }
}

struct Cutting<'v> {
    definitions: Option<&'v Map<String, Value>>,
    described: usize,
    /// Bytes that may still be written.
    left: usize,
    full: bool,
}

impl Cutting<'_> {
    /// A schema whose members and items go `levels` deep; `level` counts them, and `combined`
    /// what it is combined of.
    fn schema(&mut self, schema: &Value, levels: usize, level: usize, combined: usize) -> Value {
        let Value::Object(object) = schema else {
            return schema.clone();
        };
        if self.full || combined > DEEPEST_COMBINATION {
            return Value::Object(Map::new());
        }
        let mut out = Map::new();
        let definitions = self.definitions;
        if let Some(target) = named(object).and_then(|name| definitions?.get(name))
            && let Value::Object(target) = self.schema(target, levels, level, combined + 1)
        {
            out = target;
        }
        for (word, value) in object {
            let made = match word.as_str() {
                "$ref"
                | "$defs"
                | "not"
                | "if"
                | "then"
                | "else"
                | "dependentSchemas"
                | "dependentRequired"
                | "unevaluatedProperties"
                | "unevaluatedItems"
                | "contains"
                | "minContains"
                | "maxContains"
                | "propertyNames" => None,
                "description" | "title" if level > self.described => None,
                "enum" if is_long(value) => None,
                "properties" | "patternProperties" | "required" if level >= levels => None,
                "properties" | "patternProperties" => Some(self.members(value, levels, level)),
                "items" | "additionalProperties" | "prefixItems"
                    if level >= levels && !value.is_boolean() =>
                {
                    None
                }
                // Without the members beside it, this would refuse them.
                "additionalProperties" if level >= levels => None,
                "items" | "additionalProperties" => Some(self.schema(value, levels, level + 1, 0)),
                "prefixItems" => Some(self.list(value, levels, level + 1, 0)),
                "allOf" | "anyOf" | "oneOf" => Some(self.list(value, levels, level, combined + 1)),
                _ => Some(value.clone()),
            };
            let Some(made) = made else { continue };
            // What is left open of one alternative may hold for another.
            let word = if word == "oneOf" { "anyOf" } else { word };
            self.spend(word.len() + 4);
            if !made.is_object() && !made.is_array() {
                self.spend(made.to_string().len());
            }
            out.insert(word.to_owned(), made);
        }
        Value::Object(out)
    }

    fn members(&mut self, members: &Value, levels: usize, level: usize) -> Value {
        let Value::Object(members) = members else {
            return members.clone();
        };
        let mut out = Map::new();
        for (name, schema) in members {
            self.spend(name.len() + 4);
            if self.full {
                break;
            }
            out.insert(name.clone(), self.schema(schema, levels, level + 1, 0));
        }
        Value::Object(out)
    }

    fn list(&mut self, list: &Value, levels: usize, level: usize, combined: usize) -> Value {
        let items = list.as_array().into_iter().flatten();
        items
            .map(|item| self.schema(item, levels, level, combined))
            .collect()
    }

    fn spend(&mut self, bytes: usize) {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => self.full = true,
        }
    }
}

fn is_long(list: &Value) -> bool {
    list.as_array().is_some_and(|list| list.len() > MOST_VALUES)
}

/// The required members and the first that fit, each with its type; or only the type.
fn members(schema: &Value, limit: usize) -> Value {
    let kind = schema.get("type").cloned();
    let bare = kind.map_or_else(|| json!({}), |kind| json!({ "type": kind }));
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return bare;
    };
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|n| n == name));
    let (first, rest): (Vec<_>, Vec<_>) =
        properties.iter().partition(|(name, _)| is_required(name));
    let mut left = limit.saturating_sub(
        200 + required.map_or(0, |names| {
            names.iter().map(|n| n.to_string().len() + 1).sum()
        }),
    );
    let mut kept = Map::new();
    for (name, member) in first.into_iter().chain(rest) {
        let kind = member.get("type").cloned();
        let member = kind.map_or_else(|| json!({}), |kind| json!({ "type": kind }));
        let size = name.len() + 6 + member.to_string().len();
        if size > left {
            if is_required(name) {
                return bare;
            }
            break;
        }
        left -= size;
        kept.insert(name.clone(), member);
    }
    let mut out = json!({ "type": "object", "properties": kept });
    if let Some(required) = required {
        out["required"] = required.clone().into();
    }
    if out.to_string().len() > limit {
        bare
    } else {
        out
    }
}
