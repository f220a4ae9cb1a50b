//! MCP messages, from any server. What is read is held against a second reader, and each of
//! its parts is a piece of the message, byte by byte.

use gestalt_upstream::mcp::envelope::{Envelope, Kind};
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
    " ",
    "\"",
    "\\",
    "\\ud800",
    "\u{feff}",
    "\u{1}",
    "null",
    "1.0",
    "-0",
    "1e400",
    "01",
    "\"jsonrpc\":\"2.0\",",
    "\"jsonrpc\":\"1.0\",",
    "\"id\":1,",
    "\"i\\u0064\":2,",
    "\"id\":{\"a\":[]},",
    "\"method\":\"notifications/progress\",",
    "\"method\":7,",
    "\"params\":{\"a\":1},",
    "\"params\":[],",
    "\"result\":{\"a\":[1.0,{}]},",
    "\"result\":null,",
    "\"error\":{\"code\":-32042,\"message\":\"\"},",
    "\"error\":{\"code\":1e2},",
    "\"$serde_json::private::RawValue\":\"{}\",",
];

fn check(bytes: &[u8]) {
    let Ok(read) = Envelope::read(bytes, DEPTH) else {
        return;
    };
    let text = std::str::from_utf8(bytes).unwrap();
    // One key makes of an object what it holds, where the second reader meets it.
    let odd = text.contains("$serde_json:");
    let second: Option<Value> = serde_json::from_str(text).ok().filter(|_| !odd);
    let parts = [
        ("id", read.id),
        ("params", read.params),
        ("result", read.said.filter(|_| read.kind == Kind::Result)),
        ("error", read.said.filter(|_| read.kind == Kind::Error)),
    ];
    for (name, part) in parts {
        if let Some(part) = part {
            let within = bytes.as_ptr_range();
            let piece = part.as_bytes().as_ptr_range();
            assert!(within.start <= piece.start && piece.end <= within.end);
        }
        // Numbers that Serde's value cannot hold stay text here.
        if let Some(second) = &second {
            let part = part.map(|part| serde_json::from_str::<Value>(part).unwrap());
            assert_eq!(second.get(name), part.as_ref(), "{name} of {text}");
        }
    }
    if let Some(second) = &second {
        assert_eq!(second["jsonrpc"], "2.0");
        assert_eq!(
            second.get("method").and_then(Value::as_str),
            read.method.as_deref()
        );
        let asked = matches!(read.kind, Kind::Request | Kind::Notification);
        assert_eq!(asked, read.method.is_some());
        assert_eq!(asked, !read.is_response());
        let code = second["error"]["code"].as_i64();
        assert!(read.code().is_none() || code.is_none() || read.code() == code);
    }
}

#[test]
fn arbitrary_bytes_are_no_message_or_a_whole_one() {
    bolero::check!()
        .with_iterations(20_000)
        .for_each(|bytes: &[u8]| check(bytes));
}

#[test]
fn near_messages_are_no_message_or_a_whole_one() {
    bolero::check!()
        .with_type::<Vec<u8>>()
        .with_iterations(20_000)
        .for_each(|pieces| {
            let pieces = pieces.iter().map(|at| usize::from(*at) % PIECES.len());
            let text: String = pieces.map(|at| PIECES[at]).collect();
            check(text.as_bytes());
            // The same where an envelope is around it, so that more of them are read.
            let text = text.trim_end_matches(',');
            check(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{text}}}"#).as_bytes());
            check(format!(r#"{{"jsonrpc":"2.0",{text}}}"#).as_bytes());
        });
}
