//! A schema and its definitions become one text: what is small, or used once, goes where it
//! is used; the rest stays under `$defs`.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use serde_json::{Map, Value};

use super::size::fits;

/// A definition that is no longer than this, in bytes of JSON, stands wherever it is used.
const SMALL: usize = 300;
/// Definitions that are put in place of references one within the other; further ones stay.
const DEEPEST_PLACE: usize = 12;
/// Arrays and objects within each other of what is put in the place of a reference.
const DEEPEST_PLACED: usize = 32;

/// Arrays and objects within each other.
pub(super) fn depth(value: &Value) -> usize {
    match value {
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or_default(),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// The definition that a schema refers to.
pub(super) fn named(schema: &Map<String, Value>) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

/// Puts a schema and its definitions together.
pub(crate) fn assemble(root: &Value, definitions: &HashMap<String, Rc<Value>>) -> Value {
    let mut uses = HashMap::new();
    count(root, &mut uses);
    for schema in definitions.values() {
        count(schema, &mut uses);
    }
    let mut placing = Placing {
        definitions,
        uses,
        placed: HashMap::new(),
        inside: Vec::new(),
        circular: HashSet::new(),
    };
    // What is circular is found first, so that it can be left out.
    placing.walk(root, &mut HashSet::new());
    let mut schema = placing.put(root);
    let (mut kept, mut waiting) = (Map::new(), Vec::new());
    references(&schema, &mut waiting);
    while let Some(name) = waiting.pop() {
        if kept.contains_key(&name) {
            continue;
        }
        let definition = placing.inner(&name);
        references(&definition, &mut waiting);
        kept.insert(name, definition);
    }
    if let (Value::Object(schema), false) = (&mut schema, kept.is_empty()) {
        kept.sort_keys();
        schema.insert("$defs".to_owned(), Value::Object(kept));
    }
    schema
}

fn count<'v>(schema: &'v Value, uses: &mut HashMap<&'v str, usize>) {
    match schema {
        Value::Object(object) => {
            if let Some(name) = named(object) {
                *uses.entry(name).or_default() += 1;
            }
            object.values().for_each(|value| count(value, uses));
        }
        Value::Array(items) => items.iter().for_each(|item| count(item, uses)),
        _ => {}
    }
}

fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(object) => {
            found.extend(named(object).map(str::to_owned));
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

struct Placing<'v> {
    definitions: &'v HashMap<String, Rc<Value>>,
    uses: HashMap<&'v str, usize>,
    /// What stands for a reference to each definition; `None` while it stays one.
    placed: HashMap<String, Option<Rc<Map<String, Value>>>>,
    inside: Vec<String>,
    circular: HashSet<String>,
}

impl<'v> Placing<'v> {
    /// Goes where [`Self::put`] goes, and makes nothing.
    fn walk(&mut self, schema: &'v Value, seen: &mut HashSet<&'v str>) {
        match schema {
            Value::Object(object) => match named(object) {
                Some(name) => self.walk_into(name, seen),
                None => object.values().for_each(|value| self.walk(value, seen)),
            },
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, seen)),
            _ => {}
        }
    }

    fn walk_into(&mut self, name: &'v str, seen: &mut HashSet<&'v str>) {
        if self.inside.iter().any(|outer| outer == name) {
            self.circular.insert(name.to_owned());
            return;
        }
        if seen.contains(name) || self.inside.len() >= DEEPEST_PLACE {
            return;
        }
        let Some(schema) = self.definitions.get(name) else {
            return;
        };
        self.inside.push(name.to_owned());
        self.walk(schema, seen);
        self.inside.pop();
        seen.insert(name);
    }

    fn put(&mut self, schema: &Value) -> Value {
        match schema {
            Value::Object(object) => match named(object) {
                Some(name) => self.reference(name, object),
                None => object
                    .iter()
                    .map(|(key, value)| (key.clone(), self.put(value)))
                    .collect(),
            },
            Value::Array(items) => items.iter().map(|item| self.put(item)).collect(),
            other => other.clone(),
        }
    }

    fn reference(&mut self, name: &str, object: &Map<String, Value>) -> Value {
        let Some(placed) = self.place(name) else {
            return Value::Object(object.clone());
        };
        let mut placed = Rc::unwrap_or_clone(placed);
        for (key, value) in object.iter().filter(|(key, _)| *key != "$ref") {
            placed.insert(key.clone(), value.clone());
        }
        Value::Object(placed)
    }

    fn place(&mut self, name: &str) -> Option<Rc<Map<String, Value>>> {
        if self.inside.iter().any(|outer| outer == name) {
            self.circular.insert(name.to_owned());
            return None;
        }
        if let Some(known) = self.placed.get(name) {
            return known.clone();
        }
        if self.inside.len() >= DEEPEST_PLACE {
            return None;
        }
        let schema = self.definitions.get(name)?;
        self.inside.push(name.to_owned());
        let schema = self.put(schema);
        self.inside.pop();
        let once = self.uses.get(name).copied().unwrap_or_default() < 2;
        let fits = (once || fits(&schema, SMALL)) && depth(&schema) <= DEEPEST_PLACED;
        let placed = match schema {
            Value::Object(schema) if fits && !self.circular.contains(name) => Some(schema.into()),
            _ => None,
        };
        self.placed.insert(name.to_owned(), placed.clone());
        placed
    }

    /// A definition that stays one, with what it refers to in its place.
    fn inner(&mut self, name: &str) -> Value {
        let Some(schema) = self.definitions.get(name) else {
            return Value::Bool(true);
        };
        self.inside.push(name.to_owned());
        let schema = self.put(schema);
        self.inside.pop();
        schema
    }
}
