//! Finding operations by what is to be done.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::fake::{Answer, Fake};
use crate::fixtures::gateway;
use crate::program::Program;

fn found(items: &Value) -> Fake {
    let fake = gateway();
    let answer = Answer::json(&json!({ "items": items }));
    fake.on("GET /api/v1/search", answer);
    fake
}

#[test]
fn a_limit_that_cannot_be_is_refused_here() {
    let fake = found(&json!([]));
    for arguments in [
        &["plugin", "search"][..],
        &["plugin", "search", "--limit", "0", "note"],
        &["plugin", "search", "--limit", "51", "note"],
    ] {
        let ran = Program::at(&fake).run(arguments).to_string();
        assert!(ran.starts_with("exit 2"), "{ran}");
    }
    assert_eq!(fake.lines(), [] as [&str; 0]);
}

#[test]
fn a_plugin_that_is_not_there_is_told_with_the_nearest() {
    let fake = gateway();
    fake.on(
        "GET /api/v1/search",
        Answer::problem(404, "not_found", &json!({})),
    );
    let ran = Program::at(&fake).run(&["plugin", "search", "note", "--plugin", "dmo"]);
    let ran = ran.to_string();
    assert!(ran.starts_with("exit 1") && ran.contains("demo"), "{ran}");
}

#[test]
fn what_is_found_is_listed_the_best_first() {
    let fake = found(&json!([{
        "integration": "demo",
        "operation": "create_note",
        "tool": "demo_create_note",
        "title": "Create a note",
        "description": "Writes a note.",
        "readOnly": false,
        "connected": false,
    }]));
    let search = ["plugin", "search", "write", "a", "note", "--plugin", "demo"];
    assert_snapshot!(Program::at(&fake).run(&search), @"
    exit 0
    --- stdout
    PLUGIN  OPERATION    CONNECTED  DESCRIPTION
    demo    create_note  no         Create a note
    --- stderr
    ");
    assert_eq!(
        fake.lines().last().unwrap(),
        "GET /api/v1/search?query=write+a+note&limit=10&integration=demo"
    );
    let none = found(&json!([]));
    let ran = Program::at(&none).run(&["plugin", "search", "zebra"]);
    assert!(ran.to_string().contains("Nothing fits."), "{ran}");
}
