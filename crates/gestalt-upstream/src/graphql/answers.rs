//! What an operation answers, as JSON Schema 2020-12.

use apollo_compiler::collections::IndexMap;
use apollo_compiler::executable::{Field, Operation, Selection, SelectionSet};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{ExecutableDocument, Name, Schema};
use gestalt_core::document::ImportLimits;
use serde_json::{Map, Value, json};

use super::kinds;
use crate::openapi::{bounded, fits, trim};

/// Selections that are followed; what is beyond is left open.
const MOST_SELECTIONS: usize = 3_000;
/// Fields within each other, past which the rest is left open.
const DEEPEST: usize = 24;
/// Most values of an enum that are listed.
const MOST_VALUES: usize = 30;

/// The whole answer (GraphQL, October 2021, §7.1), with the data that the operation selects.
pub(super) fn schema(
    schema: &Schema,
    document: &ExecutableDocument,
    operation: &Operation,
    limits: &ImportLimits,
) -> Value {
    let mut making = Making {
        schema,
        document,
        limits,
        left: MOST_SELECTIONS,
    };
    let mut data = making.object(&[&operation.selection_set], 0);
    data["type"] = json!(["object", "null"]);
    let answer = json!({
        "type": "object",
        "properties": {
            "data": data,
            "errors": {
                "type": "array",
                "description": "What went wrong; data may be there beside it.",
                "items": {
                    "type": "object",
                    "properties": {
                        "message": { "type": "string" },
                        "path": { "type": "array" },
                    },
                },
            },
        },
    });
    let limit = limits.max_output_schema_bytes;
    if fits(&answer, limit) {
        answer
    } else {
        trim(&answer, limit).0
    }
}

struct Making<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    limits: &'a ImportLimits,
    left: usize,
}

/// The fields of selections by the name that they have in the answer (§6.3.2).
type Collected<'a> = IndexMap<Name, Vec<&'a Field>>;

impl<'a> Making<'a> {
    fn object(&mut self, sets: &[&'a SelectionSet], depth: usize) -> Value {
        let mut fields = Collected::default();
        for set in sets {
            self.collect(set, &mut fields);
        }
        let mut properties = Map::new();
        for (name, fields) in &fields {
            properties.insert(name.to_string(), self.field(fields, depth));
        }
        json!({ "type": "object", "properties": properties })
    }

    fn collect(&mut self, set: &'a SelectionSet, fields: &mut Collected<'a>) {
        for selection in &set.selections {
            let Some(left) = self.left.checked_sub(1) else {
                return;
            };
            self.left = left;
            match selection {
                Selection::Field(field) => {
                    let known = fields.entry(field.response_key().clone());
                    known.or_default().push(field);
                }
                Selection::InlineFragment(inline) => {
                    self.collect(&inline.selection_set, fields);
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name) {
                        self.collect(&fragment.selection_set, fields);
                    }
                }
            }
        }
    }

    fn field(&mut self, fields: &[&'a Field], depth: usize) -> Value {
        let Some(first) = fields.first() else {
            return json!({});
        };
        let sets: Vec<&SelectionSet> = fields.iter().map(|field| &field.selection_set).collect();
        let mut schema = kinds::around(&first.definition.ty, &mut |name| match self
            .schema
            .types
            .get(name)
        {
            Some(ExtendedType::Scalar(scalar)) => kinds::scalar(name, Some(scalar)),
            Some(ExtendedType::Enum(definition)) => kinds::values(definition, MOST_VALUES),
            _ if depth < DEEPEST => self.object(&sets, depth + 1),
            _ => json!({}),
        });
        let longest = self.limits.max_member_description_chars;
        let text = first.definition.description.as_deref();
        if let Some(text) = text.and_then(|text| bounded(text, longest)) {
            schema["description"] = text.into();
        }
        schema
    }
}
