//! JSON that keeps its exact text, read strictly.
//!
//! What is inspected is read from the very bytes that are forwarded, by readers of our own:
//! `serde_json::Value` replaces an object with the key `$serde_json::private::RawValue` by
//! what that key holds, and takes the last of two equal keys.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

/// How deep arrays and objects may stand in each other.
const DEEPEST: usize = 64;

/// One member of an object: its key, and its value's exact text.
pub(crate) type Member<'a> = (Cow<'a, str>, &'a str);

/// The members of an object, in order; `Err` with a sentence if it is no object or repeats
/// a key.
pub(crate) fn members(text: &str) -> Result<Vec<Member<'_>>, String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = reader
        .deserialize_map(Members)
        .map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(found)
}

/// The items of an array, each its exact text; `None` if it is no array.
pub(crate) fn items(text: &str) -> Option<Vec<&str>> {
    let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(items.into_iter().map(RawValue::get).collect())
}

/// The string that a JSON text is; `None` if it is another value.
pub(crate) fn string(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(text).ok().map(Cow::Owned)
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A JSON text without the white space between its tokens.
pub(crate) fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut quoted, mut escaped) = (false, false);
    for character in text.chars() {
        if quoted || !matches!(character, ' ' | '\t' | '\r' | '\n') {
            out.push(character);
        }
        quoted ^= character == '"' && !escaped;
        escaped = quoted && character == '\\' && !escaped;
    }
    out
}

/// The value at a JSON pointer (RFC 6901), as its exact text; `None` if there is none.
pub(crate) fn pointer<'a>(text: &'a str, pointer: &str) -> Option<&'a str> {
    let mut here = text.trim_ascii();
    if pointer.is_empty() {
        return Some(here);
    }
    for step in pointer.strip_prefix('/')?.split('/') {
        let step = step.replace("~1", "/").replace("~0", "~");
        here = if here.starts_with('{') {
            members(here)
                .ok()?
                .into_iter()
                .find(|(key, _)| *key == step)?
                .1
        } else {
            items(here)?.get(step.parse::<usize>().ok()?)?
        };
    }
    Some(here)
}

/// A value read strictly: no repeated keys, bounded depth; `Err` with a sentence.
pub(crate) fn strict(text: &str) -> Result<Value, String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict(0)
        .deserialize(&mut reader)
        .map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(value)
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<Member<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<Member<'de>> = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            members.push((key, map.next_value::<&RawValue>()?.get()));
        }
        let mut keys: Vec<&str> = members.iter().map(|(key, _)| &**key).collect();
        keys.sort_unstable();
        if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(repeated(twice[0]));
        }
        Ok(members)
    }
}

fn repeated<E: Error>(key: &str) -> E {
    let shown: String = key.chars().take(80).collect();
    E::custom(format_args!("the key `{shown}` stands twice"))
}

/// A key, borrowed where it holds no escape.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// Reads a value at a depth.
struct Strict(usize);

impl Strict {
    fn deeper<E: Error>(&self) -> Result<Self, E> {
        if self.0 >= DEEPEST {
            return Err(E::custom(format_args!(
                "it is deeper than {DEEPEST} levels"
            )));
        }
        Ok(Self(self.0 + 1))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.deeper()?)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key_seed(Key)? {
            if members.contains_key(&*key) {
                return Err(repeated(&key));
            }
            let value = map.next_value_seed(self.deeper()?)?;
            members.insert(key.into_owned(), value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_repeated_key_is_refused_at_any_depth() {
        assert!(members(r#"{"a":1,"b":2,"\u0061":3}"#).is_err());
        assert!(strict(r#"{"a":[{"b":1,"b":1}]}"#).is_err());
        assert!(members(r#"["a"]"#).is_err() && members("{} x").is_err());
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(strict(&nested(60)).is_ok());
        assert!(strict(&nested(100)).is_err());
        assert!(strict(&nested(100_000)).is_err());
        assert!(pointer(&nested(100_000), "/0/0").is_some());
    }

    #[test]
    fn the_raw_value_key_is_a_key_like_any_other() {
        let text = r#"{"$serde_json::private::RawValue":"{\"admin\":true}"}"#;
        let value = strict(text).unwrap();
        assert_eq!(
            value
                .as_object()
                .and_then(|o| o.keys().next())
                .map(String::as_str),
            Some("$serde_json::private::RawValue")
        );
        assert_eq!(members(text).unwrap()[0].1, r#""{\"admin\":true}""#);
    }

    #[test]
    fn numbers_keep_their_text() {
        let text = r#"{"id": 12345678901234567890123, "x": 1.10}"#;
        let found = members(text).unwrap();
        assert_eq!(
            (found[0].1, found[1].1),
            ("12345678901234567890123", "1.10")
        );
        assert_eq!(strict("1.5").unwrap(), json!(1.5));
    }

    #[test]
    fn white_space_between_tokens_is_left_out() {
        let text = "{ \"a \\\" b\\\\\" : [1.10 ,\n \"x y\"] }";
        assert_eq!(compact(text), "{\"a \\\" b\\\\\":[1.10,\"x y\"]}");
    }

    #[test]
    fn pointers_find_exact_text() {
        let text = r#" {"a/b": {"~": [1, {"c": 1.10}]}} "#;
        assert_eq!(pointer(text, "/a~1b/~0/1/c"), Some("1.10"));
        assert_eq!(pointer(text, ""), Some(text.trim()));
        assert_eq!(pointer(text, "/a~1b/~0/7"), None);
        assert_eq!(pointer(text, "/nope"), None);
    }
}
