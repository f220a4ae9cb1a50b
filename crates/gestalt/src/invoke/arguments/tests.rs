use super::*;
use serde_json::{Value, json};

fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["title"],
        "$defs": { "Size": { "type": "integer" } },
        "properties": {
            "title": { "type": "string" },
            "limit": { "type": "integer" },
            "ratio": { "type": "number" },
            "pinned": { "type": "boolean" },
            "labels": { "type": "array", "items": { "type": "string" } },
            "ids": { "type": "array", "items": { "type": "integer" } },
            "meta": { "type": "object" },
            "due": { "type": ["string", "null"] },
            "parent": { "type": ["integer", "null"] },
            "size": { "$ref": "#/$defs/Size" },
            "either": { "anyOf": [{ "type": "integer" }, { "type": "string" }] },
            "one_or_more": { "type": ["array", "string"], "items": { "type": "string" } },
            "free": {},
            "colour": { "enum": ["red", "green"] },
            "loop": { "$ref": "#/properties/loop" }
        }
    })
}

fn typed(arguments: &[&str]) -> Result<String, String> {
    let schema = schema();
    let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
    assemble(Schema::new(&schema), Members::default(), &arguments)
        .map(|members| serde_json::to_string(&members).unwrap())
        .map_err(|failure| {
            assert_eq!(failure.exit_code(), 2);
            failure.lines().join(" | ")
        })
}

fn check(arguments: &[&str], expect: &str) {
    assert_eq!(typed(arguments).as_deref(), Ok(expect), "{arguments:?}");
}

fn refused(arguments: &[&str], expect: &str) {
    let message = typed(arguments).unwrap_err();
    assert!(message.contains(expect), "{arguments:?}: {message}");
}

#[test]
fn a_value_of_another_type_is_refused() {
    refused(&["limit=ten"], "`limit` must be of type integer, not `ten`");
    refused(&["limit=1.5"], "integer");
    refused(&["limit=007"], "integer");
    refused(&["limit="], "integer");
    refused(&["ratio=NaN"], "number");
    refused(&["pinned=yes"], "Write `pinned=true` or `pinned=false`");
    refused(&["meta=[]"], "object");
    refused(&["ids=1", "ids=x"], "integer");
    refused(&["meta:={"], "`meta` is no JSON");
}

#[test]
fn a_name_the_operation_does_not_know_is_refused_with_the_nearest() {
    refused(
        &["titel=x"],
        "no parameter `titel`. | hint: Did you mean `title`?",
    );
    refused(&["zzzzzzz=x"], "There are: title, limit");
    refused(&["_instance=x"], "Use --instance");
    refused(&["title"], "`title` is no argument");
    refused(&["=x"], "is no argument");
    refused(&[":=x"], "is no argument");
}

#[test]
fn only_arrays_are_repeated() {
    refused(&["title=a", "title=b"], "`title` is given 2 times");
    refused(&["title=a", "title:=1"], "given 2 times");
}

#[test]
fn values_are_typed_by_the_schema() {
    check(&["title=5"], r#"{"title":"5"}"#);
    check(&["title=a=b:=c"], r#"{"title":"a=b:=c"}"#);
    check(&["limit=5", "pinned=true"], r#"{"limit":5,"pinned":true}"#);
    check(
        &["limit=12345678901234567890123"],
        r#"{"limit":12345678901234567890123}"#,
    );
    check(&["ratio=-1.10e2"], r#"{"ratio":-1.10e2}"#);
    check(&["meta={\"a\": 1}"], r#"{"meta":{"a": 1}}"#);
    check(&["due=null"], r#"{"due":"null"}"#);
    check(&["parent=null"], r#"{"parent":null}"#);
    check(&["size=3"], r#"{"size":3}"#);
    check(&["either=3"], r#"{"either":3}"#);
    check(&["either=007"], r#"{"either":"007"}"#);
    check(&["free=true"], r#"{"free":"true"}"#);
    check(&["colour=red"], r#"{"colour":"red"}"#);
    check(&["loop=x"], r#"{"loop":"x"}"#);
}

#[test]
fn a_repeated_key_is_an_array() {
    check(&["labels=a"], r#"{"labels":["a"]}"#);
    check(
        &["labels=a", "title=t", "labels=[b"],
        r#"{"labels":["a","[b"],"title":"t"}"#,
    );
    check(&["ids=1", "ids=2"], r#"{"ids":[1,2]}"#);
    check(&["labels:=[]"], r#"{"labels":[]}"#);
    check(&["one_or_more=a"], r#"{"one_or_more":"a"}"#);
    check(
        &["one_or_more=a", "one_or_more=b"],
        r#"{"one_or_more":["a","b"]}"#,
    );
    check(&["free=a", "free:=1"], r#"{"free":["a",1]}"#);
}

#[test]
fn a_file_is_under_what_is_typed() {
    let schema = schema();
    let schema = Schema::new(&schema);
    let members = Members::parse(r#"{"limit": 1.0, "title": "a"}"#, "x").unwrap();
    let members = assemble(schema, members, &["title=b".to_owned()]).unwrap();
    assert_eq!(
        serde_json::to_string(&members).unwrap(),
        r#"{"limit":1.0,"title":"b"}"#
    );
    for (text, why) in [
        ("[]", "is not one JSON object"),
        ("{\"title\":1,\"title\":2}", "`title` is given twice"),
        ("{} {}", "trailing"),
    ] {
        let failure = Members::parse(text, "notes.json").unwrap_err();
        assert!(failure.to_string().contains(why), "{failure}");
    }
    let unknown = Members::parse(r#"{"titel": 1}"#, "x").unwrap();
    assert!(assemble(schema, unknown, &[]).is_err());
}

#[test]
fn what_is_missing_is_named() {
    let schema = schema();
    let failure = check_complete(Schema::new(&schema), &Members::default()).unwrap_err();
    assert_eq!(
        failure.lines(),
        ["The operation needs `title`.", "hint: Add `-p title=…`."]
    );
}

#[test]
fn a_query_has_an_arrays_items_one_by_one() {
    let members = Members::parse(r#"{"a":["x",1],"b":"y z","c":{"d":1},"e":1.50}"#, "x").unwrap();
    let pairs = as_query(&members);
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    assert_eq!(
        pairs,
        [
            ("a", "x"),
            ("a", "1"),
            ("b", "y z"),
            ("c", "{\"d\":1}"),
            ("e", "1.50")
        ]
    );
}

#[test]
fn values_that_are_counted_can_be_offered() {
    let schema = schema();
    let schema = Schema::new(&schema);
    assert_eq!(
        schema.values(schema.find("colour").unwrap()),
        ["red", "green"]
    );
    assert_eq!(
        schema.values(schema.find("pinned").unwrap()),
        ["true", "false"]
    );
    assert!(schema.values(schema.find("title").unwrap()).is_empty());
}
