//! How each field of a body is written, and what its arguments look like.
//!
//! Arguments are JSON, which holds no bytes: what goes out as bytes comes in as base64. A
//! schema says so by `contentEncoding: base64`, by `format: binary` (OpenAPI 3.0), or by a
//! media type that is no text (OpenAPI 3.1); callers are offered `contentEncoding: base64`.
//! Any other `contentEncoding` means a text, which goes out as it is.

use gestalt_core::Schema;
use gestalt_core::operation::{FieldEncoding, Media, MediaKind, Style};
use serde_json::{Map, Value, json};

use crate::rest::schema::{Types, resolve};
use crate::rest::target::is_json_type;

/// The encoding of bytes among arguments.
const BASE64: &str = "base64";
/// Longest chain of references followed to a field's schema.
const REFERENCES: usize = 16;
/// Schemas of one body that are looked through for fields.
const OWNERS: usize = 100;

/// How one field is written in a form or multipart body, or how a whole raw one is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Part {
    /// `None` where nothing is said: arrays repeat, objects become JSON.
    pub(crate) style: Option<(Style, bool)>,
    /// The content type, if one is said that can be sent.
    pub(crate) content_type: Option<String>,
    /// Written as JSON whatever it is.
    pub(crate) json: bool,
    /// Arguments are base64 of what is sent.
    pub(crate) binary: bool,
    /// The encoding that the text is in already.
    pub(crate) transfer: Option<String>,
}

/// A body's schema as arguments must hold to it, and how each field is written.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    pub(crate) schema: Option<Value>,
    pub(crate) parts: Parts,
}

/// The parts of a body by the upstream's names.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    named: Vec<(String, Part)>,
    /// Those without a name, or the whole of a raw body.
    rest: Part,
}

impl Parts {
    pub(crate) fn of(&self, wire: &str) -> &Part {
        let known = self.named.iter().find(|(name, _)| name == wire);
        known.map_or(&self.rest, |(_, part)| part)
    }

    pub(crate) fn whole(&self) -> &Part {
        &self.rest
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|(name, _)| name.as_str())
    }
}

/// Prepares a body of one media type.
pub(crate) fn prepare(media: &Media) -> Prepared {
    let schema = media.schema.as_ref().map(Schema::value);
    match media.kind {
        MediaKind::Json | MediaKind::GraphQl(_) => Prepared {
            schema,
            parts: Parts::default(),
        },
        MediaKind::Raw => raw(media, schema),
        MediaKind::Form | MediaKind::Multipart => pairs(media, schema),
    }
}

fn raw(media: &Media, schema: Option<Value>) -> Prepared {
    let root = schema.unwrap_or(Value::Bool(true));
    let found = resolved(&root, &root);
    let binary = match encoding_of(found) {
        Some(encoding) => encoding == BASE64,
        None => !is_text(&media.content_type),
    };
    let mut rest = Part {
        binary,
        ..Part::default()
    };
    let structured = Types::of_schema(&root, &root).has(Types::ARRAY.or(Types::OBJECT));
    let schema = if rest.binary {
        described(found, bytes_schema(concrete(&media.content_type)))
    } else if structured {
        described(found, json!({ "type": "string" }))
    } else {
        root.clone()
    };
    rest.content_type = concrete(&media.content_type).map(str::to_owned);
    let named = Vec::new();
    Prepared {
        schema: Some(schema),
        parts: Parts { named, rest },
    }
}

fn pairs(media: &Media, schema: Option<Value>) -> Prepared {
    let Some(mut root) = schema else {
        return Prepared::default();
    };
    let multipart = media.kind == MediaKind::Multipart;
    let mut parts = Parts::default();
    let mut changes: Vec<(String, Value)> = Vec::new();
    for owner in owners(&root) {
        let Some(object) = root.pointer(&owner).and_then(Value::as_object) else {
            continue;
        };
        let properties = object.get("properties").and_then(Value::as_object);
        for (wire, schema) in properties.into_iter().flatten() {
            let encoding = media.encoding.iter().find(|e| e.name == *wire);
            let (part, offered) = field(schema, &root, encoding, multipart);
            if let Some(offered) = offered {
                let step = wire.replace('~', "~0").replace('/', "~1");
                changes.push((format!("{owner}/properties/{step}"), offered));
            }
            if !parts.names().any(|name| name == wire) {
                parts.named.push((wire.clone(), part));
            }
        }
        if let Some(schema) = object.get("additionalProperties") {
            let (part, offered) = field(schema, &root, None, multipart);
            parts.rest = part;
            changes.extend(offered.map(|it| (format!("{owner}/additionalProperties"), it)));
        }
    }
    for (pointer, offered) in changes {
        if let Some(place) = root.pointer_mut(&pointer) {
            *place = offered;
        }
    }
    Prepared {
        schema: Some(root),
        parts,
    }
}

/// Pointers to the schemas whose properties are a body's fields.
fn owners(root: &Value) -> Vec<String> {
    let mut found: Vec<String> = vec![String::new()];
    let mut next = 0;
    while next < found.len() && found.len() < OWNERS {
        let here = found[next].clone();
        next += 1;
        let Some(object) = root.pointer(&here).and_then(Value::as_object) else {
            continue;
        };
        let target = object.get("$ref").and_then(Value::as_str);
        let mut more: Vec<String> = target
            .and_then(crate::rest::schema::pointer_of)
            .into_iter()
            .collect();
        for word in ["allOf", "anyOf", "oneOf"] {
            let count = object
                .get(word)
                .and_then(Value::as_array)
                .map_or(0, Vec::len);
            more.extend((0..count).map(|index| format!("{here}/{word}/{index}")));
        }
        for pointer in more {
            if !found.contains(&pointer) {
                found.push(pointer);
            }
        }
    }
    found
}

/// How a field is written, and the schema of its arguments where that is another.
fn field(
    schema: &Value,
    root: &Value,
    encoding: Option<&FieldEncoding>,
    multipart: bool,
) -> (Part, Option<Value>) {
    let own = resolved(schema, root);
    let items = own.get("items").map(|items| resolved(items, root));
    let one = items.unwrap_or(own);
    let word = |key: &str| one.get(key).and_then(Value::as_str);
    let said = encoding.and_then(|encoding| encoding.content_type.as_deref());
    let content_type = said.or_else(|| word("contentMediaType")).and_then(concrete);
    let part = Part {
        style: encoding
            .filter(|encoding| encoding.content_type.is_none())
            .map(|encoding| (encoding.style, encoding.explode)),
        json: said.is_some_and(is_json_type),
        binary: multipart && is_binary(one, root, content_type),
        transfer: encoding_of(one)
            .filter(|encoding| *encoding != BASE64)
            .map(str::to_owned),
        content_type: content_type.map(str::to_owned),
    };
    if !part.binary {
        return (part, None);
    }
    let file = described(one, file_schema(content_type, may_be_null(one, root)));
    let offered = match own {
        Value::Object(list) if items.is_some() => {
            let mut list = list.clone();
            list.insert("items".to_owned(), file);
            Value::Object(list)
        }
        _ => file,
    };
    (part, Some(offered))
}

fn is_binary(schema: &Value, root: &Value, content_type: Option<&str>) -> bool {
    if let Some(encoding) = encoding_of(schema) {
        return encoding == BASE64;
    }
    let says_so = |one: &Value| one.get("format").and_then(Value::as_str) == Some("binary");
    let choices =
        ["anyOf", "oneOf", "allOf"].map(|word| schema.get(word).and_then(Value::as_array));
    let mut choices = choices.into_iter().flatten().flatten();
    if says_so(schema) || choices.any(|one| says_so(resolved(one, root))) {
        return true;
    }
    let types = Types::of_schema(schema, root);
    let text_or_any = types == Types::ALL || types.without(Types::NULL) == Types::STRING;
    text_or_any && content_type.is_some_and(|t| !is_text(t) && !is_json_type(t))
}

fn encoding_of(schema: &Value) -> Option<&str> {
    schema.get("contentEncoding").and_then(Value::as_str)
}

fn may_be_null(schema: &Value, root: &Value) -> bool {
    let types = Types::of_schema(schema, root);
    types != Types::ALL && types.has(Types::NULL)
}

/// What a chain of references leads to.
fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let mut here = schema;
    for _ in 0..REFERENCES {
        match here.get("$ref").and_then(|r| resolve(root, r)) {
            Some(target) => here = target,
            None => break,
        }
    }
    here
}

/// The schema of bytes among arguments.
fn bytes_schema(content_type: Option<&str>) -> Value {
    let mut schema = json!({ "type": "string", "contentEncoding": "base64" });
    if let (Some(content_type), Some(object)) = (content_type, schema.as_object_mut()) {
        object.insert("contentMediaType".to_owned(), content_type.into());
    }
    schema
}

/// The schema of a file among arguments.
fn file_schema(content_type: Option<&str>, null: bool) -> Value {
    let mut choices = vec![
        bytes_schema(content_type),
        json!({
            "type": "object",
            "properties": {
                "content": { "type": "string", "contentEncoding": "base64" },
                "filename": { "type": "string" },
                "contentType": { "type": "string" },
            },
            "required": ["content"],
            "additionalProperties": false,
        }),
    ];
    if null {
        choices.push(json!({ "type": "null" }));
    }
    json!({ "anyOf": choices })
}

/// Adds what a schema says for readers.
fn described(from: &Value, schema: Value) -> Value {
    let Value::Object(rules) = schema else {
        return schema;
    };
    let mut out = Map::new();
    for word in ["title", "description", "deprecated"] {
        out.extend(from.get(word).map(|value| (word.to_owned(), value.clone())));
    }
    out.extend(rules);
    Value::Object(out)
}

/// The first of a list of content types that is one, and that a header can carry.
fn concrete(content_types: &str) -> Option<&str> {
    let mut list = content_types.split(',').map(str::trim);
    list.find(|one| is_content_type(one))
}

/// Says whether a text is a content type, with or without parameters.
pub(crate) fn is_content_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim_end();
    let token = |text: &str| {
        let other = b"!#$&-^_.+";
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || other.contains(&byte);
        !text.is_empty() && text.bytes().all(fits)
    };
    essence
        .split_once('/')
        .is_some_and(|(a, b)| token(a) && token(b))
        && text
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

/// Says whether a content type is of text, which JSON can hold.
fn is_text(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let Some((kind, form)) = essence.split_once('/') else {
        return false;
    };
    let words = [
        "ecmascript",
        "graphql",
        "javascript",
        "json",
        "jwt",
        "ndjson",
        "sql",
        "toml",
        "x-ndjson",
        "x-sh",
        "x-toml",
        "x-www-form-urlencoded",
        "x-yaml",
        "xml",
        "yaml",
    ];
    let suffixed = ["+json", "+xml", "+yaml", "+text"];
    kind == "text"
        || (kind == "application" && words.contains(&form))
        || suffixed.iter().any(|suffix| form.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(content_type: &str, kind: MediaKind, schema: Value) -> Media {
        Media {
            content_type: content_type.to_owned(),
            kind,
            schema: Some(schema.into()),
            encoding: Vec::new(),
        }
    }

    #[test]
    fn binary_fields_are_found_and_offered_as_base64() {
        let schema = json!({
            "allOf": [{ "$ref": "#/$defs/Upload" }],
            "$defs": {
                "File": { "type": "string", "format": "binary", "description": "It." },
                "Upload": { "properties": {
                    "one": { "$ref": "#/$defs/File" },
                    "many": { "type": "array", "items": { "$ref": "#/$defs/File" }, "maxItems": 3 },
                    "maybe": { "anyOf": [{ "type": "string", "format": "binary" }, { "type": "null" }] },
                    "image": { "type": "string", "contentMediaType": "image/png" },
                    "text": { "type": "string", "contentMediaType": "text/csv" },
                    "coded": { "type": "string", "contentEncoding": "base64" },
                    "quoted": { "type": "string", "contentEncoding": "quoted-printable" },
                } },
            },
        });
        let made = prepare(&media("multipart/form-data", MediaKind::Multipart, schema));
        let binary = |name| made.parts.of(name).binary;
        for name in ["one", "many", "maybe", "image", "coded"] {
            assert!(binary(name), "{name}");
        }
        assert!(!binary("text") && !binary("quoted") && !binary("other"));
        let schema = made.schema.unwrap();
        let fields = &schema["$defs"]["Upload"]["properties"];
        assert_eq!(fields["one"]["description"], "It.");
        assert_eq!(fields["one"]["anyOf"][0]["contentEncoding"], "base64");
        assert_eq!(fields["many"]["maxItems"], 3);
        assert_eq!(fields["many"]["items"]["anyOf"][1]["type"], "object");
        assert_eq!(fields["maybe"]["anyOf"][2]["type"], "null");
        assert_eq!(fields["text"]["contentMediaType"], "text/csv");
    }

    #[test]
    fn a_raw_body_is_text_or_base64() {
        let raw = |content_type, schema| {
            let made = prepare(&media(content_type, MediaKind::Raw, schema));
            (made.parts.whole().binary, made.schema.unwrap())
        };
        let (binary, schema) = raw("image/png", json!({"type": "string", "format": "binary"}));
        assert!(binary && schema["contentEncoding"] == "base64");
        let (binary, schema) = raw("application/xml", json!({"type": "object", "title": "T"}));
        assert!(!binary);
        assert_eq!(schema, json!({"title": "T", "type": "string"}));
        let text = json!({"type": "string", "maxLength": 3});
        assert_eq!(raw("text/plain", text.clone()), (false, text));
        let coded = json!({"type": "string", "contentEncoding": "base64"});
        assert!(raw("text/plain", coded).0);
        let coded = json!({"type": "string", "contentEncoding": "base16"});
        assert_eq!(raw("image/png", coded.clone()), (false, coded));
    }

    #[test]
    fn s36_only_a_content_type_is_one() {
        for text in [
            "",
            "a",
            "a/",
            "a/b\r\nX: 1",
            "a/b c",
            "*/*",
            "a/b,c/d",
            "a/b; x=\u{e9}",
        ] {
            assert!(!is_content_type(text), "{text:?}");
        }
        assert!(is_content_type("text/plain; charset=utf-8"));
        assert_eq!(concrete("image/*, image/png, image/gif"), Some("image/png"));
    }
}
