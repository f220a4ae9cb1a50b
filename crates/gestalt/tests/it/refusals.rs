//! What failed, why, and what to do: messages and exit codes.

use insta::assert_snapshot;
use serde_json::json;

use crate::fake::{Answer, Fake};
use crate::fixtures::gateway;
use crate::program::Program;

#[test]
fn every_refusal_ends_with_its_exit_code() {
    let table = [
        (400, "invalid_request", 2),
        (401, "unauthenticated", 4),
        (401, "token_expired", 4),
        (401, "token_revoked", 4),
        (403, "forbidden", 6),
        (403, "insufficient_scope", 6),
        (404, "not_found", 1),
        (409, "instance_selection_required", 5),
        (409, "connection_selection_required", 5),
        (412, "not_connected", 5),
        (412, "reconnect_required", 5),
        (412, "admin_configuration_required", 5),
        (413, "too_large", 2),
        (429, "rate_limited", 8),
        (502, "upstream_unreachable", 7),
        (502, "upstream_invalid", 7),
        (403, "egress_denied", 7),
        (502, "response_too_large", 7),
        (504, "upstream_timeout", 8),
        (503, "unavailable", 1),
        (503, "audit_unavailable", 1),
        (503, "overloaded", 1),
        (500, "internal", 1),
    ];
    let fake = gateway();
    let program = Program::at(&fake);
    for (status, code, expect) in table {
        let route = format!("GET /api/v1/tokens/{code}");
        fake.on(&route, Answer::problem(status, code, &json!({})));
        let ran = program.run(&["tokens", "get", code]);
        assert_eq!(ran.code, expect, "{code}: {ran}");
        assert_eq!(ran.stdout, "", "{code}");
        assert!(ran.stderr.starts_with("error: A title.\n"), "{ran}");
    }
}

#[test]
fn a_refusal_says_what_why_and_what_to_do() {
    let fake = gateway();
    fake.on(
        "POST /api/v1/demo/list_notes",
        Answer::problem(
            409,
            "instance_selection_required",
            &json!({
                "detail": "Two accounts are connected to `demo`.",
                "choices": ["home", "work"],
                "link": "/connect/demo",
            }),
        ),
    );
    assert_snapshot!(Program::at(&fake).run(&["call", "demo", "list_notes"]), @"
    exit 5
    --- stdout
    --- stderr
    error: Two accounts are connected to `demo`.
      hint: Name one with --instance.
      choices: home, work
      see: http://127.0.0.1/connect/demo
      request: req_1
    ");
}

#[test]
fn a_limit_says_when_to_try_again() {
    let fake = gateway();
    let refusal = Answer::problem(
        429,
        "rate_limited",
        &json!({ "detail": "Too many requests." }),
    );
    fake.on(
        "POST /api/v1/demo/list_notes",
        refusal.with("retry-after", "7"),
    );
    assert_snapshot!(Program::at(&fake).run(&["call", "demo", "list_notes"]), @"
    exit 8
    --- stdout
    --- stderr
    error: Too many requests.
      retry after: 7 seconds
      request: req_1
    ");
}

#[test]
fn a_server_that_is_not_there_is_said_to_be_started() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_snapshot!(Program::new().run(&["plugin", "list", "--url", &url]), @"
    exit 1
    --- stdout
    --- stderr
    error: No connection to http://127.0.0.1.
      cause: Connection refused (os error 111)
      hint: Start the server with `gestaltd`, or name another with --url.
    ");
}

#[test]
fn a_server_that_is_no_gateway_is_recognised() {
    let fake = Fake::start();
    fake.on(
        "GET /api/v1/integrations",
        Answer::new(404, "text/html", "<h1>Not here</h1>"),
    )
    .on(
        "GET /api/v1/integrations",
        Answer::json(&json!({ "token": "gst_api_x" })),
    );
    let program = Program::at(&fake);
    assert_snapshot!(program.run(&["plugin", "list"]), @"
    exit 1
    --- stdout
    --- stderr
    error: http://127.0.0.1 does not answer like a gateway: status 404 Not Found with text/html.
      hint: Check the URL: `gestalt config get url`, or --url.
    ");
    let ran = program.run(&["plugin", "list"]);
    assert_snapshot!(ran, @"
    exit 1
    --- stdout
    --- stderr
    error: http://127.0.0.1 does not answer like a gateway: what it said cannot be read at line 1, column 21.
      hint: The server and this program may be of versions that do not fit: `gestalt --version`.
    ");
}

#[test]
fn what_steers_a_terminal_is_not_passed_on() {
    let fake = gateway();
    let refusal = json!({ "detail": "\u{1b}]0;owned\u{7}x" });
    fake.on(
        "GET /api/v1/tokens/tok_1",
        Answer::problem(404, "not_found", &refusal),
    );
    let ran = Program::at(&fake).run(&["tokens", "get", "tok_1"]);
    assert!(!ran.stderr.contains('\u{1b}'), "{ran}");
}

#[test]
fn unknown_names_are_answered_with_the_nearest() {
    let fake = gateway();
    let program = Program::at(&fake);
    for (arguments, expect) in [
        (
            ["call", "demmo", "list_notes"],
            "hint: Did you mean `demo`?",
        ),
        (
            ["call", "demo", "list_note"],
            "hint: Did you mean `list_notes`?",
        ),
        (["plugin", "describe", "dmeo"], "hint: Did you mean `demo`?"),
        (["plugin", "describe", "zzz"], "`gestalt plugin list` shows"),
        (
            ["explain", "demo", "create_ntoe"],
            "hint: Did you mean `create_note`?",
        ),
    ] {
        let ran = program.run(&arguments);
        assert_eq!(ran.code, 1, "{ran}");
        assert!(ran.stderr.contains(expect), "{ran}");
    }
    let ran = program.run(&["plugn", "list"]);
    assert_eq!(ran.code, 2, "{ran}");
    assert!(ran.stderr.contains("'plugin'"), "{ran}");
}

#[test]
fn a_name_that_urls_drop_never_reaches_a_wider_route() {
    let fake = gateway();
    let program = Program::at(&fake);
    for id in ["", ".", ".."] {
        assert_eq!(program.run(&["tokens", "revoke", id]).code, 2);
        assert_eq!(program.run(&["sessions", "revoke", id]).code, 2);
        assert_eq!(
            program
                .run(&["connections", "disconnect", id, "--confirm", id])
                .code,
            2
        );
    }
    assert!(fake.seen().is_empty());
}

#[test]
fn what_cannot_be_undone_needs_its_name() {
    let fake = gateway();
    let program = Program::at(&fake);
    for arguments in [
        vec!["plugin", "disconnect", "demo"],
        vec!["plugin", "disconnect", "demo", "--confirm", "yes"],
        vec!["tokens", "revoke-all"],
        vec!["sessions", "revoke-all", "--others"],
        vec!["connections", "disconnect", "con_1"],
    ] {
        let ran = program.run(&arguments);
        assert_eq!(ran.code, 2, "{ran}");
        assert_eq!(ran.stdout, "");
    }
    assert!(fake.seen().is_empty());
    assert_snapshot!(program.run(&["plugin", "disconnect", "demo"]), @"
    exit 2
    --- stdout
    --- stderr
    error: Your account at `demo` and its credential are removed. This cannot be undone, and nobody can be asked.
      hint: Add `--confirm demo`.
    ");
}
