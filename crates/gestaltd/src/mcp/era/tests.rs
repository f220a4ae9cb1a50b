use http::HeaderValue;

use super::super::open;
use super::*;

const META: &str = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

/// The era, or the fault's code.
fn of(method: &str, params: &str, lines: &[(&'static str, &str)]) -> Result<Era, i32> {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    match open(text.as_bytes(), 8, &headers) {
        Ok((_, _, era)) => Ok(era),
        Err((id, fault)) => {
            assert_eq!(id.map(super::super::frame::Id::json), Some("1"));
            assert_eq!(fault.status(), 400);
            Err(fault.code())
        }
    }
}

fn meta(meta: &str) -> String {
    format!(r#"{{"_meta":{meta}}}"#)
}

#[test]
fn headers_that_differ_from_the_body_are_refused() {
    let version = ("mcp-protocol-version", MODERN);
    let method = ("mcp-method", "tools/list");
    let params = meta(META);
    for lines in [
        vec![method],
        vec![version],
        vec![("mcp-protocol-version", "2025-11-25"), method],
        vec![version, version, method],
        vec![version, ("mcp-method", "prompts/list")],
        vec![version, ("mcp-method", "TOOLS/LIST")],
        vec![version, method, method],
    ] {
        assert_eq!(of("tools/list", &params, &lines), Err(-32020), "{lines:?}");
    }
    assert_eq!(
        of("tools/list", &params, &[version, method]),
        Ok(Era::Modern)
    );
    // What the header asks for counts, where the body asks for something else.
    let other = meta(&META.replace(MODERN, "v999"));
    assert_eq!(of("tools/list", &other, &[version, method]), Err(-32020));
}

#[test]
fn a_name_in_the_header_is_the_one_in_the_body() {
    let version = ("mcp-protocol-version", MODERN);
    let method = ("mcp-method", "tools/call");
    let params = format!(r#"{{"name":"näme","_meta":{META}}}"#);
    for name in [
        "name",
        "=?base64?bsOkbWU?=",
        "=?base64?bsO!bWU=?=",
        "=?base64?/w==?=",
        "=?BASE64?bsOkbWU=?=",
    ] {
        let lines = [version, method, ("mcp-name", name)];
        assert_eq!(of("tools/call", &params, &lines), Err(-32020), "{name}");
    }
    assert_eq!(of("tools/call", &params, &[version, method]), Err(-32020));
    let lines = [version, method, ("mcp-name", "=?base64?bsOkbWU=?=")];
    assert_eq!(of("tools/call", &params, &lines), Ok(Era::Modern));
    let params = format!(r#"{{"name":"plain","_meta":{META}}}"#);
    let lines = [version, method, ("mcp-name", " plain\t")];
    assert_eq!(of("tools/call", &params, &lines), Ok(Era::Modern));
    // One of these is not there at all.
    let nameless = meta(META);
    assert_eq!(of("tools/call", &nameless, &lines), Err(-32602));
    let resource = format!(r#"{{"uri":"test://x","_meta":{META}}}"#);
    let lines = [
        version,
        ("mcp-method", "resources/read"),
        ("mcp-name", "test://y"),
    ];
    assert_eq!(of("resources/read", &resource, &lines), Err(-32020));
}

#[test]
fn a_modern_request_tells_version_and_capabilities() {
    let lines = [
        ("mcp-protocol-version", MODERN),
        ("mcp-method", "server/discover"),
    ];
    for params in [
        "{}",
        r#"{"_meta":{}}"#,
        r#"{"_meta":[]}"#,
        r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#,
        r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":[]}}"#,
        r#"{"_meta":{"io.modelcontextprotocol/clientCapabilities":{}}}"#,
        r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":7,"io.modelcontextprotocol/clientCapabilities":{}}}"#,
    ] {
        assert_eq!(
            of("server/discover", params, &lines),
            Err(-32602),
            "{params}"
        );
    }
}

#[test]
fn a_version_that_is_not_spoken_is_named_and_so_are_those_that_are() {
    let params = meta(&META.replace(MODERN, "1900-01-01"));
    let lines = [
        ("mcp-protocol-version", "1900-01-01"),
        ("mcp-method", "tools/list"),
    ];
    assert_eq!(of("tools/list", &params, &lines), Err(-32022));
    assert_eq!(of("tools/list", "{}", &lines), Err(-32022));
    let message = Fault::unsupported_version("1900-01-01").message(Some("1"));
    insta::assert_snapshot!(message, @r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"This server does not speak the protocol version.","data":{"supported":["2026-07-28","2025-11-25","2025-06-18","2025-03-26"],"requested":"1900-01-01"}}}"#);
}

#[test]
fn older_clients_are_known_by_how_they_open() {
    let header = |version| [("mcp-protocol-version", version)];
    assert_eq!(
        of("initialize", r#"{"protocolVersion":"2024-11-05"}"#, &[]),
        Ok(Era::Legacy)
    );
    assert_eq!(
        of("initialize", "{}", &header("2024-11-05")),
        Ok(Era::Legacy)
    );
    assert_eq!(of("tools/list", "{}", &[]), Ok(Era::Legacy));
    for version in LEGACY {
        assert_eq!(
            of("tools/list", "{}", &header(version)),
            Ok(Era::Legacy),
            "{version}"
        );
    }
    let token = r#"{"_meta":{"progressToken":1}}"#;
    assert_eq!(
        of("tools/list", token, &header("2025-11-25")),
        Ok(Era::Legacy)
    );
    // With the modern era's `_meta` it is a modern request for a method that is gone.
    let lines = [
        ("mcp-protocol-version", MODERN),
        ("mcp-method", "initialize"),
    ];
    assert_eq!(of("initialize", &meta(META), &lines), Ok(Era::Modern));
}

#[test]
fn initialize_settles_on_a_version_that_is_spoken() {
    assert_eq!(negotiate(None), "2025-11-25");
    assert_eq!(negotiate(Some("2024-11-05")), "2025-11-25");
    assert_eq!(negotiate(Some(MODERN)), "2025-11-25");
    assert_eq!(negotiate(Some("2025-03-26")), "2025-03-26");
}
