//! Parameters outside the body.

use serde_json::json;

use super::{document, read, shown};

#[test]
fn an_operations_parameter_replaces_its_paths() {
    let document = document(
        &json!({"/a/{id}": {
            "parameters": [
                {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
                {"name": "trace", "in": "header", "schema": {"type": "string"}},
                {"$ref": "#/components/parameters/Page"}
            ],
            "get": {
                "operationId": "get",
                "parameters": [
                    {"name": "page", "in": "query", "description": "From 1.", "schema": {"type": "integer", "minimum": 1}},
                    {"name": "Trace", "in": "header", "deprecated": true, "schema": {"type": "string"}},
                    {"name": "id", "in": "query", "schema": {"type": "boolean"}}
                ],
                "responses": {}
            }
        }}),
        &json!({"components": {"parameters": {
            "Page": {"name": "page", "in": "query", "schema": {"type": "string"}}
        }}}),
    );
    insta::assert_snapshot!(shown(&read(&document)), @r#"
    GET /a/{id} get read-only idempotent
      Path id required Simple {"type":"string"}
      Query page explode Form {"type":"integer","minimum":1} // From 1.
      Query id_query (`id`) explode Form {"type":"boolean"}
      Header Trace deprecated Simple {"type":"string"}
    "#);
}

#[test]
fn styles_are_as_said_or_as_usual_for_the_place() {
    let string = json!({"type": "string"});
    let list = json!({"type": "array", "items": {"type": "string"}});
    let document = document(
        &json!({"/a/{p}/{label}": {"get": {
            "operationId": "get",
            "parameters": [
                {"name": "p", "in": "path", "required": true, "schema": list},
                {"name": "label", "in": "path", "required": true, "style": "label", "explode": true, "schema": list},
                {"name": "q", "in": "query", "schema": list},
                {"name": "piped", "in": "query", "style": "pipeDelimited", "schema": list},
                {"name": "spaced", "in": "query", "style": "spaceDelimited", "explode": false, "schema": list},
                {"name": "deep", "in": "query", "style": "deepObject", "schema": {"type": "object"}},
                {"name": "url", "in": "query", "allowReserved": true, "schema": string},
                {"name": "wrong", "in": "query", "style": "matrix", "schema": string},
                {"name": "H", "in": "header", "explode": true, "schema": list},
                {"name": "c", "in": "cookie", "explode": false, "schema": list}
            ],
            "responses": {}
        }}}),
        &json!({}),
    );
    insta::assert_snapshot!(shown(&read(&document)), @r#"
    GET /a/{p}/{label} get read-only idempotent
      Path p required Simple {"type":"array","items":{"type":"string"}}
      Path label required explode Label {"type":"array","items":{"type":"string"}}
      Query q explode Form {"type":"array","items":{"type":"string"}}
      Query piped PipeDelimited {"type":"array","items":{"type":"string"}}
      Query spaced SpaceDelimited {"type":"array","items":{"type":"string"}}
      Query deep explode DeepObject {"type":"object"}
      Query url explode reserved Form {"type":"string"}
      Query wrong explode Form {"type":"string"}
      Header H explode Simple {"type":"array","items":{"type":"string"}}
      Cookie c Form {"type":"array","items":{"type":"string"}}
    changed: api.json:90 /paths/~1a~1{p}~1{label}/get/parameters/7 [GET /a/{p}/{label}]: the style `matrix` is not for this place; the usual one is used
    "#);
}

#[test]
fn names_fit_a_tools_schema_and_are_unique() {
    let string = json!({"type": "string"});
    let document = document(
        &json!({"/a/{id}": {"get": {
            "operationId": "get",
            "parameters": [
                {"name": "id", "in": "header", "schema": string},
                {"name": "id", "in": "query", "schema": string},
                {"name": "id", "in": "path", "required": true, "schema": string},
                {"name": "page[size]", "in": "query", "schema": string},
                {"name": "ids[]", "in": "query", "schema": {"type": "array", "items": string}},
                {"name": "_connection", "in": "query", "schema": string},
                {"name": "x_connection", "in": "query", "schema": string}
            ],
            "responses": {}
        }}}),
        &json!({}),
    );
    insta::assert_snapshot!(shown(&read(&document)), @r#"
    GET /a/{id} get read-only idempotent
      Path id required Simple {"type":"string"}
      Query id_query (`id`) explode Form {"type":"string"}
      Query page_size (`page[size]`) explode Form {"type":"string"}
      Query ids (`ids[]`) explode Form {"type":"array","items":{"type":"string"}}
      Query x_connection (`_connection`) explode Form {"type":"string"}
      Query x_connection_query (`x_connection`) explode Form {"type":"string"}
      Header id_header (`id`) Simple {"type":"string"}
    "#);
}

#[test]
fn a_value_in_a_media_type_is_json_or_text() {
    let document = document(
        &json!({"/a": {"get": {
            "operationId": "get",
            "parameters": [
                {"name": "filter", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
                {"name": "any", "in": "query", "content": {"application/json": {}}},
                {"name": "xml", "in": "query", "content": {"application/xml": {"schema": {"type": "string"}}}},
                {"name": "bare", "in": "query"}
            ],
            "responses": {}
        }}}),
        &json!({}),
    );
    insta::assert_snapshot!(shown(&read(&document)), @r#"
    GET /a get read-only idempotent
      Query filter explode Form {"type":"object"} as application/json
      Query any explode Form {} as application/json
      Query xml explode Form {"type":"string"}
      Query bare explode Form {"type":"string"}
    changed: api.json:39 /paths/~1a/get/parameters/2/content/application~1xml [GET /a]: `application/xml` is not written for a parameter; its text is sent as it is
    "#);
}

#[test]
fn what_must_be_sent_and_can_be_one_thing_only_is_sent() {
    let document = document(
        &json!({"/a/{format}": {"get": {
            "operationId": "get",
            "parameters": [
                {"name": "format", "in": "path", "required": true, "schema": {"type": "string", "enum": ["json"]}},
                {"name": "Version", "in": "header", "required": true, "schema": {"type": "string", "default": "2022-11-28"}},
                {"name": "limit", "in": "query", "schema": {"type": "integer", "default": 10}}
            ],
            "responses": {}
        }, "delete": {
            "operationId": "delete",
            "parameters": [
                {"name": "format", "in": "path", "required": true, "schema": {"type": "string", "default": "me"}}
            ],
            "responses": {}
        }}}),
        &json!({}),
    );
    insta::assert_snapshot!(shown(&read(&document)), @r#"
    GET /a/{format} get read-only idempotent
      Path format required Simple {"type":"string","enum":["json"]} default="json"
      Query limit explode Form {"type":"integer","default":10}
      Header Version required Simple {"type":"string","default":"2022-11-28"} default="2022-11-28"
    DELETE /a/{format} delete destructive idempotent
      Path format required Simple {"type":"string","default":"me"}
    "#);
}

#[test]
fn what_the_gateway_writes_itself_is_no_parameter() {
    let string = json!({"type": "string"});
    let document = document(
        &json!({"/a/{missing}": {"get": {
            "operationId": "get",
            "parameters": [
                {"name": "Authorization", "in": "header", "schema": string},
                {"name": "content-type", "in": "header", "schema": string},
                {"name": "Accept", "in": "header", "schema": string},
                {"name": "Host", "in": "header", "schema": string},
                {"name": "Cookie", "in": "header", "schema": string},
                {"name": "a b", "in": "header", "schema": string},
                {"name": "body", "in": "body", "schema": string},
                {"name": "gone", "in": "path", "required": true, "schema": string},
                {"in": "query", "schema": string},
                {"$ref": "#/components/parameters/None"},
                "no object"
            ],
            "responses": {}
        }}}),
        &json!({}),
    );
    insta::assert_snapshot!(shown(&read(&document)), @r#"
    GET /a/{missing} get read-only idempotent
      Path missing required Simple {"type":"string"}
    note: api.json:17 /paths/~1a~1{missing}/get/parameters/0 [GET /a/{missing}]: the header `Authorization` is never a parameter; it is left out
    note: api.json:24 /paths/~1a~1{missing}/get/parameters/1 [GET /a/{missing}]: the header `content-type` is never a parameter; it is left out
    note: api.json:31 /paths/~1a~1{missing}/get/parameters/2 [GET /a/{missing}]: the header `Accept` is never a parameter; it is left out
    changed: api.json:38 /paths/~1a~1{missing}/get/parameters/3 [GET /a/{missing}]: the header `Host` is the gateway's own; it is left out
    changed: api.json:45 /paths/~1a~1{missing}/get/parameters/4 [GET /a/{missing}]: the header `Cookie` is the gateway's own; it is left out
    changed: api.json:52 /paths/~1a~1{missing}/get/parameters/5 [GET /a/{missing}]: `a b` is no header name; it is left out
    changed: api.json:59 /paths/~1a~1{missing}/get/parameters/6 [GET /a/{missing}]: the parameter is in no place that is known; it is left out
    changed: api.json:74 /paths/~1a~1{missing}/get/parameters/8 [GET /a/{missing}]: the parameter has no name that can be sent; it is left out
    changed: api.json:80 /paths/~1a~1{missing}/get/parameters/9 [GET /a/{missing}]: the reference `#/components/parameters/None` leads nowhere; the parameter is left out
    changed: api.json:83 /paths/~1a~1{missing}/get/parameters/10 [GET /a/{missing}]: the parameter is in no place that is known; it is left out
    changed: api.json:66 /paths/~1a~1{missing}/get/parameters/7 [GET /a/{missing}]: the path does not name `gone`; the parameter is left out
    changed: api.json:14 /paths/~1a~1{missing}/get [GET /a/{missing}]: the path names `missing`, which is not declared; it is a string
    "#);
}

#[test]
fn s36_what_says_who_calls_is_neither_parameter_nor_credential() {
    let string = json!({"type": "string"});
    let document = document(
        &json!({"/a": {"get": {
            "operationId": "get",
            "security": [{"signed": []}],
            "parameters": [
                {"name": "X-Gestalt-User", "in": "header", "required": true, "schema": string},
                {"name": "x-gestalt-teams", "in": "header", "schema": string}
            ],
            "responses": {}
        }}}),
        &json!({"components": {"securitySchemes": {
            "signed": {"type": "apiKey", "in": "header", "name": "X-Gestalt-Jwt"}
        }}}),
    );
    let shown = shown(&read(&document));
    assert!(
        shown.starts_with("GET /a get read-only idempotent\n"),
        "{shown}"
    );
    for expected in [
        "the header `X-Gestalt-User` is the gateway's own; it is left out",
        "the header `x-gestalt-teams` is the gateway's own; it is left out",
        "`X-Gestalt-Jwt` cannot carry an API key",
    ] {
        assert!(shown.contains(expected), "{shown}");
    }
    assert!(
        !shown.contains("Header X-") && !shown.contains("\nconnection "),
        "{shown}"
    );
}
