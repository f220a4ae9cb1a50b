//! Takes the gateway's own members out of a call's arguments and leaves the rest as it came:
//! numbers keep their text, order and spacing stay, nothing is parsed into a value and
//! written again.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use gestalt_core::{Code, Refusal};
use gestalt_gateway::Arguments;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Arguments, with the gateway's own members taken out.
pub(crate) struct Taken {
    pub(crate) connection: Option<String>,
    pub(crate) instance: Option<String>,
    pub(crate) continuation: Option<String>,
    pub(crate) arguments: Arguments,
}

impl Taken {
    fn nothing() -> Self {
        Self {
            connection: None,
            instance: None,
            continuation: None,
            arguments: Arguments::None,
        }
    }

    /// Reads a query: a repeated key is an array.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for text that is not UTF-8, or one of ours twice.
    pub(crate) fn from_query(query: &str) -> Result<Self, Refusal> {
        let mut taken = Self::nothing();
        if query.is_empty() {
            return Ok(taken);
        }
        let mut pairs = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            // The parser writes U+FFFD where the bytes are not UTF-8.
            if name.contains('\u{fffd}') || value.contains('\u{fffd}') {
                return Err(Refusal::new(
                    Code::InvalidRequest,
                    "The query is not UTF-8.",
                ));
            }
            match taken.own(&name) {
                Some(own) => set(own, value.into_owned(), &name)?,
                None => pairs.push((name.into_owned(), value.into_owned())),
            }
        }
        if !pairs.is_empty() {
            taken.arguments = Arguments::Query(pairs);
        }
        Ok(taken)
    }

    /// Reads a JSON object; no bytes at all count as an empty one.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] if it is not one object, is nested deeper than `max_depth`,
    /// or has a member twice: readers disagree on which of them counts.
    pub(crate) fn from_object(bytes: Bytes, max_depth: usize) -> Result<Self, Refusal> {
        let mut taken = Self::nothing();
        if bytes.is_empty() {
            return Ok(taken);
        }
        if is_deeper(&bytes, max_depth) {
            let text = format!("The body is nested deeper than {max_depth}.");
            return Err(Refusal::new(Code::InvalidRequest, text));
        }
        let text = String::from_utf8(bytes.into()).map_err(|_| not_an_object())?;
        let Members(members) = serde_json::from_str(&text).map_err(|error| {
            if error.is_data() {
                return not_an_object();
            }
            let text = format!(
                "The body is not JSON at line {}, column {}.",
                error.line(),
                error.column()
            );
            Refusal::new(Code::InvalidRequest, text)
        })?;
        unique(&members)?;
        let total = members.len();
        let mut rest = Vec::with_capacity(total);
        for (name, raw) in members {
            match taken.own(&name) {
                Some(own) => {
                    let value = serde_json::from_str(raw.get()).map_err(|_| {
                        let text = format!("`{name}` must be a string.");
                        Refusal::new(Code::InvalidRequest, text).field(&*name)
                    })?;
                    set(own, value, &name)?;
                }
                None => rest.push((name, raw)),
            }
        }
        let json = if rest.len() == total {
            text
        } else {
            join(&rest)
        };
        let json = RawValue::from_string(json).map_err(|_| not_an_object())?;
        taken.arguments = Arguments::Json(json);
        Ok(taken)
    }

    /// Adds what the body said to what the query said.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] if they contradict each other.
    pub(crate) fn merge(&mut self, other: Self) -> Result<(), Refusal> {
        for (name, value) in [
            ("_connection", other.connection),
            ("_instance", other.instance),
            ("_continuation", other.continuation),
        ] {
            if let (Some(own), Some(value)) = (self.own(name), value) {
                set(own, value, name)?;
            }
        }
        self.arguments = other.arguments;
        Ok(())
    }

    fn own(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "_connection" => Some(&mut self.connection),
            "_instance" => Some(&mut self.instance),
            "_continuation" => Some(&mut self.continuation),
            _ => None,
        }
    }
}

fn set(own: &mut Option<String>, value: String, name: &str) -> Result<(), Refusal> {
    if own.as_ref().is_some_and(|known| *known != value) {
        let text = format!("`{name}` is given twice, with different values.");
        return Err(Refusal::new(Code::InvalidRequest, text).field(name));
    }
    *own = Some(value);
    Ok(())
}

fn not_an_object() -> Refusal {
    Refusal::new(Code::InvalidRequest, "The body is not a JSON object.")
}

fn unique(members: &[(Cow<'_, str>, &RawValue)]) -> Result<(), Refusal> {
    let mut seen = HashSet::with_capacity(members.len());
    match members.iter().find(|(name, _)| !seen.insert(&**name)) {
        None => Ok(()),
        Some((name, _)) => {
            let name: String = name.chars().take(80).collect();
            let text = format!("`{name}` is given twice.");
            Err(Refusal::new(Code::InvalidRequest, text).field(name))
        }
    }
}

/// Writes members as one object, their values' text as it came.
fn join(members: &[(Cow<'_, str>, &RawValue)]) -> String {
    let mut text = String::from("{");
    for (at, (name, raw)) in members.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(&serde_json::Value::from(&**name).to_string());
        text.push(':');
        text.push_str(raw.get());
    }
    text.push('}');
    text
}

/// Whether arrays and objects stand deeper within each other than `most`, without parsing:
/// brackets in strings do not count. The raw reader has no such limit of its own.
pub(crate) fn is_deeper(bytes: &[u8], most: usize) -> bool {
    // Few brackets, which are counted fast, cannot be deep.
    let brackets = bytes.iter().filter(|byte| matches!(byte, b'{' | b'['));
    brackets.count() > most && depth(bytes) > most
}

fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut at = bytes.iter();
    while let Some(byte) = at.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(byte) = at.next() {
                    match byte {
                        b'\\' => {
                            at.next();
                        }
                        b'"' => break,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

/// An object's members in order, values raw.
pub(crate) struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    members.push((name, map.next_value()?));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Object).map(Self)
    }
}

/// A member's name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Text).map(Self)
    }
}

#[cfg(test)]
mod tests;
