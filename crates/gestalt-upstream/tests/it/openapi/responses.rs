//! What an operation answers.

use serde_json::{Value, json};

use super::{document, read};

fn answer(responses: &Value) -> String {
    let document = document(
        &json!({"/a": {"get": {"operationId": "get", "responses": responses}}}),
        &json!({"components": {
            "schemas": {"Pet": {"type": "object", "properties": {"name": {"type": "string"}}}},
            "responses": {"Pet": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}}
        }}),
    );
    let imported = read(&document);
    let operation = &imported.operations[0];
    let schema = operation.response.schema.as_ref();
    format!(
        "{} {:?}",
        schema.map_or("-", |schema| schema.text()),
        operation.headers
    )
}

fn media(name: &str, schema: &Value) -> Value {
    json!({"content": {name: {"schema": schema}}})
}

#[test]
fn the_schema_is_that_of_every_success() {
    let (a, b) = (json!({"type": "string"}), json!({"type": "integer"}));
    let json_of = |schema| media("application/json", schema);
    let check = |responses: &Value, expect: &str| assert_eq!(answer(responses), expect);
    check(&json!({"404": json_of(&a), "default": json_of(&a)}), "- []");
    check(
        &json!({"204": {}, "201": json_of(&a), "404": json_of(&b)}),
        r#"{"type":"string"} []"#,
    );
    check(
        &json!({"200": json_of(&a), "201": json_of(&a)}),
        r#"{"type":"string"} []"#,
    );
    check(&json!({"200": json_of(&a), "2XX": json_of(&b)}), "- []");
    check(
        &json!({"200": json_of(&a), "202": {"content": {"application/json": {}}}}),
        "- []",
    );
    check(
        &json!({"200": media("application/hal+json", &a)}),
        r#"{"type":"string"} []"#,
    );
    check(
        &json!({"200": media("*/*", &json!({"type": "object"}))}),
        r#"{"type":"object"} []"#,
    );
    check(&json!({"200": media("*/*", &a)}), "- []");
    check(&json!({"200": media("text/html", &a)}), "- []");
    check(
        &json!({"200": {"$ref": "#/components/responses/None"}}),
        "- []",
    );
}

#[test]
fn json_is_asked_for_where_another_type_could_come() {
    let responses = json!({"200": {"content": {
        "application/xml": {"schema": {"type": "string"}},
        "application/json": {"schema": {"type": "integer"}}
    }}});
    assert_eq!(
        answer(&responses),
        r#"{"type":"integer"} [("Accept", "application/json, */*;q=0.5")]"#
    );
}
