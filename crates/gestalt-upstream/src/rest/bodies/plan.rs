//! How an operation's body is put together.

use gestalt_core::Entropy;
use gestalt_core::operation::{Body, FieldEncoding, Media, MediaKind, Style};
use http::HeaderValue;
use serde_json::{Map, Value};

use super::encode::{Member, form, multipart, raw};
use crate::UpstreamError;
use crate::body::OutBody;
use crate::call::RequestBody;
use crate::rest::input::{Input, Inputs, Values, fault_of};
use crate::rest::json;
use crate::rest::schema::{Shape, is_annotation};
use crate::rest::surface::{FlatSchema, Offered, has_reference};

/// An operation's body, compiled.
pub(crate) struct BodyPlan {
    required: bool,
    kind: MediaKind,
    content_type: HeaderValue,
    layout: Layout,
    /// Media types that may pass through, as patterns.
    accepted: Vec<String>,
}

/// Where in the arguments the body stands.
enum Layout {
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
struct Field {
    input: usize,
    /// The upstream's name.
    wire: String,
    /// `"title":`
    key: String,
    part: Part,
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

impl BodyPlan {
    /// Compiles a body; adds what it asks for to the inputs and to the flat schema.
    pub(crate) fn new(
        body: &Body,
        inputs: &mut Inputs,
        flat: &mut FlatSchema,
        place: &str,
    ) -> Result<Self, UpstreamError> {
        let place = format!("{place}.body");
        let Some(media) = body.media.first() else {
            return Err(UpstreamError::config(place, "has no content type"));
        };
        let content_type = match media.kind {
            _ if !media.content_type.contains('*') => media.content_type.as_str(),
            MediaKind::Json => "application/json",
            MediaKind::Form => "application/x-www-form-urlencoded",
            MediaKind::Multipart => "multipart/form-data",
            MediaKind::Raw => "application/octet-stream",
        };
        let content_type = HeaderValue::from_str(content_type)
            .map_err(|_| UpstreamError::config(&place, "has a content type no header can carry"))?;
        let layout = match fields_of(media, inputs) {
            Some(found) => fields(body, media, &found, (inputs, flat, &place))?,
            None => whole(body, media, (inputs, flat, &place))?,
        };
        Ok(Self {
            required: body.required,
            kind: media.kind,
            content_type,
            layout,
            accepted: body
                .media
                .iter()
                .map(|m| essence(&m.content_type))
                .collect(),
        })
    }

    /// Puts a body together from arguments, or takes the one that passes through.
    ///
    /// # Errors
    /// [`UpstreamError::Invalid`] and [`UpstreamError::TooLarge`].
    pub(crate) fn build(
        &self,
        values: &Values<'_>,
        passing: Option<RequestBody>,
        limit: u64,
        entropy: &Entropy,
    ) -> Result<(OutBody, Option<HeaderValue>), UpstreamError> {
        if let Some(passing) = passing {
            return self.pass(values, passing, limit);
        }
        let members: Vec<Member<'_>>;
        let bytes = match &self.layout {
            Layout::Whole { input, part } => {
                let Some(given) = values.get(*input) else {
                    return self.nothing("body");
                };
                match self.kind {
                    MediaKind::Json => given.json().into_owned().into_bytes(),
                    MediaKind::Raw => raw(given, part)?,
                    _ => {
                        let text = given.json();
                        let list = json::members(&text).map_err(|why| {
                            UpstreamError::invalid("body", format!("`body` does not hold: {why}."))
                        })?;
                        let list = list.iter().map(|(name, value)| Member {
                            name,
                            json: (*value).into(),
                            part,
                        });
                        return self.pairs(list.collect(), limit, entropy);
                    }
                }
            }
            Layout::Fields {
                fields,
                required,
                whole,
            } => {
                members = given(fields, values);
                if members.is_empty() && !self.required {
                    return Ok((OutBody::Empty, None));
                }
                check(&members, required, fields)?;
                if self.kind == MediaKind::Json || whole.is_some() {
                    let object = object(fields, values);
                    if let Some(whole) = whole {
                        check_whole(whole, &object)?;
                    }
                    if self.kind != MediaKind::Json {
                        return self.pairs(members, limit, entropy);
                    }
                    object.into_bytes()
                } else {
                    return self.pairs(members, limit, entropy);
                }
            }
        };
        Ok((
            OutBody::full(bytes, limit)?,
            Some(self.content_type.clone()),
        ))
    }

    fn nothing(&self, name: &str) -> Result<(OutBody, Option<HeaderValue>), UpstreamError> {
        if self.required {
            return Err(UpstreamError::invalid(
                name,
                format!("`{name}` is required."),
            ));
        }
        Ok((OutBody::Empty, None))
    }

    fn pairs(
        &self,
        members: Vec<Member<'_>>,
        limit: u64,
        entropy: &Entropy,
    ) -> Result<(OutBody, Option<HeaderValue>), UpstreamError> {
        if self.kind == MediaKind::Form {
            let text = form(&members)?;
            return Ok((OutBody::full(text, limit)?, Some(self.content_type.clone())));
        }
        let (bytes, boundary) = multipart(&members, entropy)?;
        let content_type = format!("multipart/form-data; boundary={boundary}");
        let content_type = HeaderValue::try_from(content_type)
            .map_err(|error| UpstreamError::Internal(error.into()))?;
        Ok((OutBody::full(bytes, limit)?, Some(content_type)))
    }

    fn pass(
        &self,
        values: &Values<'_>,
        passing: RequestBody,
        limit: u64,
    ) -> Result<(OutBody, Option<HeaderValue>), UpstreamError> {
        let given = essence(&passing.content_type);
        if !self.accepted.iter().any(|pattern| covers(pattern, &given)) {
            let known = self.accepted.join(", ");
            return Err(UpstreamError::invalid(
                "body",
                format!("This operation takes a body of {known}, not of {given}."),
            ));
        }
        let mut inputs: Box<dyn Iterator<Item = usize>> = match &self.layout {
            Layout::Whole { input, .. } => Box::new(std::iter::once(*input)),
            Layout::Fields { fields, .. } => Box::new(fields.iter().map(|field| field.input)),
        };
        if inputs.any(|input| values.get(input).is_some()) {
            return Err(UpstreamError::invalid(
                "body",
                "The body is given twice, by itself and as arguments.",
            ));
        }
        let content_type = HeaderValue::from_str(&passing.content_type)
            .map_err(|_| UpstreamError::invalid("body", "The content type does not hold."))?;
        let body = OutBody::stream(passing.stream, passing.length, limit)?;
        Ok((body, Some(content_type)))
    }
}

type Place<'a> = (&'a mut Inputs, &'a mut FlatSchema, &'a str);

/// The fields that can stand among the parameters, each with the name offered; `None` if
/// the body must stand under one name.
fn fields_of<'m>(media: &'m Media, inputs: &Inputs) -> Option<Vec<(String, &'m str, &'m Value)>> {
    if media.kind == MediaKind::Raw {
        return None;
    }
    let schema = media.schema.as_ref()?.as_object()?;
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

fn fields(
    body: &Body,
    media: &Media,
    found: &[(String, &str, &Value)],
    (inputs, flat, place): Place<'_>,
) -> Result<Layout, UpstreamError> {
    let root = media.schema.as_ref().unwrap_or(&Value::Null);
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
    let whole = match apart {
        true => None,
        false => Some(Shape::compile(root, &format!("{place}.schema"))?),
    };
    Ok(Layout::Fields {
        fields,
        required: listed.into_iter().map(str::to_owned).collect(),
        whole: whole.filter(Shape::is_checked),
    })
}

fn whole(
    body: &Body,
    media: &Media,
    (inputs, flat, place): Place<'_>,
) -> Result<Layout, UpstreamError> {
    let any = match media.kind {
        MediaKind::Raw => serde_json::json!({ "type": "string" }),
        MediaKind::Json => Value::Object(Map::new()),
        MediaKind::Form | MediaKind::Multipart => serde_json::json!({ "type": "object" }),
    };
    let schema = media.schema.as_ref().unwrap_or(&any);
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

fn given<'v>(fields: &'v [Field], values: &'v Values<'_>) -> Vec<Member<'v>> {
    let given = fields.iter().filter_map(|field| {
        Some(Member {
            name: &field.wire,
            json: values.get(field.input)?.json(),
            part: &field.part,
        })
    });
    given.collect()
}

/// The body as a JSON object; values keep their exact text.
fn object(fields: &[Field], values: &Values<'_>) -> String {
    let mut out = String::from("{");
    for field in fields {
        if let Some(given) = values.get(field.input) {
            out.push_str(if out.len() > 1 { "," } else { "" });
            out.push_str(&field.key);
            out.push_str(&given.json());
        }
    }
    out.push('}');
    out
}

fn check(
    members: &[Member<'_>],
    required: &[String],
    fields: &[Field],
) -> Result<(), UpstreamError> {
    let missing = required
        .iter()
        .find(|name| !members.iter().any(|member| member.name == **name));
    match missing {
        None => Ok(()),
        Some(wire) => {
            let renamed = wire.starts_with('_') && fields.iter().any(|field| field.wire == *wire);
            let name = if renamed {
                format!("x{wire}")
            } else {
                wire.clone()
            };
            Err(UpstreamError::invalid(
                &name,
                format!("`{name}` is required."),
            ))
        }
    }
}

fn check_whole(whole: &Shape, object: &str) -> Result<(), UpstreamError> {
    let value = json::strict(object)
        .map_err(|why| UpstreamError::invalid("", format!("The arguments do not hold: {why}.")))?;
    whole.check_value(&value).map_err(|mut fault| {
        let path = fault.path.trim_start_matches('/').to_owned();
        fault.path = String::new();
        fault_of(&path, &fault)
    })
}

/// A content type without its parameters, in lower case.
fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// Says whether a media range covers a content type.
fn covers(range: &str, essence: &str) -> bool {
    match range.strip_suffix('*') {
        Some("" | "*/") => essence.contains('/'),
        Some(kind) => essence.starts_with(kind),
        None => range == essence,
    }
}
