//! Calls of operations.

use std::process::Command;

use insta::assert_snapshot;
use serde_json::json;

use crate::fake::Answer;
use crate::fixtures::{create_note, gateway};
use crate::program::Program;

const CREATE: &str = "POST /api/v1/demo/create_note";
const LIST: &str = "POST /api/v1/demo/list_notes";

fn upstream_json(text: &str) -> Answer {
    Answer::upstream(200, "application/json", text)
}

#[test]
fn arguments_that_do_not_fit_are_refused_before_the_call() {
    let fake = gateway();
    let program = Program::at(&fake);
    for (arguments, expect) in [
        (vec!["-p", "titel=x"], "Did you mean `title`?"),
        (
            vec!["-p", "title=x", "-p", "size=big"],
            "`size` must be of type integer",
        ),
        (vec!["-p", "title=x", "-p", "title=y"], "takes one value"),
        (vec!["-p", "size=1"], "needs `title`"),
        (vec!["-p", "title:=nope"], "`title` is no JSON"),
        (
            vec!["--body-file", "x", "--content-type", "text/plain"],
            "no body of type `text/plain`",
        ),
        (
            vec!["--input-file", "/nowhere/at/all"],
            "Cannot read /nowhere/at/all.",
        ),
    ] {
        let mut all = vec!["call", "demo", "create_note"];
        all.extend(&arguments);
        let ran = program.run(&all);
        assert!(ran.code == 2 || ran.code == 1, "{ran}");
        assert!(ran.stderr.contains(expect), "{ran}");
        assert_eq!(ran.stdout, "");
    }
    assert!(fake.lines().iter().all(|line| line.starts_with("GET")));
}

#[test]
fn arguments_are_typed_and_numbers_keep_their_text() {
    let fake = gateway();
    fake.on(CREATE, upstream_json("{}"));
    let program = Program::at(&fake);
    let file = program.file(
        "note.json",
        r#"{"size": 12345678901234567890123, "title": "under"}"#,
    );
    let ran = program.run(&[
        "plugin",
        "invoke",
        "demo",
        "create_note",
        "labels=a",
        "pinned=true",
        "-p",
        "title=5",
        "-p",
        "labels=b",
        "--input-file",
        &file,
        "--connection",
        "main",
        "--instance",
        "work",
    ]);
    assert_eq!(ran.code, 0, "{ran}");
    assert_snapshot!(fake.last().text(), @r#"{"size":12345678901234567890123,"title":"5","labels":["a","b"],"pinned":true,"_connection":"main","_instance":"work"}"#);
    let ran = program.run_with_input(
        &["plugin", "call", "demo", "create_note", "--input-file", "-"],
        r#"{"title": "from stdin"}"#,
    );
    assert_eq!(ran.code, 0, "{ran}");
    assert_eq!(fake.last().text(), r#"{"title":"from stdin"}"#);
    assert_eq!(fake.last().content_type.unwrap(), "application/json");
}

#[test]
fn an_answer_is_passed_byte_by_byte_unless_a_format_is_asked_for() {
    let fake = gateway();
    fake.on(
        LIST,
        upstream_json("[ {\"id\":1.0,\"title\":\"Hi\"} , {\"id\":2,\"title\":\"Ho\"} ]"),
    );
    let program = Program::at(&fake);
    let run = |format: &[&str]| {
        let mut arguments = vec!["call", "demo", "list_notes"];
        arguments.extend(format);
        program.run(&arguments).to_string()
    };
    assert_snapshot!(run(&[]), @r#"
    exit 0
    --- stdout
    [ {"id":1.0,"title":"Hi"} , {"id":2,"title":"Ho"} ]
    --- stderr
    "#);
    assert_snapshot!(run(&["-o", "json"]), @r#"
    exit 0
    --- stdout
    [
      {
        "id": 1.0,
        "title": "Hi"
      },
      {
        "id": 2,
        "title": "Ho"
      }
    ]
    --- stderr
    "#);
    assert_snapshot!(run(&["-o", "ndjson"]), @r#"
    exit 0
    --- stdout
    {"id":1.0,"title":"Hi"}
    {"id":2,"title":"Ho"}
    --- stderr
    "#);
    assert_snapshot!(run(&["-o", "table"]), @"
    exit 0
    --- stdout
    ID   TITLE
    1.0  Hi
    2    Ho
    --- stderr
    ");
    assert_snapshot!(run(&["-o", "table", "--no-headers"]), @"
    exit 0
    --- stdout
    1.0  Hi
    2    Ho
    --- stderr
    ");
    assert_snapshot!(run(&["-o", "yaml"]), @"
    exit 0
    --- stdout
    - id: 1.0
      title: Hi
    - id: 2
      title: Ho
    --- stderr
    ");
    assert_snapshot!(run(&["-o", "name"]), @"
    exit 2
    --- stdout
    --- stderr
    error: An upstream's answer has no names that are known here.
      hint: Use `-o json`, `yaml`, `ndjson` or `table`.
    ");
}

#[test]
fn an_upstreams_error_is_shown_and_ends_with_7() {
    let fake = gateway();
    fake.on(
        LIST,
        Answer::upstream(404, "application/json", "{\"message\":\"No notes\"}"),
    );
    assert_snapshot!(Program::at(&fake).run(&["call", "demo", "list_notes"]), @r#"
    exit 7
    --- stdout
    {"message":"No notes"}
    --- stderr
    error: The upstream answered with status 404.
      request: req_1
    "#);
}

#[test]
fn pages_are_followed_as_far_as_asked() {
    let fake = gateway();
    fake.on(
        LIST,
        upstream_json("[1]").with("gestalt-continuation", "two"),
    )
    .on(
        LIST,
        upstream_json("[2]").with("gestalt-continuation", "three"),
    )
    .on(LIST, upstream_json("[3]"))
    .on(
        LIST,
        upstream_json("[1]").with("gestalt-continuation", "two"),
    );
    let program = Program::at(&fake);
    let ran = program.run(&["call", "demo", "list_notes", "--all"]);
    assert_snapshot!(ran, @"
    exit 0
    --- stdout
    [1]
    [2]
    [3]
    --- stderr
    ");
    assert_eq!(fake.last().text(), r#"{"_continuation":"three"}"#);
    assert_snapshot!(program.run(&["call", "demo", "list_notes", "limit=1"]), @"
    exit 0
    --- stdout
    [1]
    --- stderr
    There is more: add `--continuation 'two'`, or --all.
    ");
    // The same continuation again is not followed for ever.
    let ran = program.run(&[
        "call",
        "demo",
        "list_notes",
        "--all",
        "--continuation",
        "zero",
    ]);
    assert_eq!(ran.stdout, "[1]\n[1]\n");
}

#[test]
fn at_most_so_many_pages() {
    let fake = gateway();
    fake.on(
        LIST,
        upstream_json("[1]").with("gestalt-continuation", "two"),
    )
    .on(
        LIST,
        upstream_json("[2]").with("gestalt-continuation", "three"),
    );
    let program = Program::at(&fake);
    let ran = program.run(&["call", "demo", "list_notes", "--all", "--max-pages", "2"]);
    assert_snapshot!(ran, @"
    exit 0
    --- stdout
    [1]
    [2]
    --- stderr
    There is more: add `--continuation 'three'`, or a larger --max-pages.
    ");
}

#[test]
fn a_raw_body_streams_with_arguments_in_the_query() {
    let fake = gateway();
    fake.on(CREATE, upstream_json("{}"));
    let program = Program::at(&fake);
    let file = program.file("notes.csv", "a,b\n");
    let body = [
        "--content-type",
        "text/csv",
        "--instance",
        "work",
        "--body-file",
    ];
    let mut arguments = vec![
        "call",
        "demo",
        "create_note",
        "title=x y",
        "labels=a",
        "labels=b",
    ];
    arguments.extend(body);
    let mut from_file = arguments.clone();
    from_file.push(&file);
    assert_eq!(program.run(&from_file).code, 0);
    let line = "POST /api/v1/demo/create_note?title=x+y&labels=a&labels=b&_instance=work";
    assert_eq!(fake.last().line, line);
    assert_eq!(fake.last().text(), "a,b\n");
    assert_eq!(fake.last().content_type.unwrap(), "text/csv");
    arguments.push("-");
    assert_eq!(program.run_with_input(&arguments, "c,d\n").code, 0);
    assert_eq!(fake.last().text(), "c,d\n");
}

#[test]
fn an_answer_can_go_to_a_file() {
    let fake = gateway();
    fake.on(
        LIST,
        Answer::upstream(200, "image/png", b"\x89PNG\0\xff".to_vec()),
    );
    let program = Program::at(&fake);
    let path = program.path("out.png");
    let ran = program.run(&[
        "call",
        "demo",
        "list_notes",
        "--output-file",
        path.to_str().unwrap(),
    ]);
    assert_snapshot!(ran, @"
    exit 0
    --- stdout
    --- stderr
    Written to ~/out.png.
    ");
    assert_eq!(std::fs::read(path).unwrap(), b"\x89PNG\0\xff");
}

#[test]
fn an_interrupt_ends_with_130() {
    let fake = gateway();
    let mut operation = create_note();
    operation["name"] = json!("wait");
    operation["inputSchema"] = json!({ "type": "object" });
    fake.on(
        "GET /api/v1/integrations/demo/operations/wait",
        Answer::json(&operation),
    )
    .on("POST /api/v1/demo/wait", Answer::never());
    let program = Program::at(&fake);
    let child = program.start(&["call", "demo", "wait"]);
    fake.wait();
    fake.wait();
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    assert_snapshot!(program.finish(child), @"
    exit 130
    --- stdout
    --- stderr
    error: Interrupted.
    ");
}
