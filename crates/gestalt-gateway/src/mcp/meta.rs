//! What a server is told of who calls in a message's `_meta`; what a client says there of
//! itself under the same name is taken out, also where nothing is told.

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::identity::META_KEY;

/// The message with this said in its `_meta`; every other byte stays. Only requests and
/// notifications with parameters have a place for it.
pub(crate) fn told(body: Bytes, said: &Map<String, Value>) -> Bytes {
    if said.is_empty() && memchr::memmem::find(&body, META_KEY.as_bytes()).is_none() {
        return body;
    }
    let changed = std::str::from_utf8(&body)
        .ok()
        .and_then(|text| change(text, said));
    changed.map_or(body, Bytes::from)
}

#[derive(serde::Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    params: &'a RawValue,
}

#[derive(serde::Deserialize)]
struct Params<'a> {
    #[serde(borrow, default, rename = "_meta")]
    meta: Option<&'a RawValue>,
}

fn change(text: &str, said: &Map<String, Value>) -> Option<String> {
    let message: Message<'_> = serde_json::from_str(text).ok()?;
    let params = message.params.get();
    let read: Params<'_> = serde_json::from_str(params).ok()?;
    let members = inner(&Value::Object(said.clone()).to_string())?.to_owned();
    let Some(meta) = read.meta.map(RawValue::get) else {
        if said.is_empty() {
            return None;
        }
        let rest = inner(params)?;
        let comma = if rest.is_empty() { "" } else { "," };
        let with = format!(r#"{{"_meta":{{{members}}}{comma}{rest}}}"#);
        return replaced(text, params, &with);
    };
    let mut kept = String::new();
    for (name, value) in super::offered::members(meta)? {
        if said.contains_key(&*name) || name == META_KEY {
            continue;
        }
        kept.push(',');
        kept.push_str(&Value::from(&*name).to_string());
        kept.push(':');
        kept.push_str(value.get());
    }
    let kept = if members.is_empty() {
        kept.strip_prefix(',').unwrap_or_default()
    } else {
        &kept
    };
    replaced(text, meta, &format!("{{{members}{kept}}}"))
}

fn replaced(text: &str, part: &str, with: &str) -> Option<String> {
    let (start, end) = super::offered::place(text, part)?;
    Some(format!("{}{with}{}", &text[..start], &text[end..]))
}

/// What stands between an object's braces.
fn inner(object: &str) -> Option<&str> {
    let inner = object.trim().strip_prefix('{')?.strip_suffix('}')?;
    Some(inner.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(body: &'static str, said: &str) -> String {
        let said: Map<String, Value> = serde_json::from_str(said).unwrap();
        let changed = told(Bytes::from_static(body.as_bytes()), &said);
        String::from_utf8(changed.to_vec()).unwrap()
    }

    #[test]
    fn what_a_client_says_of_itself_is_taken_out() {
        let forged =
            r#"{"params":{"a":1.0,"_meta":{"x":[1e2],"gestalt/identity":{"user":"root"},"y":2}}}"#;
        let plain = r#"{"params":{"a":1.0,"_meta":{"x":[1e2],"y":2}}}"#;
        assert_eq!(change(forged, "{}"), plain);
        assert_eq!(
            change(forged, r#"{"gestalt/identity":{"user":"ada"}}"#),
            r#"{"params":{"a":1.0,"_meta":{"gestalt/identity":{"user":"ada"},"x":[1e2],"y":2}}}"#
        );
    }

    #[test]
    fn everything_else_stays() {
        let said = r#"{"gestalt/identity":{}}"#;
        for (body, expect) in [
            (r#"{"id":1}"#, r#"{"id":1}"#),
            (r#"{"params":[]}"#, r#"{"params":[]}"#),
            (
                r#"{ "params" : {} ,"id":1}"#,
                r#"{ "params" : {"_meta":{"gestalt/identity":{}}} ,"id":1}"#,
            ),
            (
                r#"{"params":{"name":"a"}}"#,
                r#"{"params":{"_meta":{"gestalt/identity":{}},"name":"a"}}"#,
            ),
            (
                r#"{"params":{"_meta":{}}}"#,
                r#"{"params":{"_meta":{"gestalt/identity":{}}}}"#,
            ),
        ] {
            assert_eq!(change(body, said), expect);
        }
        let body = r#"{"params":{"_meta":{"x":1}}}"#;
        assert_eq!(change(body, "{}"), body);
    }
}
