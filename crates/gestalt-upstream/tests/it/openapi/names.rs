//! What operations are called, and what is said of them.

use serde_json::json;

use super::{document, read, shown};

#[test]
fn what_an_operation_says_of_itself() {
    let document = document(
        &json!({
            "/pets": {
                "summary": "of the path, which is not read",
                "get": {
                    "operationId": "pets/list",
                    "summary": "List pets",
                    "description": "All of them, page by page.",
                    "tags": ["pets", "reading"],
                    "deprecated": true,
                    "responses": {}
                },
                "post": {"summary": "Add a pet", "responses": {}},
                "delete": {"operationId": "pets list", "responses": {}},
                "x-internal": {"get": {}}
            },
            "/pets/{id}/toys:find": {
                "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}}],
                "head": {"responses": {}},
                "options": {"responses": {}},
                "put": {"operationId": "2nd", "responses": {}}
            },
            "/": {"patch": {"operationId": "", "responses": {}}}
        }),
        &json!({}),
    );
    insta::assert_snapshot!(shown(&read(&document)), @r#"
    GET /pets pets_list read-only idempotent deprecated #pets #reading
      title: List pets
      about: All of them, page by page.
    POST /pets post_pets
      title: Add a pet
      about: Add a pet
    DELETE /pets pets_list_2 destructive idempotent
    HEAD /pets/{id}/toys:find head_pets_id_toys_find read-only idempotent
      Path id required Simple {"type":"integer"}
    PUT /pets/{id}/toys:find put_2nd idempotent
      Path id required Simple {"type":"integer"}
    PATCH / patch_root
    skipped: api.json:52 /paths/~1pets~1{id}~1toys:find/options [OPTIONS /pets/{id}/toys:find]: this method is not offered
    "#);
}

#[test]
fn a_tools_hints_go_before_what_the_method_says() {
    let document = document(
        &json!({
            "/search": {"post": {
                "operationId": "postSearch",
                "summary": "Search",
                "x-speakeasy-mcp": {"name": "search", "title": "Find", "description": "Finds things.",
                    "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true},
                "responses": {}
            }},
            "/purge": {"post": {"x-speakeasy-mcp": {"disabled": true}, "responses": {}}}
        }),
        &json!({}),
    );
    insta::assert_snapshot!(shown(&read(&document)), @r"
    POST /search search read-only idempotent
      title: Find
      about: Finds things.
    skipped: api.json:29 /paths/~1purge/post [POST /purge]: the document's `x-speakeasy-mcp` disables it
    ");
}

#[test]
fn what_stands_behind_a_path_is_fixed_or_dropped() {
    let document = document(
        &json!({
            "/?Action=List&Version=2": {"get": {"operationId": "list", "parameters": [
                {"name": "Action", "in": "query", "required": true, "schema": {"type": "string", "enum": ["List"]}},
                {"name": "Max", "in": "query", "schema": {"type": "integer"}}
            ], "responses": {}}},
            "/x#Action=Get": {"post": {"operationId": "get", "responses": {}}},
            "no-slash": {"get": {"responses": {}}},
            "/../admin": {"get": {"responses": {}}},
            "/half{open": {"get": {"responses": {}}}
        }),
        &json!({}),
    );
    insta::assert_snapshot!(shown(&read(&document)), @r#"
    GET / list read-only idempotent
      query: Action=List&Version=2
      Query Max explode Form {"type":"integer"}
    POST /x get
    skipped: api.json:45 /paths/no-slash [-]: the path `no-slash` does not begin with `/`
    skipped: api.json:51 /paths/~1..~1admin/get [GET /../admin]: path: `/../admin` has a segment of dots
    skipped: api.json:56 /paths/~1half{open/get [GET /half{open]: path: `/half{open` has a `{` without `}`
    "#);
}
