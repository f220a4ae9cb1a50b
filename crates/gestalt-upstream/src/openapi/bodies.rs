//! Request bodies.

use gestalt_core::Schema;
use gestalt_core::operation::{Body, FieldEncoding, Media, MediaKind, Style};
use http::HeaderValue;
use serde_json::{Map, Value, json};

use super::document::Node;
use super::findings::Findings;
use super::parameters::style_named;
use super::schema::{Direction, Schemas};

/// Most media types of a body that are offered.
const MOST_MEDIA: usize = 20;

/// What a media type means for how arguments become bytes, in the order in which they are
/// preferred: what arguments write most exactly comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Form {
    Json,
    OtherJson,
    UrlEncoded,
    Multipart,
    Text,
    Binary,
}

impl Form {
    pub(super) fn of(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default();
        match essence.trim().to_ascii_lowercase().as_str() {
            "application/json" => Self::Json,
            "application/x-www-form-urlencoded" => Self::UrlEncoded,
            "multipart/form-data" => Self::Multipart,
            "application/xml"
            | "application/yaml"
            | "application/x-yaml"
            | "application/graphql"
            | "application/sql"
            | "application/javascript"
            | "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/csv"
            | "application/x-pem-file" => Self::Text,
            "text/json" => Self::OtherJson,
            other if other.ends_with("+json") => Self::OtherJson,
            other if other.ends_with("+xml") || other.ends_with("+yaml") => Self::Text,
            other if other.starts_with("text/") => Self::Text,
            _ => Self::Binary,
        }
    }

    pub(super) fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::OtherJson)
    }

    fn kind(self) -> MediaKind {
        match self {
            Self::Json | Self::OtherJson => MediaKind::Json,
            Self::UrlEncoded => MediaKind::Form,
            Self::Multipart => MediaKind::Multipart,
            Self::Text | Self::Binary => MediaKind::Raw,
        }
    }
}

/// Reads a request body, whose reference has been followed; `limit` bounds its schema, in
/// bytes. `None` if it has no media type that can be sent.
pub(super) fn read<'t>(
    body: &Node<'t>,
    limit: usize,
    schemas: &Schemas<'t>,
    findings: &mut Findings,
) -> Option<Body> {
    let content = body.get("content");
    let mut offered: Vec<(Form, String, Node<'t>)> = Vec::new();
    for (content_type, media) in content.iter().flat_map(Node::members).take(MOST_MEDIA) {
        let content_type = content_type.trim().to_owned();
        if !is_media_type(&content_type) {
            findings.changed(&media.spot(), "no media type; it is left out");
            continue;
        }
        let form = match Form::of(&content_type) {
            Form::Binary if content_type.starts_with("*/*") && takes_json(&media) => Form::Json,
            form => form,
        };
        offered.push((form, content_type, media));
    }
    offered.sort_by_key(|(form, ..)| *form);
    let mut list = Vec::with_capacity(offered.len());
    for (index, (form, content_type, media)) in offered.into_iter().enumerate() {
        // Arguments are written as the first; what passes through as it is needs no schema.
        list.push(if index == 0 {
            first(form, content_type, &media, limit, (schemas, findings))
        } else {
            Media {
                content_type,
                kind: form.kind(),
                schema: None,
                encoding: Vec::new(),
            }
        });
    }
    if list.is_empty() {
        findings.changed(&body.spot(), "the body has no media type; it is left out");
        return None;
    }
    Some(Body {
        required: body.get("required").and_then(|flag| flag.flag()) == Some(true),
        description: schemas.description(body, "description"),
        media: list,
    })
}

fn first<'t>(
    form: Form,
    content_type: String,
    media: &Node<'t>,
    limit: usize,
    (schemas, findings): (&Schemas<'t>, &mut Findings),
) -> Media {
    let schema = media.get("schema");
    let schema = match form {
        Form::Text => Some(json!({"type": "string", "contentMediaType": content_type})),
        Form::Binary => Some(json!({
            "type": "string",
            "contentEncoding": "base64",
            "contentMediaType": content_type,
            "description": "The bytes, as base64."
        })),
        _ => schema.map(|schema| schemas.convert(&schema, Direction::Request, limit, findings)),
    };
    let schema = match (form, schema) {
        (Form::Multipart | Form::UrlEncoded, Some(mut schema)) => {
            files(&mut schema, form == Form::Multipart);
            Some(schema)
        }
        (_, schema) => schema,
    };
    let encoding = match form {
        Form::UrlEncoded | Form::Multipart => encodings(form, media, findings),
        _ => Vec::new(),
    };
    Media {
        content_type: if form == Form::Json && content_type.contains('*') {
            "application/json".to_owned()
        } else {
            content_type
        },
        kind: form.kind(),
        schema: schema.map(Schema::from),
        encoding,
    }
}

/// Marks the members of a multipart body that hold bytes, which arguments give as base64;
/// elsewhere a string is sent as it is given.
fn files(schema: &mut Value, multipart: bool) {
    let Some(Value::Object(members)) = schema.get_mut("properties") else {
        return;
    };
    for member in members.values_mut() {
        let Some(member) = member.as_object_mut() else {
            continue;
        };
        let inner = if member.get("type").is_some_and(|kind| kind == "array") {
            member.get_mut("items").and_then(Value::as_object_mut)
        } else {
            Some(member)
        };
        if let Some(inner) = inner {
            file(inner, multipart);
        }
    }
}

fn file(member: &mut Map<String, Value>, multipart: bool) {
    let is = |key: &str, text: &str| member.get(key).and_then(Value::as_str) == Some(text);
    let encoded = member.contains_key("contentEncoding");
    let binary = is("format", "binary") || (member.contains_key("contentMediaType") && !encoded);
    if multipart && binary {
        member.entry("type").or_insert_with(|| "string".into());
        member.insert("contentEncoding".to_owned(), "base64".into());
        member
            .entry("description")
            .or_insert_with(|| "The file's bytes, as base64.".into());
    } else if encoded {
        // The document asks for encoded text, which the caller gives as it is.
        member.remove("contentEncoding");
        member.remove("contentMediaType");
    }
}

fn encodings(form: Form, media: &Node<'_>, findings: &mut Findings) -> Vec<FieldEncoding> {
    let mut list = Vec::new();
    for (name, encoding) in media.get("encoding").iter().flat_map(Node::members) {
        let text = |key: &str| encoding.get(key).and_then(|node| node.text());
        let style = text("style");
        let explode = encoding.get("explode").and_then(|node| node.flag());
        let content_type = text("contentType");
        let said = style.is_some() || explode.is_some();
        match form {
            // Without a style of its own, an object becomes JSON.
            Form::UrlEncoded if !said => continue,
            Form::Multipart if content_type.is_none() => continue,
            _ => {}
        }
        let style = style.as_deref().unwrap_or("form");
        let Some(style) = style_named(style) else {
            findings.changed(
                &encoding.spot(),
                format!("`{style}` is no style; `form` is used"),
            );
            continue;
        };
        let content_type = content_type.filter(|text| HeaderValue::from_str(text).is_ok());
        list.push(FieldEncoding {
            name,
            content_type: content_type.filter(|_| form == Form::Multipart),
            style,
            explode: explode.unwrap_or(style == Style::Form),
        });
    }
    list
}

/// Says whether a media type object speaks of what JSON has and text has not.
pub(super) fn takes_json(media: &Node<'_>) -> bool {
    let Some(schema) = media
        .get("schema")
        .and_then(|schema| schema.resolved().ok())
    else {
        return false;
    };
    let kind = schema.get("type").and_then(|kind| kind.text());
    match kind.as_deref() {
        Some("string") => false,
        Some(_) => true,
        None => [
            "properties",
            "items",
            "allOf",
            "oneOf",
            "anyOf",
            "additionalProperties",
        ]
        .iter()
        .any(|key| schema.get(key).is_some()),
    }
}

fn is_media_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default();
    essence.contains('/') && !essence.contains(' ') && HeaderValue::from_str(text).is_ok()
}
