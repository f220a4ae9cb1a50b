//! API tokens.

use insta::assert_snapshot;
use serde_json::json;

use crate::fake::{Answer, Fake};
use crate::fixtures::{gateway, me, token};
use crate::program::Program;

fn made(value: &str, id: &str) -> Answer {
    let made = json!({ "token": value, "details": token(id) });
    Answer::new(201, "application/json", made.to_string())
}

fn server() -> Fake {
    let fake = gateway();
    fake.on("GET /api/v1/me", Answer::json(&me("local", "api_token")));
    fake
}

#[test]
fn only_a_new_tokens_value_is_on_standard_output() {
    let fake = server();
    fake.on("POST /api/v1/tokens", made("gst_api_new", "tok_2"));
    let program = Program::at(&fake);
    let ran = program.run(&[
        "tokens",
        "create",
        "ci",
        "--scope",
        "demo:list_*",
        "--scope",
        "other",
        "--permission",
        "invoke",
        "--expires-in",
        "24h",
        "--cidr",
        "10.0.0.0/8",
    ]);
    assert_snapshot!(ran, @"
    exit 0
    --- stdout
    gst_api_new
    --- stderr
    Token ci (tok_2), until 2026-02-01T00:00:00Z. It is shown this once:
    ");
    assert_snapshot!(fake.last().text(), @r#"{"name":"ci","scopes":"demo:list_* other","permissions":["invoke"],"expiresIn":"24h","cidrs":["10.0.0.0/8"]}"#);
    program.run(&["tokens", "create", "all"]);
    assert_eq!(fake.last().text(), r#"{"name":"all"}"#);
}

#[test]
fn a_rotated_token_takes_the_place_of_the_stored_one() {
    let fake = server();
    fake.on(
        "POST /api/v1/tokens/tok_1/rotate",
        made("gst_api_new", "tok_2"),
    )
    .on(
        "DELETE /api/v1/tokens/tok_2",
        Answer::new(204, "text/plain", ""),
    );
    let program = Program::at(&fake);
    program.run_with_input(&["auth", "login", "--token-stdin"], "gst_api_old");
    let ran = program.run(&["tokens", "rotate", "tok_1", "--grace", "1h"]);
    assert_snapshot!(ran, @"
    exit 0
    --- stdout
    gst_api_new
    --- stderr
    It was the one that this program used; the new one is stored.
    Token ci (tok_2), until 2026-02-01T00:00:00Z. It is shown this once:
    ");
    assert_eq!(fake.last().text(), r#"{"grace":"1h"}"#);
    program.run(&["plugin", "list"]);
    assert_eq!(fake.last().authorization.unwrap(), "Bearer gst_api_new");
    assert_snapshot!(program.run(&["tokens", "revoke", "tok_2"]), @"
    exit 0
    --- stdout
    --- stderr
    Revoked tok_2.
    It was the one that this program used, and is forgotten.
    ");
    program.run(&["plugin", "list"]);
    assert_eq!(fake.last().authorization, None);
}

#[test]
fn tokens_are_listed_shown_and_revoked() {
    let fake = server();
    fake.on(
        "GET /api/v1/tokens",
        Answer::json(&json!({ "items": [token("tok_1"), token("tok_2")], "page": {} })),
    )
    .on("GET /api/v1/tokens/tok_1", Answer::json(&token("tok_1")))
    .on(
        "DELETE /api/v1/tokens",
        Answer::json(&json!({ "revoked": 2 })),
    );
    let program = Program::at(&fake);
    assert_snapshot!(program.run(&["tokens", "list"]), @"
    exit 0
    --- stdout
    ID     NAME  STATUS  SCOPES  EXPIRES               LAST USED
    tok_1  ci    active  demo    2026-02-01T00:00:00Z  -
    tok_2  ci    active  demo    2026-02-01T00:00:00Z  -
    --- stderr
    ");
    assert_snapshot!(program.run(&["tokens", "get", "tok_1"]), @"
    exit 0
    --- stdout
    Id:           tok_1
    Name:         ci
    Subject:      user:usr_1
    Status:       active
    Scopes:       demo
    Permissions:  invoke
    Created:      2026-01-01T00:00:00Z
    Expires:      2026-02-01T00:00:00Z
    --- stderr
    ");
    assert_snapshot!(program.run(&["tokens", "list", "-o", "name"]), @"
    exit 0
    --- stdout
    tok_1
    tok_2
    --- stderr
    ");
    let ran = program.run(&["tokens", "revoke-all", "--confirm", "tokens", "--json"]);
    assert_snapshot!(ran, @r#"
    exit 0
    --- stdout
    {
      "revoked": 2
    }
    --- stderr
    Revoked 2 tokens.
    "#);
}
