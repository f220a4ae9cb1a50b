//! Where in the arguments a body stands, and how its fields are written.

use gestalt_core::operation::{Body, FieldEncoding, Media, MediaKind, Style};
use serde_json::{Map, Value};

use crate::UpstreamError;
use crate::rest::input::{Input, Inputs};
use crate::rest::json;
use crate::rest::schema::{Shape, is_annotation};
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
    Whole { input: usize, part: Part },
}

/// One field of a body.
pub(super) struct Field {
    pub(super) input: usize,
    /// The upstream's name.
    pub(super) wire: String,
    /// `"title":`
    pub(super) key: String,
    pub(super) part: Part,
}

/// How one field is written in a form or multipart body.
#[derive(Clone, Default)]
pub(crate) struct Part {
    /// `None` where nothing is said: arrays repeat, objects become JSON.
    pub(crate) style: Option<(Style, bool)>,
    pub(crate) content_type: Option<String>,
    pub(crate) file: bool,
    pub(crate) base64: bool,
}

impl Part {
    fn new(schema: Option<&Value>, encoding: Option<&FieldEncoding>) -> Self {
        let item = |schema: &'_ Value, key: &str| -> Option<String> {
            let own = schema.get(key).or_else(|| schema.get("items")?.get(key));
            own?.as_str().map(str::to_owned)
        };
        let word = |key: &str| schema.and_then(|schema| item(schema, key));
        let media_type = word("contentMediaType");
        let content_encoding = word("contentEncoding");
        let binary = word("format").is_some_and(|format| format == "binary");
        Self {
            style: encoding.map(|encoding| (encoding.style, encoding.explode)),
            file: binary || content_encoding.is_some() || media_type.is_some(),
            base64: content_encoding.is_some_and(|name| name.starts_with("base64")),
            content_type: encoding
                .and_then(|encoding| encoding.content_type.clone())
                .or(media_type),
        }
    }
}

/// Where a body's inputs and schema go, and the body's place in the definition.
pub(super) type Place<'a> = (&'a mut Inputs, &'a mut FlatSchema, &'a str);

/// The fields that can stand among the parameters, each with the name offered; `None` if
/// the body must stand under one name.
pub(super) fn fields_of<'m>(
    media: &Media,
    schema: Option<&'m Value>,
    inputs: &Inputs,
) -> Option<Vec<(String, &'m str, &'m Value)>> {
    if media.kind == MediaKind::Raw {
        return None;
    }
    let schema = schema?.as_object()?;
    let closed = |schema: &Map<String, Value>| {
        !schema.contains_key("patternProperties")
            && schema
                .get("additionalProperties")
                .is_none_or(|more| *more == Value::Bool(false))
    };
    if !closed(schema) || schema.contains_key("anyOf") || schema.contains_key("oneOf") {
        return None;
    }
    let properties = schema.get("properties")?.as_object()?;
    if properties.is_empty() || schema.contains_key("allOf") || schema.contains_key("$ref") {
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
        inputs.find(name).is_some()
            || offered.iter().filter(|(other, ..)| other == name).count() > 1
    };
    (!offered.iter().any(|(name, ..)| shared(name))).then_some(offered)
}

pub(super) fn fields(
    body: &Body,
    (media, root): (&Media, &Value),
    found: &[(String, &str, &Value)],
    (inputs, flat, place): Place<'_>,
) -> Result<Layout, UpstreamError> {
    let listed = root.get("required").and_then(Value::as_array);
    let listed: Vec<&str> = listed
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let apart = !has_reference(root)
        && root.as_object().is_some_and(|object| {
            let plain = ["type", "properties", "required", "additionalProperties"];
            object
                .keys()
                .all(|key| plain.contains(&key.as_str()) || is_annotation(key))
        });
    let mut fields = Vec::with_capacity(found.len());
    let mut offered = Vec::with_capacity(found.len());
    for (name, wire, schema) in found {
        let place = format!("{place}.schema.properties.{wire}");
        let shape = if apart {
            Shape::compile(schema, &place)?
        } else {
            Shape::of_part(schema, root)
        };
        offered.push(Offered {
            name,
            schema,
            description: None,
            required: body.required && listed.contains(wire),
        });
        let input = inputs.add(Input {
            name: name.clone(),
            shape,
            required: false,
            default: None,
        });
        let encoding = media
            .encoding
            .iter()
            .find(|encoding| encoding.name == *wire);
        fields.push(Field {
            input: input.ok_or_else(|| UpstreamError::config(&place, "shares its name"))?,
            wire: (*wire).to_owned(),
            key: format!("{}:", json::quoted(wire)),
            part: Part::new(Some(schema), encoding),
        });
    }
    flat.add_fields(root, &offered);
    let whole = if apart {
        None
    } else {
        Some(Shape::compile(root, &format!("{place}.schema"))?)
    };
    Ok(Layout::Fields {
        fields,
        required: listed.into_iter().map(str::to_owned).collect(),
        whole: whole.filter(Shape::is_checked),
    })
}

pub(super) fn whole(
    body: &Body,
    (media, schema): (&Media, Option<&Value>),
    (inputs, flat, place): Place<'_>,
) -> Result<Layout, UpstreamError> {
    let any = match media.kind {
        MediaKind::Raw => serde_json::json!({ "type": "string" }),
        MediaKind::Json => Value::Object(Map::new()),
        MediaKind::Form | MediaKind::Multipart => serde_json::json!({ "type": "object" }),
    };
    let schema = schema.unwrap_or(&any);
    let taken = inputs.find("body").is_some();
    let name = if taken { "x_body" } else { "body" };
    flat.add(&Offered {
        name,
        schema,
        description: body.description.as_deref(),
        required: body.required,
    });
    let input = inputs.add(Input {
        name: name.to_owned(),
        shape: Shape::compile(schema, &format!("{place}.schema"))?,
        required: false,
        default: None,
    });
    Ok(Layout::Whole {
        input: input.ok_or_else(|| UpstreamError::config(place, "shares its name"))?,
        part: match media.kind {
            MediaKind::Raw => Part::new(Some(schema), None),
            _ => Part::default(),
        },
    })
}
