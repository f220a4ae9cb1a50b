//! Servers.

use gestalt_core::document::ImportSettings;
use serde_json::{Value, json};

use super::{document, read_with};

fn base(servers: &Value, settings: &ImportSettings) -> String {
    let imported = read_with(
        &document(&json!({}), &json!({ "servers": servers })),
        settings,
    );
    let findings: Vec<&str> = imported
        .findings
        .iter()
        .map(|f| f.message.as_str())
        .collect();
    let base = imported
        .base_url
        .map_or("-".to_owned(), |url| url.to_string());
    format!("{base} {:?} {findings:?}", imported.servers)
}

fn settings(base_url: Option<&str>, document_url: Option<&str>) -> ImportSettings {
    let url = |text: Option<&str>| text.map(|text| text.parse().unwrap());
    ImportSettings {
        base_url: url(base_url),
        document_url: url(document_url),
        ..ImportSettings::default()
    }
}

#[test]
fn the_first_server_that_can_be_called_is_the_base() {
    let plain = ImportSettings::default();
    let found = settings(None, Some("https://host.example/docs/openapi.json"));
    insta::assert_snapshot!(base(&json!([{"url": "https://a.example/v1/"}, {"url": "https://b.example"}]), &plain), @r#"https://a.example/v1 ["https://a.example/v1/", "https://b.example"] []"#);
    insta::assert_snapshot!(base(&json!([{"url": "wss://a.example"}, {"url": "https://b.example"}]), &plain), @r#"https://b.example/ ["wss://a.example", "https://b.example"] ["the server `wss://a.example` is no http or https URL"]"#);
    insta::assert_snapshot!(base(&json!([{"url": "https://u:p@a.example"}, {"url": "https://b.example?x=1"}]), &plain), @r#"- ["https://u:p@a.example", "https://b.example?x=1"] ["the server `https://u:p@a.example` holds more than scheme, host and path", "the server `https://b.example?x=1` holds more than scheme, host and path", "no server has a URL to call; the config must name one"]"#);
    insta::assert_snapshot!(base(&json!([{"url": "/v2"}]), &plain), @r#"- ["/v2"] ["the server `/v2` has no host; the config can name one as `baseUrl`", "no server has a URL to call; the config must name one"]"#);
    insta::assert_snapshot!(base(&json!([{"url": "/v2"}]), &found), @r#"https://host.example/v2 ["/v2"] []"#);
    insta::assert_snapshot!(base(&json!([{"url": "../v3"}]), &found), @r#"https://host.example/v3 ["../v3"] []"#);
    insta::assert_snapshot!(base(&json!([]), &found), @"https://host.example/ [] []");
    insta::assert_snapshot!(base(&json!([]), &plain), @r#"- [] ["no server has a URL to call; the config must name one"]"#);
}

#[test]
fn variables_have_the_operators_value_else_the_default() {
    let servers = json!([{
        "url": "https://{region}.a.example:{port}/{base}",
        "variables": {"region": {"default": "eu", "enum": ["eu", "us"]}, "port": {"enum": ["443"]}, "base": {"default": "v1"}}
    }, {"url": "https://{tenant}.b.example"}]);
    let plain = ImportSettings::default();
    insta::assert_snapshot!(base(&servers, &plain), @r#"https://eu.a.example/v1 ["https://eu.a.example:443/v1"] ["the variable `tenant` of the server `https://{tenant}.b.example` has no value; the config can name one under `variables`"]"#);
    let mut us = ImportSettings::default();
    us.variables.insert("region".to_owned(), "us".to_owned());
    us.variables.insert("regoin".to_owned(), "us".to_owned());
    us.variables.insert("tenant".to_owned(), "t".to_owned());
    insta::assert_snapshot!(base(&servers, &us), @r#"https://us.a.example/v1 ["https://us.a.example:443/v1", "https://t.b.example"] ["no server has the variable `regoin`"]"#);
}

#[test]
fn an_operation_with_servers_of_its_own_goes_there() {
    let paths = json!({
        "/same": {"get": {"servers": [{"url": "https://api.example.com/v1"}], "responses": {}}},
        "/path": {
            "servers": [{"url": "https://files.example.com"}],
            "get": {"responses": {}},
            "put": {"servers": [{"url": "https://up.example.com:8443/x"}], "responses": {}}
        },
        "/v2": {"get": {"servers": [{"url": "https://api.example.com/v2"}], "responses": {}}},
        "/relative": {"get": {"servers": [{"url": "/v3"}], "responses": {}}},
        "/unknown": {"get": {"servers": [{"url": "https://{tenant}.example.com"}], "responses": {}}}
    });
    let show = |settings: &ImportSettings| {
        let imported = read_with(&document(&paths, &json!({})), settings);
        let operations = imported.operations.iter().map(|operation| {
            let url = operation
                .base_url
                .as_ref()
                .map_or("base", |url| url.as_str());
            format!("{} {url}\n", operation.name)
        });
        let operations: String = operations.collect();
        let findings: Vec<&str> = imported
            .findings
            .iter()
            .map(|f| f.message.as_str())
            .collect();
        format!("{operations}{:?}\n{findings:?}", imported.hosts)
    };
    insta::assert_snapshot!(show(&ImportSettings::default()), @r#"
    get_same base
    get_path https://files.example.com/
    put_path https://up.example.com:8443/x
    get_v2 https://api.example.com/v2
    get_relative https://api.example.com/v3
    ["files.example.com:443", "up.example.com:8443"]
    ["the variable `tenant` of the server `https://{tenant}.example.com` has no value; the config can name one under `variables`"]
    "#);
    insta::assert_snapshot!(show(&settings(Some("http://127.0.0.1:4010/mock"), None)), @r#"
    get_same base
    get_path https://files.example.com/
    put_path https://up.example.com:8443/x
    get_v2 http://127.0.0.1:4010/v2
    get_relative http://127.0.0.1:4010/v3
    ["files.example.com:443", "up.example.com:8443"]
    ["the variable `tenant` of the server `https://{tenant}.example.com` has no value; the config can name one under `variables`"]
    "#);
}
