use super::*;

fn object(text: &str) -> Result<Taken, String> {
    Taken::from_object(Bytes::copy_from_slice(text.as_bytes()), 64)
        .map_err(|refusal| refusal.message)
}

fn json(taken: &Taken) -> &str {
    match &taken.arguments {
        Arguments::Json(raw) => raw.get(),
        _ => "",
    }
}

#[test]
fn what_is_not_one_object_is_refused() {
    for bad in [
        "[]",
        "1",
        "null",
        "\"x\"",
        "{",
        "{}{}",
        "{\"a\":}",
        "{\"a\":1,}",
        "\u{feff}{}",
        "{'a':1}",
    ] {
        assert!(object(bad).is_err(), "{bad}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    assert!(object(&deep).is_err());
    let broad = format!("{{\"a\":{}{}}}", "[".repeat(63), "]".repeat(63));
    assert!(object(&broad).is_ok());
    assert!(object(&format!("{{\"a\":\"{}\\\"[\"}}", "[".repeat(99))).is_ok());
}

#[test]
fn a_member_given_twice_is_refused() {
    for bad in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"_instance":"x","_instance":"x"}"#,
    ] {
        assert!(
            object(bad).is_err_and(|text| text.contains("twice")),
            "{bad}"
        );
    }
    assert!(Taken::from_query("_instance=a&_instance=b").is_err());
    assert!(Taken::from_query("_instance=a&_instance=a").is_ok());
    let mut query = Taken::from_query("_instance=a").unwrap_or_else(|_| Taken::nothing());
    assert!(
        query
            .merge(object(r#"{"_instance":"b"}"#).unwrap())
            .is_err()
    );
    assert!(query.merge(object(r#"{"_instance":"a"}"#).unwrap()).is_ok());
}

#[test]
fn ours_must_be_texts() {
    for bad in [
        r#"{"_connection":1}"#,
        r#"{"_instance":null}"#,
        r#"{"_continuation":{}}"#,
    ] {
        assert!(
            object(bad).is_err_and(|text| text.contains("string")),
            "{bad}"
        );
    }
}

#[test]
fn the_rest_keeps_its_text_exactly() {
    let text = "{ \"big\": 12345678901234567890.10e+0, \"z\" :1,\"a\":[1.0 ,2] }";
    assert_eq!(json(&object(text).unwrap()), text);
    let taken = object("{\"n\": 1.00, \"_instance\":\"wo\\u0072k\", \"q\\\"\": [ 1e3 ]}").unwrap();
    assert_eq!(taken.instance.as_deref(), Some("work"));
    assert_eq!(json(&taken), r#"{"n":1.00,"q\"":[ 1e3 ]}"#);
    let taken = object("{\"\\u005fconnection\":\"c\"}").unwrap();
    assert_eq!(
        (taken.connection.as_deref(), json(&taken)),
        (Some("c"), "{}")
    );
}

#[test]
fn the_raw_value_key_is_a_member_like_any_other() {
    let text = r#"{"$serde_json::private::RawValue":"{\"_instance\":\"x\"}"}"#;
    let taken = object(text).unwrap();
    assert_eq!((taken.instance.as_deref(), json(&taken)), (None, text));
    let nested = r#"{"_instance":"a","b":{"$serde_json::private::RawValue":"1"}}"#;
    assert_eq!(
        json(&object(nested).unwrap()),
        r#"{"b":{"$serde_json::private::RawValue":"1"}}"#
    );
}

#[test]
fn a_query_gives_pairs_in_order() {
    assert!(Taken::from_query("a=%ff").is_err());
    let taken = Taken::from_query("a=1&_connection=c&a=2&b=%20x+y&_continuation=k")
        .unwrap_or_else(|_| Taken::nothing());
    assert_eq!(taken.connection.as_deref(), Some("c"));
    assert_eq!(taken.continuation.as_deref(), Some("k"));
    let Arguments::Query(pairs) = taken.arguments else {
        panic!("no pairs")
    };
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    assert_eq!(pairs, [("a", "1"), ("a", "2"), ("b", " x y")]);
    assert!(matches!(
        Taken::from_query("")
            .unwrap_or_else(|_| Taken::nothing())
            .arguments,
        Arguments::None
    ));
}

#[test]
fn no_bytes_are_no_arguments() {
    let taken = object("").unwrap();
    assert!(matches!(taken.arguments, Arguments::None));
}
