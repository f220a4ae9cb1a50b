//! How an operation's body is put together.

use gestalt_core::Entropy;
use gestalt_core::operation::{Body, MediaKind};
use http::HeaderValue;

use super::encode::{Member, form, multipart, raw};
use super::layout::{Field, Layout, fields, fields_of, whole};
use crate::UpstreamError;
use crate::body::OutBody;
use crate::call::RequestBody;
use crate::rest::input::{Inputs, Values, fault_of};
use crate::rest::json;
use crate::rest::schema::Shape;
use crate::rest::surface::FlatSchema;

/// An operation's body, compiled.
pub(crate) struct BodyPlan {
    required: bool,
    kind: MediaKind,
    content_type: HeaderValue,
    layout: Layout,
    /// Media types that may pass through, as patterns.
    accepted: Vec<String>,
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
        let schema = media.schema.as_ref().map(gestalt_core::Schema::value);
        let schema = schema.as_ref();
        let layout = match (fields_of(media, schema, inputs), schema) {
            (Some(found), Some(root)) => {
                fields(body, (media, root), &found, (inputs, flat, &place))?
            }
            _ => whole(body, (media, schema), (inputs, flat, &place))?,
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
                        return self.pairs(&list.collect::<Vec<_>>(), limit, entropy);
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
                        return self.pairs(&members, limit, entropy);
                    }
                    object.into_bytes()
                } else {
                    return self.pairs(&members, limit, entropy);
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
        members: &[Member<'_>],
        limit: u64,
        entropy: &Entropy,
    ) -> Result<(OutBody, Option<HeaderValue>), UpstreamError> {
        if self.kind == MediaKind::Form {
            let text = form(members)?;
            return Ok((OutBody::full(text, limit)?, Some(self.content_type.clone())));
        }
        let (bytes, boundary) = multipart(members, entropy)?;
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
