//! JSON Schema 2020-12: which types a value may have, and whether it holds.

mod syntax;
mod types;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use gestalt_core::operation::Operation;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, ValidationError, Validator};
use serde_json::Value;

use super::bodies;
use super::json;
use crate::UpstreamError;

pub(crate) use types::{Types, pointer_of, resolve};

/// Longest text of a fault that is passed on, in characters.
const LONGEST_FAULT: usize = 200;

/// A value that a caller gave.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Given<'a> {
    /// A string, decoded.
    Text(Cow<'a, str>),
    /// Any JSON, as its exact text.
    Json(Cow<'a, str>),
}

impl Given<'_> {
    /// The value as JSON.
    pub(crate) fn json(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Owned(json::quoted(text)),
            Self::Json(text) => Cow::Borrowed(text),
        }
    }

    /// The string that the value is; `None` if it is another value.
    pub(crate) fn string(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Json(text) => json::string(text),
        }
    }

    fn types(&self) -> Types {
        let Self::Json(text) = self else {
            return Types::STRING;
        };
        match text.as_bytes().first() {
            Some(b'"') => Types::STRING,
            Some(b'{') => Types::OBJECT,
            Some(b'[') => Types::ARRAY,
            Some(b't' | b'f') => Types::BOOLEAN,
            Some(b'n') => Types::NULL,
            _ if is_integral(text) => Types::INTEGER.or(Types::NUMBER),
            _ => Types::NUMBER,
        }
    }
}

/// What is wrong with a value, and where in it.
pub(crate) struct Fault {
    /// JSON pointer into the value; empty for the whole.
    pub(crate) path: String,
    pub(crate) message: String,
}

impl Fault {
    fn whole(message: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            message: message.into(),
        }
    }
}

/// Where a schema is found again when it is first used.
#[derive(Clone)]
pub(crate) enum Source {
    /// The parameter of this index.
    Parameter(Arc<Operation>, usize),
    /// The first media type's.
    Body(Arc<Operation>),
    /// A property of the first media type's.
    Field(Arc<Operation>, Box<str>),
    /// Itself.
    #[cfg(test)]
    Given(Value),
}

impl Source {
    fn read(&self) -> Value {
        let body = |operation: &Operation| {
            let media = operation.body.as_ref().and_then(|body| body.media.first());
            media.and_then(bodies::schema_of).unwrap_or_default()
        };
        match self {
            Self::Parameter(operation, index) => operation.parameters[*index].schema.clone(),
            Self::Body(operation) => body(operation),
            Self::Field(operation, wire) => body(operation)
                .get_mut("properties")
                .and_then(|properties| properties.get_mut(&**wire))
                .map(Value::take)
                .unwrap_or_default(),
            #[cfg(test)]
            Self::Given(schema) => schema.clone(),
        }
    }
}

/// A schema's rules beyond types, compiled when they are first used.
struct Rules {
    source: Source,
    validator: OnceLock<Result<Box<Validator>, String>>,
}

impl Rules {
    fn check(&self, value: &Value) -> Result<(), Fault> {
        let validator = self
            .validator
            .get_or_init(|| validator(&self.source.read()).map(Box::new));
        let Ok(validator) = validator else {
            // What the look at load passes compiles, as far as is known.
            return Err(Fault::whole("cannot be checked: its schema is broken"));
        };
        validator.validate(value).map_err(|error| {
            let error = innermost(&error);
            Fault {
                path: error.instance_path().to_string(),
                message: shorten(&error.masked().to_string()),
            }
        })
    }
}

/// What is wrong within alternatives, where all but one of them are for values of another type:
/// of an object or null, it is about the object.
fn innermost<'e>(error: &'e ValidationError<'e>) -> &'e ValidationError<'e> {
    let (ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }) =
        error.kind()
    else {
        return error;
    };
    let same = |inner: &ValidationError<'_>| {
        matches!(inner.kind(), ValidationErrorKind::Type { .. })
            && inner.instance_path() == error.instance_path()
    };
    let firsts = context.iter().filter_map(|branch| branch.first());
    let mut meant = firsts.filter(|inner| !same(inner));
    match (meant.next(), meant.next()) {
        (Some(inner), None) => innermost(inner),
        _ => error,
    }
}

/// Looks through a schema that stands for itself.
pub(crate) fn check_syntax(schema: &Value, place: &str) -> Result<(), UpstreamError> {
    syntax::check(schema).map_err(|why| {
        UpstreamError::config(place, format!("is not a JSON Schema: {}", shorten(&why)))
    })
}

/// What is known of a schema without a value.
pub(crate) struct Shape {
    types: Types,
    items: Types,
    /// `None` where the types say all.
    rules: Option<Rules>,
}

impl Shape {
    /// Looks through a schema that stands for itself.
    pub(crate) fn compile(
        schema: &Value,
        source: impl FnOnce() -> Source,
        place: &str,
    ) -> Result<Self, UpstreamError> {
        check_syntax(schema, place)?;
        Ok(Self::of(schema, source))
    }

    /// The same for a schema that was looked through.
    pub(crate) fn of(schema: &Value, source: impl FnOnce() -> Source) -> Self {
        let mut shape = Self::of_part(schema, schema);
        if !says_only_types(schema) {
            shape.rules = Some(Rules {
                source: source(),
                validator: OnceLock::new(),
            });
        }
        shape
    }

    /// The types of a part of a schema, which is checked with the whole.
    pub(crate) fn of_part(part: &Value, root: &Value) -> Self {
        let items = part.get("items").unwrap_or(&Value::Bool(true));
        Self {
            types: Types::of_schema(part, root),
            items: Types::of_schema(items, root),
            rules: None,
        }
    }

    /// Types the texts of a query parameter, one or several under the same name.
    pub(crate) fn typed<'a>(&self, texts: &[&'a str]) -> Result<Given<'a>, String> {
        let scalars = self.types.without(Types::ARRAY);
        if let [one] = texts
            && scalars != Types::NONE
        {
            return typed(scalars, one);
        }
        if !self.types.has(Types::ARRAY) {
            return Err("is given more than once".to_owned());
        }
        let mut array = String::from("[");
        for (index, text) in texts.iter().enumerate() {
            if index > 0 {
                array.push(',');
            }
            array.push_str(&typed(self.items, text)?.json());
        }
        array.push(']');
        Ok(Given::Json(Cow::Owned(array)))
    }

    /// Checks a value.
    pub(crate) fn check(&self, given: &Given<'_>) -> Result<(), Fault> {
        let types = given.types();
        if !self.types.has(types) {
            return Err(Fault::whole(format!("must be {}", self.types.shown())));
        }
        let value = match (&self.rules, given) {
            (Some(_), Given::Text(text)) => Value::String(text.to_string()),
            (Some(_), Given::Json(text)) => json::strict(text).map_err(Fault::whole)?,
            // Nothing to check, but nested values must be what every reader reads alike.
            (None, given) if types.has(Types::ARRAY.or(Types::OBJECT)) => {
                json::strict(&given.json()).map_err(Fault::whole)?
            }
            (None, given) if types == Types::STRING && given.string().is_none() => {
                return Err(Fault::whole("holds half a character"));
            }
            (None, _) => return Ok(()),
        };
        self.check_value(&value)
    }

    /// Checks a value that was read strictly.
    pub(crate) fn check_value(&self, value: &Value) -> Result<(), Fault> {
        self.rules
            .as_ref()
            .map_or(Ok(()), |rules| rules.check(value))
    }

    /// Says whether there is more to check than types.
    pub(crate) fn is_checked(&self) -> bool {
        self.rules.is_some()
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= LONGEST_FAULT {
        return text.to_owned();
    }
    text.chars().take(LONGEST_FAULT).chain(['…']).collect()
}

/// Compiles a validator.
fn validator(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .build(schema)
        .map_err(|error| error.to_string())
}

/// Keywords that say nothing about whether a value holds.
const ANNOTATIONS: &[&str] = &[
    "$comment",
    "$schema",
    "contentEncoding",
    "contentMediaType",
    "default",
    "deprecated",
    "description",
    "example",
    "examples",
    "externalDocs",
    "format",
    "readOnly",
    "title",
    "writeOnly",
    "xml",
];

/// Says whether a keyword has no say in whether a value holds.
pub(crate) fn is_annotation(keyword: &str) -> bool {
    ANNOTATIONS.contains(&keyword) || keyword.starts_with("x-")
}

/// Says whether a schema is no more than `type`, so that looking at the type is enough.
fn says_only_types(schema: &Value) -> bool {
    match schema {
        Value::Object(object) => object.iter().all(|(keyword, value)| {
            is_annotation(keyword)
                || (keyword == "type"
                    && match value {
                        Value::String(name) => Types::named(name) != Types::NONE,
                        Value::Array(names) => names
                            .iter()
                            .all(|n| n.as_str().is_some_and(|n| Types::named(n) != Types::NONE)),
                        _ => false,
                    })
        }),
        Value::Bool(any) => *any,
        _ => false,
    }
}

/// Types one text.
fn typed(types: Types, text: &str) -> Result<Given<'_>, String> {
    let string = types.has(Types::STRING);
    let json = Given::Json(Cow::Borrowed(text));
    let fits = match text.as_bytes().first() {
        _ if types.or(Types::ARRAY) == Types::ALL => false,
        Some(b'-' | b'0'..=b'9') => types.has(json.types()) && is_json(text),
        Some(b't' | b'f') => types.has(Types::BOOLEAN) && matches!(text, "true" | "false"),
        Some(b'n') => types.has(Types::NULL) && !string && text == "null",
        Some(b'{') => types.has(Types::OBJECT) && !string && is_json(text),
        Some(b'[') => types.has(Types::ARRAY) && !string && is_json(text),
        _ => false,
    };
    if fits {
        Ok(json)
    } else if string {
        Ok(Given::Text(Cow::Borrowed(text)))
    } else {
        Err(format!("must be {}", types.shown()))
    }
}

fn is_json(text: &str) -> bool {
    !text.ends_with(|c: char| c.is_ascii_whitespace())
        && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

/// Says whether a JSON number is an integer (JSON Schema 2020-12 §4.2.3: `1.0` is one).
fn is_integral(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    text.parse::<f64>()
        .is_ok_and(|number| number.fract() == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn query(schema: &Value, texts: &[&str]) -> Result<String, String> {
        let source = || Source::Given(schema.clone());
        let shape = Shape::compile(schema, source, "test").unwrap();
        let given = shape.typed(texts)?;
        shape.check(&given).map_err(|fault| fault.message)?;
        Ok(given.json().into_owned())
    }

    fn ok(schema: &Value, texts: &[&str], expect: &str) {
        assert_eq!(
            query(schema, texts).as_deref(),
            Ok(expect),
            "{schema} {texts:?}"
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let half = Shape::of_part(&json!({"type": "string"}), &Value::Null);
        assert!(half.check(&Given::Json(r#""\ud800""#.into())).is_err());
        for (schema, text) in [
            (json!({"type": "integer"}), "five"),
            (json!({"type": "integer"}), "5.5"),
            (json!({"type": "integer"}), "05"),
            (json!({"type": "integer"}), "5 "),
            (json!({"type": "integer", "maximum": 4}), "5"),
            (json!({"type": "boolean"}), "yes"),
            (json!({"type": "string", "maxLength": 1}), "no"),
            (json!({"enum": ["a", "b"]}), "c"),
            (json!({"type": "object"}), "{"),
            (json!({"type": "object"}), "{\"a\":1,\"a\":2}"),
        ] {
            assert!(query(&schema, &[text]).is_err(), "{schema} {text}");
        }
        assert!(query(&json!({"type": "string"}), &["a", "b"]).is_err());
    }

    #[test]
    fn texts_are_typed_by_their_schema() {
        ok(&json!({"type": "integer"}), &["5"], "5");
        ok(
            &json!({"type": "integer"}),
            &["12345678901234567890123"],
            "12345678901234567890123",
        );
        ok(&json!({"type": "number"}), &["1.10"], "1.10");
        ok(&json!({"type": "boolean"}), &["true"], "true");
        ok(&json!({"type": "string"}), &["5"], "\"5\"");
        ok(&json!({"type": ["string", "null"]}), &["null"], "\"null\"");
        ok(&json!({"type": ["integer", "null"]}), &["null"], "null");
        ok(&json!({}), &["5"], "\"5\"");
        ok(&json!({"enum": [1, 2]}), &["2"], "2");
        ok(
            &json!({"anyOf": [{"type": "integer"}, {"type": "boolean"}]}),
            &["true"],
            "true",
        );
        ok(
            &json!({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}),
            &["5"],
            "5",
        );
    }

    #[test]
    fn a_repeated_name_is_an_array() {
        let numbers = json!({"type": "array", "items": {"type": "integer"}});
        ok(&numbers, &["1", "2"], "[1,2]");
        ok(&numbers, &["1"], "[1]");
        ok(&json!({"type": "array"}), &["1", "x\""], r#"["1","x\""]"#);
        ok(&json!({"type": ["array", "string"]}), &["1"], "\"1\"");
    }
}
