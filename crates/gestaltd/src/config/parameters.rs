//! Parameters of an operation, with their schema under `schema` or written straight into them.

use gestalt_core::operation::{Location, Parameter, Style};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::check::Checker;
use super::decode::Located;
use super::report::Problem;
use super::source::At;

/// One parameter. `type`, `items`, `enum` and the like make its JSON Schema; or `schema` is it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ParameterEntry {
    /// What the upstream says.
    name: Located<String>,
    /// Where it stands.
    #[serde(rename = "in")]
    place: Located<PlaceWord>,
    /// What callers say instead of `name`.
    alias: Option<Located<String>>,
    /// The call is refused without it. Always so in the path.
    required: Option<Located<bool>>,
    /// The upstream advises against it.
    #[serde(default)]
    deprecated: bool,
    /// What it means.
    description: Option<String>,
    /// How its value becomes text.
    style: Option<Located<StyleWord>>,
    /// Whether arrays and objects become several pairs.
    explode: Option<bool>,
    /// Leave reserved characters as they are; query only.
    allow_reserved: Option<Located<bool>>,
    /// The value is serialised in this media type instead of by style.
    content_type: Option<String>,
    /// Its JSON Schema.
    schema: Option<Located<Map<String, Value>>>,
    /// JSON Schema: the type.
    #[serde(rename = "type")]
    kind: Option<Value>,
    /// JSON Schema: each item of an array.
    items: Option<Value>,
    /// JSON Schema: every value there is.
    #[serde(rename = "enum")]
    values: Option<Value>,
    /// JSON Schema: the one value there is.
    #[serde(rename = "const")]
    constant: Option<Value>,
    /// Sent when the caller gives none.
    default: Option<Value>,
    /// JSON Schema: a form of text.
    format: Option<Value>,
    /// JSON Schema: a regular expression.
    pattern: Option<Located<String>>,
    /// JSON Schema: the least number.
    minimum: Option<Value>,
    /// JSON Schema: the greatest number.
    maximum: Option<Value>,
    /// JSON Schema: what a number must exceed.
    exclusive_minimum: Option<Value>,
    /// JSON Schema: what a number must stay below.
    exclusive_maximum: Option<Value>,
    /// JSON Schema: what a number is a multiple of.
    multiple_of: Option<Value>,
    /// JSON Schema: the least length of a text.
    min_length: Option<Value>,
    /// JSON Schema: the greatest length of a text.
    max_length: Option<Value>,
    /// JSON Schema: the fewest items.
    min_items: Option<Value>,
    /// JSON Schema: the most items.
    max_items: Option<Value>,
    /// JSON Schema: no item twice.
    unique_items: Option<Value>,
    /// JSON Schema: members of an object.
    properties: Option<Value>,
    /// JSON Schema: other members of an object.
    additional_properties: Option<Value>,
    /// JSON Schema: examples.
    examples: Option<Value>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum PlaceWord {
    Path,
    Query,
    Header,
    Cookie,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum StyleWord {
    Simple,
    Label,
    Matrix,
    Form,
    SpaceDelimited,
    PipeDelimited,
    DeepObject,
}

impl ParameterEntry {
    pub(super) fn name_at(&self) -> At {
        self.name.at
    }

    pub(super) fn check(&self, checker: &mut Checker<'_>) -> Option<Parameter> {
        let location = match self.place.value {
            PlaceWord::Path => Location::Path,
            PlaceWord::Query => Location::Query,
            PlaceWord::Header => Location::Header,
            PlaceWord::Cookie => Location::Cookie,
        };
        self.check_name(location, checker);
        let style = self.style(location, checker)?;
        if let Some(required) = self
            .required
            .filter(|r| location == Location::Path && !r.value)
        {
            checker.problem(Problem::new(
                "a parameter in the path is always required",
                required.at,
            ));
        }
        if let Some(reserved) = self
            .allow_reserved
            .filter(|r| r.value && location != Location::Query)
        {
            checker.problem(Problem::new(
                "`allowReserved` is for the query",
                reserved.at,
            ));
        }
        let schema = self.schema(checker)?;
        let default = self
            .default
            .clone()
            .or_else(|| schema.get("default").cloned());
        Some(Parameter {
            name: self.alias.as_ref().map_or_else(
                || offered_name(&self.name.value),
                |alias| alias.value.clone(),
            ),
            wire_name: self.name.value.clone(),
            location,
            required: location == Location::Path
                || self.required.is_some_and(|required| required.value),
            deprecated: self.deprecated,
            description: self.description.clone(),
            schema: Value::Object(schema),
            style,
            explode: self.explode.unwrap_or(style == Style::Form),
            allow_reserved: self.allow_reserved.is_some_and(|reserved| reserved.value),
            content_type: self.content_type.clone(),
            default,
        })
    }

    fn check_name(&self, location: Location, checker: &mut Checker<'_>) {
        let name = &self.name.value;
        if name.is_empty() || name.len() > 128 || name.chars().any(char::is_control) {
            checker.problem(Problem::new(
                "the name of a parameter has 1 to 128 characters",
                self.name.at,
            ));
        }
        if let Some(alias) = self
            .alias
            .as_ref()
            .filter(|alias| alias.value.starts_with('_') || alias.value.is_empty())
        {
            checker.problem(Problem::new(
                "names that start with `_` are the gateway's own",
                alias.at,
            ));
        }
        if location == Location::Header {
            checker.header(&self.name);
            let credential = ["authorization", "cookie", "accept", "content-type"];
            if credential.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                checker.problem(
                    Problem::new(format!("`{name}` cannot be a parameter"), self.name.at)
                        .help("credentials are written under `connections`, the content type under `body`"),
                );
            }
        }
    }

    fn style(&self, location: Location, checker: &mut Checker<'_>) -> Option<Style> {
        let (default, allowed): (Style, &[Style]) = match location {
            Location::Path => (Style::Simple, &[Style::Simple, Style::Label, Style::Matrix]),
            Location::Header => (Style::Simple, &[Style::Simple]),
            Location::Cookie => (Style::Form, &[Style::Form]),
            Location::Query => (
                Style::Form,
                &[
                    Style::Form,
                    Style::SpaceDelimited,
                    Style::PipeDelimited,
                    Style::DeepObject,
                ],
            ),
        };
        let Some(word) = self.style else {
            return Some(default);
        };
        let style = match word.value {
            StyleWord::Simple => Style::Simple,
            StyleWord::Label => Style::Label,
            StyleWord::Matrix => Style::Matrix,
            StyleWord::Form => Style::Form,
            StyleWord::SpaceDelimited => Style::SpaceDelimited,
            StyleWord::PipeDelimited => Style::PipeDelimited,
            StyleWord::DeepObject => Style::DeepObject,
        };
        if !allowed.contains(&style) {
            checker.problem(Problem::new(
                "this style is not for parameters in this place",
                word.at,
            ));
            return None;
        }
        Some(style)
    }

    /// The schema, put together from the shorthand keys unless it is written out.
    fn schema(&self, checker: &mut Checker<'_>) -> Option<Map<String, Value>> {
        if let Some(pattern) = &self.pattern {
            checker.pattern(pattern);
        }
        let pattern = self.pattern.as_ref().map(|pattern| json!(pattern.value));
        let shorthand = [
            ("type", &self.kind),
            ("items", &self.items),
            ("enum", &self.values),
            ("const", &self.constant),
            ("format", &self.format),
            ("pattern", &pattern),
            ("minimum", &self.minimum),
            ("maximum", &self.maximum),
            ("exclusiveMinimum", &self.exclusive_minimum),
            ("exclusiveMaximum", &self.exclusive_maximum),
            ("multipleOf", &self.multiple_of),
            ("minLength", &self.min_length),
            ("maxLength", &self.max_length),
            ("minItems", &self.min_items),
            ("maxItems", &self.max_items),
            ("uniqueItems", &self.unique_items),
            ("properties", &self.properties),
            ("additionalProperties", &self.additional_properties),
            ("examples", &self.examples),
        ];
        let given: Map<String, Value> = shorthand
            .into_iter()
            .filter_map(|(key, value)| value.as_ref().map(|value| (key.to_owned(), value.clone())))
            .collect();
        let mut schema = match &self.schema {
            None => given,
            Some(schema) if given.is_empty() => schema.value.clone(),
            Some(schema) => {
                let problem = Problem::new(
                    "a schema is written under `schema` or straight into the parameter, not both",
                    schema.at,
                );
                checker.problem(problem);
                return None;
            }
        };
        if let Some(default) = &self.default {
            schema.insert("default".to_owned(), default.clone());
        }
        Some(schema)
    }
}

/// Names that start with `_` are the gateway's own (`_connection`): such a parameter is `x_…`.
fn offered_name(name: &str) -> String {
    if name.starts_with('_') {
        format!("x{name}")
    } else {
        name.to_owned()
    }
}
