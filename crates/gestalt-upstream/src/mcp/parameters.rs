//! `Mcp-Param-*` headers, which repeat arguments of a call (2026-07-28 transports §Custom
//! Headers from Tool Parameters).

use http::{HeaderName, HeaderValue};

use super::envelope::{member, text_member};
use super::http::encoded;
use crate::rest::json;

/// The headers that a call of a tool must have: its input schema says which arguments they
/// repeat. Both are JSON text; an argument that is absent or `null` has no header, and
/// neither has one that is no string, whole number or truth value.
pub fn parameters(input_schema: &str, arguments: &str) -> Vec<(HeaderName, HeaderValue)> {
    let mut found = Vec::new();
    collect(input_schema, arguments, &mut found);
    found
}

fn collect(schema: &str, arguments: &str, found: &mut Vec<(HeaderName, HeaderValue)>) {
    let properties = member(schema, "properties").filter(|text| text.starts_with('{'));
    let Some(properties) = properties.and_then(|text| json::members(text).ok()) else {
        return;
    };
    for (name, schema) in properties {
        let Some(argument) = member(arguments, &name) else {
            continue;
        };
        match text_member(schema, "x-mcp-header") {
            Some(header) => found.extend(of(&header, argument)),
            None => collect(schema, argument, found),
        }
    }
}

fn of(header: &str, argument: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = format!("mcp-param-{}", header.to_ascii_lowercase());
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let digits = argument.strip_prefix('-').unwrap_or(argument);
    let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let value = match argument {
        "true" | "false" => encoded(argument),
        number if whole => encoded(number),
        text => encoded(&json::string(text)?),
    };
    Some((name, value.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: &str, arguments: &str, expect: &[(&str, &str)]) {
        let found = parameters(schema, arguments);
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        assert_eq!(found, expect, "{arguments}");
    }

    #[test]
    fn s36_an_argument_never_becomes_two_headers() {
        let schema = r#"{"properties":{"a":{"x-mcp-header":"A"},"b":{"x-mcp-header":"x y"}}}"#;
        let expect = [("mcp-param-a", "=?base64?eA0KY29va2llOiB5?=")];
        check(schema, r#"{"a":"x\r\ncookie: y","b":"z"}"#, &expect);
    }

    #[test]
    fn the_schema_says_which_arguments_are_repeated() {
        let schema = r#"{"properties":{
            "region":{"type":"string","x-mcp-header":"Region"},
            "deep":{"type":"object","properties":{"n":{"x-mcp-header":"N"}}},
            "on":{"x-mcp-header":"On"},
            "none":{"x-mcp-header":"None"},
            "plain":{"type":"string"}}}"#;
        let arguments =
            r#"{"plain":"x","region":"us-west1","deep":{"n":-42},"on":true,"none":null}"#;
        let expect = [
            ("mcp-param-region", "us-west1"),
            ("mcp-param-n", "-42"),
            ("mcp-param-on", "true"),
        ];
        check(schema, arguments, &expect);
        check(schema, r#"{"region":1.5,"deep":[1],"on":{}}"#, &[]);
        check("true", "{}", &[]);
    }
}
