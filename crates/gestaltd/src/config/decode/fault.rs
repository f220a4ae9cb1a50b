//! What goes wrong on the way from tree to types.

use std::fmt;

use serde::de;

use crate::config::report::Problem;

/// What serde carries: a problem, which gets its place on the way up.
#[derive(Debug)]
pub(in crate::config) struct Fault(pub(super) Problem);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Problem::unplaced(message.to_string()))
    }

    // The value itself may be a secret: it is never part of the message.
    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let found = match found {
            de::Unexpected::Bool(_) => "true or false",
            de::Unexpected::Unsigned(_) | de::Unexpected::Signed(_) => "a whole number",
            de::Unexpected::Float(_) => "a number",
            de::Unexpected::Str(_) => "a text",
            de::Unexpected::Unit => "nothing",
            de::Unexpected::Seq => "a list",
            de::Unexpected::Map => "a map",
            _ => "something else",
        };
        Self(Problem::unplaced(format!(
            "expected {expected}, found {found}"
        )))
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self(Problem::unplaced(format!("expected {expected}")))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let problem = Problem::unplaced(format!("unknown key `{field}`")).label("unknown key");
        Self(problem.help(suggest(field, expected.iter().copied())))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let problem =
            Problem::unplaced(format!("`{variant}` is not known here")).label("not known");
        Self(problem.help(suggest(variant, expected.iter().copied())))
    }

    fn missing_field(field: &'static str) -> Self {
        let problem = Problem::unplaced(format!("missing `{field}`"));
        Self(problem.label(format!("`{field}` is missing here")))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self(Problem::unplaced(format!("`{field}` is written twice")).label("again here"))
    }
}

/// "did you mean", and what is known.
pub(in crate::config) fn suggest<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    let list: Vec<String> = known
        .clone()
        .into_iter()
        .map(|word| format!("`{word}`"))
        .collect();
    let list = if list.is_empty() {
        "nothing".to_owned()
    } else {
        list.join(", ")
    };
    match gestalt_core::name::nearest(given, known) {
        Some(near) => format!("did you mean `{near}`? Known here: {list}"),
        None => format!("known here: {list}"),
    }
}
