//! The audit trail.

use insta::assert_snapshot;
use serde_json::json;

use crate::fake::Answer;
use crate::fixtures::gateway;
use crate::program::Program;

#[test]
fn a_trail_that_does_not_hold_is_no_success() {
    let fake = gateway();
    let fault =
        json!({ "writer": "wri_1", "seq": 7, "kind": "edited", "detail": "The hash differs." });
    let found = json!({ "ok": false, "records": 9, "checkpoints": 1, "faults": [fault] });
    fake.on("POST /api/v1/audit/verify", Answer::json(&found))
        .on(
            "POST /api/v1/audit/verify",
            Answer::json(&json!({ "ok": true, "records": 9, "checkpoints": 1, "faults": [] })),
        );
    let program = Program::at(&fake);
    assert_snapshot!(program.run(&["audit", "verify"]), @"
    exit 1
    --- stdout
    9 records, 1 checkpoint: NOT INTACT
    CHAIN  AT  FAULT   WHY
    wri_1  7   edited  The hash differs.
    --- stderr
    error: The audit trail does not hold.
      hint: Keep the database as it is, and compare it with your backups and exports.
    ");
    assert_snapshot!(program.run(&["audit", "verify"]), @"
    exit 0
    --- stdout
    9 records, 1 checkpoint: all hold
    --- stderr
    ");
}

#[test]
fn records_are_searched_and_exported() {
    let fake = gateway();
    let record = json!({
        "writer": "wri_1", "seq": 3, "at": "2026-01-01T00:00:00Z", "kind": "invocation",
        "action": "invoke", "phase": "complete", "subject": "user:usr_1", "integration": "demo",
        "operation": "list_notes", "decision": "allow", "outcome": "ok", "requestId": "req_1",
        "hash": "00",
    });
    let lines = format!("{record}\n{record}\n");
    fake.on(
        "GET /api/v1/audit",
        Answer::json(&json!({ "items": [record], "page": {} })),
    )
    .on(
        "GET /api/v1/audit/export",
        Answer::new(200, "application/x-ndjson", lines.clone()),
    );
    let program = Program::at(&fake);
    let ran = program.run(&[
        "audit",
        "search",
        "--plugin",
        "demo",
        "--request",
        "req_1",
        "--limit",
        "5",
    ]);
    assert_snapshot!(ran, @"
    exit 0
    --- stdout
    AT                    SUBJECT     ACTION  WHAT             DECISION  OUTCOME  REQUEST
    2026-01-01T00:00:00Z  user:usr_1  invoke  demo/list_notes  allow     ok       req_1
    --- stderr
    ");
    assert_eq!(
        fake.last().line,
        "GET /api/v1/audit?integration=demo&requestId=req_1&limit=5"
    );
    let ran = program.run(&["audit", "export", "--since", "2026-01-01T00:00:00Z"]);
    assert_eq!(ran.stdout, lines);
    let path = program.path("trail.jsonl");
    program.run(&["audit", "export", "--output-file", path.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(path).unwrap(), lines);
}
