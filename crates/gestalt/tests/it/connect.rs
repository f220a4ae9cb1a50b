//! Connecting: secrets never come by a flag's value.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::fake::{Answer, Fake};
use crate::fixtures::{connection, demo, gateway};
use crate::program::Program;

const SECRET: &str = "hunter2-is-a-secret";

fn server() -> Fake {
    let fake = gateway();
    let mut made = connection();
    made["warnings"] = json!(["The key is short."]);
    let answer = Answer::new(201, "application/json", made.to_string());
    fake.on("POST /api/v1/auth/connect-manual", answer);
    fake
}

#[test]
fn a_secret_in_a_flag_is_refused_and_not_repeated() {
    let fake = server();
    let field = format!("key={SECRET}");
    let ran = Program::at(&fake).run(&["plugin", "connect", "demo", "--field", &field]);
    assert_snapshot!(ran, @"
    exit 2
    --- stdout
    --- stderr
    error: The field `key` is secret, and a flag's value can be seen by others.
      hint: Use `--secret-file key=FILE` or `--secret-stdin key`. If what you typed is in your shell's history, remove it there.
    ");
    assert!(!ran.to_string().contains(SECRET));
    assert_eq!(fake.lines(), ["GET /api/v1/integrations/demo"]);
}

#[test]
fn without_a_terminal_a_missing_field_is_named_with_its_flag() {
    let fake = server();
    assert_snapshot!(Program::at(&fake).run(&["plugin", "connect", "demo"]), @"
    exit 2
    --- stdout
    --- stderr
    error: The field `key` is needed, and nobody can be asked for it.
      hint: Add `--secret-file key=FILE` or `--secret-stdin key`.
    ");
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    let fake = server();
    let program = Program::at(&fake);
    for (arguments, expect) in [
        (vec!["--field", "tema=x"], "Did you mean `team`?"),
        (vec!["--field", "team"], "needs a name"),
        (
            vec!["--field", "team=x", "--field", "team=y"],
            "given twice",
        ),
        (
            vec!["--secret-file", "key=/nowhere"],
            "Cannot read /nowhere.",
        ),
        (vec!["--secret-stdin", "key"], "Standard input is empty"),
        (vec!["--connection", "defualt"], "Did you mean `default`?"),
        (vec!["--platform"], "no connection of that kind"),
    ] {
        let mut all = vec!["plugin", "connect", "demo"];
        all.extend(&arguments);
        let ran = program.run(&all);
        assert!(ran.code == 2 || ran.code == 1, "{ran}");
        assert!(ran.stderr.contains(expect), "{ran}");
    }
    assert!(fake.lines().iter().all(|line| line.starts_with("GET")));
}

#[test]
fn several_connections_must_be_chosen_from() {
    let fake = Fake::start();
    let mut plugin = demo();
    let mut other = plugin["connections"][0].clone();
    other["name"] = json!("other");
    plugin["connections"].as_array_mut().unwrap().push(other);
    fake.on("GET /api/v1/integrations/demo", Answer::json(&plugin));
    assert_snapshot!(Program::at(&fake).run(&["plugin", "connect", "demo"]), @"
    exit 2
    --- stdout
    --- stderr
    error: `demo` has several connections.
      hint: Name one with --connection: default, other.
    ");
}

#[test]
fn a_secret_comes_from_standard_input_or_a_file() {
    let fake = server();
    let program = Program::at(&fake);
    let ran = program.run_with_input(
        &[
            "plugin",
            "connect",
            "demo",
            "--secret-stdin",
            "key",
            "--instance",
            "work",
            "--field",
            "team=a=b",
        ],
        &format!("{SECRET}\r\n"),
    );
    assert_snapshot!(ran, @"
    exit 0
    --- stdout
    Id:          con_1
    Plugin:      demo
    Connection:  default
    Instance:    default
    Account:     Ada
    Owner:       user:usr_1
    Kind:        manual
    State:       connected
    Created:     2026-01-01T00:00:00Z
    Updated:     2026-01-02T00:00:00Z
    --- stderr
    warning: The key is short.
    Connected `demo` as Ada.
    ");
    assert!(!ran.to_string().contains(SECRET));
    let sent: Value = serde_json::from_slice(&fake.last().body).unwrap();
    assert_eq!(
        sent,
        json!({
            "integration": "demo",
            "connection": "default",
            "instance": "work",
            "credentials": { "key": SECRET, "team": "a=b" },
        })
    );
    let file = format!("key={}", program.file("key", SECRET));
    let ran = program.run(&[
        "plugin",
        "connect",
        "demo",
        "--secret-file",
        &file,
        "--json",
    ]);
    assert_eq!(ran.code, 0, "{ran}");
    let sent: Value = serde_json::from_slice(&fake.last().body).unwrap();
    assert_eq!(sent["credentials"], json!({ "key": SECRET }));
}

#[test]
fn disconnecting_says_what_is_left_to_do() {
    let fake = server();
    let gone = json!({ "disconnected": ["con_1"], "upstream": "unsupported" });
    fake.on("DELETE /api/v1/integrations/demo", Answer::json(&gone));
    let ran = Program::at(&fake).run(&[
        "plugin",
        "disconnect",
        "demo",
        "--instance",
        "work",
        "--confirm",
        "demo",
    ]);
    assert_snapshot!(ran, @"
    exit 0
    --- stdout
    con_1
    --- stderr
    Disconnected. If the credential should stop working, revoke it at the upstream.
    ");
    assert_eq!(
        fake.last().line,
        "DELETE /api/v1/integrations/demo?instance=work"
    );
}
