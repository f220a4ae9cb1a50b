//! What people type as arguments, typed by the operation's schema.
//!
//! Values stay JSON texts all the way: a number is sent as it was written.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::invoke::schema::Schema;
use crate::nearest::did_you_mean;

/// The members of one JSON object, in order, each once.
#[derive(Debug, Default)]
pub(crate) struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    /// Reads one JSON object.
    ///
    /// # Errors
    /// A usage error that says where the text is at fault.
    pub(crate) fn parse(text: &str, source: &str) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(|error| {
            Failure::usage(
                format!("{source} is not one JSON object: {error}."),
                "Write it like {\"title\": \"Hello\"}.",
            )
        })
    }

    /// Sets a member to a text.
    ///
    /// # Errors
    /// Never in practice: every text is a JSON string.
    pub(crate) fn set_text(&mut self, name: &str, text: &str) -> Result<(), Failure> {
        self.set(name.to_owned(), string(text)?);
        Ok(())
    }

    /// All members.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.get()))
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    fn set(&mut self, name: String, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Members::default();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if members.has(&name) {
                        return Err(A::Error::custom(format!("`{name}` is given twice")));
                    }
                    members.0.push((name, value));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Puts arguments as typed (`key=value`, `key:=json`) over those of a file.
///
/// # Errors
/// A usage error for a name the operation does not know, a value of another type, and what
/// is given twice.
pub(crate) fn assemble(
    schema: Schema<'_>,
    mut members: Members,
    typed: &[String],
) -> Result<Members, Failure> {
    let known: Vec<String> = members.iter().map(|(name, _)| name.to_owned()).collect();
    for name in &known {
        check_name(schema, name)?;
    }
    let mut groups: Vec<(&str, Vec<Typed<'_>>)> = Vec::new();
    for argument in typed {
        let (name, value) = split(argument)?;
        check_name(schema, name)?;
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => groups.push((name, vec![value])),
        }
    }
    for (name, values) in groups {
        members.set(name.to_owned(), convert(schema, name, &values)?);
    }
    Ok(members)
}

/// Checks that nothing is missing.
///
/// # Errors
/// A usage error that names what is.
pub(crate) fn check_complete(schema: Schema<'_>, members: &Members) -> Result<(), Failure> {
    let missing: Vec<&str> = schema
        .required()
        .filter(|name| !members.has(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
    let flags: Vec<String> = missing.iter().map(|name| format!("-p {name}=…")).collect();
    Err(Failure::usage(
        format!("The operation needs {}.", named.join(", ")),
        format!("Add `{}`.", flags.join(" ")),
    ))
}

/// Arguments as a query's pairs: an array's items one by one, all but texts as JSON.
pub(crate) fn as_query(members: &Members) -> Vec<(String, String)> {
    let plain = |value: &str| match serde_json::from_str::<String>(value) {
        Ok(text) => text,
        Err(_) => value.to_owned(),
    };
    let mut pairs = Vec::new();
    for (name, value) in members.iter() {
        match serde_json::from_str::<Vec<&RawValue>>(value) {
            Ok(items) => pairs.extend(
                items
                    .iter()
                    .map(|item| (name.to_owned(), plain(item.get()))),
            ),
            Err(_) => pairs.push((name.to_owned(), plain(value))),
        }
    }
    pairs
}

#[derive(Clone, Copy)]
enum Typed<'a> {
    Text(&'a str),
    Json(&'a str),
}

fn split(argument: &str) -> Result<(&str, Typed<'_>), Failure> {
    let pair = argument
        .split_once('=')
        .filter(|(name, _)| !matches!(*name, "" | ":"));
    let Some((name, value)) = pair else {
        return Err(Failure::usage(
            format!("`{argument}` is no argument."),
            "Write KEY=VALUE, or KEY:=JSON.",
        ));
    };
    Ok(match name.strip_suffix(':') {
        Some(name) => (name, Typed::Json(value)),
        None => (name, Typed::Text(value)),
    })
}

fn check_name(schema: Schema<'_>, name: &str) -> Result<(), Failure> {
    let flag = match name {
        "_connection" => Some("--connection"),
        "_instance" => Some("--instance"),
        "_continuation" => Some("--continuation"),
        _ => None,
    };
    if let Some(flag) = flag {
        return Err(Failure::usage(
            format!("`{name}` is no argument of the operation."),
            format!("Use {flag}."),
        ));
    }
    if schema.find(name).is_some() || !schema.is_closed() {
        return Ok(());
    }
    let names: Vec<&str> = schema.parameters().map(|(name, _)| name).collect();
    let hint = did_you_mean(name, names.iter().copied()).unwrap_or_else(|| {
        if names.is_empty() {
            "It takes no arguments.".to_owned()
        } else {
            format!("There are: {}.", names.join(", "))
        }
    });
    Err(Failure::usage(
        format!("The operation has no parameter `{name}`."),
        hint,
    ))
}

fn convert(schema: Schema<'_>, name: &str, values: &[Typed<'_>]) -> Result<Box<RawValue>, Failure> {
    let own = schema.find(name);
    let types = own.map(|own| schema.types(own)).unwrap_or_default();
    let takes_array = types.contains("array");
    match values {
        [Typed::Json(json)] => raw(name, json),
        [Typed::Text(text)] if !takes_array => scalar(name, &types, text),
        // A single text for "one or several" is the one.
        [Typed::Text(text)] if types.contains("string") => string(text),
        _ if takes_array || types.is_empty() => {
            let items = own
                .map(|own| schema.resolve(own))
                .and_then(|own| own.get("items"));
            let types = items.map(|items| schema.types(items)).unwrap_or_default();
            let items: Result<Vec<Box<RawValue>>, Failure> = values
                .iter()
                .map(|value| match value {
                    Typed::Json(json) => raw(name, json),
                    Typed::Text(text) => scalar(name, &types, text),
                })
                .collect();
            let texts: Vec<String> = items?.iter().map(|item| item.get().to_owned()).collect();
            raw(name, &format!("[{}]", texts.join(",")))
        }
        _ => Err(Failure::usage(
            format!(
                "`{name}` is given {} times, and takes one value.",
                values.len()
            ),
            "Only arrays are repeated.",
        )),
    }
}

/// A text as the most particular of the types that it may have.
fn scalar(name: &str, types: &BTreeSet<&str>, text: &str) -> Result<Box<RawValue>, Failure> {
    if types.is_empty() {
        return string(text);
    }
    let fits = |kind: &str| types.contains(kind) && is_of(kind, text);
    let particular = ["integer", "number", "boolean", "object", "array"];
    if particular.iter().any(|kind| fits(kind)) {
        return raw(name, text);
    }
    if types.contains("string") {
        return string(text);
    }
    if fits("null") {
        return raw(name, text);
    }
    let wanted: Vec<&str> = types.iter().copied().collect();
    let hint = match wanted.as_slice() {
        ["boolean"] => format!("Write `{name}=true` or `{name}=false`."),
        ["object"] => format!("Write it as JSON: `{name}={{\"key\": \"value\"}}`."),
        _ => format!("Any JSON goes as `{name}:=…`."),
    };
    Err(Failure::usage(
        format!(
            "`{name}` must be of type {}, not `{text}`.",
            wanted.join(" or ")
        ),
        hint,
    ))
}

fn is_of(kind: &str, text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let json = || serde_json::from_str::<&RawValue>(text).is_ok();
    let starts = |c: char| text.trim_start().starts_with(c);
    match kind {
        "integer" => digits.bytes().all(|byte| byte.is_ascii_digit()) && json(),
        "number" => digits.starts_with(|c: char| c.is_ascii_digit()) && json(),
        "boolean" => matches!(text, "true" | "false"),
        "null" => text == "null",
        "object" => starts('{') && json(),
        "array" => starts('[') && json(),
        _ => false,
    }
}

fn raw(name: &str, json: &str) -> Result<Box<RawValue>, Failure> {
    serde_json::from_str(json).map_err(|error| {
        Failure::usage(
            format!("`{name}` is no JSON: {error}."),
            format!("Texts go as `{name}=…` or `{name}:='\"…\"'`."),
        )
    })
}

fn string(text: &str) -> Result<Box<RawValue>, Failure> {
    serde_json::value::to_raw_value(text)
        .map_err(|error| Failure::usage_maybe(error.to_string(), None))
}

#[cfg(test)]
mod tests;
