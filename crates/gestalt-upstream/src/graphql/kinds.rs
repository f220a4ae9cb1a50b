//! Scalars, enums and what the schema says of them, as JSON Schema.

use apollo_compiler::ast::{DirectiveList, Type, Value as Literal};
use apollo_compiler::schema::{EnumType, ScalarType};
use serde_json::{Map, Value, json};

/// Scalars that servers call alike and write as strings.
const STRINGS: &[(&str, Option<&str>)] = &[
    ("Base64String", None),
    ("Date", Some("date")),
    ("DateTime", Some("date-time")),
    ("EmailAddress", Some("email")),
    ("GUID", Some("uuid")),
    ("HTML", None),
    ("LocalDate", Some("date")),
    ("Time", None),
    ("URI", Some("uri")),
    ("URL", Some("uri")),
    ("UUID", Some("uuid")),
];
/// Most values of an enum that are listed.
const MOST_VALUES: usize = 500;
/// Longest default that is told, in bytes of JSON.
const LONGEST_DEFAULT: usize = 300;

/// A scalar of the language itself (GraphQL, October 2021, §3.5), and what it is in JSON.
fn built_in(name: &str) -> Option<Value> {
    Some(match name {
        // §3.5.1: 32 bits.
        "Int" => json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX }),
        "Float" => json!({ "type": "number" }),
        // §3.5.5: it is given as a string, also where it looks like a number.
        "String" | "ID" => json!({ "type": "string" }),
        "Boolean" => json!({ "type": "boolean" }),
        _ => return None,
    })
}

/// A scalar. What nobody here knows may be any value.
pub(super) fn scalar(name: &str, definition: Option<&ScalarType>) -> Value {
    if let Some(known) = built_in(name) {
        return known;
    }
    let mut schema = Map::new();
    if let Some((_, format)) = STRINGS.iter().find(|(known, _)| *known == name) {
        schema.insert("type".to_owned(), "string".into());
        if let Some(format) = format {
            schema.insert("format".to_owned(), (*format).into());
        }
    }
    // A title stays beside the description that a member has of its own.
    schema.insert("title".to_owned(), name.into());
    let text = definition.and_then(|scalar| scalar.description.as_deref());
    if let Some(text) = text.and_then(|text| crate::openapi::bounded(text, 120)) {
        schema.insert("description".to_owned(), text.into());
    }
    Value::Object(schema)
}

/// An enum; one with very many values lists none.
pub(super) fn values(definition: &EnumType, most: usize) -> Value {
    let mut schema = json!({ "type": "string" });
    if definition.values.len() <= most.min(MOST_VALUES) {
        let names = definition
            .values
            .keys()
            .map(|name| Value::from(name.as_str()));
        schema["enum"] = names.collect();
    }
    schema
}

/// A type around what a named type is: lists, and null where it may be.
pub(super) fn around(ty: &Type, named: &mut dyn FnMut(&str) -> Value) -> Value {
    match ty {
        Type::NonNullNamed(name) => named(name),
        Type::Named(name) => nullable(named(name)),
        Type::NonNullList(item) => json!({ "type": "array", "items": around(item, named) }),
        Type::List(item) => nullable(json!({ "type": "array", "items": around(item, named) })),
    }
}

/// The same, or null.
fn nullable(mut schema: Value) -> Value {
    let Some(object) = schema.as_object_mut() else {
        return schema;
    };
    if object.contains_key("$ref") {
        return json!({ "anyOf": [schema, { "type": "null" }] });
    }
    if let Some(Value::String(kind)) = object.get("type") {
        let both = json!([kind, "null"]);
        object.insert("type".to_owned(), both);
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.push(Value::Null);
    }
    schema
}

/// Why something is deprecated; `None` if it is not.
pub(super) fn deprecation(directives: &DirectiveList) -> Option<String> {
    let directive = directives.get("deprecated")?;
    let reason = directive.specified_argument_by_name("reason");
    let reason = reason.and_then(|value| value.as_str());
    Some(reason.unwrap_or("No longer supported").to_owned())
}

/// A literal as JSON, if it is short enough to be told.
pub(super) fn told(literal: &Literal) -> Option<Value> {
    let value = json_of(literal)?;
    (value.to_string().len() <= LONGEST_DEFAULT).then_some(value)
}

fn json_of(literal: &Literal) -> Option<Value> {
    Some(match literal {
        Literal::Null => Value::Null,
        Literal::Variable(_) => return None,
        Literal::Enum(name) => name.as_str().into(),
        Literal::String(text) => text.as_str().into(),
        Literal::Boolean(value) => (*value).into(),
        Literal::Int(number) => serde_json::from_str(number.as_str()).ok()?,
        Literal::Float(number) => serde_json::from_str(number.as_str()).ok()?,
        Literal::List(items) => {
            let items = items.iter().map(|item| json_of(item));
            Value::Array(items.collect::<Option<_>>()?)
        }
        Literal::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| Some((name.to_string(), json_of(value)?)));
            Value::Object(members.collect::<Option<_>>()?)
        }
    })
}
