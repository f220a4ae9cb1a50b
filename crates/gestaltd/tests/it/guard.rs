use http::StatusCode;
use serde_json::json;

use crate::house::{House, Plan};

#[tokio::test]
async fn s44_a_foreign_host_is_refused_everywhere() {
    let house = House::open().await;
    let port = house.public.port();
    let rebound = format!("evil.example:{port}");
    for host in ["evil.example", &rebound, "localhost", "127.0.0.1"] {
        for path in [
            "/",
            "/api/v1/me",
            "/health",
            "/api/v1/demo/whoami",
            "/login",
            "/metrics",
        ] {
            let code = house.get(path).host(host).send().await.problem(403);
            assert_eq!(code, "forbidden", "{host} {path}");
        }
    }
    let ours = format!("127.0.0.1:{port}");
    assert_eq!(house.get("/api/v1/me").host(&ours).send().await.status, 200);
}

#[tokio::test]
async fn s44_a_foreign_origin_is_refused() {
    let house = House::open().await;
    house.connect("demo-ada-lovelace").await;
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost",
        "http://evil.example:8080",
    ] {
        for (method, path) in [
            ("GET", "/api/v1/me"),
            ("POST", "/api/v1/tokens"),
            ("GET", "/api/v1/demo/whoami"),
            ("POST", "/api/v1/demo/create_note"),
            ("POST", "/login"),
            ("POST", "/logout"),
        ] {
            let ask = house.ask(method, path).with("origin", origin);
            let code = ask
                .json(&json!({"name": "x", "title": "x"}))
                .await
                .problem(403);
            assert_eq!(code, "forbidden", "{origin} {method} {path}");
        }
    }
    let own = format!("http://localhost:{}", house.public.port());
    let made = house
        .post("/api/v1/tokens")
        .with("origin", &own)
        .json(&json!({"name": "x"}))
        .await;
    assert_eq!(made.status, 201);
}

#[tokio::test]
async fn s44_a_page_of_another_site_changes_and_invokes_nothing() {
    let house = House::open().await;
    house.connect("demo-ada-lovelace").await;
    for site in ["cross-site", "same-site"] {
        let ask = |method, path| house.ask(method, path).with("sec-fetch-site", site);
        let new = json!({"name": "x", "title": "x"});
        assert_eq!(ask("POST", "/api/v1/tokens").json(&new).await.status, 403);
        assert_eq!(ask("GET", "/api/v1/demo/whoami").send().await.status, 403);
        assert_eq!(
            ask("POST", "/api/v1/demo/create_note")
                .json(&new)
                .await
                .status,
            403
        );
    }
}

#[tokio::test]
async fn every_answer_has_its_headers() {
    let house = House::open().await;
    for path in [
        "/",
        "/login",
        "/health",
        "/api/v1/me",
        "/api/v1/nowhere",
        "/problems/internal",
        "/nowhere",
    ] {
        let answer = house
            .get(path)
            .with("x-request-id", "req_theirs")
            .send()
            .await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("gestalt-source"), "gateway", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert!(!policy.contains("unsafe"), "{path}");
        let id = answer.header("x-request-id");
        assert!(id.starts_with("req_") && id.len() == 36, "{path} {id}");
        assert_eq!(answer.header("strict-transport-security"), "", "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
}

#[tokio::test]
async fn https_asks_for_https_for_two_years() {
    let plan = Plan {
        base_url: Some("https://gestalt.example.com"),
        ..Plan::local()
    };
    let house = plan.build().await;
    for path in ["/", "/api/v1/me", "/health"] {
        let answer = house.get(path).host("gestalt.example.com").send().await;
        let sent = answer.header("strict-transport-security");
        assert_eq!(sent, "max-age=63072000; includeSubDomains", "{path}");
    }
}

#[tokio::test]
async fn without_a_login_a_forwarded_request_is_refused() {
    let house = House::open().await;
    for header in ["forwarded", "x-forwarded-for"] {
        let answer = house
            .get("/api/v1/me")
            .with(header, "for=10.1.2.3")
            .send()
            .await;
        assert_eq!(answer.problem(403), "forbidden");
    }
}

#[tokio::test]
async fn only_trusted_proxies_say_where_a_token_is_used_from() {
    let house = House::open().await;
    let new = json!({"name": "office", "cidrs": ["198.51.100.0/24"]});
    let made = house.post("/api/v1/tokens").json(&new).await.json();
    let token = made["token"].as_str().unwrap();
    assert_eq!(
        house.get("/api/v1/me").token(token).send().await.status,
        403
    );
    let lied = house
        .get("/api/v1/me")
        .token(token)
        .with("x-forwarded-for", "198.51.100.7");
    assert_eq!(lied.send().await.status, 403);
}

#[tokio::test]
async fn what_is_too_large_is_refused_at_every_door() {
    let plan = Plan {
        limits: gestaltd::http::Limits {
            max_json_bytes: 1_000,
            max_stream_bytes: 1_000,
            max_head_bytes: 2_000,
            ..gestaltd::http::Limits::default()
        },
        ..Plan::default()
    };
    let house = plan.build().await;
    let large = json!({"title": "x".repeat(2_000)});
    let invoked = house.post("/api/v1/demo/create_note").json(&large).await;
    assert_eq!(invoked.problem(413), "too_large");
    let streamed = house
        .post("/api/v1/demo/create_note")
        .with("content-type", "text/plain");
    assert_eq!(
        streamed.body("x".repeat(2_000)).await.problem(413),
        "too_large"
    );
    let managed = house
        .post("/api/v1/tokens")
        .json(&json!({"name": "x".repeat(2 << 20)}))
        .await;
    assert_eq!(managed.problem(413), "too_large");
    let head = house
        .get("/api/v1/me")
        .with("x-padding", &"x".repeat(4_000))
        .send()
        .await;
    assert_eq!(head.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

#[tokio::test]
async fn a_refusal_on_a_page_is_a_page_for_who_reads_html() {
    let house = House::open().await;
    let page = house
        .get("/nowhere")
        .with("accept", "text/html,*/*")
        .send()
        .await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (StatusCode::NOT_FOUND, "text/html; charset=utf-8")
    );
    assert!(page.text().contains("There is no such address"));
    assert_eq!(house.get("/nowhere").send().await.problem(404), "not_found");
    let api = house
        .get("/api/v1/nowhere")
        .with("accept", "text/html")
        .send()
        .await;
    assert_eq!(api.problem(404), "not_found");
}
