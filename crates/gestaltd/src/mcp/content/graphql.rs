//! Whether an answer of GraphQL is one: its status is 200 also where nothing came of the call.

use serde::Deserialize;
use serde_json::value::RawValue;

/// What came of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// Data, or something that is no answer of GraphQL.
    Data,
    /// Data, and errors that say what of it is missing.
    Partial,
    /// Errors and no data.
    Failed,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    errors: Option<&'a RawValue>,
}

impl Outcome {
    /// Reads an answer (GraphQL, October 2021, §7.1).
    pub(super) fn of(text: &str) -> Self {
        let Ok(Answer { data, errors }) = serde_json::from_str(text) else {
            return Self::Data;
        };
        let list = errors.and_then(|errors| errors.get().strip_prefix('['));
        if list.is_none_or(|list| list.trim_start().starts_with(']')) {
            return Self::Data;
        }
        if data.is_none_or(|data| data.get() == "null") {
            Self::Failed
        } else {
            Self::Partial
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_without_data_are_a_failure_and_beside_data_are_not() {
        for (text, outcome) in [
            (r#"{"errors":[{"message":"a"}]}"#, Outcome::Failed),
            (r#" {"data" : null , "errors" : [ {} ]}"#, Outcome::Failed),
            (r#"{"data":{"a":null},"errors":[{}]}"#, Outcome::Partial),
            (r#"{"data":{},"errors":[ ]}"#, Outcome::Data),
            (r#"{"data":null}"#, Outcome::Data),
            (r#"{"data":{"a":1},"errors":null}"#, Outcome::Data),
            (r#"[{"errors":[1]}]"#, Outcome::Data),
            ("", Outcome::Data),
            ("{", Outcome::Data),
        ] {
            assert_eq!(Outcome::of(text), outcome, "{text}");
        }
    }
}
