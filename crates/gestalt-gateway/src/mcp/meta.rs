//! What a server is told of who calls in a message's `_meta`; what a client says there of
//! itself under the same name is taken out, also where nothing is told.

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::identity::META_KEY;

/// The message with this member said in its `_meta`; every other byte stays. Only requests and
/// notifications with parameters have a place for it.
pub(crate) fn told(body: Bytes, said: Option<&str>) -> Bytes {
    // A name that is written with an escape is read, too.
    let may_say = || {
        memchr::memchr(b'\\', &body).is_some()
            || memchr::memmem::find(&body, META_KEY.as_bytes()).is_some()
    };
    if said.is_none() && !may_say() {
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

fn change(text: &str, said: Option<&str>) -> Option<String> {
    let message: Message<'_> = serde_json::from_str(text).ok()?;
    let params = message.params.get();
    let read: Params<'_> = serde_json::from_str(params).ok()?;
    let Some(meta) = read.meta.map(RawValue::get) else {
        let (said, rest) = (said?, inner(params)?);
        let comma = if rest.is_empty() { "" } else { "," };
        let with = format!(r#"{{"_meta":{{{said}}}{comma}{rest}}}"#);
        return replaced(text, params, &with);
    };
    let members = super::offered::members(meta)?;
    let theirs = members.iter().any(|(name, _)| name == META_KEY);
    if !theirs {
        let (said, rest) = (said?, inner(meta)?);
        let comma = if rest.is_empty() { "" } else { "," };
        return replaced(text, meta, &format!("{{{said}{comma}{rest}}}"));
    }
    let mut with = format!("{{{}", said.unwrap_or_default());
    for (name, value) in members {
        if name == META_KEY {
            continue;
        }
        if with.len() > 1 {
            with.push(',');
        }
        with.push_str(&Value::from(&*name).to_string());
        with.push(':');
        with.push_str(value.get());
    }
    with.push('}');
    replaced(text, meta, &with)
}

fn replaced(text: &str, part: &str, with: &str) -> Option<String> {
    let (start, end) = super::offered::place(text, part)?;
    Some([&text[..start], with, &text[end..]].concat())
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
        let said = Some(inner(said).unwrap()).filter(|said| !said.is_empty());
        let changed = told(Bytes::from_static(body.as_bytes()), said);
        String::from_utf8(changed.to_vec()).unwrap()
    }

    #[test]
    fn what_a_client_says_of_itself_is_taken_out() {
        let forged =
            r#"{"params":{"a":1.0,"_meta":{"x":[1e2],"gestalt/identity":{"user":"root"},"y":2}}}"#;
        let plain = r#"{"params":{"a":1.0,"_meta":{"x":[1e2],"y":2}}}"#;
        assert_eq!(change(forged, "{}"), plain);
        for name in [r"gestalt\/identity", r"\u0067estalt/identity"] {
            let escaped = forged.replace(META_KEY, name).leak();
            assert_eq!(change(escaped, "{}"), plain, "{name}");
        }
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
