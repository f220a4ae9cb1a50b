//! MCP messages, from any client. Whatever arrives is read or answered; what is read is held
//! against a second reader, and what is answered is JSON.

use gestaltd::mcp::era::Era;
use gestaltd::mcp::frame::Id;
use gestaltd::mcp::open;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;

const DEPTH: usize = 16;

/// Pieces that messages are made of, and those that are taken for others.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\ud800",
    "\\u0000",
    "\u{feff}",
    "\u{1}",
    "null",
    "true",
    "0",
    "-7",
    "1e400",
    "01",
    "\"jsonrpc\":\"2.0\",",
    "\"id\":",
    "\"id\":1,",
    "\"i\\u0064\":2,",
    "\"id\":\"a\",",
    "\"method\":",
    "\"method\":\"tools/call\",",
    "\"method\":\"initialize\",",
    "\"params\":{",
    "\"params\":[",
    "\"name\":\"a\",",
    "\"arguments\":{",
    "\"cursor\":\"\",",
    "\"_meta\":{",
    "\"progressToken\":7,",
    "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",",
    "\"io.modelcontextprotocol/clientCapabilities\":{\"elicitation\":{\"url\":{}}},",
    "\"inputResponses\":{\"connect\":{\"action\":\"accept\"}},",
    "\"$serde_json::private::RawValue\":\"{}\",",
    "\"result\":{},",
    "\"result\":null,",
    "\"error\":{\"code\":-1,\"message\":\"\"},",
    "\"ref\":{\"type\":\"ref/prompt\",\"name\":\"a\"},",
    "\"requestState\":\"a\",",
];

/// Headers as a client of each era sends them, and others.
const HEADERS: &[&[(&str, &str)]] = &[
    &[],
    &[("mcp-protocol-version", "2025-06-18")],
    &[
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "a"),
    ],
    &[
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "=?base64?YQ==?="),
    ],
    &[("mcp-protocol-version", "x"), ("mcp-method", "")],
];

fn check(bytes: &[u8], headers: usize) {
    let mut map = HeaderMap::new();
    for (name, value) in HEADERS[headers % HEADERS.len()] {
        map.insert(*name, HeaderValue::from_static(value));
    }
    // One key makes of an object what it holds, where the second reader meets it.
    let odd = bytes.windows(12).any(|text| text == b"$serde_json:");
    let second: Option<Value> = serde_json::from_slice(bytes).ok().filter(|_| !odd);
    match open(bytes, DEPTH, &map) {
        Err((id, fault)) => {
            let answer = fault.message(id.map(Id::json));
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert!(answer["error"]["code"].as_i64() < Some(-32_000), "{answer}");
            assert!(fault.status() == 400, "{answer}");
        }
        Ok((frame, meta, era)) => {
            // Numbers that Serde's value cannot hold stay text here.
            if let Some(second) = second {
                assert_eq!(second["jsonrpc"], "2.0");
                if frame.response {
                    let said = ["result", "error"].map(|name| second.get(name).is_some());
                    assert!(said[0] != said[1] && second.get("method").is_none());
                    assert!(frame.id.is_some() && frame.method.is_empty());
                } else {
                    assert_eq!(second["method"], *frame.method);
                }
                assert_eq!(second.get("id").is_some(), frame.id.is_some());
                if era == Era::Modern && frame.id.is_some() && !frame.response {
                    let meta = &second["params"]["_meta"];
                    assert_eq!(
                        meta["io.modelcontextprotocol/protocolVersion"],
                        "2026-07-28"
                    );
                }
            }
            let _read = (
                frame.params.name().is_ok(),
                frame.params.cursor().is_ok(),
                frame.params.arguments().is_ok(),
                frame.params.action("connect"),
                meta.progress_token().is_ok(),
                meta.shows_links(),
            );
        }
    }
}

#[test]
fn arbitrary_bytes_are_read_or_answered() {
    bolero::check!()
        .with_iterations(20_000)
        .for_each(|bytes: &[u8]| check(bytes, bytes.len()));
}

#[test]
fn near_messages_are_read_or_answered() {
    bolero::check!()
        .with_type::<(Vec<u8>, u8)>()
        .with_iterations(20_000)
        .for_each(|(pieces, headers)| {
            let pieces = pieces.iter().map(|at| usize::from(*at) % PIECES.len());
            let text: String = pieces.map(|at| PIECES[at]).collect();
            check(text.as_bytes(), usize::from(*headers));
            // The same where an envelope is around it, so that more of them are read.
            let whole = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a",{}}}}}"#,
                text.trim_end_matches(',')
            );
            check(whole.as_bytes(), usize::from(*headers));
            // And as the answer to what a server asked.
            let answer = format!(
                r#"{{"jsonrpc":"2.0","id":1,"result":{{{}}}}}"#,
                text.trim_end_matches(',')
            );
            check(answer.as_bytes(), usize::from(*headers));
        });
}
