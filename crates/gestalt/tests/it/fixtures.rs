//! What a gateway with the demo plugin says.

use serde_json::{Value, json};

use crate::fake::{Answer, Fake};

pub(crate) fn connection() -> Value {
    json!({
        "id": "con_1",
        "integration": "demo",
        "connection": "default",
        "instance": "default",
        "owner": "user:usr_1",
        "authType": "manual",
        "nickname": "Ada",
        "state": "connected",
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-02T00:00:00Z",
    })
}

pub(crate) fn field(name: &str, secret: bool, required: bool) -> Value {
    json!({ "name": name, "label": name, "secret": secret, "required": required })
}

pub(crate) fn demo() -> Value {
    json!({
        "name": "demo",
        "displayName": "Demo",
        "description": "Notes, to try things out.",
        "connections": [{
            "name": "default",
            "mode": "user",
            "authType": "manual",
            "fields": [field("key", true, true), field("team", false, false)],
        }],
        "connected": [connection()],
        "operations": 2,
        "status": "ready",
    })
}

pub(crate) fn create_note() -> Value {
    json!({
        "name": "create_note",
        "tool": "demo_create_note",
        "title": "Create a note",
        "readOnly": false,
        "deprecated": false,
        "tags": [],
        "upstream": "POST /notes",
        "inputSchema": {
            "type": "object",
            "additionalProperties": false,
            "required": ["title"],
            "properties": {
                "title": { "type": "string", "description": "What it is about." },
                "pinned": { "type": "boolean" },
                "size": { "type": "integer" },
                "labels": { "type": "array", "items": { "type": "string" } },
            },
        },
        "bodyTypes": ["text/csv"],
        "paginated": false,
    })
}

pub(crate) fn list_notes() -> Value {
    json!({
        "name": "list_notes",
        "tool": "demo_list_notes",
        "title": "List notes",
        "readOnly": true,
        "deprecated": false,
        "tags": [],
        "upstream": "GET /notes",
        "inputSchema": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "limit": { "type": "integer", "minimum": 1, "maximum": 100, "default": 20 },
                "order": { "enum": ["newest", "oldest"] },
            },
        },
        "outputSchema": { "type": "object", "properties": { "notes": { "type": "array" } } },
        "bodyTypes": [],
        "paginated": true,
    })
}

/// A gateway with the demo plugin.
pub(crate) fn gateway() -> Fake {
    let fake = Fake::start();
    let base = "GET /api/v1/integrations";
    let items = |items: Value| Answer::json(&json!({ "items": items }));
    fake.on(base, items(json!([demo()])))
        .on(&format!("{base}/demo"), Answer::json(&demo()))
        .on(
            &format!("{base}/demo/operations"),
            items(json!([create_note(), list_notes()])),
        )
        .on(
            &format!("{base}/demo/operations/create_note"),
            Answer::json(&create_note()),
        )
        .on(
            &format!("{base}/demo/operations/list_notes"),
            Answer::json(&list_notes()),
        );
    fake
}

pub(crate) fn me(login: &str, authenticated_by: &str) -> Value {
    json!({
        "subject": "user:usr_1",
        "email": "ada@example.com",
        "admin": true,
        "authenticatedBy": authenticated_by,
        "credential": "tok_1",
        "permissions": ["invoke", "connect"],
        "login": login,
        "version": "0.1.0",
    })
}

pub(crate) fn token(id: &str) -> Value {
    json!({
        "id": id,
        "name": "ci",
        "subject": "user:usr_1",
        "scopes": "demo",
        "permissions": ["invoke"],
        "cidrs": [],
        "createdAt": "2026-01-01T00:00:00Z",
        "expiresAt": "2026-02-01T00:00:00Z",
        "status": "active",
    })
}
