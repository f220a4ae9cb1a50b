//! Lists and details, in every format.

use insta::assert_snapshot;
use serde_json::json;

use crate::fake::Answer;
use crate::fixtures::{connection, gateway};
use crate::program::Program;

fn run(arguments: &[&str]) -> String {
    let fake = gateway();
    let mut all = vec!["plugin", "list"];
    all.extend(arguments);
    Program::at(&fake).run(&all).to_string()
}

#[test]
fn plugins_are_listed_in_every_format() {
    assert_snapshot!(run(&[]), @"
    exit 0
    --- stdout
    NAME  STATUS  OPERATIONS  CONNECTED  DESCRIPTION
    demo  ready   2           Ada        Notes, to try things out.
    --- stderr
    ");
    assert_snapshot!(run(&["--no-headers"]), @"
    exit 0
    --- stdout
    demo  ready  2  Ada  Notes, to try things out.
    --- stderr
    ");
    assert_snapshot!(run(&["-o", "name"]), @"
    exit 0
    --- stdout
    demo
    --- stderr
    ");
    assert_eq!(run(&["-o", "ndjson"]).lines().count(), 4);
}

#[test]
fn plugins_are_listed_as_json() {
    assert_snapshot!(run(&["--json"]), @r#"
    exit 0
    --- stdout
    {
      "items": [
        {
          "name": "demo",
          "displayName": "Demo",
          "description": "Notes, to try things out.",
          "connections": [
            {
              "name": "default",
              "mode": "user",
              "authType": "manual",
              "usable": true,
              "fields": [
                {
                  "name": "key",
                  "label": "key",
                  "secret": true,
                  "required": true
                },
                {
                  "name": "team",
                  "label": "team",
                  "secret": false,
                  "required": false
                }
              ]
            }
          ],
          "connected": [
            {
              "id": "con_1",
              "integration": "demo",
              "connection": "default",
              "instance": "default",
              "owner": "user:usr_1",
              "authType": "manual",
              "nickname": "Ada",
              "state": "connected",
              "createdAt": "2026-01-01T00:00:00Z",
              "updatedAt": "2026-01-02T00:00:00Z"
            }
          ],
          "operations": 2,
          "status": "ready"
        }
      ]
    }
    --- stderr
    "#);
}

#[test]
fn plugins_are_listed_as_yaml() {
    assert_snapshot!(run(&["-o", "yaml"]), @r#"
    exit 0
    --- stdout
    items:
    - name: demo
      displayName: Demo
      description: Notes, to try things out.
      connections:
      - name: default
        mode: user
        authType: manual
        usable: true
        fields:
        - name: key
          label: key
          secret: true
          required: true
        - name: team
          label: team
          secret: false
          required: false
      connected:
      - id: con_1
        integration: demo
        connection: default
        instance: default
        owner: user:usr_1
        authType: manual
        nickname: Ada
        state: connected
        createdAt: "2026-01-01T00:00:00Z"
        updatedAt: "2026-01-02T00:00:00Z"
      operations: 2
      status: ready
    --- stderr
    "#);
}

#[test]
fn a_plugin_and_an_operation_are_described() {
    let fake = gateway();
    let program = Program::at(&fake);
    assert_snapshot!(program.run(&["plugin", "describe", "demo"]), @"
    exit 0
    --- stdout
    Name:         demo
    Title:        Demo
    Description:  Notes, to try things out.
    Status:       ready
    Connections:  default (manual, user)
    Connected:    Ada
    Operations:   2

    OPERATION    KIND   DESCRIPTION
    create_note  write  Create a note
    list_notes   read   List notes
    --- stderr
    ");
    assert_snapshot!(program.run(&["plugin", "describe", "demo", "create_note"]), @"
    exit 0
    --- stdout
    Name:      create_note
    Title:     Create a note
    Kind:      write
    Tool:      demo_create_note
    Upstream:  POST /notes
    Body:      text/csv

    PARAMETER  TYPE             REQUIRED  DESCRIPTION
    title      string           yes       What it is about.
    pinned     boolean          -         -
    size       integer          -         -
    labels     array of string  -         -
    --- stderr
    ");
    assert_snapshot!(program.run(&["plugin", "describe", "demo", "list_notes"]), @"
    exit 0
    --- stdout
    Name:      list_notes
    Title:     List notes
    Kind:      read
    Tool:      demo_list_notes
    Upstream:  GET /notes
    Answer:    JSON with notes; -o json shows its schema
    Pages:     answers in pages; --all follows them

    PARAMETER  TYPE     REQUIRED  VALUES         DEFAULT  DESCRIPTION
    limit      integer  -         1 to 100       20       -
    order      string   -         newest|oldest  -        -
    --- stderr
    ");
    let ran = program.run(&["plugin", "describe", "demo", "create_note", "-o", "json"]);
    assert!(ran.stdout.contains("\"inputSchema\": {"), "{ran}");
}

#[test]
fn a_list_is_read_page_by_page() {
    let fake = gateway();
    let page = |next: Option<&str>| {
        Answer::json(&json!({ "items": [connection()], "page": { "next": next } }))
    };
    let route = "GET /api/v1/connections";
    fake.on(route, page(Some("two")))
        .on(route, page(None))
        .on(route, page(Some("two")));
    let program = Program::at(&fake);
    let ran = program.run(&["connections", "list", "--plugin", "demo", "--all"]);
    assert_snapshot!(ran, @"
    exit 0
    --- stdout
    ID     PLUGIN  CONNECTION  INSTANCE  ACCOUNT  STATE      UPDATED
    con_1  demo    default     default   Ada      connected  2026-01-02T00:00:00Z
    con_1  demo    default     default   Ada      connected  2026-01-02T00:00:00Z
    --- stderr
    ");
    assert_eq!(
        fake.lines(),
        [
            "GET /api/v1/connections?integration=demo&limit=100",
            "GET /api/v1/connections?integration=demo&limit=100&cursor=two",
        ]
    );
    assert_snapshot!(program.run(&["connections", "list", "--limit", "1"]), @"
    exit 0
    --- stdout
    ID     PLUGIN  CONNECTION  INSTANCE  ACCOUNT  STATE      UPDATED
    con_1  demo    default     default   Ada      connected  2026-01-02T00:00:00Z
    --- stderr
    There is more: add `--cursor two`, or --all.
    ");
    let ran = program.run(&["connections", "list", "--limit", "1", "--json"]);
    assert!(ran.stdout.contains("\"next\": \"two\""), "{ran}");
}

#[test]
fn a_connection_that_a_check_finds_unusable_is_no_success() {
    let fake = gateway();
    let mut broken = connection();
    broken["state"] = json!("needs_reauth");
    broken["stateReason"] = json!("The upstream answered 401.");
    fake.on(
        "POST /api/v1/connections/con_1/check",
        Answer::json(&broken),
    )
    .on("GET /api/v1/connections/con_1", Answer::json(&broken))
    .on(
        "POST /api/v1/connections/con_1/rollback",
        Answer::json(&connection()),
    );
    let program = Program::at(&fake);
    assert_snapshot!(program.run(&["connections", "check", "con_1"]), @"
    exit 5
    --- stdout
    Id:          con_1
    Plugin:      demo
    Connection:  default
    Instance:    default
    Account:     Ada
    Owner:       user:usr_1
    Kind:        manual
    State:       needs_reauth
    Reason:      The upstream answered 401.
    Created:     2026-01-01T00:00:00Z
    Updated:     2026-01-02T00:00:00Z
    --- stderr
    error: The connection cannot be used: needs_reauth.
      hint: Connect again: `gestalt plugin connect demo`.
    ");
    assert_eq!(program.run(&["connections", "status", "con_1"]).code, 0);
    assert_eq!(
        program
            .run(&["connections", "rollback", "con_1", "-q"])
            .stderr,
        ""
    );
}

#[test]
fn sessions_are_listed_and_ended() {
    let fake = gateway();
    let session = json!({
        "id": "ses_1", "subject": "user:usr_1", "createdAt": "2026-01-01T00:00:00Z",
        "lastSeenAt": "2026-01-02T00:00:00Z", "expiresAt": "2026-01-03T00:00:00Z",
        "address": "127.0.0.1", "userAgent": "A\u{1b}[31mB", "current": true,
    });
    fake.on(
        "GET /api/v1/sessions",
        Answer::json(&json!({ "items": [session], "page": {} })),
    )
    .on(
        "DELETE /api/v1/sessions",
        Answer::json(&json!({ "revoked": 2 })),
    )
    .on(
        "DELETE /api/v1/sessions/ses_1",
        Answer::new(204, "text/plain", ""),
    );
    let program = Program::at(&fake);
    assert_snapshot!(program.run(&["sessions", "list"]), @"
    exit 0
    --- stdout
    ID     CURRENT  LAST SEEN             EXPIRES               ADDRESS    BROWSER
    ses_1  yes      2026-01-02T00:00:00Z  2026-01-03T00:00:00Z  127.0.0.1  A�[31mB
    --- stderr
    ");
    assert_eq!(program.run(&["sessions", "revoke", "ses_1"]).code, 0);
    let ran = program.run(&[
        "sessions",
        "revoke-all",
        "--others",
        "--confirm",
        "sessions",
    ]);
    assert_snapshot!(ran, @"
    exit 0
    --- stdout
    --- stderr
    Ended 2 sessions.
    ");
    assert_eq!(fake.last().line, "DELETE /api/v1/sessions?others=true");
}

#[test]
fn a_decision_is_explained_and_either_answer_is_a_success() {
    let fake = gateway();
    let step = |step: &str, result: &str, detail: &str| json!({ "step": step, "result": result, "detail": detail });
    let explanation = json!({
        "allowed": false,
        "code": "forbidden",
        "steps": [
            step("plugin", "pass", "The plugin `demo` is configured."),
            step("policy", "refuse", "Rule 2 denies `delete_*`."),
        ],
    });
    fake.on("POST /api/v1/explain", Answer::json(&explanation));
    let program = Program::at(&fake);
    assert_snapshot!(program.run(&["explain", "demo", "create_note", "--subject", "anonymous"]), @"
    exit 0
    --- stdout
    refused (forbidden)
    STEP    RESULT  WHY
    plugin  pass    The plugin `demo` is configured.
    policy  refuse  Rule 2 denies `delete_*`.
    --- stderr
    ");
    assert_eq!(
        fake.last().text(),
        r#"{"integration":"demo","operation":"create_note","subject":"anonymous"}"#
    );
}
