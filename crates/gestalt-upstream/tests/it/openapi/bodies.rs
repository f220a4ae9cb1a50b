//! Request bodies.

use serde_json::{Value, json};

use super::{document, read, shown};

fn with_body(body: &Value) -> Value {
    document(
        &json!({"/a": {"post": {"operationId": "post", "requestBody": body, "responses": {}}}}),
        &json!({}),
    )
}

#[test]
fn json_comes_first_of_several_media_types() {
    let body = json!({"required": true, "content": {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "text/csv": {"schema": {"type": "string"}},
        "multipart/form-data": {"schema": {"type": "object"}},
        "application/x-www-form-urlencoded": {"schema": {"type": "object"}},
        "application/merge-patch+json": {"schema": {"type": "object"}},
        "application/json; charset=utf-8": {"schema": {"type": "object", "properties": {"a": {"type": "integer"}}}},
        "nonsense": {}
    }});
    insta::assert_snapshot!(shown(&read(&with_body(&body))), @r#"
    POST /a post
      body, required
        application/json; charset=utf-8 Json {"type":"object","properties":{"a":{"type":"integer"}}}
        application/merge-patch+json Json -
        application/x-www-form-urlencoded Form -
        multipart/form-data Multipart -
        text/csv Raw -
        application/octet-stream Raw -
    changed: api.json:55 /paths/~1a/post/requestBody/content/nonsense [POST /a]: no media type; it is left out
    "#);
}

#[test]
fn files_of_a_multipart_body_are_base64() {
    let body = json!({"content": {"multipart/form-data": {
        "schema": {"type": "object", "required": ["file"], "properties": {
            "file": {"type": "string", "format": "binary", "description": "A picture."},
            "more": {"type": "array", "items": {"type": "string", "format": "binary"}},
            "note": {"type": "string"},
            "meta": {"type": "object", "properties": {"tag": {"type": "string"}}}
        }},
        "encoding": {
            "file": {"contentType": "image/png, image/jpeg"},
            "meta": {"contentType": "application/json"},
            "note": {"style": "form"}
        }
    }}});
    insta::assert_snapshot!(shown(&read(&with_body(&body))), @r#"
    POST /a post
      body
        multipart/form-data Multipart {"type":"object","required":["file"],"properties":{"file":{"type":"string","format":"binary","description":"A picture.","contentEncoding":"base64"},"more":{"type":"array","items":{"type":"string","format":"binary","contentEncoding":"base64","description":"The file's bytes, as base64."}},"note":{"type":"string"},"meta":{"type":"object","properties":{"tag":{"type":"string"}}}}}
          file: Some("image/png, image/jpeg") Form explode=true
          meta: Some("application/json") Form explode=true
    "#);
}

#[test]
fn fields_of_a_form_are_written_as_said() {
    let list = json!({"type": "array", "items": {"type": "string"}});
    let body = json!({"content": {"application/x-www-form-urlencoded": {
        "schema": {"type": "object", "properties": {
            "expand": list, "tags": list, "plain": {"type": "object"}, "odd": list
        }},
        "encoding": {
            "expand": {"style": "deepObject", "explode": true},
            "tags": {"explode": false},
            "plain": {"contentType": "application/json"},
            "odd": {"style": "wavy"}
        }
    }}});
    insta::assert_snapshot!(shown(&read(&with_body(&body))), @r#"
    POST /a post
      body
        application/x-www-form-urlencoded Form {"type":"object","properties":{"expand":{"type":"array","items":{"type":"string"}},"tags":{"type":"array","items":{"type":"string"}},"plain":{"type":"object"},"odd":{"type":"array","items":{"type":"string"}}}}
          expand: None DeepObject explode=true
          tags: None Form explode=false
    changed: api.json:56 /paths/~1a/post/requestBody/content/application~1x-www-form-urlencoded/encoding/odd [POST /a]: `wavy` is no style; `form` is used
    "#);
}

#[test]
fn text_is_a_string_and_bytes_are_base64() {
    for (media, schema) in [
        ("text/plain", json!({"type": "string", "maxLength": 3})),
        ("application/xml", json!({"type": "object"})),
        ("image/png", json!({"type": "string", "format": "binary"})),
        (
            "*/*",
            json!({"type": "object", "properties": {"a": {"type": "string"}}}),
        ),
        ("*/*", json!({"type": "string", "format": "binary"})),
    ] {
        let imported = read(&with_body(&json!({"content": {media: {"schema": schema}}})));
        let media = &imported.operations[0].body.as_ref().unwrap().media[0];
        let line = format!("{} {:?} {:?}", media.content_type, media.kind, media.schema);
        let expected = match (media.content_type.as_str(), schema["type"].as_str()) {
            ("text/plain", _) => {
                r#"text/plain Raw Some({"type":"string","contentMediaType":"text/plain"})"#
            }
            ("application/xml", _) => {
                r#"application/xml Raw Some({"type":"string","contentMediaType":"application/xml"})"#
            }
            ("image/png", _) => {
                r#"image/png Raw Some({"type":"string","contentEncoding":"base64","contentMediaType":"image/png","description":"The bytes, as base64."})"#
            }
            ("application/json", _) => {
                r#"application/json Json Some({"type":"object","properties":{"a":{"type":"string"}}})"#
            }
            _ => {
                r#"*/* Raw Some({"type":"string","contentEncoding":"base64","contentMediaType":"*/*","description":"The bytes, as base64."})"#
            }
        };
        assert_eq!(line, expected);
    }
}

#[test]
fn a_body_without_meaning_is_left_out() {
    let body = json!({"content": {"application/json": {"schema": {"type": "object"}}}});
    let mut required = body.clone();
    required["required"] = true.into();
    let document = document(
        &json!({
            "/a": {
                "get": {"operationId": "get", "requestBody": body, "responses": {}},
                "delete": {"operationId": "delete", "requestBody": body, "responses": {}},
                "post": {"operationId": "empty", "requestBody": {"content": {}}, "responses": {}},
                "put": {"operationId": "lost", "requestBody": {"$ref": "#/components/requestBodies/None"}, "responses": {}}
            },
            "/b": {"get": {"operationId": "search", "requestBody": required, "responses": {}}}
        }),
        &json!({}),
    );
    insta::assert_snapshot!(shown(&read(&document)), @r#"
    GET /a get read-only idempotent
    DELETE /a delete destructive idempotent
      body
        application/json Json {"type":"object"}
    POST /a empty
    PUT /a lost idempotent
    GET /b search read-only idempotent
      body, required
        application/json Json {"type":"object"}
    changed: api.json:16 /paths/~1a/get/requestBody [GET /a]: a body has no meaning in GET; it is left out
    changed: api.json:42 /paths/~1a/post/requestBody [POST /a]: the body has no media type; it is left out
    changed: api.json:49 /paths/~1a/put/requestBody [PUT /a]: the reference `#/components/requestBodies/None` leads nowhere; the body is left out
    "#);
}
