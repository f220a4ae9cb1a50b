use serde_json::{Value, json};

use crate::house::{House, Plan};

#[tokio::test]
async fn a_cursor_that_is_none_is_refused() {
    let house = House::open().await;
    for method in ["tools/list", "resources/list", "prompts/list"] {
        for cursor in [
            json!("x"),
            json!(""),
            json!("AAAAAAAAAAAAAAAA"),
            json!(7),
            json!(null),
        ] {
            let answer = house.mcp(method, json!({"cursor": cursor})).await;
            assert_eq!(answer.fault(400), -32602, "{method} {cursor}");
        }
    }
}

#[tokio::test]
async fn a_server_says_what_it_is_in_both_eras() {
    let house = House::open().await;
    let told = house.mcp("server/discover", json!({})).await.result();
    assert_eq!(told["resultType"], "complete");
    assert_eq!(told["supportedVersions"][0], "2026-07-28");
    assert_eq!(
        told["capabilities"],
        json!({"tools": {}, "resources": {}, "prompts": {}})
    );
    let server = &told["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!(server["name"], "gestalt");
    assert!(told["instructions"].as_str().unwrap().contains("link"));
    for (wanted, version) in [
        ("2025-11-25", "2025-11-25"),
        ("2025-03-26", "2025-03-26"),
        ("2024-11-05", "2025-11-25"),
    ] {
        let told = house
            .older("initialize", json!({"protocolVersion": wanted}))
            .await
            .result();
        assert_eq!(told["protocolVersion"], version);
        assert_eq!(told["serverInfo"]["name"], "gestalt");
        assert!(told.get("resultType").is_none() && told.get("_meta").is_none());
    }
    let note = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let answer = house.post("/mcp").json(&note).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (202, ""));
    assert_eq!(house.older("ping", json!({})).await.result(), json!({}));
}

#[tokio::test]
async fn resources_and_prompts_are_empty_lists() {
    let house = House::open().await;
    for (method, member) in [
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
        ("prompts/list", "prompts"),
    ] {
        let list = house.mcp(method, json!({})).await.result();
        assert_eq!(list[member], json!([]), "{method}");
        assert_eq!(list["resultType"], "complete");
        assert!(list["ttlMs"].is_u64() && list["cacheScope"].is_string());
        let list = house.older(method, json!({})).await.result();
        assert_eq!(list, json!({member: []}));
    }
    let read = house
        .mcp("resources/read", json!({"uri": "test://x"}))
        .await;
    assert_eq!(
        (read.fault(200), &read.json()["error"]["data"]["uri"]),
        (-32602, &json!("test://x"))
    );
    assert_eq!(
        house
            .older("resources/read", json!({"uri": "test://x"}))
            .await
            .fault(200),
        -32002
    );
    assert_eq!(
        house
            .mcp("prompts/get", json!({"name": "x"}))
            .await
            .fault(400),
        -32602
    );
}

fn names(list: &Value) -> Vec<&str> {
    let tools = list["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn the_tools_of_all_plugins_and_of_one() {
    let house = House::open().await;
    let all = house.mcp("tools/list", json!({})).await.result();
    assert_eq!(
        names(&all),
        [
            "demo_create_note",
            "demo_delete_note",
            "demo_get_note",
            "demo_list_notes",
            "demo_whoami"
        ]
    );
    assert_eq!(all["resultType"], "complete");
    assert!(all["ttlMs"].is_u64() && all["cacheScope"].is_string());
    let own = house
        .mcp_at("/mcp/demo", "tools/list", json!({}))
        .await
        .result();
    assert_eq!(
        names(&own),
        [
            "create_note",
            "delete_note",
            "get_note",
            "list_notes",
            "whoami"
        ]
    );
    let older = house.older("tools/list", json!({})).await.result();
    assert_eq!(names(&older), names(&all));
    for member in ["resultType", "ttlMs", "cacheScope", "_meta", "nextCursor"] {
        assert!(older.get(member).is_none(), "{member}");
    }
    insta::assert_json_snapshot!(all["tools"][2], @r#"
    {
      "name": "demo_get_note",
      "title": "Read a note",
      "description": "One of your notes.",
      "inputSchema": {
        "type": "object",
        "properties": {
          "id": {
            "type": "integer",
            "minimum": 1,
            "description": "The note's id."
          },
          "_continuation": {
            "type": "string",
            "description": "From an earlier result of this tool: asks for its next page or the rest of it. Give the other arguments again."
          }
        },
        "additionalProperties": false,
        "required": [
          "id"
        ]
      },
      "annotations": {
        "openWorldHint": true,
        "title": "Read a note",
        "readOnlyHint": true,
        "destructiveHint": false,
        "idempotentHint": true
      }
    }
    "#);
}

#[tokio::test]
async fn pages_together_are_the_list() {
    let mut limits = gestaltd::http::Limits::default();
    limits.mcp.lists.max_tools = 2;
    let plan = Plan {
        limits,
        ..Plan::default()
    };
    let house = plan.build().await;
    let (mut seen, mut cursor, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let params = if cursor.is_null() {
            json!({})
        } else {
            json!({"cursor": cursor})
        };
        // Asked for twice, the second from what was kept.
        let page = house.mcp("tools/list", params.clone()).await.result();
        assert_eq!(page, house.mcp("tools/list", params).await.result());
        seen.extend(names(&page).into_iter().map(str::to_owned));
        (cursor, pages) = (page["nextCursor"].clone(), pages + 1);
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!((pages, seen.len()), (3, 5));
    assert_eq!(
        (seen[0].as_str(), seen[4].as_str()),
        ("demo_create_note", "demo_whoami")
    );
    // A cursor is of one list.
    let first = house.mcp("tools/list", json!({})).await.result();
    let other = json!({"cursor": first["nextCursor"]});
    assert_eq!(
        house
            .mcp_at("/mcp/demo", "tools/list", other)
            .await
            .fault(400),
        -32602
    );
}
