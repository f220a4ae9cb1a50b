//! The three tools that stand for a long list: what they refuse first, then that a call
//! through them is the call.

use serde_json::{Value, json};

use super::modern;
use crate::house::{Answer, House, Plan};

/// A house where five tools are many.
async fn many() -> House {
    let mut plan = Plan::default();
    plan.limits.mcp.search_threshold = 4;
    plan.build().await
}

async fn listed(house: &House, path: &str) -> Vec<String> {
    let list = house.mcp_at(path, "tools/list", json!({})).await.result();
    assert!(list.get("nextCursor").is_none());
    let tools = list["tools"].as_array().unwrap().iter();
    tools
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn search(house: &House, arguments: Value) -> Vec<Value> {
    let result = house.tool("search_operations", arguments).await.result();
    let found = result["structuredContent"]["operations"].as_array();
    found.unwrap().clone()
}

const THREE: [&str; 3] = ["search_operations", "describe_operation", "call_operation"];

#[tokio::test]
async fn s27_the_three_find_describe_and_call_nothing_for_who_may_invoke_nothing() {
    let house = many().await;
    house.connect("demo-ada-lovelace").await;
    let token = house.token(&["audit"]).await;
    for (name, arguments) in [
        ("search_operations", json!({"query": "notes"})),
        ("describe_operation", json!({"name": "demo_whoami"})),
        ("call_operation", json!({"name": "demo_whoami"})),
    ] {
        let params = json!({"name": name, "arguments": arguments});
        let (ask, message) = modern(house.post("/mcp"), "tools/call", params);
        let answer = ask.token(&token).json(&message).await;
        assert_eq!(answer.problem(403), "insufficient_scope", "{name}");
    }
}

#[tokio::test]
async fn what_an_address_cannot_ask_for_is_refused() {
    let house = many().await;
    for path in [
        "/mcp?tools=all",
        "/mcp?tools=",
        "/mcp/demo?tools=list&tools=search",
    ] {
        for method in ["tools/list", "server/discover"] {
            let answer = house.mcp_at(path, method, json!({})).await;
            assert_eq!(answer.problem(400), "invalid_request", "{path}");
            assert_eq!(answer.json()["field"], "tools");
        }
    }
}

#[tokio::test]
async fn arguments_of_the_three_that_do_not_fit_are_invalid_parameters() {
    let house = many().await;
    for (name, arguments) in [
        ("search_operations", json!({})),
        ("search_operations", json!({"query": " "})),
        ("search_operations", json!({"query": "x".repeat(1_001)})),
        ("search_operations", json!({"query": "x", "limit": 51})),
        (
            "search_operations",
            json!({"query": "x", "plugin": "other"}),
        ),
        ("search_operations", json!({"query": "x", "sort": "name"})),
        ("describe_operation", json!({"name": "demo_nothing"})),
        ("describe_operation", json!({"name": "describe_operation"})),
        ("call_operation", json!({"name": "demo_nothing"})),
        ("call_operation", json!({"name": "call_operation"})),
        (
            "call_operation",
            json!({"name": "demo_whoami", "arguments": 7}),
        ),
    ] {
        let answer = house.tool(name, arguments.clone()).await;
        let error = &answer.json()["error"];
        assert_eq!(error["code"], -32602, "{name} {arguments} {error}");
    }
    // What is not there is told the same way however it was asked for.
    let asked = json!({"name": "demo_whoam"});
    let mut told = vec![house.tool("demo_whoam", json!({})).await];
    told.push(house.tool("call_operation", asked.clone()).await);
    told.push(house.tool("describe_operation", asked).await);
    let texts: Vec<_> = told
        .iter()
        .map(|answer| answer.json()["error"]["message"].clone())
        .collect();
    assert_eq!(
        texts[0],
        "There is no such tool. Did you mean `demo_whoami`?"
    );
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
}

#[tokio::test]
async fn many_tools_are_listed_as_three_unless_the_client_says() {
    let house = many().await;
    assert_eq!(listed(&house, "/mcp").await, THREE);
    assert_eq!(listed(&house, "/mcp?tools=search").await, THREE);
    assert_eq!(listed(&house, "/mcp?tools=list").await.len(), 5);
    assert_eq!(listed(&house, "/mcp/demo").await.len(), 5);
    assert_eq!(listed(&house, "/mcp/demo?tools=search").await, THREE);
    // As many as the threshold are not many.
    let house = Plan::default().build().await;
    assert_eq!(listed(&house, "/mcp").await.len(), 5);
    assert_eq!(listed(&house, "/mcp?tools=search").await, THREE);
    for (catalogue, shared, own) in [
        (gestaltd::mcp::Catalogue::List, 5, 5),
        (gestaltd::mcp::Catalogue::Search, 3, 3),
    ] {
        let mut plan = Plan::default();
        plan.limits.mcp.search_threshold = 0;
        plan.limits.mcp.catalogue = catalogue;
        let house = plan.build().await;
        assert_eq!(listed(&house, "/mcp").await.len(), shared);
        assert_eq!(listed(&house, "/mcp/demo").await.len(), own);
    }
}

#[tokio::test]
async fn a_cursor_is_of_one_way_of_listing() {
    let mut plan = Plan::default();
    plan.limits.mcp.search_threshold = 4;
    plan.limits.mcp.lists.max_tools = 2;
    let house = plan.build().await;
    let whole = "/mcp?tools=list";
    let (mut names, mut params) = (Vec::new(), json!({}));
    loop {
        let page = house.mcp_at(whole, "tools/list", params.clone()).await;
        let page = page.result();
        names.extend(page["tools"].as_array().unwrap().clone());
        let Some(next) = page["nextCursor"].as_str() else {
            break;
        };
        params = json!({"cursor": next});
        // The same cursor where three are listed.
        let answer = house.mcp("tools/list", params.clone()).await;
        assert_eq!(answer.fault(400), -32602);
    }
    assert_eq!(names.len(), 5);
}

#[tokio::test]
async fn the_three_say_what_they_take() {
    let house = many().await;
    let list = house.mcp("tools/list", json!({})).await.result();
    assert!(list["ttlMs"].is_u64() && list["cacheScope"].is_string());
    let own = house
        .mcp_at("/mcp/demo?tools=search", "tools/list", json!({}))
        .await
        .result();
    let older = house.older("tools/list", json!({})).await.result();
    assert_eq!(older, json!({"tools": list["tools"]}));
    for tools in [&list["tools"], &own["tools"]] {
        for tool in tools.as_array().unwrap() {
            let schema = &tool["inputSchema"];
            assert_eq!(schema["additionalProperties"], false, "{tool}");
            assert!(tool["annotations"]["title"].is_string(), "{tool}");
        }
    }
    let members = |list: &Value| {
        let properties = &list["tools"][0]["inputSchema"]["properties"];
        properties.as_object().unwrap().len()
    };
    // Where all are one plugin's there is none to name.
    assert_eq!((members(&list), members(&own)), (3, 2));
    let hints = &list["tools"][2]["annotations"];
    assert!(hints.get("readOnlyHint").is_none(), "{hints}");
}

#[tokio::test]
async fn what_is_found_says_how_to_go_on() {
    let house = many().await;
    let query = json!({"query": "remove a note", "limit": 2});
    let result = house
        .tool("search_operations", query.clone())
        .await
        .result();
    insta::assert_json_snapshot!(result["structuredContent"]["operations"][0], @r#"
    {
      "name": "demo_delete_note",
      "plugin": "demo",
      "description": "Deletes one of your notes for good.",
      "readOnly": false,
      "connected": false,
      "title": "Delete a note"
    }
    "#);
    let text = result["content"][0]["text"].as_str().unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("no account is connected yet"), "{text}");
    house.connect("demo-ada-lovelace").await;
    let found = search(&house, query).await;
    assert_eq!((found.len(), &found[0]["connected"]), (2, &json!(true)));
    let none = house
        .tool("search_operations", json!({"query": "zebra crossing"}))
        .await
        .result();
    assert_eq!(none["structuredContent"]["operations"], json!([]));
    // At a plugin's own endpoint by its own names.
    let params = json!({"name": "search_operations", "arguments": {"query": "who am I"}});
    let own = house
        .mcp_at("/mcp/demo?tools=search", "tools/call", params)
        .await
        .result();
    let found = &own["structuredContent"]["operations"][0]["name"];
    assert_eq!(found, "whoami", "{own}");
}

#[tokio::test]
async fn a_description_is_the_tool_as_it_is_listed() {
    let house = many().await;
    let list = house
        .mcp_at("/mcp?tools=list", "tools/list", json!({}))
        .await
        .result();
    for tool in list["tools"].as_array().unwrap() {
        let asked = json!({"name": tool["name"]});
        let told = house.tool("describe_operation", asked).await.result();
        let text = told["content"][0]["text"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), *tool);
    }
}

/// What a call's record and its result say that is no matter of the call itself.
async fn told(house: &House, answer: &Answer) -> (Value, Value) {
    let request = answer.header("x-request-id");
    let path = format!("/api/v1/audit?requestId={request}");
    let page = house.get(&path).send().await.json();
    let mut record = page["items"][0].clone();
    for member in ["requestId", "seq", "at", "durationMicros", "hash"] {
        record.as_object_mut().unwrap().remove(member);
    }
    let mut message = answer.json();
    if let Some(data) = message["error"]["data"].as_object_mut() {
        data.remove("requestId");
    }
    (record, message)
}

#[tokio::test]
async fn a_call_within_a_call_is_told_and_recorded_as_the_call() {
    let house = many().await;
    let id = 12;
    for connected in [false, true] {
        if connected {
            house.connect("demo-ada-lovelace").await;
        }
        for (name, arguments) in [
            ("demo_whoami", json!({})),
            ("demo_get_note", json!({"id": id})),
            ("demo_get_note", json!({"id": "x"})),
            ("demo_list_notes", json!({"_continuation": "nonsense"})),
            ("demo_nothing", json!({})),
        ] {
            let direct = house.tool(name, arguments.clone()).await;
            let within = json!({"name": name, "arguments": arguments});
            let within = house.tool("call_operation", within).await;
            assert_eq!(within.status, direct.status, "{name}");
            let (direct, within) = (told(&house, &direct).await, told(&house, &within).await);
            assert_eq!(within, direct, "{name}");
        }
    }
    let made = house
        .tool(
            "call_operation",
            json!({"name": "demo_create_note", "arguments": {"title": "One"}}),
        )
        .await
        .result();
    assert_eq!(made["structuredContent"]["title"], "One", "{made}");
}

#[tokio::test]
async fn a_plugins_own_names_come_first_where_all_are_listed() {
    let house = House::open().await;
    let params = json!({"name": "search_operations", "arguments": {"query": "x"}});
    let answer = house.mcp_at("/mcp/demo", "tools/call", params).await;
    assert_eq!(answer.fault(200), -32602);
    // At the endpoint of all plugins the names are nobody else's.
    assert_eq!(search(&house, json!({"query": "note"})).await.len(), 4);
}
