//! Where in the arguments a body stands.

use std::sync::Arc;

use gestalt_core::operation::{Body, MediaKind, Operation};
use serde_json::{Map, Value, json};

use super::part::{Part, Parts, Prepared};
use crate::UpstreamError;
use crate::rest::input::{Input, Inputs};
use crate::rest::json;
use crate::rest::schema::{Shape, Source, check_syntax, is_annotation};
use crate::rest::surface::{FlatSchema, Offered, has_reference};

/// Where in the arguments the body stands.
pub(super) enum Layout {
    /// Its fields stand among the parameters.
    Fields {
        fields: Vec<Field>,
        /// Names that must be there when any is.
        required: Vec<String>,
        /// Checks the whole, where fields alone do not say it.
        whole: Option<Shape>,
    },
    /// It stands under one name, as the input of this index.
    Whole {
        input: usize,
        name: &'static str,
        parts: Parts,
    },
}

/// One field of a body.
pub(super) struct Field {
    pub(super) input: usize,
    /// What callers say.
    pub(super) name: String,
    /// The upstream's name.
    pub(super) wire: String,
    /// `"title":`
    pub(super) key: String,
    pub(super) part: Part,
}

/// A body in the making, and where its inputs and schema go.
pub(super) struct Making<'a> {
    pub(super) operation: &'a Arc<Operation>,
    pub(super) body: &'a Body,
    pub(super) kind: &'a MediaKind,
    pub(super) inputs: &'a mut Inputs,
    pub(super) flat: &'a mut FlatSchema,
    pub(super) place: &'a str,
}

impl Making<'_> {
    pub(super) fn layout(mut self, prepared: Prepared) -> Result<Layout, UpstreamError> {
        let Prepared { schema, parts } = prepared;
        if let Some(root) = &schema {
            let place = format!("{}.schema", self.place);
            check_syntax(root, &place)?;
            if let Some(found) = self.fields_of(root) {
                return self.fields(root, &found, &parts);
            }
        }
        self.whole(schema, parts)
    }

    /// The fields that can stand among the parameters, each with the name offered; `None` if
    /// the body must stand under one name.
    fn fields_of<'m>(&self, root: &'m Value) -> Option<Vec<(String, &'m str, &'m Value)>> {
        if *self.kind == MediaKind::Raw {
            return None;
        }
        let schema = root.as_object()?;
        let closed = schema
            .get("additionalProperties")
            .is_none_or(|more| *more == Value::Bool(false));
        let others = ["patternProperties", "anyOf", "oneOf", "allOf", "$ref"];
        if !closed || others.iter().any(|word| schema.contains_key(*word)) {
            return None;
        }
        let properties = schema.get("properties")?.as_object()?;
        if properties.is_empty() && !matches!(self.kind, MediaKind::GraphQl(_)) {
            return None;
        }
        let offered = properties.iter().map(|(wire, schema)| {
            let name = if wire.starts_with('_') {
                format!("x{wire}")
            } else {
                wire.clone()
            };
            (name, wire.as_str(), schema)
        });
        let offered: Vec<_> = offered.collect();
        let shared = |name: &str| {
            self.inputs.find(name).is_some()
                || offered.iter().filter(|(other, ..)| other == name).count() > 1
        };
        (!offered.iter().any(|(name, ..)| shared(name))).then_some(offered)
    }

    fn fields(
        &mut self,
        root: &Value,
        found: &[(String, &str, &Value)],
        parts: &Parts,
    ) -> Result<Layout, UpstreamError> {
        let listed = root.get("required").and_then(Value::as_array);
        let listed: Vec<&str> = listed
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let apart = !has_reference(root) && says_only_properties(root);
        let mut fields = Vec::with_capacity(found.len());
        let mut offered = Vec::with_capacity(found.len());
        for (name, wire, schema) in found {
            let shape = if apart {
                Shape::of(schema, || {
                    Source::Field(Arc::clone(self.operation), (*wire).into())
                })
            } else {
                Shape::of_part(schema, root)
            };
            offered.push(Offered {
                name,
                schema,
                description: None,
                required: self.body.required && listed.contains(wire),
            });
            fields.push(Field {
                input: self.input(name, shape)?,
                name: name.clone(),
                wire: (*wire).to_owned(),
                key: format!("{}:", json::quoted(wire)),
                part: parts.of(wire).clone(),
            });
        }
        self.flat.add_fields(root, &offered);
        let whole = (!apart).then(|| Shape::of(root, || Source::Body(Arc::clone(self.operation))));
        Ok(Layout::Fields {
            fields,
            required: listed.into_iter().map(str::to_owned).collect(),
            whole: whole.filter(Shape::is_checked),
        })
    }

    fn whole(&mut self, schema: Option<Value>, parts: Parts) -> Result<Layout, UpstreamError> {
        let schema = schema.unwrap_or_else(|| match self.kind {
            MediaKind::Raw => json!({ "type": "string" }),
            MediaKind::Json => Value::Object(Map::new()),
            MediaKind::Form | MediaKind::Multipart | MediaKind::GraphQl(_) => {
                json!({ "type": "object" })
            }
        });
        let taken = self.inputs.find("body").is_some();
        let name = if taken { "x_body" } else { "body" };
        self.flat.add(&Offered {
            name,
            schema: &schema,
            description: self.body.description.as_deref(),
            required: self.body.required,
        });
        let shape = Shape::of(&schema, || Source::Body(Arc::clone(self.operation)));
        Ok(Layout::Whole {
            input: self.input(name, shape)?,
            name,
            parts,
        })
    }

    fn input(&mut self, name: &str, shape: Shape) -> Result<usize, UpstreamError> {
        let input = self.inputs.add(Input {
            name: name.to_owned(),
            shape,
            required: false,
            default: None,
        });
        let place = || format!("{}.schema.properties.{name}", self.place);
        input.ok_or_else(|| UpstreamError::config(place(), "shares its name"))
    }
}

/// Says whether a schema says nothing that goes beyond each of its properties.
fn says_only_properties(root: &Value) -> bool {
    let plain = ["type", "properties", "required", "additionalProperties"];
    root.as_object().is_some_and(|object| {
        object
            .keys()
            .all(|key| plain.contains(&key.as_str()) || is_annotation(key))
    })
}
