use super::*;

fn refused(text: &str) -> (Option<String>, i32) {
    match Frame::read(text.as_bytes(), 8) {
        Ok(frame) => panic!("{text} was read: {frame:?}"),
        Err((id, fault)) => (id.map(|id| id.json().to_owned()), fault.code()),
    }
}

#[test]
fn what_two_readers_could_understand_differently_is_refused() {
    for (text, code) in [
        ("", -32700),
        ("nonsense", -32700),
        ("\u{feff}{}", -32700),
        ("{\"jsonrpc\":\"2.0\"", -32700),
        ("{} {}", -32700),
        ("\"{}\"", -32700),
        // A batch, empty or not.
        ("[]", -32600),
        (
            "  [{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]",
            -32600,
        ),
        // A member twice, also where one is written with an escape.
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, -32600),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"a","meth\u006fd":"b"}"#,
            -32600,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{},"params":{}}"#,
            -32600,
        ),
        // An id that is none.
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1e3,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":"\ud800","method":"ping"}"#, -32600),
    ] {
        assert_eq!(refused(text), (None, code), "{text}");
    }
    let long = format!(
        r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#,
        "x".repeat(600)
    );
    assert_eq!(refused(&long), (None, -32600));
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"x":{}}}}}"#,
        "[".repeat(10_000)
    );
    assert_eq!(refused(&deep), (None, -32600));
}

#[test]
fn what_is_wrong_behind_the_id_is_answered_to_it() {
    for (text, code) in [
        (r#"{"id":7,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"1.0","id":7,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":2.0,"id":7,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":7}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":7,"result":{},"error":{}}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":7,"method":["ping"]}"#, -32600),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":[]}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":null}"#,
            -32602,
        ),
        // Serde alone would read this as the members in order.
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":[{},"a"]}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a","name":"b"}}"#,
            -32602,
        ),
    ] {
        assert_eq!(refused(text), (Some("7".to_owned()), code), "{text}");
    }
}

fn read(text: &str) -> Frame<'_> {
    match Frame::read(text.as_bytes(), 8) {
        Ok(frame) => frame,
        Err((_, fault)) => panic!("{text}: {fault:?}"),
    }
}

#[test]
fn an_id_is_written_back_as_it_came() {
    for id in [
        "0",
        "-7",
        "123456789012345678901234567890",
        "\"\"",
        "\"a\\u0062\"",
    ] {
        let text = format!(r#" {{"method":"ping","id": {id} ,"jsonrpc":"2.0","more":1}} "#);
        assert_eq!(read(&text).id.map(Id::json), Some(id));
    }
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert!(read(notification).id.is_none());
}

#[test]
fn arguments_stay_the_text_they_were() {
    let arguments = r#"{"$serde_json::private::RawValue":"[1]","n":1.0e400,"b":12345678901234567890123, "a":null}"#;
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","arguments":{arguments}}}}}"#
    );
    let frame = read(&text);
    assert_eq!(frame.params.arguments().unwrap(), Some(arguments));
    assert_eq!(frame.params.name().unwrap(), "a");
    // The same key where members are typed is one that nobody knows.
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"$serde_json::private::RawValue":"{\"name\":\"b\"}"}}"#;
    assert!(read(text).params.name().is_err());
    let text = r#"{"$serde_json::private::RawValue":"{}","jsonrpc":"2.0","id":1,"method":"x"}"#;
    assert_eq!(read(text).method, "x");
}

#[test]
fn parameters_of_another_type_are_faults_of_their_own() {
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"name":7,"uri":null,"cursor":{},"arguments":[1],"_meta":{"progressToken":{}}}}"#;
    let params = read(text).params;
    assert!(params.name().is_err() && params.uri().is_err() && params.cursor().is_err());
    assert!(params.arguments().is_err());
    assert!(params.meta().unwrap().progress_token().is_err());
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":[1]}}"#;
    assert!(read(text).params.meta().is_err());
}

#[test]
fn what_a_client_declares() {
    let of = |meta: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"_meta":{meta}}}}}"#)
    };
    for (capabilities, declared, links) in [
        ("null", false, false),
        ("[]", false, false),
        ("{}", true, false),
        (r#"{"elicitation":{}}"#, true, false),
        (r#"{"elicitation":{"form":{}}}"#, true, false),
        (r#"{"elicitation":{"url":{}}}"#, true, true),
        (r#"{"elicitation":[{"url":{}}]}"#, true, false),
    ] {
        let meta = format!(r#"{{"io.modelcontextprotocol/clientCapabilities":{capabilities}}}"#);
        let text = of(&meta);
        let meta = read(&text).params.meta().unwrap();
        assert_eq!(meta.declares_capabilities(), declared, "{capabilities}");
        assert_eq!(meta.shows_links(), links, "{capabilities}");
    }
}

#[test]
fn a_retry_says_what_became_of_what_was_asked() {
    let of = |responses: &str| {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"inputResponses":{responses}}}}}"#
        );
        read(&text).params.action("connect").map(Cow::into_owned)
    };
    for none in [
        "null",
        "[]",
        "{}",
        r#"{"other":{"action":"accept"}}"#,
        r#"{"connect":["accept"]}"#,
    ] {
        assert_eq!(of(none), None, "{none}");
    }
    assert_eq!(
        of(r#"{"connect":{"action":"decline"}}"#).as_deref(),
        Some("decline")
    );
}
