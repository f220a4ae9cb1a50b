//! Schemas of a document become JSON Schema 2020-12 that stands for itself.
//!
//! A schema is converted keyword by keyword, whatever it refers to becomes a definition
//! beside it, and then what is small, or used once, is put where it is used. What is larger
//! than its limit is trimmed by rule (see [`trim`]).

mod combine;
mod keywords;
mod known;
mod size;
mod trim;
mod whole;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use gestalt_core::Schema;
use gestalt_core::document::ImportLimits;
use serde_json::{Map, Value};

use super::document::Node;
use super::findings::Findings;
use known::{Effects, Finished, Known, Whole};

pub(crate) use trim::{fits, trim};
pub(crate) use whole::assemble;

/// How many times its limit may be converted of a schema before the rest is left open.
const ROOM: usize = 4;
/// Schemas within each other, past which the rest is left open.
const DEEPEST: usize = 64;
/// References that are put in the place of what they name, one within the other.
const DEEPEST_INLINE: usize = 16;
/// Longest name of a definition.
const LONGEST_NAME: usize = 60;

/// Whether a schema is of what is sent or of what comes back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Direction {
    Request,
    Response,
}

/// Converts schemas.
pub(super) struct Schemas<'t> {
    limits: ImportLimits,
    /// Whether a pattern can be compiled.
    patterns: RefCell<HashMap<String, bool>>,
    known: Known<'t>,
}

/// One schema in the making.
struct Making<'a, 't> {
    schemas: &'a Schemas<'t>,
    findings: &'a mut Findings,
    direction: Direction,
    /// The definitions by what they are made of.
    names: HashMap<usize, String>,
    taken: HashSet<String>,
    queue: VecDeque<(String, Node<'t>)>,
    definitions: HashMap<String, Rc<Value>>,
    /// What stands in the place of a reference right now.
    inside: Vec<usize>,
    references: usize,
    /// Bytes of document text that may still be converted.
    room: usize,
    effects: Effects<'t>,
}

impl<'t> Schemas<'t> {
    pub(super) fn new(limits: &ImportLimits) -> Self {
        Self {
            limits: limits.clone(),
            patterns: RefCell::default(),
            known: Known::default(),
        }
    }

    /// Converts a schema; what comes out is no longer than `limit` bytes.
    pub(super) fn convert(
        &self,
        node: &Node<'t>,
        direction: Direction,
        limit: usize,
        findings: &mut Findings,
    ) -> Value {
        let (schema, rule) = self.trimmed(node, direction, limit, findings);
        if let Some(rule) = rule {
            tell(node, limit, &rule, findings);
        }
        schema
    }

    /// Converts a schema to its text, as [`Self::convert`] does; many operations may have
    /// the same.
    pub(super) fn convert_shared(
        &self,
        node: &Node<'t>,
        direction: Direction,
        limit: usize,
        findings: &mut Findings,
    ) -> Schema {
        let whole = Whole::of(node, direction, limit);
        let known = self.known.whole(&whole);
        let finished = known.unwrap_or_else(|| {
            let said = findings.said();
            let (schema, rule) = self.trimmed(node, direction, limit, findings);
            let text = Schema::from(schema);
            let finished = Finished { text, rule };
            // What is said of a place is said for each place.
            if findings.said() == said {
                self.known.keep_whole(whole, finished.clone());
            }
            finished
        });
        if let Some(rule) = &finished.rule {
            tell(node, limit, rule, findings);
        }
        finished.text
    }

    /// A schema that fits, and by which rule it was made to.
    fn trimmed(
        &self,
        node: &Node<'t>,
        direction: Direction,
        limit: usize,
        findings: &mut Findings,
    ) -> (Value, Option<String>) {
        let mut making = Making {
            schemas: self,
            findings,
            direction,
            names: HashMap::new(),
            taken: HashSet::new(),
            queue: VecDeque::new(),
            definitions: HashMap::new(),
            inside: Vec::new(),
            references: 0,
            room: limit.saturating_mul(ROOM),
            effects: Effects::default(),
        };
        let root = making.root(node);
        while let Some((name, node)) = making.queue.pop_front() {
            let schema = making.definition(&node);
            making.definitions.insert(name, schema);
        }
        let schema = whole::assemble(&root, &making.definitions);
        if trim::fits(&schema, limit) {
            return (schema, None);
        }
        trim::trim(&schema, limit)
    }

    /// A member's text, bounded as the description of a member is.
    pub(super) fn description(&self, node: &Node<'_>, key: &str) -> Option<String> {
        bounded(
            &node.get(key)?.text()?,
            self.limits.max_member_description_chars,
        )
    }

    /// A member's text, bounded as the description of an operation is.
    pub(super) fn operation_text(&self, node: &Node<'_>, key: &str) -> Option<String> {
        bounded(&node.get(key)?.text()?, self.limits.max_description_chars)
    }

    /// Says whether a regular expression can be compiled.
    fn compiles(&self, pattern: &str) -> bool {
        if let Some(known) = self.patterns.borrow().get(pattern) {
            return *known;
        }
        let schema = serde_json::json!({ "pattern": pattern });
        let holds = crate::rest::check_syntax(&schema, "").is_ok();
        self.patterns.borrow_mut().insert(pattern.to_owned(), holds);
        holds
    }
}

/// Says that a schema was trimmed.
fn tell(node: &Node<'_>, limit: usize, rule: &str, findings: &mut Findings) {
    let message = format!("the schema is larger than {limit} bytes or too deep; {rule}");
    findings.changed(&node.spot(), message);
}

impl<'t> Making<'_, 't> {
    /// The schema itself, where it is a reference what that leads to.
    fn root(&mut self, node: &Node<'t>) -> Rc<Value> {
        match node.resolved() {
            Ok(target) => {
                if target.identity() == node.identity() {
                    return self.body(&target, 0).into();
                }
                let schema = self.definition(&target);
                let mut beside = self.keywords(node, 0);
                if beside.is_empty() {
                    return schema;
                }
                let mut parts = vec![Value::clone(&schema)];
                if let Some(Value::Array(more)) = beside.remove("allOf") {
                    parts.extend(more);
                }
                beside.insert("allOf".to_owned(), parts.into());
                let mut schema = combine::all_of(beside);
                combine::hide(&mut schema);
                Value::Object(schema).into()
            }
            Err(why) => self.open(node, &why).into(),
        }
    }

    /// What stands for a schema that cannot be read: anything.
    fn open(&mut self, node: &Node<'t>, why: &str) -> Value {
        let message = format!("{why}; anything is taken there");
        self.findings.changed(&node.spot(), message);
        Value::Object(Map::new())
    }

    /// A schema in some place of another.
    fn schema(&mut self, node: &Node<'t>, depth: usize) -> Value {
        if depth > DEEPEST || self.room == 0 {
            return Value::Object(Map::new());
        }
        if node.reference().is_none() {
            return self.body(node, depth);
        }
        let reference = match node.resolved() {
            Ok(target) => self.defined(&target),
            Err(why) => return self.open(node, &why),
        };
        let mut beside = self.keywords(node, depth);
        beside.remove(combine::HIDDEN);
        if beside.is_empty() {
            return reference;
        }
        let annotations = ["description", "title", "default", "deprecated"];
        if beside.keys().all(|key| annotations.contains(&key.as_str())) {
            let mut schema = beside;
            if let Some(reference) = reference.get("$ref") {
                schema.insert("$ref".to_owned(), reference.clone());
            }
            return Value::Object(schema);
        }
        let mut schema = beside;
        match schema.get_mut("allOf") {
            Some(Value::Array(list)) => list.push(reference),
            _ => {
                schema.insert("allOf".to_owned(), Value::Array(vec![reference]));
            }
        }
        Value::Object(schema)
    }

    /// A reference to the definition of what a reference led to.
    fn defined(&mut self, target: &Node<'t>) -> Value {
        let name = self.name_of(target);
        let reference = serde_json::json!({ "$ref": format!("#/$defs/{name}") });
        self.effects.mentions.push((target.clone(), name));
        reference
    }

    /// The name of a definition, which is made in its turn.
    fn name_of(&mut self, target: &Node<'t>) -> String {
        if let Some(known) = self.names.get(&target.identity()) {
            return known.clone();
        }
        self.references += 1;
        let name = self.name(target);
        self.names.insert(target.identity(), name.clone());
        if self.references <= self.most_references() {
            self.queue.push_back((name.clone(), target.clone()));
        } else {
            self.room = 0;
            let open = Value::Object(Map::new());
            self.definitions.insert(name.clone(), open.into());
        }
        name
    }

    fn most_references(&self) -> usize {
        self.schemas.limits.max_references
    }

    /// Takes bytes of the room.
    fn spend(&mut self, bytes: usize) {
        self.room = self.room.saturating_sub(bytes);
        self.effects.spent = self.effects.spent.saturating_add(bytes);
    }

    /// A free name for a definition, after the last step of its place.
    fn name(&mut self, target: &Node<'t>) -> String {
        let last = target.key();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let plain = |c: char| if plain(c) { c } else { '_' };
        let base: String = last.chars().map(plain).take(LONGEST_NAME).collect();
        let base = if base.is_empty() {
            "schema".to_owned()
        } else {
            base
        };
        let mut name = base.clone();
        let mut number = 2_u32;
        while !self.taken.insert(name.clone()) {
            name = format!("{base}_{number}");
            number += 1;
        }
        name
    }

    /// A schema that is no reference.
    fn body(&mut self, node: &Node<'t>, depth: usize) -> Value {
        let mut schema = self.unfinished(node, depth);
        if let Some(schema) = schema.as_object_mut() {
            schema.remove(combine::HIDDEN);
        }
        schema
    }

    /// A schema that is no reference, with the names of its hidden members: where it is a part
    /// of another, another part may require them.
    fn unfinished(&mut self, node: &Node<'t>, depth: usize) -> Value {
        if let Some(flag) = node.flag() {
            return Value::Bool(flag);
        }
        if !node.is_object() {
            return self.open(node, "there is no schema");
        }
        if self.room == 0 {
            return Value::Object(Map::new());
        }
        let keywords = self.keywords(node, depth);
        let nullable = node.get("nullable").and_then(|flag| flag.flag()) == Some(true);
        let mut schema = combine::all_of(keywords);
        let hidden = combine::hide(&mut schema);
        if nullable {
            schema = combine::nullable(schema);
        }
        if let Some(hidden) = hidden {
            schema.insert(combine::HIDDEN.to_owned(), hidden);
        }
        Value::Object(schema)
    }

    /// What a part of `allOf` says, with a reference's target in its place, so that the parts
    /// can become one.
    fn part(&mut self, node: &Node<'t>, depth: usize) -> Value {
        let Ok(target) = node.resolved() else {
            return self.schema(node, depth);
        };
        let (identity, limit) = (target.identity(), self.most_references());
        if depth > DEEPEST || self.room == 0 {
            return Value::Object(Map::new());
        }
        if identity == node.identity() {
            return self.unfinished(node, depth);
        }
        if self.inside.contains(&identity)
            || self.inside.len() >= DEEPEST_INLINE
            || self.references >= limit
        {
            return self.schema(node, depth);
        }
        self.references += 1;
        self.effects.parts += 1;
        self.inside.push(identity);
        let schema = self.unfinished(&target, depth);
        self.inside.pop();
        let beside = self.keywords(node, depth);
        if beside.is_empty() {
            return schema;
        }
        let mut both = Map::new();
        both.insert(
            "allOf".to_owned(),
            Value::Array(vec![schema, beside.into()]),
        );
        combine::all_of(both).into()
    }
}

/// A text without white space around it, no longer than a number of characters: cut at the
/// end of a sentence or else of a word, with `…` behind it. `None` if nothing is left.
pub(crate) fn bounded(text: &str, longest: usize) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || longest == 0 {
        return None;
    }
    let Some((end, _)) = text.char_indices().nth(longest) else {
        return Some(text.to_owned());
    };
    let room = text.char_indices().nth(longest - 1).map_or(0, |(at, _)| at);
    let head = &text[..room.min(end)];
    let sentence = [". ", ".\n", "! ", "? ", "\n\n"]
        .iter()
        .filter_map(|mark| Some(head.rfind(mark)? + 1))
        .max()
        .filter(|at| *at > head.len() / 2);
    let cut = sentence.or_else(|| head.rfind(char::is_whitespace));
    Some(format!("{}…", head[..cut.unwrap_or(head.len())].trim_end()))
}

#[cfg(test)]
mod tests {
    use super::bounded;

    #[test]
    fn texts_are_cut_where_a_sentence_ends() {
        let check = |text: &str, longest, expect: &str| {
            assert_eq!(bounded(text, longest).as_deref(), Some(expect));
        };
        check("  Short.  ", 10, "Short.");
        check("One sentence. And another one.", 20, "One sentence.…");
        check("A. Then very long words follow", 20, "A. Then very long…");
        check("äääääääääääää", 5, "ääää…");
        assert_eq!(bounded(" \n", 5), None);
    }
}
