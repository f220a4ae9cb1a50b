//! Names that callers say, made of what a document has.

use std::collections::HashSet;
use std::str::FromStr;

use gestalt_core::name::{ConnectionName, OperationName};
use gestalt_core::operation::Location;
use http::Method;

/// Longest name of an operation (see [`OperationName`]).
pub(crate) const LONGEST_OPERATION: usize = 128;
/// Longest name of a connection (see [`ConnectionName`]).
const LONGEST_CONNECTION: usize = 64;
/// Longest name of a parameter: what models' APIs take as a member of a tool's schema.
const LONGEST_PARAMETER: usize = 64;

/// Names in use; a name that is taken gets `_2`, `_3` and so on, in the document's order.
#[derive(Default)]
pub(crate) struct Taken(HashSet<String>);

impl Taken {
    /// Takes a name, or the first numbered one that is free, no longer than `longest`.
    pub(crate) fn take(&mut self, wanted: &str, longest: usize) -> String {
        let wanted = cut(wanted, longest);
        let mut name = wanted.to_owned();
        let mut number = 2_u32;
        while !self.0.insert(name.clone()) {
            let suffix = format!("_{number}");
            name = format!("{}{suffix}", cut(wanted, longest - suffix.len()));
            number += 1;
        }
        name
    }
}

/// The beginning of a text of one-byte characters.
fn cut(text: &str, longest: usize) -> &str {
    text.get(..longest).unwrap_or(text)
}

/// A text of letters, digits, `_`, `-` and `.`; what else it holds becomes one `_` a run, and
/// none at either end.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    for character in text.chars() {
        if character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.') {
            if gap && !out.is_empty() && !out.ends_with('_') && character != '_' {
                out.push('_');
            }
            gap = false;
            out.push(character);
        } else {
            gap = true;
        }
    }
    out
}

/// The name of an operation: its `operationId` made valid, else its method and the words of
/// its path.
pub(super) fn operation(
    id: Option<&str>,
    method: &Method,
    path: &str,
    taken: &mut Taken,
) -> Option<OperationName> {
    let from_id = id.map(plain).unwrap_or_default();
    let from_id = from_id.trim_matches(['_', '-', '.']);
    let wanted = if from_id.starts_with(|first: char| first.is_ascii_alphabetic()) {
        from_id.to_owned()
    } else {
        let words = plain(if from_id.is_empty() { path } else { from_id });
        let words = words.trim_matches(['_', '-', '.']);
        let words = if words.is_empty() { "root" } else { words };
        format!("{}_{words}", method.as_str().to_ascii_lowercase())
    };
    OperationName::from_str(&taken.take(&wanted, LONGEST_OPERATION)).ok()
}

/// The name of a connection, made of the names of its security schemes.
pub(super) fn connection<'a>(
    schemes: impl IntoIterator<Item = &'a str>,
    taken: &mut Taken,
) -> Option<ConnectionName> {
    let names: Vec<String> = schemes.into_iter().map(field).collect();
    let name = taken.take(&names.join("_and_"), LONGEST_CONNECTION);
    ConnectionName::from_str(&name).ok()
}

/// The name of a credential field, made of a security scheme's name.
pub(super) fn field(scheme: &str) -> String {
    let name = plain(scheme);
    if name.is_empty() {
        "credential".to_owned()
    } else {
        cut(&name, LONGEST_CONNECTION).to_owned()
    }
}

/// The name of a parameter as callers say it: the upstream's, with what a tool's schema
/// cannot have as a member's name left out, and `x_` for a leading `_`.
///
/// One whose name another place has already gets its own place behind it.
pub(super) fn parameter(wire: &str, location: Location, taken: &mut Taken) -> String {
    let mut name = plain(wire);
    if name.starts_with('_') {
        name.insert(0, 'x');
    }
    if name.is_empty() {
        "value".clone_into(&mut name);
    }
    if taken.0.contains(cut(&name, LONGEST_PARAMETER)) {
        let place = match location {
            Location::Path => "_path",
            Location::Query => "_query",
            Location::Header => "_header",
            Location::Cookie => "_cookie",
        };
        name = format!("{}{place}", cut(&name, LONGEST_PARAMETER - place.len()));
    }
    taken.take(&name, LONGEST_PARAMETER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: Option<&str>, method: &Method, path: &str) -> String {
        let name = operation(id, method, path, &mut Taken::default());
        name.unwrap().to_string()
    }

    #[test]
    fn operations_are_named_by_id_else_by_method_and_path() {
        let get = Method::GET;
        for (id, name) in [
            ("listPets", "listPets"),
            ("issues/list-for-repo", "issues_list-for-repo"),
            ("List all pets", "List_all_pets"),
            ("pets.list()", "pets.list"),
            ("2fa/enable", "get_2fa_enable"),
            ("_hidden", "hidden"),
            ("", "get_pets_petId"),
            ("猫", "get_pets_petId"),
        ] {
            assert_eq!(named(Some(id), &get, "/pets/{petId}"), name);
        }
        assert_eq!(named(None, &Method::DELETE, "/"), "delete_root");
        assert_eq!(named(None, &get, "/v1/{a}:run/_x/"), "get_v1_a_run_x");
        assert_eq!(
            named(Some(&"é".repeat(200)), &get, &"/x".repeat(200)).len(),
            128
        );
    }

    #[test]
    fn a_name_that_is_taken_is_numbered() {
        let mut taken = Taken::default();
        let long = "a".repeat(200);
        let mut next = |id| operation(Some(id), &Method::GET, "/", &mut taken).unwrap();
        assert_eq!(next("list").as_str(), "list");
        assert_eq!(next("list_2").as_str(), "list_2");
        assert_eq!(next("list").as_str(), "list_3");
        assert_eq!(next(&long).as_str(), "a".repeat(128));
        assert_eq!(next(&long).as_str(), format!("{}_2", "a".repeat(126)));
    }

    #[test]
    fn parameters_fit_a_tools_schema() {
        let mut taken = Taken::default();
        for (wire, location, name) in [
            ("id", Location::Path, "id"),
            ("id", Location::Query, "id_query"),
            ("id", Location::Header, "id_header"),
            ("page[size]", Location::Query, "page_size"),
            ("ids[]", Location::Query, "ids"),
            ("$filter", Location::Query, "filter"),
            ("filter", Location::Query, "filter_query"),
            ("@filter", Location::Query, "filter_query_2"),
            ("_from", Location::Query, "x_from"),
            ("猫", Location::Query, "value"),
            ("X-Trace", Location::Header, "X-Trace"),
        ] {
            assert_eq!(parameter(wire, location, &mut taken), name, "{wire}");
        }
        let long = parameter(&"n".repeat(99), Location::Query, &mut taken);
        assert_eq!(long.len(), 64);
    }
}
