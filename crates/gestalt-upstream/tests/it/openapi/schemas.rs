//! Schemas of documents become JSON Schema that stands for itself.

use gestalt_core::document::{ImportLimits, ImportSettings};
use serde_json::{Value, json};

use super::{document, read_with, show_findings};

/// The schemas of a request and of an answer, and what is said of them.
fn shown_with(schemas: &Value, limits: ImportLimits) -> String {
    let content =
        json!({"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}});
    let document = document(
        &json!({"/a": {"post": {
            "operationId": "a", "requestBody": content, "responses": {"200": content}
        }}}),
        &json!({"components": {"schemas": schemas}}),
    );
    let settings = ImportSettings {
        limits,
        ..ImportSettings::default()
    };
    let imported = read_with(&document, &settings);
    let operation = &imported.operations[0];
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    let request = operation.body.as_ref().unwrap().media[0]
        .schema
        .as_ref()
        .unwrap()
        .value();
    let answer = operation.response.schema.as_ref().unwrap().value();
    let mut out = pretty(&request);
    if answer != request {
        out.push_str("\nanswers ");
        out.push_str(&pretty(&answer));
    }
    out.push('\n');
    show_findings(&mut out, &imported);
    out
}

fn shown(schemas: &Value) -> String {
    shown_with(schemas, ImportLimits::default())
}

/// Trimmed to so many bytes.
fn trimmed(schemas: &Value, bytes: usize) -> String {
    let limits = ImportLimits {
        max_input_schema_bytes: bytes,
        max_output_schema_bytes: bytes,
        ..ImportLimits::default()
    };
    shown_with(schemas, limits)
}

fn link(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

#[test]
fn words_of_3_0_become_words_of_json_schema() {
    insta::assert_snapshot!(shown(&json!({"A": {
        "type": "object",
        "title": "Kept, there is no description",
        "externalDocs": {"url": "https://example.com"},
        "xml": {"name": "a"},
        "example": {},
        "x-own": 1,
        "properties": {
            "more": {"type": "number", "minimum": 0, "exclusiveMinimum": true, "maximum": 9.5, "exclusiveMaximum": false},
            "maybe": {"type": "string", "nullable": true, "enum": ["a", "b"], "default": "a"},
            "maybe_other": {"allOf": [link("Other")], "nullable": true},
            "map": {"type": "object", "additionalProperties": {"type": "integer", "format": "int64"}},
            "closed": {"type": "object", "additionalProperties": false},
            "list": {"type": "array", "items": {"type": "string", "format": "date-time"}, "maxItems": 5.0, "uniqueItems": true},
            "odd": {"type": "file", "minLength": -1, "pattern": "(", "required": true}
        }
    }, "Other": {"type": "object", "properties": {"x": {"type": "boolean"}}}})));
}

#[test]
fn words_of_3_1_stay() {
    insta::assert_snapshot!(shown(&json!({"A": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.com/a",
        "type": ["object", "null"],
        "properties": {
            "more": {"type": ["integer", "string"], "exclusiveMinimum": 0, "examples": [1]},
            "fixed": {"const": 1},
            "pair": {"prefixItems": [{"type": "string"}, true], "items": false},
            "beside": {"$ref": "#/components/schemas/Other", "description": "Said here.", "minProperties": 1}
        },
        "patternProperties": {"^x-": {"type": "string"}},
        "if": {"required": ["pair"]},
        "then": {"required": ["fixed"]},
        "unevaluatedProperties": false
    }, "Other": {"type": "object", "description": "Said there."}})));
}

#[test]
fn parts_become_one_and_alternatives_stay() {
    insta::assert_snapshot!(shown(&json!({
        "A": {"allOf": [
            link("Base"),
            {"type": "object", "required": ["b", "id"], "properties": {"b": link("Pet")}}
        ], "description": "Both."},
        "Base": {"type": "object", "required": ["a"], "properties": {
            "a": {"type": "string"}, "id": {"type": "integer", "readOnly": true},
            "secret": {"type": "string", "writeOnly": true}
        }},
        "Pet": {"oneOf": [link("Cat"), link("Dog")], "discriminator": {"propertyName": "kind", "mapping": {"c": "Cat"}}},
        "Cat": {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}, "lives": {"type": "integer"}}},
        "Dog": {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}}}
    })));
}

#[test]
fn what_is_used_often_or_holds_itself_is_a_definition() {
    let large = json!({"type": "object", "description": "x".repeat(299), "properties": {"a": {"type": "string"}}});
    insta::assert_snapshot!(shown(&json!({
        "A": {"type": "object", "properties": {
            "one": link("Large"), "two": link("Large"),
            "small": link("Small"), "smaller": link("Small"),
            "once": link("Once"), "tree": link("Tree"), "gone": link("Gone")
        }},
        "Large": large,
        "Small": {"type": "string", "maxLength": 3},
        "Once": {"type": "object", "description": "x".repeat(299)},
        "Tree": {"type": "object", "properties": {"children": {"type": "array", "items": link("Tree")}}}
    })));
}

#[test]
fn rule_0_long_descriptions_end_with_a_sentence() {
    let limits = ImportLimits {
        max_member_description_chars: 40,
        ..ImportLimits::default()
    };
    insta::assert_snapshot!(shown_with(
        &json!({"A": {
            "type": "object", "description": "One sentence that is told. Another one that is not.",
            "properties": {"a": {"description": "No sentence ends within the bound of this one here."}}
        }}),
        limits
    ));
}

/// Objects within each other, so many levels.
fn nested(levels: usize, description: &str) -> Value {
    let inner =
        json!({"type": "string", "enum": (0..31).map(|n| n.to_string()).collect::<Vec<_>>()});
    (0..levels).rev().fold(inner, |inner, level| {
        json!({
            "type": "object", "description": format!("Level {level}. {description}"),
            "properties": {format!("l{}", level + 1): inner, "note": {"type": "string", "description": description}},
            "required": [format!("l{}", level + 1)]
        })
    })
}

#[test]
fn rule_1_deep_descriptions_are_dropped() {
    insta::assert_snapshot!(trimmed(
        &json!({"A": nested(6, "Words that explain.")}),
        1_000
    ));
}

#[test]
fn rule_2_deep_members_are_left_open() {
    insta::assert_snapshot!(trimmed(&json!({"A": nested(10, "")}), 800));
    insta::assert_snapshot!(trimmed(
        &json!({"A": {"type": "object", "properties": {
            "either": {"oneOf": [nested(5, ""), {"type": "string"}], "not": {"type": "null"}},
            "map": {"type": "object", "additionalProperties": nested(5, "")},
            "kind": {"enum": (0..31).collect::<Vec<_>>()}
        }}}),
        600
    ));
}

#[test]
fn rule_3_required_members_and_the_first_that_fit_stay() {
    let members: serde_json::Map<String, Value> = (0..40)
        .map(|at| {
            (
                format!("member_{at}"),
                json!({"type": "integer", "minimum": at, "maximum": 1_000}),
            )
        })
        .collect();
    insta::assert_snapshot!(trimmed(
        &json!({"A": {
            "type": "object", "properties": members, "required": ["member_39"]
        }}),
        1_000
    ));
}

#[test]
fn rule_4_the_type_stays() {
    insta::assert_snapshot!(trimmed(
        &json!({"A": {
            "type": "object", "required": (0..40).map(|at| format!("member_{at}")).collect::<Vec<_>>()
        }}),
        300
    ));
}
