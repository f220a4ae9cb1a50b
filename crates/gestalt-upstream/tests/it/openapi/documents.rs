//! Documents as a whole.

use gestalt_core::document::{ImportLimits, ImportSettings};
use gestalt_upstream::CompiledOperation;
use gestalt_upstream::openapi::import;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{document, read, read_with, shown, text};

fn refusal(document: impl Into<Vec<u8>>) -> String {
    let settings = ImportSettings::default();
    let nothing = &mut |_: &str| Err("there is none".to_owned());
    let result = import(text("api.json", document), nothing, &settings);
    result.map(|_| ()).unwrap_err().to_string()
}

#[test]
fn another_kind_of_document_is_refused() {
    insta::assert_snapshot!(refusal(r#"{"swagger": "2.0", "paths": {}}"#), @"this is Swagger 2.0; OpenAPI 3.0 and 3.1 can be read; tools convert older documents, `swagger2openapi` for one");
    insta::assert_snapshot!(refusal(r#"{"openapi": "4.0.0", "paths": {}}"#), @"this is OpenAPI 4.0.0; OpenAPI 3.0 and 3.1 can be read");
    insta::assert_snapshot!(refusal(r#"{"openapi": "3.2.0", "paths": {}}"#), @"this is OpenAPI 3.2.0; OpenAPI 3.0 and 3.1 can be read");
    insta::assert_snapshot!(refusal(r#"{"openapi": true}"#), @"this is no OpenAPI document: it has no `openapi` with a version");
    insta::assert_snapshot!(refusal("[]"), @"this is no OpenAPI document: it has no `openapi` with a version");
    insta::assert_snapshot!(refusal("{"), @"api.json:1: EOF while parsing an object at line 1 column 1");
}

#[test]
fn more_operations_than_the_limit_are_refused() {
    let paths: serde_json::Map<String, Value> = (0..4)
        .map(|index| (format!("/{index}"), json!({"get": {}, "post": {}})))
        .collect();
    let settings = ImportSettings {
        limits: ImportLimits {
            max_operations: 7,
            ..ImportLimits::default()
        },
        ..ImportSettings::default()
    };
    let document = document(&paths.into(), &json!({}));
    let document = text("api.json", serde_json::to_vec(&document).unwrap());
    let result = import(document, &mut |_| Err(String::new()), &settings);
    insta::assert_snapshot!(result.map(|_| ()).unwrap_err(), @"the document has more than 7 operations");
}

#[test]
fn what_the_document_says_of_itself() {
    let root = json!({
        "openapi": 3.1,
        "info": {"title": "Shop", "version": "2.1", "description": "Sells things."},
        "webhooks": {"sold": {"post": {}}},
        "paths": {"/a": {"post": {
            "operationId": "a",
            "callbacks": {"done": {"{$request.body#/url}": {"post": {}}}},
            "responses": {"200": {"links": {"next": {"operationId": "a"}}}}
        }}}
    });
    let imported = read(&root);
    let (title, version) = (imported.title.as_deref(), imported.version.as_deref());
    assert_eq!((title, version), (Some("Shop"), Some("2.1")));
    assert_eq!(imported.description.as_deref(), Some("Sells things."));
    assert_eq!(imported.specification, "3.1");
    insta::assert_snapshot!(shown(&imported), @r"
    POST /a a
    note: api.json:1  [-]: webhooks are calls that the upstream makes; none is imported
    note: api.json:1  [-]: no server has a URL to call; the config must name one
    ");
}

#[test]
fn a_finding_names_the_line() {
    let document = r##"{
  "openapi": "3.0.0",
  "paths": {
    "/a": {
      "get": {
        "operationId": "a",
        "parameters": [
          {"name": "x", "in": "nowhere"},
          {"$ref": "#/components/parameters/Missing"}
        ]
      },
      "trace": {}
    },
    "/b": { "$ref": "#/paths/~1missing" },
    "/c": { "get": [] }
  }
}"##;
    let settings = ImportSettings::default();
    let result = import(
        text("api.json", document),
        &mut |_| Err(String::new()),
        &settings,
    );
    insta::assert_snapshot!(shown(&result.unwrap()), @r"
    GET /a a read-only idempotent
    note: api.json:1  [-]: no server has a URL to call; the config must name one
    changed: api.json:8 /paths/~1a/get/parameters/0 [GET /a]: the parameter is in no place that is known; it is left out
    changed: api.json:9 /paths/~1a/get/parameters/1 [GET /a]: the reference `#/components/parameters/Missing` leads nowhere; the parameter is left out
    skipped: api.json:12 /paths/~1a/trace [TRACE /a]: this method is not offered
    skipped: api.json:14 /paths/~1b [-]: the reference `#/paths/~1missing` leads nowhere
    skipped: api.json:15 /paths/~1c/get [GET /c]: the operation is no object
    ");
}

#[test]
fn findings_beyond_the_limit_are_counted() {
    let paths: serde_json::Map<String, Value> = (0..30)
        .map(|index| (format!("/{index}"), json!({"trace": {}})))
        .collect();
    let settings = ImportSettings {
        limits: ImportLimits {
            max_findings: 10,
            ..ImportLimits::default()
        },
        ..ImportSettings::default()
    };
    let imported = read_with(&document(&paths.into(), &json!({})), &settings);
    assert_eq!((imported.findings.len(), imported.more_findings), (10, 20));
}

/// Any JSON, with the words of OpenAPI in it.
fn anything() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "get",
        "post",
        "/a",
        "/a/{id}",
        "parameters",
        "name",
        "in",
        "path",
        "query",
        "id",
        "schema",
        "type",
        "object",
        "array",
        "string",
        "properties",
        "items",
        "$ref",
        "#/paths/~1a",
        "#/components/schemas/A",
        "requestBody",
        "content",
        "application/json",
        "multipart/form-data",
        "responses",
        "200",
        "security",
        "servers",
        "url",
        "https://{a}.example",
        "variables",
        "default",
        "components",
        "schemas",
        "A",
        "securitySchemes",
        "apiKey",
        "http",
        "scheme",
        "basic",
        "style",
        "encoding",
        "operationId",
        "required",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        words.clone().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 96, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((words.clone(), inner), 0..6)
                .prop_map(|pairs| pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_document_nothing_panics_and_every_operation_compiles(
        paths in anything(), others in anything(), root in anything(),
    ) {
        let others = if others.is_object() { others } else { json!({}) };
        let mut paths = json!({"/a": paths, "/b/{id}": {"get": root.clone(), "post": others.clone()}});
        if root.is_object() {
            paths["/c"] = root;
        }
        let imported = read(&document(&paths, &others));
        let base = "https://localhost".parse().unwrap();
        for operation in &imported.operations {
            prop_assert!(CompiledOperation::check(operation, &base).is_ok());
        }
        prop_assert_eq!(shown(&imported), shown(&read(&document(&paths, &others))));
    }
}
