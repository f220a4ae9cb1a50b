//! JSON-RPC messages as text: only the envelope is read, and what is changed is changed
//! member by member, so that everything else stays the text it was.

use std::borrow::Cow;

use crate::rest::json;

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It wants an answer.
    Request,
    /// It wants none.
    Notification,
    /// A result.
    Result,
    /// An error.
    Error,
}

/// The envelope of one message; each value is its JSON text.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// What the message is.
    pub kind: Kind,
    /// What a response answers; nothing in a notification.
    pub id: Option<&'a str>,
    /// What is asked or told; nothing in a response.
    pub method: Option<Cow<'a, str>>,
    /// Its parameters.
    pub params: Option<&'a str>,
    /// The result or the error of a response.
    pub said: Option<&'a str>,
}

impl<'a> Envelope<'a> {
    /// Reads one message, nested no deeper than `max_depth`.
    ///
    /// # Errors
    /// What it is not, as the end of a sentence.
    pub fn read(bytes: &'a [u8], max_depth: usize) -> Result<Self, String> {
        if depth(bytes) > max_depth {
            return Err(format!("it is nested deeper than {max_depth}"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let members = json::members(text)?;
        let find = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, v)| *v);
        if find("jsonrpc").and_then(json::string).as_deref() != Some("2.0") {
            return Err("it is no JSON-RPC 2.0".to_owned());
        }
        let id = find("id");
        let method = match find("method") {
            Some(method) => {
                let text = json::string(method);
                Some(text.ok_or_else(|| "its method is no string".to_owned())?)
            }
            None => None,
        };
        let (kind, said) = match (&method, id, find("result"), find("error")) {
            (Some(_), Some(_), None, None) => (Kind::Request, None),
            (Some(_), None, None, None) => (Kind::Notification, None),
            (None, _, Some(result), None) => (Kind::Result, Some(result)),
            (None, _, None, Some(error)) => (Kind::Error, Some(error)),
            _ => return Err("it is neither request nor response".to_owned()),
        };
        Ok(Self {
            kind,
            id,
            method,
            params: find("params"),
            said,
        })
    }

    /// Says whether it is a response.
    pub fn is_response(&self) -> bool {
        matches!(self.kind, Kind::Result | Kind::Error)
    }

    /// The code of an error; `None` if it is none, or has none.
    pub fn code(&self) -> Option<i64> {
        if self.kind != Kind::Error {
            return None;
        }
        member(self.said?, "code")?.parse().ok()
    }
}

/// How deep arrays and objects stand in each other; no recursion, so no stack is used up.
pub(crate) fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => at = end_of_string(bytes, at + 1),
            _ => {}
        }
        at += 1;
    }
    deepest
}

/// Where the string ends that began before `at`.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = bytes
        .get(at..)
        .and_then(|b| memchr::memchr2(b'"', b'\\', b))
    {
        at += found;
        if bytes[at] == b'"' {
            return at;
        }
        at += 2;
    }
    bytes.len()
}

/// The JSON text of an object's member; `None` if it is no object, or has no such member.
pub(crate) fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    if !object.starts_with('{') {
        return None;
    }
    let members = json::members(object).ok()?;
    members
        .into_iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

/// The string that an object's member is.
pub(crate) fn text_member<'a>(object: &'a str, name: &str) -> Option<Cow<'a, str>> {
    json::string(member(object, name)?)
}

/// An object whose members are changed one by one. All others keep their text and order.
#[derive(Debug, Default)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Object<'a> {
    /// Reads an object; `None` if the text is none.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        if !text.starts_with('{') {
            return None;
        }
        let members = json::members(text).ok()?.into_iter();
        Some(Self(
            members
                .map(|(key, value)| (key, Cow::Borrowed(value)))
                .collect(),
        ))
    }

    /// A member's JSON text.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| &**value)
    }

    /// Says whether it has no members.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a member to a JSON text, where it stands or at the end.
    pub(crate) fn set(&mut self, name: &'a str, json: impl Into<Cow<'a, str>>) {
        match self.0.iter_mut().find(|(key, _)| key == name) {
            Some((_, value)) => *value = json.into(),
            None => self.0.push((Cow::Borrowed(name), json.into())),
        }
    }

    /// Sets a member to a JSON text unless it is there.
    pub(crate) fn set_default(&mut self, name: &'a str, json: impl Into<Cow<'a, str>>) {
        if self.get(name).is_none() {
            self.set(name, json);
        }
    }

    /// Takes a member away.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| key != name);
    }

    /// Its text.
    pub(crate) fn to_text(&self) -> String {
        let size: usize = self
            .0
            .iter()
            .map(|(key, value)| key.len() + value.len() + 4)
            .sum();
        let mut out = String::with_capacity(size + 2);
        out.push('{');
        for (index, (key, value)) in self.0.iter().enumerate() {
            out.push_str(if index > 0 { "," } else { "" });
            out.push_str(&json::quoted(key));
            out.push(':');
            out.push_str(value);
        }
        out.push('}');
        out
    }
}

/// A request of our own; `id` and `params` are JSON texts.
pub(crate) fn request(id: &str, method: &str, params: &str) -> String {
    let method = json::quoted(method);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method},"params":{params}}}"#)
}

/// A result to a request; `id` and `result` are JSON texts.
pub(crate) fn result(id: &str, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

/// An error to a request; `id` is a JSON text.
pub(crate) fn error(id: &str, code: i32, message: &str) -> String {
    let message = json::quoted(message);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message}}}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// Any JSON, as text: numbers of any length, keys and strings of any kind.
    fn any_json() -> impl Strategy<Value = String> {
        let key = prop_oneof![
            "[a-c\"\\\\é]{0,3}",
            Just("$serde_json::private::RawValue".to_owned()),
            Just("_meta".to_owned()),
        ];
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            "-?[1-9][0-9]{0,30}(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?",
            any::<String>().prop_map(|text| json::quoted(&text)),
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            let member = (key.clone(), inner.clone());
            prop_oneof![
                proptest::collection::vec(inner, 0..4).prop_map(|i| format!("[{}]", i.join(" ,"))),
                proptest::collection::vec(member, 0..4).prop_map(|members| {
                    let mut seen = Vec::new();
                    let mut out = Vec::new();
                    for (key, value) in members {
                        if !seen.contains(&key) {
                            out.push(format!("{} :{value}", json::quoted(&key)));
                            seen.push(key);
                        }
                    }
                    format!("{{{}}}", out.join(", "))
                }),
            ]
        })
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for text in [
            "",
            "[]",
            "{}",
            "null",
            r#"{"jsonrpc":"1.0","method":"x"}"#,
            r#"{"jsonrpc":"2.0"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"x","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":2,"result":{}}"#,
            r#"{"jsonrpc":"2.0","method":7}"#,
            r#"{"jsonrpc":"2.0","method":"x"} {}"#,
            r#"[{"jsonrpc":"2.0","method":"x"}]"#,
            "{\"jsonrpc\":\"2.0\",\"method\":\"\u{1}\"}",
        ] {
            assert!(Envelope::read(text.as_bytes(), 10).is_err(), "{text}");
        }
        assert!(Envelope::read(b"{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}", 10).is_err());
    }

    #[test]
    fn s48_a_deep_message_is_refused_unparsed() {
        let nested = |n: usize| {
            let (open, close) = ("[".repeat(n), "]".repeat(n));
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{open}{close}}}"#)
        };
        assert!(Envelope::read(nested(9).as_bytes(), 10).is_ok());
        assert!(Envelope::read(nested(10).as_bytes(), 10).is_err());
        assert!(Envelope::read(nested(1_000_000).as_bytes(), 10).is_err());
        assert_eq!(depth(br#"{"a":"[[[\"[[","b\\":[]}"#), 2);
    }

    #[test]
    fn kinds_are_told_apart() {
        let kind = |text: &str| Envelope::read(text.as_bytes(), 10).unwrap().kind;
        assert_eq!(
            kind(r#"{"jsonrpc":"2.0","id":"a","method":"x"}"#),
            Kind::Request
        );
        assert_eq!(
            kind(r#"{"jsonrpc":"2.0","method":"x"}"#),
            Kind::Notification
        );
        assert_eq!(
            kind(r#"{"jsonrpc":"2.0","id":1,"result":null}"#),
            Kind::Result
        );
        let error = r#"{"jsonrpc":"2.0","error":{"code":-32022,"message":""}}"#;
        assert_eq!(kind(error), Kind::Error);
        assert_eq!(
            Envelope::read(error.as_bytes(), 10).unwrap().code(),
            Some(-32022)
        );
    }

    proptest! {
        #[test]
        fn results_and_parameters_are_found_as_the_text_they_are(
            value in any_json(),
            id in "-?[1-9][0-9]{0,8}|\"[a-z]{0,5}\"",
        ) {
            let text = format!(r#"{{"id":{id}, "x":{value},"jsonrpc":"2.0","result": {value} }}"#);
            let read = Envelope::read(text.as_bytes(), 20).unwrap();
            prop_assert_eq!((read.id, read.said), (Some(&*id), Some(&*value)));
            let text = format!(r#"{{"jsonrpc":"2.0","method":"m","params":{value},"id":{id}}}"#);
            let read = Envelope::read(text.as_bytes(), 20).unwrap();
            prop_assert_eq!((read.id, read.params), (Some(&*id), Some(&*value)));
        }

        #[test]
        fn a_changed_object_keeps_every_other_member(
            members in proptest::collection::vec(("[a-c\"\\\\é$]{0,6}", any_json()), 0..6),
        ) {
            let mut unique: Vec<(String, String)> = Vec::new();
            for (key, value) in members {
                if unique.iter().all(|(known, _)| *known != key) {
                    unique.push((key, value));
                }
            }
            unique.push(("$serde_json::private::RawValue".to_owned(), "\"7\"".to_owned()));
            let written = unique.iter().map(|(k, v)| format!("{}: {v}", json::quoted(k)));
            let text = format!("{{{}}}", written.collect::<Vec<_>>().join(" , "));
            let mut object = Object::read(&text).unwrap();
            object.set("resultType", "\"complete\"");
            let text = object.to_text();
            let mut again = Object::read(&text).unwrap();
            again.remove("resultType");
            let kept: Vec<_> = again.0.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
            prop_assert_eq!(kept, unique);
        }

        #[test]
        fn depth_is_what_it_is(value in any_json()) {
            fn deep(value: &Value) -> usize {
                match value {
                    Value::Array(items) => 1 + items.iter().map(deep).max().unwrap_or(0),
                    Value::Object(o) => 1 + o.values().map(deep).max().unwrap_or(0),
                    _ => 0,
                }
            }
            let Ok(parsed) = json::strict(&value) else {
                return Ok(());
            };
            prop_assert_eq!(depth(value.as_bytes()), deep(&parsed));
        }
    }
}
