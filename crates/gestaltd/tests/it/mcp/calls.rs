use serde_json::{Value, json};

use super::modern;
use crate::house::House;

#[tokio::test]
async fn nothing_connected_is_a_link_that_a_model_or_a_person_can_use() {
    let house = House::open().await;
    let text = house.tool("demo_whoami", json!({})).await.is_error();
    let link = format!("http://localhost:{}/connect/demo", house.public.port());
    assert!(text.contains(&link), "{text}");
    let older = json!({"name": "demo_whoami", "arguments": {}});
    let text = house.older("tools/call", older).await.is_error();
    assert!(text.contains(&link), "{text}");
    // A client that can show its user a link is asked to, once.
    let asking = |more: Value| {
        let capabilities =
            json!({"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}}});
        let mut params = json!({"name": "demo_whoami", "_meta": capabilities});
        if let Some(more) = more.as_object() {
            params.as_object_mut().unwrap().extend(more.clone());
        }
        modern(house.post("/mcp"), "tools/call", params)
    };
    let (ask, message) = asking(json!({}));
    let asked = ask.json(&message).await.result();
    assert_eq!(asked["resultType"], "input_required");
    let request = &asked["inputRequests"]["connect"];
    assert_eq!(request["method"], "elicitation/create");
    assert_eq!(request["params"]["mode"], "url");
    assert!(
        request["params"]["url"]
            .as_str()
            .unwrap()
            .starts_with(&link),
        "{request}"
    );
    let (ask, message) = asking(json!({"inputResponses": {"connect": {"action": "decline"}}}));
    let text = ask.json(&message).await.is_error();
    assert!(text.contains(&link), "{text}");
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_invalid_parameters() {
    let house = House::open().await;
    house.connect("demo-ada-lovelace").await;
    for (arguments, field) in [
        (json!({"titel": "x"}), json!("titel")),
        (json!({"title": 7}), json!("title")),
        (json!({"title": "x", "_instance": 7}), json!("_instance")),
        (
            json!({"title": "x", "$serde_json::private::RawValue": "{}"}),
            json!("$serde_json::private::RawValue"),
        ),
    ] {
        let answer = house.tool("demo_create_note", arguments.clone()).await;
        assert_eq!(answer.fault(200), -32602, "{arguments}");
        let data = &answer.json()["error"]["data"];
        assert_eq!(data["field"], field, "{arguments} {data}");
        assert_eq!(data["requestId"], answer.header("x-request-id"));
    }
    let answer = house.tool("demo_create_note", json!(["title"])).await;
    assert_eq!(answer.fault(400), -32602);
    assert_eq!(
        house.tool("demo_create_note", json!({})).await.fault(200),
        -32602
    );
    let notes = house.tool("demo_list_notes", json!({})).await.result();
    assert_eq!(notes["structuredContent"]["notes"], json!([]));
}

#[tokio::test]
async fn an_operation_is_called_the_same_by_every_endpoint_and_era() {
    let house = House::open().await;
    house.connect("demo-ada-lovelace").await;
    let made = house
        .tool("demo_create_note", json!({"title": "One"}))
        .await
        .result();
    assert_eq!(made["resultType"], "complete");
    assert_eq!(made["structuredContent"]["title"], "One", "{made}");
    assert_eq!(made["content"][0]["type"], "text");
    assert_ne!(made["isError"], true);
    assert_eq!(
        made["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
        "gestalt"
    );
    let params = json!({"name": "create_note", "arguments": {"title": "Two"}});
    let made = house
        .mcp_at("/mcp/demo", "tools/call", params)
        .await
        .result();
    assert_eq!(made["structuredContent"]["id"], 2);
    let params = json!({"name": "demo_create_note", "arguments": {"title": "Three"}});
    let made = house.older("tools/call", params).await.result();
    assert_eq!(made["structuredContent"]["id"], 3);
    assert!(
        made.get("resultType").is_none() && made.get("_meta").is_none(),
        "{made}"
    );
    let over_http = house.get("/api/v1/demo/list_notes").send().await.json();
    let over_mcp = house.tool("demo_list_notes", json!({})).await.result();
    assert_eq!(over_mcp["structuredContent"], over_http);
    // The upstream's own refusal is a result that is an error.
    let text = house
        .tool("demo_get_note", json!({"id": 99}))
        .await
        .is_error();
    assert!(text.contains("404"), "{text}");
}

#[tokio::test]
async fn the_trail_names_a_call_over_mcp_as_one_over_http() {
    let house = House::open().await;
    house.connect("demo-ada-lovelace").await;
    let token = house.token(&["invoke"]).await;
    let over_http = house.get("/api/v1/demo/whoami").token(&token).send().await;
    let (ask, message) = modern(
        house.post("/mcp"),
        "tools/call",
        json!({"name": "demo_whoami"}),
    );
    let over_mcp = ask.token(&token).json(&message).await;
    over_mcp.result();
    let mut records = Vec::new();
    for answer in [&over_http, &over_mcp] {
        let request = answer.header("x-request-id");
        let path = format!("/api/v1/audit?requestId={request}");
        let page = house.get(&path).send().await.json();
        let mut record = page["items"][0].clone();
        assert_eq!(record["requestId"], request, "{page}");
        for member in [
            "requestId",
            "seq",
            "at",
            "durationMicros",
            "argumentsDigest",
            "hash",
        ] {
            record.as_object_mut().unwrap().remove(member);
        }
        records.push(record);
    }
    assert_eq!(records[0], records[1]);
}

#[tokio::test]
async fn several_accounts_are_a_choice() {
    let house = House::open().await;
    for (instance, key) in [
        ("home", "demo-ada-lovelace"),
        ("work", "demo-charles-babbage"),
    ] {
        let asked =
            json!({"integration": "demo", "instance": instance, "credentials": {"api_key": key}});
        let made = house.post("/api/v1/auth/connect-manual").json(&asked).await;
        assert_eq!(made.status, 201, "{}", made.text());
    }
    let text = house.tool("demo_whoami", json!({})).await.is_error();
    assert!(
        text.contains("`_instance`") && text.contains("home") && text.contains("work"),
        "{text}"
    );
    let listed = house.mcp("tools/list", json!({})).await.result();
    let schema = &listed["tools"][4]["inputSchema"]["properties"]["_instance"];
    assert_eq!(schema["enum"], json!(["home", "work"]), "{listed}");
    let chosen = house
        .tool("demo_whoami", json!({"_instance": "work"}))
        .await
        .result();
    assert_eq!(chosen["structuredContent"]["notes"], 0, "{chosen}");
}
