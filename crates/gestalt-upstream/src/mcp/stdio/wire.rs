//! Lines of JSON-RPC: what of a message is looked at, and what is put in its place.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What of a message is looked at; all else is not even decoded.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) method: Option<String>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

/// What of a message's parameters is looked at.
#[derive(Deserialize, Default)]
pub(super) struct Params<'a> {
    /// Which request a `notifications/cancelled` is about.
    #[serde(borrow, default, rename = "requestId")]
    pub(super) request: Option<&'a RawValue>,
    /// Which request a `notifications/progress` is about.
    #[serde(borrow, default, rename = "progressToken")]
    pub(super) progress: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "_meta")]
    meta: Option<&'a RawValue>,
}

/// What of `_meta` is looked at.
#[derive(Deserialize, Default)]
pub(super) struct Meta<'a> {
    /// By what the sender wants to be told of progress.
    #[serde(borrow, default, rename = "progressToken")]
    pub(super) progress: Option<&'a RawValue>,
    /// Which `subscriptions/listen` a notification belongs to.
    #[serde(borrow, default, rename = "io.modelcontextprotocol/subscriptionId")]
    pub(super) subscription: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// What is looked at of the parameters; nothing where they are no object, or one that
    /// says something twice.
    pub(super) fn params(&self) -> Params<'a> {
        object(self.params)
    }
}

impl<'a> Params<'a> {
    pub(super) fn meta(&self) -> Meta<'a> {
        object(self.meta)
    }
}

fn object<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> T {
    let object = raw.filter(|raw| raw.get().starts_with('{'));
    object
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default()
}

/// A text to put in the place of a part of a message.
pub(super) struct Edit<'a>(pub(super) &'a RawValue, pub(super) String);

/// The message with parts replaced, the rest of it being what it was, as a line without its
/// end. Every part must be of this very message.
pub(super) fn rewrite(message: &Bytes, edits: Vec<Edit<'_>>) -> Bytes {
    let mut edits: Vec<_> = edits
        .into_iter()
        .filter_map(|Edit(part, text)| Some((place(message, part)?, text)))
        .collect();
    edits.sort_by_key(|(place, _)| place.start);
    let mut out = BytesMut::with_capacity(message.len() + 32 * edits.len());
    let mut from = 0;
    for (place, text) in &edits {
        out.extend_from_slice(&message[from..place.start]);
        out.extend_from_slice(text.as_bytes());
        from = place.end;
    }
    out.extend_from_slice(&message[from..]);
    // Within a string they are escaped, so that these are between values.
    for byte in out.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')) {
        *byte = b' ';
    }
    out.freeze()
}

/// Where a part lies in a message.
fn place(message: &[u8], part: &RawValue) -> Option<Range<usize>> {
    let part = part.get();
    let start = part.as_ptr().addr().checked_sub(message.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= message.len()).then_some(start..end)
}

/// A number of ours among a message's ids and tokens.
pub(super) fn ours(raw: Option<&RawValue>) -> Option<u64> {
    raw?.get().parse().ok()
}

/// Says whether a response is no error.
pub(super) fn is_result(message: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Response<'a> {
        #[serde(borrow, default)]
        result: Option<&'a RawValue>,
    }
    serde_json::from_slice::<Response<'_>>(message).is_ok_and(|response| response.result.is_some())
}

/// A JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_that_says_its_id_twice_is_refused() {
        assert!(Envelope::parse(br#"{"id":1,"method":"a","id":2}"#).is_err());
    }

    #[test]
    fn parameters_that_are_no_object_hold_nothing() {
        let message = br#"{"id":1,"method":"a","params":[{"progressToken":1}]}"#;
        let params = Envelope::parse(message).unwrap().params();
        assert!(params.progress.is_none());
    }

    proptest! {
        #[test]
        fn all_but_the_parts_stays_as_it_was(
            before in r#"("[a-z]": ?(1e400|1\.0|null|"x\\n\\u0000"),){0,3}"#,
            between in r"[ \n\r\t]{0,3}",
            after in r#"(,"[A-Z]": ?(\[1, 2\]|\{\}|-0)){0,3}"#,
        ) {
            let text = |id: &str, token: &str| format!(
                r#"{{{before}"id":{between}{id}{between},"method":"m","params":{{"_meta":{{"k":1,"progressToken":{token}}},"x":{{"id":3}}}}{after}}}"#
            );
            let message = Bytes::from(text("\"a\\\"b\"", "17"));
            let envelope = Envelope::parse(&message).unwrap();
            let token = envelope.params().meta().progress.unwrap();
            let edits = vec![
                Edit(token, "8".to_owned()),
                Edit(envelope.id.unwrap(), "9".to_owned()),
            ];
            let line = rewrite(&message, edits);
            prop_assert_eq!(line, text("9", "8").replace(['\n', '\r'], " "));
        }
    }
}
