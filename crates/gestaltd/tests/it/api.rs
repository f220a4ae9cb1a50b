use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::house::House;

/// Every path of the document with its methods; parameters filled in.
fn routes(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let fill = |path: &str| {
        let path = path
            .replace("{integration}", "demo")
            .replace("{operation}", "whoami");
        let kind = if path.contains("/tokens/") {
            "tok"
        } else if path.contains("/sessions/") {
            "ses"
        } else {
            "con"
        };
        path.replace("{id}", &format!("{kind}_{}", "0".repeat(32)))
    };
    let paths = document["paths"].as_object().unwrap().iter();
    let methods = |item: &Value| {
        item.as_object()
            .unwrap()
            .keys()
            .map(|m| m.to_uppercase())
            .collect()
    };
    paths
        .map(|(path, item)| (fill(path), methods(item)))
        .collect()
}

#[tokio::test]
async fn the_document_is_the_routers_own_table() {
    let house = House::open().await;
    let document = house.get("/api/v1/openapi.json").send().await.json();
    let routes = routes(&document);
    assert_eq!(routes.len(), document["paths"].as_object().unwrap().len());
    for (path, methods) in routes {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let answer = house.ask(method, &path).send().await;
            if methods.contains(method) {
                let unrouted = answer.text().contains("There is no such address");
                assert!(answer.status != 405 && !unrouted, "{method} {path}");
                continue;
            }
            answer.problem(405);
            let allowed = answer
                .header("allow")
                .split(',')
                .map(|m| m.trim().to_owned());
            let allowed: BTreeSet<String> = allowed.filter(|m| m != "HEAD").collect();
            assert_eq!(allowed, methods, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn what_is_not_well_formed_is_refused_with_what_is_wrong() {
    let house = House::open().await;
    let check = async |ask: crate::house::Ask,
                       body: &'static str,
                       kind: &str,
                       status: u16,
                       expect: &str| {
        let answer = ask.with("content-type", kind).body(body).await;
        answer.problem(status);
        assert!(
            answer.text().contains(expect),
            "{expect}: {}",
            answer.text()
        );
    };
    let tokens = || house.post("/api/v1/tokens");
    check(
        tokens(),
        r#"{"nam":"x"}"#,
        "application/json",
        400,
        "Did you mean `name`?",
    )
    .await;
    check(
        tokens(),
        "{}",
        "application/json",
        400,
        "`name` is missing.",
    )
    .await;
    check(
        tokens(),
        r#"["x"]"#,
        "application/json",
        400,
        "not a JSON object",
    )
    .await;
    check(
        tokens(),
        r#"{"name":"#,
        "application/json",
        400,
        "not JSON at line 1",
    )
    .await;
    check(
        tokens(),
        r#"{"name":"x"}"#,
        "text/plain",
        415,
        "application/json",
    )
    .await;
    check(
        tokens(),
        r#"{"name":"x","expiresIn":"soon"}"#,
        "application/json",
        400,
        "expiresIn",
    )
    .await;
    check(tokens(), r#"{"name":""}"#, "application/json", 400, "name").await;
    let get = async |path: &str, expect: &str| {
        let answer = house.get(path).send().await;
        answer.problem(400);
        assert!(
            answer.text().contains(expect),
            "{expect}: {}",
            answer.text()
        );
    };
    get("/api/v1/tokens?limt=1", "Did you mean `limit`?").await;
    get("/api/v1/tokens?limit=x", "query parameter").await;
    get("/api/v1/tokens?limit=0", "limit").await;
    get("/api/v1/tokens?limit=1&limit=2", "`limit` is given twice.").await;
    get("/api/v1/tokens?cursor=nonsense", "cursor").await;
    get("/api/v1/audit?since=yesterday", "since").await;
}

#[tokio::test]
async fn a_credential_that_does_not_hold_is_401_also_where_none_is_needed() {
    let house = House::open().await;
    for (name, value) in [
        ("authorization", "Bearer gst_api_nonsense"),
        ("authorization", "Basic Zm9vOmJhcg=="),
        ("x-api-key", "gst_api_nonsense"),
        ("cookie", "session_token=gst_ses_nonsense"),
    ] {
        for path in ["/api/v1/me", "/api/v1/demo/whoami"] {
            let answer = house.get(path).with(name, value).send().await;
            let foreign_cookie = name == "cookie" && answer.status == 200;
            if !foreign_cookie {
                assert_eq!(answer.problem(401), "unauthenticated", "{name} {path}");
                assert!(
                    answer
                        .header("www-authenticate")
                        .starts_with("Bearer realm=")
                );
            }
        }
    }
    let twice = house
        .get("/api/v1/me")
        .with("x-api-key", "a")
        .with("x-api-key", "b")
        .send()
        .await;
    assert_eq!(twice.problem(400), "invalid_request");
}

#[tokio::test]
async fn a_tokens_life() {
    let house = House::open().await;
    let made = house
        .post("/api/v1/tokens")
        .json(&json!({"name": "laptop", "expiresIn": "1h"}))
        .await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let (token, id) = (
        made["token"].as_str().unwrap(),
        made["details"]["id"].as_str().unwrap(),
    );
    assert!(token.starts_with("gst_api_"));
    let me = house.get("/api/v1/me").token(token).send().await.json();
    assert_eq!(
        (&me["authenticatedBy"], &me["credential"]),
        (&json!("api_token"), &json!(id))
    );
    let listed = house.get("/api/v1/tokens?limit=1").send().await.json();
    assert_eq!(listed["items"][0]["id"], id);
    assert!(!listed.to_string().contains(token));
    let path = format!("/api/v1/tokens/{id}");
    assert_eq!(house.get(&path).send().await.json()["status"], "active");
    let rotated = house
        .post(&format!("{path}/rotate"))
        .json(&json!({"grace": "1h"}))
        .await;
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    let successor = rotated.json()["token"].as_str().unwrap().to_owned();
    for held in [token, &successor] {
        assert_eq!(house.get("/api/v1/me").token(held).send().await.status, 200);
    }
    let gone = house.ask("DELETE", &path).send().await;
    assert_eq!((gone.status.as_u16(), gone.body.len()), (204, 0));
    assert_eq!(
        house
            .get("/api/v1/me")
            .token(token)
            .send()
            .await
            .problem(401),
        "token_revoked"
    );
    assert_eq!(
        house.ask("DELETE", "/api/v1/tokens").send().await.json(),
        json!({"revoked": 1})
    );
    assert_eq!(
        house
            .get("/api/v1/me")
            .token(&successor)
            .send()
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_connections_life() {
    let house = House::open().await;
    let refused = json!({"integration": "demo", "credentials": {"api_key": "demo-short"}});
    assert_eq!(
        house
            .post("/api/v1/auth/connect-manual")
            .json(&refused)
            .await
            .status,
        400
    );
    assert_eq!(
        house.get("/api/v1/demo/whoami").send().await.problem(412),
        "not_connected"
    );
    let id = house.connect("demo-ada-lovelace").await;
    let shown = house
        .get(&format!("/api/v1/connections/{id}"))
        .send()
        .await
        .json();
    assert_eq!(shown["state"], "connected");
    assert!(!shown.to_string().contains("lovelace"));
    let plugin = house.get("/api/v1/integrations/demo").send().await.json();
    assert_eq!(
        (&plugin["status"], &plugin["connected"][0]["id"]),
        (&json!("ready"), &json!(id))
    );
    let checked = house
        .post(&format!("/api/v1/connections/{id}/check"))
        .send()
        .await;
    assert_eq!(
        (checked.status.as_u16(), &checked.json()["state"]),
        (200, &json!("connected"))
    );
    house.connect("demo-ada-the-second").await;
    let back = house
        .post(&format!("/api/v1/connections/{id}/rollback"))
        .send()
        .await;
    assert_eq!(back.status, 200, "{}", back.text());
    let gone = house
        .ask("DELETE", "/api/v1/integrations/demo?instance=default")
        .send()
        .await;
    assert_eq!(gone.json()["disconnected"], json!([id]));
    assert_eq!(
        house
            .get(&format!("/api/v1/connections/{id}"))
            .send()
            .await
            .problem(404),
        "not_found"
    );
}

#[tokio::test]
async fn operations_and_decisions_can_be_read() {
    let house = House::open().await;
    let all = house
        .get("/api/v1/integrations/demo/operations")
        .send()
        .await
        .json();
    assert_eq!(all["items"].as_array().unwrap().len(), 5);
    let one = house
        .get("/api/v1/integrations/demo/operations/create_note")
        .send()
        .await
        .json();
    assert_eq!(one["inputSchema"]["required"], json!(["title"]));
    let asked = json!({"integration": "demo", "operation": "list_notes"});
    let decision = house.post("/api/v1/explain").json(&asked).await.json();
    assert_eq!(decision["code"], "not_connected", "{decision}");
}

#[tokio::test]
async fn operations_are_found_by_what_is_to_be_done() {
    let house = House::open().await;
    for (query, field) in [
        ("", "query"),
        ("query=%20", "query"),
        ("query=note&limit=0", "limit"),
        ("query=note&limit=51", "limit"),
        ("query=note&sort=name", "sort"),
    ] {
        let answer = house.get(&format!("/api/v1/search?{query}")).send().await;
        assert_eq!(answer.problem(400), "invalid_request", "{query}");
        assert_eq!(answer.json()["field"], field, "{query}");
    }
    let elsewhere = house.get("/api/v1/search?query=note&integration=other");
    assert_eq!(elsewhere.send().await.problem(404), "not_found");
    let token = house.token(&["audit"]).await;
    let answer = house.get("/api/v1/search?query=note").token(&token);
    assert_eq!(answer.send().await.problem(403), "insufficient_scope");

    let asked = "/api/v1/search?query=remove+a+note&integration=demo&limit=1";
    let found = house.get(asked).send().await.json();
    insta::assert_json_snapshot!(found, @r#"
    {
      "items": [
        {
          "integration": "demo",
          "operation": "delete_note",
          "tool": "demo_delete_note",
          "title": "Delete a note",
          "description": "Deletes one of your notes for good.",
          "readOnly": false,
          "connected": false
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn the_audit_trail_can_be_read_exported_and_verified() {
    let house = House::open().await;
    house.connect("demo-ada-lovelace").await;
    for _ in 0..3 {
        assert_eq!(house.get("/api/v1/demo/whoami").send().await.status, 200);
    }
    let verified = house.post("/api/v1/audit/verify").send().await;
    assert_eq!(verified.json()["ok"], true, "{}", verified.text());
    let page = house
        .get("/api/v1/audit?kind=invocation&limit=2")
        .send()
        .await
        .json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2, "{page}");
    let next = page["page"]["next"].as_str().unwrap();
    let rest = house
        .get(&format!(
            "/api/v1/audit?kind=invocation&limit=2&cursor={next}"
        ))
        .send()
        .await;
    assert!(!rest.json()["items"].as_array().unwrap().is_empty());
    let export = house
        .get("/api/v1/audit/export?integration=demo&operation=whoami")
        .send()
        .await;
    assert_eq!(export.header("content-type"), "application/x-ndjson");
    let text = export.text();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.len() >= 3, "{text}");
    assert!(
        lines
            .windows(2)
            .all(|pair| pair[0]["seq"].as_u64() < pair[1]["seq"].as_u64())
    );
    let request = lines[0]["requestId"].as_str().unwrap();
    let found = house
        .get(&format!("/api/v1/audit?requestId={request}"))
        .send()
        .await
        .json();
    assert_eq!(found["items"][0]["operation"], "whoami");
}

#[tokio::test]
async fn approvals_are_for_admins_and_only_of_servers_that_wait() {
    let house = House::open().await;
    let token = house.token(&["invoke", "connect"]).await;
    let path = "/api/v1/integrations/demo/approvals";
    let asked = json!({ "tools": [{ "tool": "whoami", "digest": "00" }] });
    let listed = house.get(path).token(&token).send().await;
    assert_eq!(listed.problem(403), "insufficient_scope");
    let approved = house.post(path).token(&token).json(&asked).await;
    assert_eq!(approved.problem(403), "insufficient_scope");
    let formless = house.post(path).json(&json!({ "tools": [{}] })).await;
    assert_eq!(formless.problem(400), "invalid_request");
    for answer in [
        house.get(path).send().await,
        house.post(path).json(&asked).await,
    ] {
        assert_eq!(answer.problem(400), "invalid_request");
        assert!(
            answer.text().contains("approval: pinned"),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn reload_is_for_admins() {
    let house = House::open().await;
    let token = house.token(&["invoke"]).await;
    let refused = house
        .post("/api/v1/admin/reload")
        .token(&token)
        .send()
        .await;
    refused.problem(403);
    assert_eq!(house.reloads.load(std::sync::atomic::Ordering::SeqCst), 0);
    assert_eq!(house.post("/api/v1/admin/reload").send().await.status, 204);
    assert_eq!(house.reloads.load(std::sync::atomic::Ordering::SeqCst), 1);
}
