//! Whatever JSON a server answers with, and whatever a client's arguments are, passes as it is:
//! members that nobody here knows, their order, the texts of numbers.

use gestalt_core::Clock;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::value::RawValue;

use super::MODERN;
use super::server::{Server, older, open};
use crate::house::{Answer, House};

/// Any JSON, as text: numbers of any length and form, keys and strings of any kind.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        prop_oneof!["true", "false", "-?0", "1\\.0", "1e2", "-0\\.0", "1E\\+400"],
        "-?[1-9][0-9]{0,40}(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?",
        any::<String>().prop_map(|text| quoted(&text)),
        Just(r#""\u0041\/\ud83d\ude00 _connection \u0000""#.to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" ,\t"))),
            any_object(inner),
        ]
    })
}

fn any_object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let key = prop_oneof![
        "[a-c\"\\\\é]{0,3}",
        any::<String>(),
        prop_oneof![
            Just("$serde_json::private::RawValue"),
            Just("$serde_json::private::Number"),
            Just("_meta"),
            Just("isError"),
            Just("result"),
            Just("error"),
            Just("id"),
        ]
        .prop_map(str::to_owned),
    ];
    vec((key, value), 0..4).prop_map(|members| {
        let mut seen = Vec::new();
        let mut out = Vec::new();
        for (key, value) in members {
            if !seen.contains(&key) {
                out.push(format!("{} :\n{value}", quoted(&key)));
                seen.push(key);
            }
        }
        format!("{{{}}}", out.join(", "))
    })
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A text without the space between its tokens, which is all that may differ.
fn meaning(text: &str) -> String {
    let (mut out, mut inside, mut escaped) = (String::new(), false, false);
    for letter in text.chars() {
        if inside {
            (inside, escaped) = (escaped || letter != '"', !escaped && letter == '\\');
        } else if letter == '"' {
            inside = true;
        } else if letter.is_ascii_whitespace() {
            continue;
        }
        out.push(letter);
    }
    out
}

/// The result in an answer, which is one message or the only event of a stream.
fn result(answer: &Answer) -> String {
    #[derive(serde::Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        result: &'a RawValue,
    }
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    let message = match answer.header("content-type") {
        "text/event-stream" => {
            let data = text.split_once("data: ").unwrap().1;
            data.strip_suffix("\n\n").unwrap()
        }
        _ => &*text,
    };
    let message: Message<'_> = serde_json::from_str(message).unwrap();
    message.result.get().to_owned()
}

/// Calls the tool in one era.
async fn call(house: &House, session: Option<&str>, arguments: &str) -> Answer {
    let ask = house.post("/mcp/served");
    let meta = if session.is_some() {
        String::new()
    } else {
        format!(
            r#","_meta":{{"io.modelcontextprotocol/protocolVersion":"{MODERN}","io.modelcontextprotocol/clientCapabilities":{{}}}}"#
        )
    };
    let message = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"any","arguments":{arguments}{meta}}}}}"#
    );
    let ask = match session {
        Some(session) => older(ask, Some(session)),
        None => ask
            .with("accept", "application/json, text/event-stream")
            .with("content-type", "application/json")
            .with("mcp-protocol-version", MODERN)
            .with("mcp-method", "tools/call")
            .with("mcp-name", "any"),
    };
    ask.body(message).await
}

#[derive(serde::Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    arguments: &'a RawValue,
}

#[test]
fn arbitrary_json_passes_through_the_relay_as_it_is_in_both_eras() {
    let threads = tokio::runtime::Builder::new_multi_thread();
    let runtime = { threads }.enable_all().build().unwrap();
    let (server, house, session) = runtime.block_on(async {
        let server = Server::start().await;
        let house = server.house(Clock::System).await;
        let session = open(&house, "/mcp/served").await;
        (server, house, session)
    });
    let given = (
        any_json(),
        any_object(any_json()),
        any::<bool>(),
        any::<bool>(),
    );
    let mut runner = TestRunner::new(Config {
        cases: 96,
        source_file: Some(file!()),
        failure_persistence: None,
        ..Config::default()
    });
    let run = runner.run(&given, |(said, arguments, streams, own)| {
        server.says(&said, streams);
        // What is the gateway's own is taken out, and leaves the rest as it is.
        let sent = match arguments.strip_prefix('{') {
            Some("}") if own => r#"{"_connection":"default"}"#.to_owned(),
            Some(rest) if own => format!(r#"{{"_connection":"default",{rest}"#),
            _ => arguments.clone(),
        };
        for session in [None, Some(&*session)] {
            server.seen();
            let answer = runtime.block_on(call(&house, session, &sent));
            prop_assert_eq!(meaning(&result(&answer)), meaning(&said));
            let params = server.seen().last().map(super::server::Seen::params);
            let params = params.unwrap_or_default();
            let arrived: Params<'_> = serde_json::from_str(&params).unwrap();
            prop_assert_eq!(meaning(arrived.arguments.get()), meaning(&arguments));
        }
        Ok(())
    });
    if let Err(failed) = run {
        panic!("{failed}");
    }
}
