//! Schemas and documents that are made to break their reader: each is refused, or read within
//! bounds.

use std::fmt::Write as _;

use gestalt_core::document::{ImportLimits, ImportSettings, Imported};

use super::{SHOP, find, findings, generated, input, query, refusal, settings, take};

/// What is told one operation never takes more than its limits.
fn bounded(imported: &Imported) {
    let limits = ImportLimits::default();
    for operation in &imported.operations {
        let media = &operation.body.as_ref().unwrap().media[0];
        let input = media.schema.as_ref().unwrap().text().len();
        assert!(input <= limits.max_input_schema_bytes, "{input}");
        let output = operation.response.schema.as_ref().unwrap().text().len();
        assert!(output <= limits.max_output_schema_bytes, "{output}");
        assert!(query(operation).len() < 64 * 1024);
    }
}

#[test]
fn what_is_nested_too_deeply_is_refused() {
    let list = format!(
        "type Query {{ a: {}Int{} }}",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    assert!(refusal(&list, &settings(&[])).contains("limit"));
    let value = format!(
        "type Query {{ a(b: [Int] = {}1{}): Int }}",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    assert!(refusal(&value, &settings(&[])).contains("limit"));
    let deep = format!(
        "query A {{ a {}b{} }}",
        "{ a ".repeat(5_000),
        "}".repeat(5_000)
    );
    assert!(refusal("type Query { a: Query b: Int }", &settings(&[&deep])).contains("limit"));
    let json = format!("{{\"data\":{}", "{\"a\":".repeat(100_000));
    assert!(refusal(&json, &settings(&[])).contains("is no answer"));
    let wrapped = format!(
        r#"{{"__schema":{{"queryType":{{"name":"Q"}},"types":[{{"kind":"OBJECT","name":"Q","fields":[{{"name":"a","type":{}{{"kind":"SCALAR","name":"Int"}}{}}}]}}]}}}}"#,
        r#"{"kind":"LIST","ofType":"#.repeat(300),
        "}".repeat(300)
    );
    refusal(&wrapped, &settings(&[]));
}

#[test]
fn what_is_too_large_is_refused() {
    let small = ImportSettings {
        limits: ImportLimits {
            max_bytes: 100,
            ..ImportLimits::default()
        },
        ..settings(&[])
    };
    let refused = refusal(SHOP, &small);
    assert_eq!(refused, "`schema.graphql` is larger than 100 bytes");
    let mut fields = String::from("type Query {");
    for index in 0..20_001 {
        let _ = write!(fields, " f{index}: Int");
    }
    fields.push('}');
    let refused = refusal(&fields, &settings(&[]));
    assert_eq!(refused, "there are more than 20000 operations");
    refusal("\u{0}\u{1}", &settings(&[]));
    assert!(take("type Query { a: Int }", &settings(&["query A { a }"])).is_ok());
}

#[test]
fn inputs_that_hold_each_other_stay_references_within_bounds() {
    // Each of a thousand types holds the next hundred.
    let mut schema = String::from("type Query { a(b: I0, c: [I1!]!): Int }\n");
    for index in 0..1_000 {
        let _ = write!(schema, "input I{index} {{ x: Int");
        for next in 1..100 {
            let _ = write!(schema, " f{next}: I{}", (index + next) % 1_000);
        }
        schema.push_str(" }\n");
    }
    let imported = generated(&schema);
    bounded(&imported);
    let schema = input(find(&imported, "a"));
    assert_eq!(schema["required"], serde_json::json!(["c"]));
    assert!(
        findings(&imported)[0].contains("larger than the limit"),
        "{:?}",
        findings(&imported)
    );
    let own = generated("type Query { a(b: I!): Int } input I { i: I  all: [I!] }");
    let schema = input(find(&own, "a")).to_string();
    assert!(schema.contains("$ref") && schema.len() < 1_000, "{schema}");
}

#[test]
fn a_field_of_very_many_arguments_is_left_out_and_told() {
    let mut schema = String::from("type Query { b: Int a(");
    for index in 0..5_000 {
        let _ = write!(schema, " a{index}: Int");
    }
    schema.push_str("): Int }");
    let imported = generated(&schema);
    assert_eq!(imported.operations.len(), 1);
    assert!(findings(&imported)[0].contains("it has more than 500 arguments"));
}

#[test]
fn an_enum_of_very_many_values_is_a_string() {
    let mut schema = String::from("type Query { a(e: E): E } enum E {");
    for index in 0..20_000 {
        let _ = write!(schema, " V{index}");
    }
    schema.push('}');
    let imported = generated(&schema);
    bounded(&imported);
    let text = input(find(&imported, "a")).to_string();
    assert!(!text.contains("V1") && text.contains("string"), "{text}");
}

#[test]
fn types_that_hold_each_other_are_selected_within_bounds() {
    // Every type leads to every other, as a connection of connections too.
    let mut schema = String::from("type Query { a: T0 b: C0Connection }\n");
    for index in 0..200 {
        let _ = write!(schema, "type T{index} {{ x: Int");
        for other in 0..200 {
            let _ = write!(schema, " f{other}: T{other}");
        }
        let next = (index + 1) % 200;
        let _ = writeln!(
            schema,
            " }} type C{index}Connection {{ nodes: [C{next}Connection] x: Int }}"
        );
    }
    let mut settings = settings(&[]);
    settings.graphql.as_mut().unwrap().max_depth = 8;
    bounded(&take(&schema, &settings).unwrap());
}

#[test]
fn fragments_that_multiply_are_refused_or_bounded() {
    let mut document = String::from("query A { a { ...F0 } }\n");
    for index in 0..40 {
        let next = index + 1;
        let _ = writeln!(
            document,
            "fragment F{index} on T {{ x: t {{ ...F{next} }} y: t {{ ...F{next} }} }}"
        );
    }
    document.push_str("fragment F40 on T { n }");
    let schema = "type Query { a: T } type T { t: T n: Int }";
    if let Ok(imported) = take(schema, &settings(&[&document])) {
        bounded(&imported);
        assert!(query(&imported.operations[0]).len() < 10_000);
    }
    let round = "query A { a { ...F } } fragment F on T { t { ...F } }";
    assert!(refusal(schema, &settings(&[round])).contains("cannot reference itself"));
}
