//! `body`: what a request carries.

use gestalt_core::operation::{Body, FieldEncoding, Media, MediaKind, Style};
use gestalt_core::schema::Schema;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::config::check::Checker;
use crate::config::decode::{Entries, Located};
use crate::config::report::Problem;

/// The request body: one content type, or several under `content`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct BodyEntry {
    /// The call is refused without it. `true` unless set where the schema requires a member.
    required: Option<bool>,
    /// What it means.
    description: Option<String>,
    /// `application/json` unless set.
    content_type: Option<Located<String>>,
    /// JSON Schema of the value.
    schema: Option<Value>,
    /// How fields of forms and multipart bodies are written.
    encoding: Entries<EncodingEntry>,
    /// Several content types, the first of which is used when the caller names none.
    content: Vec<ContentEntry>,
}

/// One of several content types.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ContentEntry {
    /// The content type that is sent.
    content_type: Located<String>,
    /// JSON Schema of the value.
    schema: Option<Value>,
    /// How fields of forms and multipart bodies are written.
    #[serde(default)]
    encoding: Entries<EncodingEntry>,
}

/// How one field of a form or multipart body is written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct EncodingEntry {
    /// Its content type, for multipart.
    content_type: Option<String>,
    /// Whether arrays and objects become several pairs. `true` unless set.
    explode: Option<bool>,
}

impl BodyEntry {
    pub(super) fn check(&self, at: &Located<BodyEntry>, checker: &mut Checker<'_>) -> Option<Body> {
        let single =
            self.content_type.is_some() || self.schema.is_some() || !self.encoding.0.is_empty();
        if single && !self.content.is_empty() {
            checker.problem(Problem::new(
                "a body has one `contentType`, or several under `content`",
                at.at,
            ));
            return None;
        }
        let media: Vec<Media> = if self.content.is_empty() {
            let json = Located {
                value: "application/json".to_owned(),
                at: at.at,
            };
            let content_type = self.content_type.as_ref().unwrap_or(&json);
            vec![media(
                content_type,
                self.schema.as_ref(),
                &self.encoding,
                checker,
            )?]
        } else {
            let each = |entry: &ContentEntry| {
                media(
                    &entry.content_type,
                    entry.schema.as_ref(),
                    &entry.encoding,
                    checker,
                )
            };
            self.content.iter().map(each).collect::<Option<_>>()?
        };
        let requires = |media: &Media| {
            let schema = media.schema.as_ref().map(Schema::value);
            let list = schema.as_ref().and_then(|schema| schema.get("required"));
            list.and_then(Value::as_array)
                .is_some_and(|names| !names.is_empty())
        };
        Some(Body {
            required: self.required.unwrap_or_else(|| media.iter().all(requires)),
            description: self.description.clone(),
            media,
        })
    }
}

fn media(
    content_type: &Located<String>,
    schema: Option<&Value>,
    encoding: &Entries<EncodingEntry>,
    checker: &mut Checker<'_>,
) -> Option<Media> {
    let text = content_type.value.as_str();
    let essence = text
        .split(';')
        .next()
        .unwrap_or(text)
        .trim()
        .to_ascii_lowercase();
    if !essence.contains('/') || http::HeaderValue::try_from(text).is_err() {
        checker.problem(Problem::new(
            "expected a media type such as `application/json`",
            content_type.at,
        ));
        return None;
    }
    let kind = match essence.as_str() {
        "application/x-www-form-urlencoded" => MediaKind::Form,
        "multipart/form-data" => MediaKind::Multipart,
        json if json == "application/json" || json.ends_with("+json") => MediaKind::Json,
        _ => MediaKind::Raw,
    };
    let encoding = encoding.0.iter().map(|(name, entry)| FieldEncoding {
        name: name.value.clone(),
        content_type: entry.content_type.clone(),
        style: Style::Form,
        explode: entry.explode.unwrap_or(true),
    });
    Some(Media {
        content_type: text.to_owned(),
        kind,
        schema: schema.map(Schema::from),
        encoding: encoding.collect(),
    })
}
