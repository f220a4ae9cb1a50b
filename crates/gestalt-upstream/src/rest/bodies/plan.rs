//! How an operation's body is put together.

use std::borrow::Cow;
use std::sync::Arc;

use gestalt_core::Entropy;
use gestalt_core::operation::{Body, GraphQlOperation, MediaKind, Operation};
use http::HeaderValue;

use super::encode::{Member, form, multipart, raw};
use super::layout::{Field, Layout, Making};
use super::part::{Parts, prepare};
use crate::UpstreamError;
use crate::body::OutBody;
use crate::call::RequestBody;
use crate::rest::input::{Inputs, Values, fault_of};
use crate::rest::json;
use crate::rest::schema::{Given, Shape};
use crate::rest::surface::FlatSchema;

/// An operation's body, compiled.
pub(crate) struct BodyPlan {
    required: bool,
    kind: Kind,
    content_type: HeaderValue,
    layout: Layout,
    /// Media types that may pass through, as patterns.
    accepted: Vec<String>,
}

/// How arguments become bytes.
enum Kind {
    Json,
    Form,
    Multipart,
    Raw,
    /// What stands before the object of the arguments; `}` stands behind it.
    Within(String),
}

impl Kind {
    fn of(kind: &MediaKind) -> Self {
        match kind {
            MediaKind::Json => Self::Json,
            MediaKind::Form => Self::Form,
            MediaKind::Multipart => Self::Multipart,
            MediaKind::Raw => Self::Raw,
            MediaKind::GraphQl(operation) => Self::Within(around(operation)),
        }
    }
}

/// The members of a request besides its variables (GraphQL over HTTP, "Request Parameters").
fn around(operation: &GraphQlOperation) -> String {
    let GraphQlOperation { query, name } = operation;
    let (query, name) = (json::quoted(query), json::quoted(name));
    format!("{{\"query\":{query},\"operationName\":{name},\"variables\":")
}

/// A body and its content type.
type Built = (OutBody, Option<HeaderValue>);

impl BodyPlan {
    /// Compiles a body; adds what it asks for to the inputs and to the flat schema.
    pub(crate) fn new(
        operation: &Arc<Operation>,
        body: &Body,
        inputs: &mut Inputs,
        flat: &mut FlatSchema,
    ) -> Result<Self, UpstreamError> {
        let place = format!("operations.{}.body", operation.name);
        let Some(media) = body.media.first() else {
            return Err(UpstreamError::config(place, "has no content type"));
        };
        let content_type = match media.kind {
            _ if !media.content_type.contains('*') => media.content_type.as_str(),
            MediaKind::Json | MediaKind::GraphQl(_) => "application/json",
            MediaKind::Form => "application/x-www-form-urlencoded",
            MediaKind::Multipart => "multipart/form-data",
            MediaKind::Raw => "application/octet-stream",
        };
        let content_type = HeaderValue::from_str(content_type)
            .map_err(|_| UpstreamError::config(&place, "has a content type no header can carry"))?;
        let making = Making {
            operation,
            body,
            kind: &media.kind,
            inputs,
            flat,
            place: &place,
        };
        Ok(Self {
            required: body.required,
            kind: Kind::of(&media.kind),
            content_type,
            layout: making.layout(prepare(media))?,
            accepted: body
                .media
                .iter()
                .filter(|media| !matches!(media.kind, MediaKind::GraphQl(_)))
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
    ) -> Result<Built, UpstreamError> {
        if let Some(passing) = passing {
            return self.pass(values, passing, limit);
        }
        match &self.layout {
            Layout::Whole { input, name, parts } => match values.get(*input) {
                Some(given) => self.whole((name, given, parts), limit, entropy),
                None => self.nothing(name),
            },
            Layout::Fields {
                fields,
                required,
                whole,
            } => {
                let members = given(fields, values);
                if members.is_empty() && !self.required {
                    return Ok((OutBody::Empty, None));
                }
                check(&members, required, fields)?;
                let pairs = !matches!(self.kind, Kind::Json | Kind::Within(_));
                if pairs && whole.is_none() {
                    return self.pairs((&members, fields), limit, entropy);
                }
                let object = object(fields, values);
                if let Some(whole) = whole {
                    check_whole(whole, &object)?;
                }
                match &self.kind {
                    Kind::Within(before) => self.full(within(before, &object), limit),
                    _ if pairs => self.pairs((&members, fields), limit, entropy),
                    _ => self.full(object.into_bytes(), limit),
                }
            }
        }
    }

    /// A body that stands under one name.
    fn whole(
        &self,
        (name, given, parts): (&str, &Given<'_>, &Parts),
        limit: u64,
        entropy: &Entropy,
    ) -> Result<Built, UpstreamError> {
        match &self.kind {
            Kind::Json => self.full(given.json().into_owned().into_bytes(), limit),
            Kind::Within(before) => self.full(within(before, &given.json()), limit),
            Kind::Raw => self.full(raw(name, given, parts.whole())?, limit),
            Kind::Form | Kind::Multipart => {
                let text = given.json();
                let list = json::members(&text).map_err(|why| {
                    UpstreamError::invalid(name, format!("`{name}` does not hold: {why}."))
                })?;
                let members: Vec<Member<'_>> = list
                    .iter()
                    .map(|(wire, value)| Member {
                        field: Cow::Owned(format!("{name}/{wire}")),
                        name: wire,
                        json: (*value).into(),
                        part: parts.of(wire),
                    })
                    .collect();
                let taken = |key: &str| {
                    list.iter().any(|(n, _)| n == key) || parts.names().any(|n| n == key)
                };
                self.written(&members, &taken, limit, entropy)
            }
        }
    }

    fn full(&self, bytes: Vec<u8>, limit: u64) -> Result<Built, UpstreamError> {
        Ok((
            OutBody::full(bytes, limit)?,
            Some(self.content_type.clone()),
        ))
    }

    fn nothing(&self, name: &str) -> Result<Built, UpstreamError> {
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
        (members, fields): (&[Member<'_>], &[Field]),
        limit: u64,
        entropy: &Entropy,
    ) -> Result<Built, UpstreamError> {
        let taken = |key: &str| fields.iter().any(|field| field.wire == key);
        self.written(members, &taken, limit, entropy)
    }

    fn written(
        &self,
        members: &[Member<'_>],
        taken: &dyn Fn(&str) -> bool,
        limit: u64,
        entropy: &Entropy,
    ) -> Result<Built, UpstreamError> {
        if matches!(self.kind, Kind::Form) {
            return self.full(form(members, taken)?.into_bytes(), limit);
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
    ) -> Result<Built, UpstreamError> {
        let given = essence(&passing.content_type);
        if self.accepted.is_empty() {
            let why = "This operation takes its arguments as JSON, and no body of another kind.";
            return Err(UpstreamError::invalid("body", why));
        }
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
            field: Cow::Borrowed(&field.name),
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

/// A GraphQL request around the object of its variables.
fn within(before: &str, variables: &str) -> Vec<u8> {
    [before, variables, "}"].concat().into_bytes()
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
            let field = fields.iter().find(|field| field.wire == *wire);
            let name = field.map_or(wire, |field| &field.name);
            Err(UpstreamError::invalid(
                name,
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
