//! An upstream's JSON in the formats of the command line.

use std::io;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::output::{Format, json_text, table};

/// Lays out a valid JSON text.
///
/// # Errors
/// A usage error for a format that needs to know what the text means.
pub(crate) fn render(text: &str, format: Format, headers: bool) -> Result<String, Failure> {
    match format {
        Format::Json => Ok(json_text::pretty(text)),
        Format::Ndjson => Ok(match serde_json::from_str::<Vec<&RawValue>>(text) {
            Ok(items) => items
                .iter()
                .map(|item| json_text::compact(item.get()))
                .collect(),
            Err(_) => json_text::compact(text),
        }),
        Format::Yaml => {
            let value: Value = serde_json::from_str(text).map_err(io::Error::other)?;
            Ok(serde_saphyr::to_string(&value).map_err(io::Error::other)?)
        }
        Format::Table => {
            let value: Value = serde_json::from_str(text).map_err(io::Error::other)?;
            Ok(as_table(&value, headers))
        }
        Format::Name => Err(Failure::usage(
            "An upstream's answer has no names that are known here.",
            "Use `-o json`, `yaml`, `ndjson` or `table`.",
        )),
    }
}

/// Objects in an array are rows, an object is pairs, anything else is itself.
fn as_table(value: &Value, headers: bool) -> String {
    match value {
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
            let mut names: Vec<&str> = Vec::new();
            for item in items.iter().filter_map(Value::as_object) {
                for name in item.keys() {
                    if !names.contains(&name.as_str()) {
                        names.push(name);
                    }
                }
            }
            let rows = items
                .iter()
                .map(|item| names.iter().map(|name| cell(item.get(name))).collect())
                .collect();
            let titles: Vec<String> = names.iter().map(|name| name.to_uppercase()).collect();
            let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
            table::columns(headers.then_some(titles.as_slice()), rows)
        }
        Value::Array(items) => table::columns(
            None,
            items.iter().map(|item| vec![cell(Some(item))]).collect(),
        ),
        // An object around the one list that matters is the usual form of a page.
        Value::Object(members) => match members.values().collect::<Vec<_>>().as_slice() {
            [only @ Value::Array(_)] => as_table(only, headers),
            _ => table::pairs(
                members
                    .iter()
                    .map(|(name, value)| (name.as_str(), cell(Some(value))))
                    .collect(),
            ),
        },
        other => table::columns(None, vec![vec![cell(Some(other))]]),
    }
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTES: &str = r#"[{"id":1,"title":"Hi"},{"id":2,"tags":["a"]}]"#;

    fn check(text: &str, format: Format, expect: &str) {
        assert_eq!(render(text, format, true).unwrap(), expect);
    }

    #[test]
    fn an_array_of_objects_is_a_table() {
        let expect = "ID  TITLE  TAGS\n1   Hi     -\n2   -      [\"a\"]\n";
        check(NOTES, Format::Table, expect);
        check(&format!("{{\"notes\":{NOTES}}}"), Format::Table, expect);
    }

    #[test]
    fn each_item_is_a_line_of_ndjson() {
        check(
            NOTES,
            Format::Ndjson,
            "{\"id\":1,\"title\":\"Hi\"}\n{\"id\":2,\"tags\":[\"a\"]}\n",
        );
        check("{ \"a\" : 1 }", Format::Ndjson, "{\"a\":1}\n");
    }

    #[test]
    fn an_object_is_pairs_and_yaml_is_yaml() {
        check(r#"{"a":1,"b":"x"}"#, Format::Table, "a:  1\nb:  x\n");
        check(
            r#"{"a":[1,2],"no":"yes"}"#,
            Format::Yaml,
            "a:\n- 1\n- 2\n\"no\": \"yes\"\n",
        );
        assert_eq!(render("1", Format::Name, true).unwrap_err().exit_code(), 2);
    }
}
