//! Documents that are made to break their reader: each is refused, or read within bounds.

use std::fmt::Write;

use gestalt_core::document::{DocumentText, ImportSettings, Imported};
use gestalt_core::operation::Operation;
use gestalt_upstream::openapi::{ImportError, import};
use serde_json::{Value, json};

use super::{document, read, text};

fn take(document: impl Into<Vec<u8>>) -> Result<Imported, ImportError> {
    let nothing = &mut |_: &str| Err("there is none".to_owned());
    import(
        text("api.json", document),
        nothing,
        &ImportSettings::default(),
    )
}

fn refusal(document: impl Into<Vec<u8>>) -> String {
    take(document).map(|_| ()).unwrap_err().to_string()
}

/// A document with one operation, whose body and answer are of the schema `A`.
fn of(schemas: &Value) -> Value {
    let content =
        json!({"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}});
    document(
        &json!({"/a": {"post": {
            "operationId": "a", "requestBody": content, "responses": {"200": content}
        }}}),
        &json!({"components": {"schemas": schemas}}),
    )
}

fn schemas_of(operation: &Operation) -> Vec<Value> {
    let body = operation.body.iter().flat_map(|body| &body.media);
    let body = body.filter_map(|media| media.schema.as_ref());
    let schemas = body.chain(&operation.response.schema);
    schemas
        .map(|schema| {
            assert!(schema.text().len() <= 32 * 1024, "{}", schema.text().len());
            schema.value()
        })
        .collect()
}

/// The schemas that come out: small, whole, and of objects.
fn bounded(schemas: &Value) -> Vec<Value> {
    let imported = read(&of(schemas));
    let made = schemas_of(&imported.operations[0]);
    assert_eq!(made.len(), 2);
    for schema in &made {
        assert!(schema.is_object(), "{schema}");
        assert_whole(schema, schema);
    }
    made
}

/// Every reference leads to a definition of the same schema.
fn assert_whole(root: &Value, part: &Value) {
    if let Some(name) = part.get("$ref").and_then(Value::as_str) {
        let name = name.strip_prefix("#/$defs/").unwrap();
        assert!(root["$defs"].get(name).is_some(), "{name}");
    }
    match part {
        Value::Object(members) => members.values().for_each(|part| assert_whole(root, part)),
        Value::Array(items) => items.iter().for_each(|part| assert_whole(root, part)),
        _ => {}
    }
}

fn link(name: impl std::fmt::Display) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    let document = "{\"openapi\": \"3.0.0\",\n\"paths\": {},\n\"paths\": {\"/a\": {\"get\": {}}}}";
    insta::assert_snapshot!(refusal(document), @"api.json:3: the key `paths` stands twice at line 3 column 7");
    let escaped = r#"{"openapi": "3.0.0", "paths": {}, "\u0070aths": {}}"#;
    assert!(refusal(escaped).contains("the key `paths` stands twice"));
    let mut many = String::from(r#"{"openapi": "3.0.0", "paths": {"#);
    for at in 0..40 {
        let _ = write!(many, r#""/{at}": {{}}, "#);
    }
    many.push_str(r#""/39": {}}}"#);
    assert!(refusal(many).contains("the key `/39` stands twice"));
}

#[test]
fn what_is_nested_too_deeply_is_refused() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"{"$ref":"#, "}")] {
        let (open, close) = (open.repeat(10_000), close.repeat(10_000));
        let document = format!(r#"{{"openapi": "3.0.0", "paths": {{}}, "x": {open}0{close}}}"#);
        assert!(refusal(document).contains("nested too deeply"));
    }
    assert!(refusal("[".repeat(100_000)).contains("api.json:1"));
    // What a reader of trees would take for a document within a string.
    let within =
        r#"{"openapi": "3.0.0", "paths": {}, "x": {"$serde_json::private::RawValue": "[]"}}"#;
    assert!(refusal(within).contains("a key that no document has"));
}

#[test]
fn what_is_no_utf8_is_refused_and_one_byte_order_mark_is_taken() {
    let plain = r#"{"openapi": "3.0.0", "paths": {"/a": {"get": {}}}}"#;
    let marked = format!("\u{feff}{plain}");
    assert_eq!(take(marked.clone()).unwrap().operations.len(), 1);
    refusal(format!("\u{feff}{marked}"));
    let wide = |big: bool| {
        let units = "\u{feff}".encode_utf16().chain(plain.encode_utf16());
        units
            .flat_map(|unit| {
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect::<Vec<u8>>()
    };
    refusal(wide(true));
    refusal(wide(false));
    refusal(b"{\"openapi\": \"3.0.0\", \"x\": \"\xff\", \"paths\": {}}".to_vec());
    refusal(b"{\"openapi\": \"3.0.0\", \"\xff\": 1, \"paths\": {}}".to_vec());
    refusal(b"".to_vec());
    refusal("\u{feff}");
}

#[test]
fn a_million_operations_are_refused() {
    let mut document = String::from(r#"{"openapi":"3.0.0","paths":{"#);
    let methods = [
        "get", "put", "post", "delete", "patch", "head", "options", "trace",
    ];
    let item = methods
        .map(|method| format!(r#""{method}":{{}}"#))
        .join(",");
    for at in 0..125_000 {
        let _ = write!(document, r#""/{at}":{{{item}}},"#);
    }
    document.push_str(r#""/":{}}}"#);
    assert!(matches!(
        take(document),
        Err(ImportError::TooManyOperations { .. })
    ));
}

#[test]
fn a_document_beyond_the_size_limit_is_refused() {
    let document = format!(
        r#"{{"openapi":"3.0.0","x":"{}"}}"#,
        "x".repeat(64 * 1024 * 1024)
    );
    assert!(matches!(take(document), Err(ImportError::TooLarge { .. })));
}

#[test]
fn references_that_multiply_stay_references() {
    for word in ["properties", "allOf", "oneOf"] {
        let mut schemas = json!({});
        for at in 0..64 {
            let next = link(format!("L{}", at + 1));
            schemas[format!("L{at}")] = if word == "properties" {
                json!({"type": "object", "properties": {"a": next, "b": next, "c": next}})
            } else {
                json!({word: vec![next; 10]})
            };
        }
        schemas["A"] = link("L0");
        schemas["L64"] = json!({"type": "string"});
        bounded(&schemas);
    }
}

#[test]
fn circles_end() {
    let children = json!({"type": "object", "properties": {"children": {"type": "array", "items": link("A")}}});
    let made = bounded(&json!({"A": children}));
    let validator = jsonschema_holds(&made[0]);
    assert!(validator(&json!({"children": [{"children": []}]})));
    assert!(!validator(&json!({"children": [{"children": [1]}]})));
    bounded(&json!({"A": {"allOf": [link("A")]}}));
    bounded(&json!({"A": {"allOf": [link("B")]}, "B": {"allOf": [link("A"), {"type": "object"}]}}));
    bounded(&json!({"A": {"anyOf": [link("A"), link("B")]}, "B": {"not": link("A")}}));
    bounded(&json!({"A": {"additionalProperties": link("A")}}));
    bounded(&json!({"A": {"properties": {"a": {"$ref": "#/components/schemas/A/properties/a"}}}}));
    // The schema itself is a circle of references: there is nothing to hold to.
    let imported = read(&of(&json!({"A": link("B"), "B": link("A")})));
    assert_eq!(schemas_of(&imported.operations[0]), [json!({}), json!({})]);
    assert!(
        imported
            .findings
            .iter()
            .any(|f| f.message.contains("circle"))
    );
}

fn jsonschema_holds(schema: &Value) -> impl Fn(&Value) -> bool {
    let validator = jsonschema::validator_for(schema).unwrap();
    move |value| validator.is_valid(value)
}

#[test]
fn long_chains_stay_readable() {
    let mut items = json!({});
    let mut deep = json!({});
    let mut parts = json!({});
    for at in 0..500 {
        let next = link(format!("L{}", at + 1));
        items[format!("L{at}")] = json!({"items": next});
        parts[format!("L{at}")] = json!({"allOf": [next, {"properties": {format!("p{at}"): {}}}]});
        deep[format!("L{at}")] = (0..30).fold(next, |inner, _| json!({"not": inner}));
    }
    for mut schemas in [items, deep, parts] {
        schemas["A"] = link("L0");
        bounded(&schemas);
    }
}

#[test]
fn wide_schemas_are_trimmed() {
    let many = |of: &dyn Fn(usize) -> Value| (0..5_000).map(of).collect::<Vec<Value>>();
    let members: serde_json::Map<String, Value> = (0..5_000)
        .map(|at| {
            (
                format!("member_{at}"),
                json!({"type": "string", "description": "x".repeat(400)}),
            )
        })
        .collect();
    bounded(&json!({"A": {"type": "object", "properties": members}}));
    bounded(&json!({"A": {"enum": many(&|at| json!(format!("value {at}")))}}));
    bounded(
        &json!({"A": {"type": "object", "required": many(&|at| json!(format!("member_{at}")))}}),
    );
    bounded(&json!({"A": {"const": "x".repeat(100_000)}}));
    bounded(&json!({"A": {"pattern": "(a{1000}){1000}"}}));
    for word in ["allOf", "anyOf", "oneOf"] {
        let part = |at: usize| json!({"properties": {"a": {"minimum": at}}});
        bounded(&json!({"A": {word: many(&part)}}));
    }
}

#[test]
fn files_that_refer_to_each_other_end() {
    let document = json!({"openapi": "3.0.0", "paths": {"/a": {"$ref": "a.json"}}});
    let mut asked = 0_usize;
    let mut load = |path: &str| {
        asked += 1;
        let next = json!({"$ref": format!("x{path}")});
        Ok(DocumentText {
            name: path.to_owned(),
            ..text("", next.to_string())
        })
    };
    let root = text("api.json", document.to_string());
    let imported = import(root, &mut load, &ImportSettings::default()).unwrap();
    assert!(imported.operations.is_empty());
    assert!(!imported.findings.is_empty());
    assert!(asked < 1_000, "{asked}");
}
