//! One schema's keywords: those of JSON Schema 2020-12 that say something about a value or
//! to its reader, with values that they may have. What else stands there is dropped:
//! examples, `xml`, `externalDocs`, `discriminator`, identifiers, and everything of `x-`.

use std::collections::HashSet;

use serde_json::{Map, Number, Value};

use super::combine::HIDDEN;
use super::{Direction, Making};
use crate::openapi::document::Node;

/// Longest default that is kept, in bytes of JSON.
const LONGEST_DEFAULT: usize = 200;

const TYPES: &[&str] = &[
    "null", "boolean", "object", "array", "number", "string", "integer",
];

impl<'t> Making<'_, 't> {
    /// The keywords of a schema object, a reference aside.
    pub(super) fn keywords(&mut self, node: &Node<'t>, depth: usize) -> Map<String, Value> {
        let mut out = Map::new();
        for (word, value) in node.members() {
            self.spend(word.len() + 8);
            if let Some((word, value)) = self.keyword(node, &word, &value, depth + 1) {
                out.insert(word.to_owned(), value);
            }
        }
        let hidden = self.hidden(node);
        if !hidden.is_empty() {
            out.insert(HIDDEN.to_owned(), hidden.into());
        }
        exclusive(&mut out, "exclusiveMinimum", "minimum");
        exclusive(&mut out, "exclusiveMaximum", "maximum");
        if out.contains_key("description") {
            out.remove("title");
        }
        out
    }

    fn keyword<'w>(
        &mut self,
        whole: &Node<'t>,
        word: &'w str,
        value: &Node<'t>,
        depth: usize,
    ) -> Option<(&'w str, Value)> {
        let made = match word {
            "type" => kinds(&value.value()),
            "description" => self
                .schemas
                .description(whole, "description")
                .map(Value::from),
            "title" | "format" | "contentMediaType" | "contentEncoding" => {
                value.text().map(Value::from)
            }
            "pattern" => self.pattern(value),
            "const" => Some(value.value()),
            "enum" => Some(value.value()).filter(|list| list.get(0).is_some()),
            "default" => Some(value.value()).filter(|_| value.raw().len() <= LONGEST_DEFAULT),
            "minimum" | "maximum" => number(value),
            "multipleOf" => number(value).filter(|n| n.as_f64().is_some_and(|n| n > 0.0)),
            "exclusiveMinimum" | "exclusiveMaximum" => {
                number(value).or_else(|| value.flag().map(Value::from))
            }
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties"
            | "maxProperties" | "minContains" | "maxContains" => count(value),
            "uniqueItems" | "deprecated" => value.flag().filter(|flag| *flag).map(Value::from),
            "required" => required(value),
            "properties" => Some(self.properties(value, depth)),
            "patternProperties" => Some(self.by_pattern(value, depth)),
            "dependentSchemas" => Some(self.by_name(value, depth)),
            "dependentRequired" => Some(value.value()).filter(is_lists),
            "items" if value.raw().starts_with('[') => {
                return self.list(value, depth).map(|list| ("prefixItems", list));
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
            | "else" => Some(self.schema(value, depth)),
            "allOf" => self.parts(value, depth),
            "anyOf" | "oneOf" | "prefixItems" => self.list(value, depth),
            _ => None,
        };
        if made.is_some() && !matches!(word, "properties" | "items" | "allOf" | "anyOf" | "oneOf") {
            self.spend(value.raw().len().min(1_000));
        }
        made.map(|made| (word, made))
    }

    fn pattern(&mut self, value: &Node<'t>) -> Option<Value> {
        let pattern = value.text()?;
        if self.schemas.compiles(&pattern) {
            return Some(pattern.into());
        }
        let message = "the pattern is none that can be checked; it is left out";
        self.findings.changed(&value.spot(), message);
        None
    }

    /// Says whether a member belongs to the other direction only.
    fn is_hidden(&self, member: &Node<'t>) -> bool {
        let word = match self.direction {
            Direction::Request => "readOnly",
            Direction::Response => "writeOnly",
        };
        let says = |node: &Node<'t>| node.get(word).and_then(|flag| flag.flag()) == Some(true);
        says(member) || member.resolved().is_ok_and(|target| says(&target))
    }

    fn properties(&mut self, value: &Node<'t>, depth: usize) -> Value {
        let mut out = Map::new();
        for (name, member) in value.members() {
            if !self.is_hidden(&member) {
                self.spend(name.len() + 4);
                out.insert(name, self.schema(&member, depth));
            }
        }
        Value::Object(out)
    }

    /// The members that are not there in this direction.
    fn hidden(&self, whole: &Node<'t>) -> Vec<Value> {
        let members = whole.get("properties").map(|members| members.members());
        let members = members.unwrap_or_default().into_iter();
        members
            .filter(|(_, member)| self.is_hidden(member))
            .map(|(name, _)| name.into())
            .collect()
    }

    fn by_pattern(&mut self, value: &Node<'t>, depth: usize) -> Value {
        let mut out = Map::new();
        for (pattern, member) in value.members() {
            if self.schemas.compiles(&pattern) {
                out.insert(pattern, self.schema(&member, depth));
            }
        }
        Value::Object(out)
    }

    fn by_name(&mut self, value: &Node<'t>, depth: usize) -> Value {
        let members = value.members().into_iter();
        members
            .map(|(name, member)| (name, self.schema(&member, depth)))
            .collect()
    }

    fn list(&mut self, value: &Node<'t>, depth: usize) -> Option<Value> {
        let items = value.items();
        let list: Vec<Value> = items.iter().map(|item| self.schema(item, depth)).collect();
        (!list.is_empty()).then(|| list.into())
    }

    fn parts(&mut self, value: &Node<'t>, depth: usize) -> Option<Value> {
        let items = value.items();
        let list: Vec<Value> = items.iter().map(|item| self.part(item, depth)).collect();
        (!list.is_empty()).then(|| list.into())
    }
}

fn required(value: &Node<'_>) -> Option<Value> {
    let mut names: Vec<Value> = Vec::new();
    let mut seen = HashSet::new();
    for name in value.items().iter().filter_map(Node::text) {
        if seen.insert(name.clone()) {
            names.push(name.into());
        }
    }
    (!names.is_empty()).then(|| names.into())
}

/// The types that are types.
fn kinds(value: &Value) -> Option<Value> {
    let known = |kind: &str| TYPES.contains(&kind);
    match value {
        Value::String(kind) => known(kind).then(|| kind.as_str().into()),
        Value::Array(list) => {
            let mut kinds: Vec<Value> = Vec::new();
            for kind in list {
                if kind.as_str().is_some_and(known) && !kinds.contains(kind) {
                    kinds.push(kind.clone());
                }
            }
            match kinds.len() {
                0 => None,
                1 => kinds.pop(),
                _ => Some(kinds.into()),
            }
        }
        _ => None,
    }
}

fn number(value: &Node<'_>) -> Option<Value> {
    Some(value.value()).filter(Value::is_number)
}

/// A number of things, which some documents write as `10.0`.
fn count(value: &Node<'_>) -> Option<Value> {
    let value = value.value();
    if value.is_u64() {
        return Some(value);
    }
    let float = value.as_f64()?;
    let text =
        (float.fract() == 0.0 && (0.0..9e15).contains(&float)).then(|| format!("{float}"))?;
    Some(Value::Number(Number::from(text.parse::<u64>().ok()?)))
}

/// `exclusiveMinimum: true` of OpenAPI 3.0 makes the minimum itself exclusive.
fn exclusive(out: &mut Map<String, Value>, word: &str, bound: &str) {
    match out.get(word).and_then(Value::as_bool) {
        None => {}
        Some(false) => {
            out.remove(word);
        }
        Some(true) => {
            out.remove(word);
            if let Some(bound) = out.remove(bound) {
                out.insert(word.to_owned(), bound);
            }
        }
    }
}

fn is_lists(value: &Value) -> bool {
    let strings = |list: &Value| {
        let list = list.as_array();
        list.is_some_and(|list| list.iter().all(Value::is_string))
    };
    value
        .as_object()
        .is_some_and(|lists| lists.values().all(strings))
}
