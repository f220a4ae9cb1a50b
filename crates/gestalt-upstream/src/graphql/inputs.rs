//! The variables of an operation, as JSON Schema 2020-12.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use apollo_compiler::ast::{InputValueDefinition, Type, Value as Literal};
use apollo_compiler::executable::{Operation, Selection, SelectionSet};
use apollo_compiler::schema::{ExtendedType, InputObjectType};
use apollo_compiler::{ExecutableDocument, Name, Node, Schema};
use gestalt_core::document::ImportLimits;
use serde_json::{Map, Value, json};

use super::kinds;
use crate::openapi::{assemble, bounded, fits, trim};

/// How many times its limit may be made of a schema before the rest is left open.
const ROOM: usize = 4;
/// Selections that are looked through for where variables are used.
const MOST_SELECTIONS: usize = 10_000;

/// The schema of an operation's variables.
pub(super) struct Variables {
    pub(super) schema: Value,
    /// What of it was left out, if anything.
    pub(super) rule: Option<String>,
}

/// Makes the schema of an operation's variables; `None` if not even their names fit the limit.
pub(super) fn variables(
    schema: &Schema,
    document: &ExecutableDocument,
    operation: &Operation,
    limits: &ImportLimits,
) -> Option<Variables> {
    let limit = limits.max_input_schema_bytes;
    let mut making = Making {
        schema,
        limits,
        queue: VecDeque::new(),
        seen: HashSet::new(),
        references: 0,
        room: limit.saturating_mul(ROOM),
    };
    let used = Uses::of(document, operation);
    let mut properties = Map::new();
    let mut required: Vec<Value> = Vec::new();
    for variable in &operation.variables {
        let argument = used.arguments.get(&variable.name).copied();
        let default = variable.default_value.as_ref();
        if variable.ty.is_non_null() && default.is_none() {
            required.push(variable.name.as_str().into());
        }
        let shown = default.or_else(|| argument?.default_value.as_ref());
        let member = making.member(&variable.ty, argument, shown.map(|literal| &**literal))?;
        properties.insert(variable.name.to_string(), member);
    }
    let definitions = making.definitions().into_iter();
    let definitions = definitions
        .map(|(name, schema)| (name, Rc::new(schema)))
        .collect();
    let wanted = properties.len();
    let root = closed(properties, required);
    let whole = assemble(&root, &definitions);
    if fits(&whole, limit) {
        return Some(Variables {
            schema: whole,
            rule: None,
        });
    }
    let (schema, rule) = trim(&whole, limit);
    let kept = schema.get("properties").and_then(Value::as_object);
    (kept.map_or(0, Map::len) == wanted).then_some(Variables { schema, rule })
}

fn closed(properties: Map<String, Value>, required: Vec<Value>) -> Value {
    let mut object = Map::new();
    object.insert("type".to_owned(), "object".into());
    object.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        object.insert("required".to_owned(), Value::Array(required));
    }
    object.insert("additionalProperties".to_owned(), false.into());
    Value::Object(object)
}

struct Making<'a> {
    schema: &'a Schema,
    limits: &'a ImportLimits,
    queue: VecDeque<Name>,
    seen: HashSet<Name>,
    references: usize,
    /// Bytes that may still be made.
    room: usize,
}

impl Making<'_> {
    /// A variable, or a member of an input object; `None` once there is no more room.
    fn member(
        &mut self,
        ty: &Type,
        told: Option<&InputValueDefinition>,
        default: Option<&Literal>,
    ) -> Option<Value> {
        let mut member = kinds::around(ty, &mut |name| self.named(name));
        let object = member.as_object_mut()?;
        let longest = self.limits.max_member_description_chars;
        let text = told.and_then(|told| told.description.as_deref());
        let old = told.and_then(|told| kinds::deprecation(&told.directives));
        let text = match (text, &old) {
            (Some(text), Some(why)) => Some(format!("{text} Deprecated: {why}")),
            (None, Some(why)) => Some(format!("Deprecated: {why}")),
            (text, None) => text.map(str::to_owned),
        };
        if let Some(text) = text.and_then(|text| bounded(&text, longest)) {
            object.insert("description".to_owned(), text.into());
        }
        if old.is_some() {
            object.insert("deprecated".to_owned(), true.into());
        }
        if let Some(default) = default.and_then(kinds::told) {
            object.insert("default".to_owned(), default);
        }
        self.room = self.room.checked_sub(member.to_string().len() + 8)?;
        Some(member)
    }

    fn named(&mut self, name: &str) -> Value {
        match self.schema.types.get_key_value(name) {
            Some((_, ExtendedType::Scalar(scalar))) => kinds::scalar(name, Some(scalar)),
            Some((name, ExtendedType::Enum(_) | ExtendedType::InputObject(_))) => {
                self.references += 1;
                if self.references > self.limits.max_references {
                    return json!({ "title": name.as_str() });
                }
                if self.seen.insert(name.clone()) {
                    self.queue.push_back(name.clone());
                }
                json!({ "$ref": format!("#/$defs/{name}") })
            }
            _ => kinds::scalar(name, None),
        }
    }

    /// What was referred to, and what that refers to. Beyond the room it is left open.
    fn definitions(&mut self) -> Map<String, Value> {
        let mut definitions = Map::new();
        while let Some(name) = self.queue.pop_front() {
            let made = match self.schema.types.get(&name) {
                Some(ExtendedType::Enum(definition)) => {
                    let mut made = kinds::values(definition, usize::MAX);
                    self.describe(&mut made, definition.description.as_ref());
                    let size = made.to_string().len();
                    self.room = self.room.saturating_sub(size);
                    if self.room == 0 {
                        made = json!({ "type": "string" });
                    }
                    made
                }
                Some(ExtendedType::InputObject(definition)) => self
                    .object(definition)
                    .unwrap_or_else(|| json!({ "type": "object" })),
                _ => json!({}),
            };
            definitions.insert(name.to_string(), made);
        }
        definitions
    }

    fn object(&mut self, definition: &InputObjectType) -> Option<Value> {
        let mut properties = Map::new();
        let mut required: Vec<Value> = Vec::new();
        for (name, field) in &definition.fields {
            let default = field.default_value.as_ref();
            if field.ty.is_non_null() && default.is_none() {
                required.push(name.as_str().into());
            }
            let default = default.map(|literal| &**literal);
            let member = self.member(&field.ty, Some(field), default)?;
            properties.insert(name.to_string(), member);
        }
        let mut object = closed(properties, required);
        if definition.directives.has("oneOf") {
            object["minProperties"] = 1.into();
            object["maxProperties"] = 1.into();
        }
        self.describe(&mut object, definition.description.as_ref());
        Some(object)
    }

    fn describe(&self, schema: &mut Value, text: Option<&Node<str>>) {
        let longest = self.limits.max_member_description_chars;
        if let Some(text) = text.and_then(|text| bounded(text, longest)) {
            schema["description"] = text.into();
        }
    }
}

/// Which arguments variables are given as, where one is given as it is.
#[derive(Default)]
struct Uses<'d> {
    arguments: HashMap<Name, &'d InputValueDefinition>,
    fragments: HashSet<Name>,
    looked: usize,
}

impl<'d> Uses<'d> {
    fn of(document: &'d ExecutableDocument, operation: &'d Operation) -> Self {
        let mut uses = Self::default();
        let mut sets = vec![&operation.selection_set];
        while let Some(set) = sets.pop() {
            uses.look(document, set, &mut sets);
            if uses.looked > MOST_SELECTIONS {
                break;
            }
        }
        uses
    }

    fn look(
        &mut self,
        document: &'d ExecutableDocument,
        set: &'d SelectionSet,
        sets: &mut Vec<&'d SelectionSet>,
    ) {
        for selection in &set.selections {
            self.looked += 1;
            match selection {
                Selection::Field(field) => {
                    for argument in &field.arguments {
                        let definition = field.definition.argument_by_name(&argument.name);
                        let variable = argument.value.as_variable();
                        if let (Some(definition), Some(variable)) = (definition, variable) {
                            self.arguments.entry(variable.clone()).or_insert(definition);
                        }
                    }
                    sets.push(&field.selection_set);
                }
                Selection::InlineFragment(inline) => sets.push(&inline.selection_set),
                Selection::FragmentSpread(spread) => {
                    if self.fragments.insert(spread.fragment_name.clone())
                        && let Some(fragment) = document.fragments.get(&spread.fragment_name)
                    {
                        sets.push(&fragment.selection_set);
                    }
                }
            }
        }
    }
}
