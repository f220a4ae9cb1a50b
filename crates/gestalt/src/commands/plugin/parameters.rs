//! An operation's arguments as rows: the input schema that agents get, for people.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::invoke::schema::Schema;
use crate::output::table;

/// How deep members of objects are shown; `-o json` shows all.
const DEPTH: usize = 3;
/// How many rows are shown.
const ROWS: usize = 150;
/// How many of a parameter's values are named.
const VALUES: usize = 12;

/// One row.
struct Row {
    name: String,
    types: String,
    required: bool,
    values: String,
    default: String,
    about: String,
}

/// The table of an input schema; empty where it has no parameters.
pub(super) fn shown(schema: &Value) -> String {
    let root = Schema::new(schema);
    let mut rows = Vec::new();
    members(root, schema, "", DEPTH, &mut rows);
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    if rows.is_empty() {
        return String::new();
    }
    let has_values = rows.iter().any(|row| !row.values.is_empty());
    let has_defaults = rows.iter().any(|row| !row.default.is_empty());
    let cells = |texts: [String; 6]| -> Vec<String> {
        let wanted = [true, true, true, has_values, has_defaults, true];
        let both = texts.into_iter().zip(wanted);
        both.filter_map(|(text, wanted)| wanted.then_some(text))
            .collect()
    };
    let names = [
        "PARAMETER",
        "TYPE",
        "REQUIRED",
        "VALUES",
        "DEFAULT",
        "DESCRIPTION",
    ];
    let header = cells(names.map(ToOwned::to_owned));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let rows = rows.into_iter().map(|row| {
        let required = if row.required { "yes" } else { "" };
        cells([
            row.name,
            row.types,
            required.to_owned(),
            row.values,
            row.default,
            row.about,
        ])
    });
    let mut text = table::columns(Some(&header), rows.collect());
    if more {
        text.push_str("… and more: -o json shows the whole schema.\n");
    }
    text
}

/// Adds the members of an object, and theirs, under a prefix.
fn members(root: Schema<'_>, schema: &Value, prefix: &str, depth: usize, rows: &mut Vec<Row>) {
    if depth == 0 {
        return;
    }
    let parts = object_parts(root, schema, DEPTH);
    let required: BTreeSet<&str> = parts
        .iter()
        .flat_map(|part| names(part, "required"))
        .collect();
    let mut seen = BTreeSet::new();
    for part in &parts {
        let own = part.get("properties").and_then(Value::as_object);
        for (name, member) in own.into_iter().flatten() {
            if rows.len() > ROWS {
                return;
            }
            if !seen.insert(name) {
                continue;
            }
            let full = format!("{prefix}{name}");
            rows.push(Row {
                types: types(root, member),
                required: required.contains(name.as_str()),
                values: values(root.resolve(member)),
                default: text(root.resolve(member).get("default")),
                about: about(root, member),
                name: full.clone(),
            });
            let resolved = root.resolve(member);
            match resolved.get("items") {
                Some(items) => members(root, items, &format!("{full}[]."), depth - 1, rows),
                None => members(root, resolved, &format!("{full}."), depth - 1, rows),
            }
        }
    }
}

/// The schemas whose members an object has: its own, and those that `allOf` joins.
fn object_parts<'a>(root: Schema<'a>, schema: &'a Value, depth: usize) -> Vec<&'a Value> {
    let schema = root.resolve(schema);
    let mut parts = vec![schema];
    if depth > 0 {
        let joined = schema.get("allOf").and_then(Value::as_array);
        for part in joined.into_iter().flatten() {
            parts.extend(object_parts(root, part, depth - 1));
        }
    }
    parts
}

fn names<'a>(schema: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    let list = schema.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// `string`, `string (date-time)`, `array of integer`, `string|null`.
fn types(root: Schema<'_>, schema: &Value) -> String {
    let resolved = root.resolve(schema);
    let mut names: Vec<&str> = root.types(resolved).into_iter().collect();
    names.sort_by_key(|name| *name == "null");
    let names: Vec<String> = names
        .into_iter()
        .map(|name| match (name, resolved.get("items")) {
            ("array", Some(items)) => {
                let items: Vec<&str> = root.types(items).into_iter().collect();
                if items.is_empty() {
                    "array".to_owned()
                } else {
                    format!("array of {}", items.join("|"))
                }
            }
            _ => name.to_owned(),
        })
        .collect();
    let joined = names.join("|");
    let format = resolved
        .get("contentEncoding")
        .or_else(|| resolved.get("format"))
        .and_then(Value::as_str);
    match format {
        Some(format) => format!("{joined} ({format})"),
        None => joined,
    }
}

/// What a value may be, where it is counted or bounded.
fn values(schema: &Value) -> String {
    if let Some(one) = schema.get("const") {
        return text(Some(one));
    }
    let listed = schema
        .get("enum")
        .or_else(|| schema.get("items")?.get("enum"));
    if let Some(listed) = listed.and_then(Value::as_array) {
        let shown: Vec<String> = listed
            .iter()
            .take(VALUES)
            .map(|value| text(Some(value)))
            .collect();
        let more = if listed.len() > VALUES { "|…" } else { "" };
        return format!("{}{more}", shown.join("|"));
    }
    let bound = |key: &str| schema.get(key).map(|value| text(Some(value)));
    match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) => format!("{least} or more"),
        (None, Some(most)) => format!("{most} or less"),
        (None, None) => bound("pattern").unwrap_or_default(),
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// What it means: beside a reference, or where that leads.
fn about(root: Schema<'_>, schema: &Value) -> String {
    let own = schema.get("description");
    let own = own.or_else(|| root.resolve(schema).get("description"));
    own.and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_endless_schema_is_shown_to_its_third_floor() {
        let schema = json!({
            "type": "object",
            "properties": { "node": { "$ref": "#/$defs/node" } },
            "$defs": { "node": { "type": "object", "properties": { "next": { "$ref": "#/$defs/node" } } } },
        });
        assert_snapshot!(shown(&schema), @"
        PARAMETER       TYPE    REQUIRED  DESCRIPTION
        node            object  -         -
        node.next       object  -         -
        node.next.next  object  -         -
        ");
        let endless = json!({ "allOf": [{ "$ref": "#" }], "properties": { "a": {} } });
        assert!(shown(&endless).contains("\na "));
    }

    #[test]
    fn many_parameters_are_cut_and_it_says_so() {
        let properties: serde_json::Map<String, Value> =
            (0..500).map(|n| (format!("p{n:03}"), json!({}))).collect();
        let text = shown(&json!({ "properties": properties }));
        assert_eq!(text.lines().count(), ROWS + 2);
        assert!(text.ends_with("… and more: -o json shows the whole schema.\n"));
    }

    #[test]
    fn types_values_defaults_and_members() {
        let schema = json!({
            "type": "object",
            "required": ["book"],
            "properties": {
                "book": {
                    "description": "What to put there.",
                    "allOf": [{ "$ref": "#/$defs/thing" }, { "required": ["title"], "properties": { "title": { "type": "string" } } }],
                },
                "shelves": { "type": "array", "items": { "type": "object", "properties": { "row": { "type": "integer", "minimum": 1 } } } },
                "limit": { "type": "integer", "minimum": 1, "maximum": 100, "default": 20 },
                "order": { "enum": ["title", "author", null], "default": "title" },
                "since": { "type": ["string", "null"], "format": "date" },
                "tags": { "type": "array", "items": { "type": "string", "enum": ["new", "old"] } },
                "steer": { "type": "string", "description": "a\u{1b}[2J\nb" },
            },
            "$defs": { "thing": { "type": "object", "properties": { "isbn": { "type": "string", "pattern": "^97" } } } },
        });
        assert_snapshot!(shown(&schema), @"
        PARAMETER      TYPE                REQUIRED  VALUES             DEFAULT  DESCRIPTION
        book           object              yes       -                  -        What to put there.
        book.isbn      string              -         ^97                -        -
        book.title     string              yes       -                  -        -
        shelves        array of object     -         -                  -        -
        shelves[].row  integer             -         1 or more          -        -
        limit          integer             -         1 to 100           20       -
        order          string|null         -         title|author|null  title    -
        since          string|null (date)  -         -                  -        -
        tags           array of string     -         new|old            -        -
        steer          string              -         -                  -        a�[2J b
        ");
    }
}
