use serde_json::json;

use crate::house::House;

#[tokio::test]
async fn connect_list_call_and_disconnect_over_http() {
    let house = House::open().await;
    let id = house.connect("demo-ada-lovelace").await;
    for number in 1..=3 {
        let note = json!({"title": format!("Note {number}")});
        let made = house.post("/api/v1/demo/create_note").json(&note).await;
        assert_eq!(made.status, 201, "{}", made.text());
        assert_eq!(made.header("gestalt-source"), "upstream");
        assert_eq!(made.header("location"), format!("/notes/{number}"));
        assert_eq!(made.json()["id"], number);
    }
    let page = house.get("/api/v1/demo/list_notes?limit=2").send().await;
    assert_eq!(page.header("content-type"), "application/json");
    assert!(page.header("content-security-policy").ends_with("sandbox"));
    let next = page.header("gestalt-continuation");
    assert!(!next.is_empty());
    let path = format!("/api/v1/demo/list_notes?limit=2&_continuation={next}");
    let last = house.get(&path).send().await;
    assert_eq!(
        last.json()["notes"][0]["title"],
        "Note 3",
        "{}",
        last.text()
    );
    assert_eq!(last.header("gestalt-continuation"), "");
    // The upstream's own refusal is handed on as it is.
    let missing = house.get("/api/v1/demo/get_note?id=99").send().await;
    assert_eq!(
        (missing.status.as_u16(), missing.header("gestalt-source")),
        (404, "upstream")
    );
    assert_eq!(
        house
            .ask("DELETE", &format!("/api/v1/connections/{id}"))
            .send()
            .await
            .status,
        200
    );
    assert_eq!(
        house
            .get("/api/v1/demo/list_notes")
            .send()
            .await
            .problem(412),
        "not_connected"
    );
}

#[tokio::test]
async fn get_invokes_only_what_is_read_only() {
    let house = House::open().await;
    house.connect("demo-ada-lovelace").await;
    let answer = house.get("/api/v1/demo/create_note?title=x").send().await;
    assert!(
        answer.status == 405 || answer.status == 403 || answer.status == 400,
        "{}",
        answer.status
    );
    let notes = house.post("/api/v1/demo/list_notes").send().await;
    assert_eq!(notes.json()["notes"], json!([]));
}

#[tokio::test]
async fn other_methods_are_told_which_are_known() {
    let house = House::open().await;
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        let answer = house.ask(method, "/api/v1/demo/whoami").send().await;
        answer.problem(405);
        assert_eq!(
            answer.header("allow").replace("HEAD,", ""),
            "GET,POST",
            "{method}"
        );
    }
    let head = house.ask("HEAD", "/api/v1/demo/whoami").send().await;
    assert_eq!(
        (head.status.as_u16(), head.header("allow")),
        (405, "GET,POST")
    );
}

#[tokio::test]
async fn arguments_that_do_not_fit_never_reach_the_upstream() {
    let house = House::open().await;
    house.connect("demo-ada-lovelace").await;
    let refused = async |answer: crate::house::Answer, expect: &str| {
        assert_eq!(answer.problem(400), "invalid_request");
        assert!(
            answer.text().contains(expect),
            "{expect}: {}",
            answer.text()
        );
    };
    let get = async |query: &str| {
        house
            .get(&format!("/api/v1/demo/list_notes?{query}"))
            .send()
            .await
    };
    refused(get("limt=1").await, "limit").await;
    refused(get("limit=many").await, "limit").await;
    refused(get("_instance=a&_instance=b").await, "_instance").await;
    refused(get("limit=%ff").await, "UTF-8").await;
    let post = async |body: String| {
        let ask = house
            .post("/api/v1/demo/create_note")
            .with("content-type", "application/json");
        ask.body(body).await
    };
    refused(post("[]".to_owned()).await, "not a JSON object").await;
    refused(
        post(r#"{"title":"a","title":"b"}"#.to_owned()).await,
        "twice",
    )
    .await;
    refused(
        post(r#"{"title":"a","_instance":1}"#.to_owned()).await,
        "_instance",
    )
    .await;
    refused(post(r#"{"titel":"a"}"#.to_owned()).await, "title").await;
    refused(
        post(format!(
            "{{\"title\":{}1{}}}",
            "[".repeat(99),
            "]".repeat(99)
        ))
        .await,
        "deeper",
    )
    .await;
    let both = house
        .post("/api/v1/demo/create_note?title=x")
        .json(&json!({"title": "y"}))
        .await;
    refused(both, "query").await;
    let split = house
        .post("/api/v1/demo/create_note?_instance=a")
        .json(&json!({"_instance": "b"}))
        .await;
    refused(split, "_instance").await;
    let unknown = house
        .post("/api/v1/demo/create_note")
        .with("content-type", "text/csv")
        .body("a,b")
        .await;
    unknown.problem(400);
    let untyped = house.post("/api/v1/demo/create_note").body("title").await;
    untyped.problem(415);
    assert_eq!(
        house.get("/api/v1/demo/list_notes").send().await.json()["notes"],
        json!([])
    );
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let house = House::open().await;
    for path in [
        "/api/v1/nobody/whoami",
        "/api/v1/demo/nothing",
        "/api/v1/DEMO/whoami",
        "/api/v1/de%2Fmo/whoami",
        "/api/v1/demo/",
    ] {
        assert_eq!(
            house.get(path).send().await.problem(404),
            "not_found",
            "{path}"
        );
    }
    house.connect("demo-ada-lovelace").await;
    let escaped = house.get("/api/v1/demo/who%61mi").send().await;
    assert_eq!(escaped.status, 200, "{}", escaped.text());
}
