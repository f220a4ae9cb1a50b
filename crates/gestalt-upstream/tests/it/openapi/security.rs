//! Security schemes and requirements.

use serde_json::{Value, json};

use super::{document, read, shown};

fn schemes() -> Value {
    json!({
        "Header Key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "Settings → API."},
        "queryKey": {"type": "apiKey", "in": "query", "name": "api_key"},
        "cookieKey": {"type": "apiKey", "in": "cookie", "name": "SID"},
        "basic": {"type": "http", "scheme": "Basic"},
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "digest": {"type": "http", "scheme": "digest"},
        "oauth": {"type": "oauth2", "flows": {}},
        "oidc": {"type": "openIdConnect", "openIdConnectUrl": "https://login.example.com"},
        "mtls": {"type": "mutualTLS"},
        "host": {"type": "apiKey", "in": "header", "name": "Host"},
        "unused": {"type": "apiKey", "in": "header", "name": "X-Unused"}
    })
}

/// Operations of these requirements, below the document's own.
fn secured(document_wide: &Value, operations: &[Value]) -> String {
    let mut paths = serde_json::Map::new();
    for (index, security) in operations.iter().enumerate() {
        let mut operation = json!({"operationId": format!("op{index}"), "responses": {}});
        if !security.is_null() {
            operation["security"] = security.clone();
        }
        paths.insert(format!("/{index}"), json!({"get": operation}));
    }
    let mut others = json!({"components": {"securitySchemes": schemes()}});
    if !document_wide.is_null() {
        others["security"] = document_wide.clone();
    }
    shown(&read(&document(&paths.into(), &others)))
}

#[test]
fn alternatives_are_connections_and_combinations_are_one() {
    let shown = secured(
        &json!([{"oauth": ["read"]}, {"Header Key": []}]),
        &[
            Value::Null,
            json!([]),
            json!([{}]),
            json!([{"bearer": []}, {}]),
            json!([{"basic": []}]),
            json!([{"queryKey": [], "Header Key": []}, {"Header Key": [], "queryKey": []}]),
            json!([{"cookieKey": [], "basic": []}]),
            json!([{"oidc": []}]),
        ],
    );
    insta::assert_snapshot!(shown, @r#"
    GET /0 op0 read-only idempotent
      with [Header_Key, oauth]
    GET /1 op1 read-only idempotent
      with no connection
    GET /2 op2 read-only idempotent
      with no connection
    GET /3 op3 read-only idempotent
      with [bearer, none]
    GET /4 op4 read-only idempotent
      with [basic]
    GET /5 op5 read-only idempotent
      with [Header_Key_and_queryKey]
    GET /6 op6 read-only idempotent
      with [cookieKey_and_basic]
    GET /7 op7 read-only idempotent
      with [oidc]
    connection Header_Key user manual ["key"]
      header X-API-Key: <key>
    connection bearer user bearer ["token"]
      header Authorization: Bearer <token>
    connection basic user basic ["username", "password"]
      basic <username>:<password>
    connection Header_Key_and_queryKey user manual ["Header_Key", "queryKey"]
      header X-API-Key: <Header_Key>
      query api_key=<queryKey>
    connection cookieKey_and_basic user manual ["cookieKey", "basic_username", "basic_password"]
      header Cookie: SID=<cookieKey>
      basic <basic_username>:<basic_password>
    connection none none none []
    connection oauth user oauth2 []
    connection oidc user oauth2 []
    note: api.json:43 /components/securitySchemes/oauth [-]: `oauth` is OAuth 2, which is not usable yet
    note: api.json:47 /components/securitySchemes/oidc [GET /7]: `oidc` is OAuth 2, which is not usable yet
    "#);
}

#[test]
fn what_no_connection_can_stand_for_is_told() {
    let shown = secured(
        &Value::Null,
        &[
            json!([{"digest": []}, {"queryKey": []}]),
            json!([{"mtls": []}]),
            json!([{"host": []}]),
            json!([{"nobody": []}]),
            json!([{"basic": [], "bearer": []}]),
            json!("basic"),
            json!(["basic"]),
            Value::Null,
        ],
    );
    insta::assert_snapshot!(shown, @r#"
    GET /0 op0 read-only idempotent
      with [queryKey]
    GET /1 op1 read-only idempotent
    GET /2 op2 read-only idempotent
    GET /3 op3 read-only idempotent
    GET /4 op4 read-only idempotent
    GET /5 op5 read-only idempotent
    GET /6 op6 read-only idempotent
    GET /7 op7 read-only idempotent
      with no connection
    connection queryKey user manual ["key"]
      query api_key=<key>
    changed: api.json:39 /components/securitySchemes/digest [GET /0]: the HTTP authentication scheme `digest` is not known; what asks for `digest` is left out
    changed: api.json:51 /components/securitySchemes/mtls [GET /1]: client certificates are not known; what asks for `mtls` is left out
    changed: api.json:85 /paths/~11/get/security [GET /1]: none of the ways to authenticate can be used; any connection of the config fits
    changed: api.json:54 /components/securitySchemes/host [GET /2]: `Host` cannot carry an API key; what asks for `host` is left out
    changed: api.json:96 /paths/~12/get/security [GET /2]: none of the ways to authenticate can be used; any connection of the config fits
    changed: api.json:107 /paths/~13/get/security [GET /3]: the security scheme `nobody` is not defined; what asks for it is left out
    changed: api.json:107 /paths/~13/get/security [GET /3]: none of the ways to authenticate can be used; any connection of the config fits
    changed: api.json:30 /components/securitySchemes/basic [GET /4]: `basic` and `bearer` want the same place in a request; what asks for them together is left out
    changed: api.json:118 /paths/~14/get/security [GET /4]: none of the ways to authenticate can be used; any connection of the config fits
    changed: api.json:130 /paths/~15/get/security [GET /5]: `security` is no list; any connection fits
    changed: api.json:137 /paths/~16/get/security [GET /6]: a security requirement is no object; it is left out
    changed: api.json:137 /paths/~16/get/security [GET /6]: none of the ways to authenticate can be used; any connection of the config fits
    "#);
}

#[test]
fn schemes_that_nothing_requires_fit_everything() {
    let document = document(
        &json!({"/a": {"get": {"operationId": "get", "responses": {}}}}),
        &json!({"components": {"securitySchemes": {
            "oauth": {"type": "oauth2"},
            "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "bearer": {"$ref": "#/components/securitySchemes/token"},
            "token": {"type": "http", "scheme": "bearer"}
        }}}),
    );
    insta::assert_snapshot!(shown(&read(&document)), @r#"
    GET /a get read-only idempotent
      with [key, bearer, token, oauth]
    connection key user manual ["key"]
      header X-Key: <key>
    connection bearer user bearer ["token"]
      header Authorization: Bearer <token>
    connection token user bearer ["token"]
      header Authorization: Bearer <token>
    connection oauth user oauth2 []
    note: api.json:14 /components/securitySchemes/oauth [-]: `oauth` is OAuth 2, which is not usable yet
    "#);
}

#[test]
fn what_a_connection_sends_is_no_parameter() {
    let parameters = json!([
        {"name": "x-api-key", "in": "header", "required": true, "schema": {"type": "string"}},
        {"name": "api_key", "in": "query", "schema": {"type": "string"}},
        {"name": "SID", "in": "cookie", "schema": {"type": "string"}}
    ]);
    let document = document(
        &json!({
            "/keyed": {"get": {"operationId": "keyed", "parameters": parameters,
                "security": [{"Header Key": []}, {"cookieKey": []}], "responses": {}}},
            "/open": {"get": {"operationId": "open", "parameters": parameters, "security": [], "responses": {}}}
        }),
        &json!({"components": {"securitySchemes": schemes()}}),
    );
    insta::assert_snapshot!(shown(&read(&document)), @r#"
    GET /keyed keyed read-only idempotent
      Query api_key explode Form {"type":"string"}
      with [Header_Key, cookieKey]
    GET /open open read-only idempotent
      Query api_key explode Form {"type":"string"}
      Header x-api-key required Simple {"type":"string"}
      Cookie SID explode Form {"type":"string"}
      with no connection
    connection Header_Key user manual ["key"]
      header X-API-Key: <key>
    connection cookieKey user manual ["key"]
      header Cookie: SID=<key>
    note: api.json:71 /paths/~1keyed/get/parameters/0 [GET /keyed]: `x-api-key` is sent by the connection; the parameter is left out
    note: api.json:86 /paths/~1keyed/get/parameters/2 [GET /keyed]: `SID` is sent by the connection; the parameter is left out
    "#);
}
