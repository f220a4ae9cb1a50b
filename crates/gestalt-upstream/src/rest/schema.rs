//! JSON Schema 2020-12: which types a value may have, and whether it holds.

use std::borrow::Cow;

use jsonschema::{Draft, Validator};
use serde_json::Value;

use super::json;
use crate::UpstreamError;

/// Longest text of a fault that is passed on, in characters.
const LONGEST_FAULT: usize = 200;
/// Longest chain of references followed when types are looked for.
const REFERENCES: u8 = 16;

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

/// A set of JSON types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Types(u8);

impl Types {
    const NULL: Self = Self(1);
    const BOOLEAN: Self = Self(2);
    const INTEGER: Self = Self(4);
    const NUMBER: Self = Self(8);
    const STRING: Self = Self(16);
    const ARRAY: Self = Self(32);
    const OBJECT: Self = Self(64);
    const NONE: Self = Self(0);
    const ALL: Self = Self(127);
    const NAMES: [(Self, &'static str); 7] = [
        (Self::STRING, "a string"),
        (Self::INTEGER, "an integer"),
        (Self::NUMBER, "a number"),
        (Self::BOOLEAN, "true or false"),
        (Self::ARRAY, "an array"),
        (Self::OBJECT, "an object"),
        (Self::NULL, "null"),
    ];

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn named(name: &str) -> Self {
        match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER.or(Self::INTEGER),
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => Self::NONE,
        }
    }

    fn of_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(number) if number.is_f64() => Self::NUMBER,
            Value::Number(_) => Self::NUMBER.or(Self::INTEGER),
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    /// The types that a schema leaves open, as far as they can be told without a value.
    fn of_schema(schema: &Value, root: &Value, left: u8) -> Self {
        let Some(object) = schema.as_object() else {
            return if schema.as_bool() == Some(false) {
                Self::NONE
            } else {
                Self::ALL
            };
        };
        if left == 0 {
            return Self::ALL;
        }
        let union = |list: &Vec<Value>, of: &dyn Fn(&Value) -> Self| {
            list.iter().fold(Self::NONE, |sum, one| sum.or(of(one)))
        };
        let inner = |one: &Value| Self::of_schema(one, root, left - 1);
        let mut types = match object.get("type") {
            Some(Value::String(name)) => Self::named(name),
            Some(Value::Array(names)) => union(names, &|name| {
                Self::named(name.as_str().unwrap_or_default())
            }),
            _ => Self::ALL,
        };
        if let Some(value) = object.get("const") {
            types = types.and(Self::of_value(value));
        }
        if let Some(Value::Array(values)) = object.get("enum") {
            types = types.and(union(values, &Self::of_value));
        }
        if let Some(target) = object.get("$ref").and_then(|r| resolve(root, r)) {
            types = types.and(inner(target));
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(Value::Array(list)) = object.get(word) {
                types = types.and(union(list, &inner));
            }
        }
        if let Some(Value::Array(list)) = object.get("allOf") {
            types = list.iter().fold(types, |all, one| all.and(inner(one)));
        }
        types
    }

    fn shown(self) -> String {
        let integer_is_said = self.has(Self::NUMBER);
        let names: Vec<&str> = Self::NAMES
            .iter()
            .filter(|(one, _)| self.has(*one) && !(integer_is_said && *one == Self::INTEGER))
            .map(|(_, name)| *name)
            .collect();
        names.join(" or ")
    }
}

/// What a local reference points to.
fn resolve<'a>(root: &'a Value, reference: &Value) -> Option<&'a Value> {
    root.pointer(reference.as_str()?.strip_prefix('#')?)
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

/// A compiled schema.
pub(crate) struct Shape {
    types: Types,
    items: Types,
    /// `None` where the types say all.
    validator: Option<Validator>,
}

impl Shape {
    /// Compiles a schema that stands for itself.
    pub(crate) fn compile(schema: &Value, place: &str) -> Result<Self, UpstreamError> {
        let mut shape = Self::of_part(schema, schema);
        if !says_only_types(schema) {
            shape.validator = Some(validator(schema, place)?);
        }
        Ok(shape)
    }

    /// The types of a part of a schema, which is checked with the whole.
    pub(crate) fn of_part(part: &Value, root: &Value) -> Self {
        let items = part.get("items").unwrap_or(&Value::Bool(true));
        Self {
            types: Types::of_schema(part, root, REFERENCES),
            items: Types::of_schema(items, root, REFERENCES),
            validator: None,
        }
    }

    /// Types the texts of a query parameter, one or several under the same name.
    pub(crate) fn typed<'a>(&self, texts: &[&'a str]) -> Result<Given<'a>, String> {
        let scalars = self.types.and(Types(!Types::ARRAY.0));
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
        let value = match (&self.validator, given) {
            (Some(_), Given::Text(text)) => Value::String(text.to_string()),
            (Some(_), Given::Json(text)) => json::strict(text).map_err(Fault::whole)?,
            // Nothing to check, but nested values must be what every reader reads alike.
            (None, given) if types.has(Types::ARRAY.or(Types::OBJECT)) => {
                json::strict(&given.json()).map_err(Fault::whole)?
            }
            (None, _) => return Ok(()),
        };
        self.check_value(&value)
    }

    /// Checks a value that was read strictly.
    pub(crate) fn check_value(&self, value: &Value) -> Result<(), Fault> {
        let Some(validator) = &self.validator else {
            return Ok(());
        };
        validator.validate(value).map_err(|error| Fault {
            path: error.instance_path().to_string(),
            message: shorten(&error.masked().to_string()),
        })
    }

    /// Says whether there is more to check than types.
    pub(crate) fn is_checked(&self) -> bool {
        self.validator.is_some()
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= LONGEST_FAULT {
        return text.to_owned();
    }
    text.chars().take(LONGEST_FAULT).chain(['…']).collect()
}

/// Compiles a validator.
fn validator(schema: &Value, place: &str) -> Result<Validator, UpstreamError> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .build(schema)
        .map_err(|error| {
            UpstreamError::config(
                place,
                format!("is not a JSON Schema: {}", shorten(&error.to_string())),
            )
        })
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
        let shape = Shape::compile(schema, "test").unwrap();
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
