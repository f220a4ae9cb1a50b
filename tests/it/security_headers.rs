//! What every answer carries, and which requests are refused before anything else.

use gestalt_e2e::{Answer, Client, Daemon, Echo};
use hyper::header::{HOST, HeaderName, ORIGIN};
use hyper::{Method, Request};
use serde_json::json;

use crate::actions::connect;

const WRITE: &str = "/api/v1/echo/write";

/// Requests of every kind there is: API, invocation, page, probe.
const PATHS: &[&str] = &[
    "/api/v1/me",
    "/api/v1/integrations",
    "/api/v1/openapi.json",
    "/api/v1/echo/read?id=7",
    "/api/v1/nothing/here",
    "/",
    "/login",
    "/nowhere",
    "/health",
    "/metrics",
    "/.well-known/jwks.json",
];

async fn start(echo: &Echo) -> Daemon {
    let daemon = Daemon::start(&echo.config("")).await;
    connect(&daemon.client(), "default", "key-of-alice")
        .await
        .expect(201);
    daemon
}

async fn ask(client: &Client, path: &str) -> Answer {
    let request = Request::builder().method(Method::GET).uri(path);
    let request = request.header("accept", "text/html, application/json");
    client
        .request(request.body(String::new().into()).unwrap())
        .await
}

fn name(text: &'static str) -> HeaderName {
    HeaderName::from_static(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn s44_a_foreign_host_is_refused_on_every_path() {
    let echo = Echo::start().await;
    let daemon = start(&echo).await;
    let port = daemon.url().rsplit(':').next().unwrap();
    let before = echo.seen().len();
    for host in [
        "attacker.example".to_owned(),
        format!("attacker.example:{port}"),
        format!("127.0.0.1.attacker.example:{port}"),
        "127.0.0.1:1".to_owned(),
        format!("127.0.0.1:{port}:{port}"),
    ] {
        let foreign = daemon.client().with(HOST, &host);
        for path in PATHS {
            let answer = ask(&foreign, path).await;
            assert_eq!(answer.status, 403, "{host} {path}: {}", answer.text());
        }
        foreign
            .post(WRITE, &json!({ "text": "x" }))
            .await
            .expect(403);
    }
    assert_eq!(echo.seen().len(), before);
    let own = daemon.client().with(HOST, &format!("localhost:{port}"));
    own.get("/api/v1/echo/read?id=7").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn s44_a_foreign_origin_is_refused_on_the_api() {
    let echo = Echo::start().await;
    let daemon = start(&echo).await;
    let own = daemon.url().to_owned();
    let before = echo.seen().len();
    for origin in [
        "null".to_owned(),
        "https://attacker.example".to_owned(),
        own.replace("http:", "https:"),
        format!("{own}.attacker.example"),
        "http://127.0.0.1:1".to_owned(),
    ] {
        let foreign = daemon.client().with(ORIGIN, &origin);
        for path in PATHS.iter().filter(|path| path.starts_with("/api/")) {
            let answer = ask(&foreign, path).await;
            assert_eq!(answer.status, 403, "{origin} {path}: {}", answer.text());
            let allowed = answer.header("access-control-allow-origin");
            assert_eq!(allowed, "", "{origin} {path}");
        }
        foreign
            .post(WRITE, &json!({ "text": "x" }))
            .await
            .expect(403);
        foreign.send(Method::OPTIONS, WRITE, None).await.expect(403);
    }
    // A browser that says no more than this still says it.
    let cross = daemon.client().with(name("sec-fetch-site"), "cross-site");
    cross.get("/api/v1/echo/read?id=7").await.expect(403);
    cross.post(WRITE, &json!({ "text": "x" })).await.expect(403);
    assert_eq!(echo.seen().len(), before);
    let same = daemon.client().with(ORIGIN, &own);
    same.post(WRITE, &json!({ "text": "x" })).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_login_a_request_that_was_forwarded_is_refused() {
    let echo = Echo::start().await;
    let daemon = start(&echo).await;
    let before = echo.seen().len();
    for (header, value) in [
        ("forwarded", "for=192.0.2.1"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-for", "127.0.0.1"),
    ] {
        let forwarded = daemon.client().with(name(header), value);
        for path in [
            "/api/v1/me",
            "/api/v1/integrations",
            "/api/v1/echo/read?id=7",
            "/metrics",
        ] {
            let refused = forwarded.get(path).await;
            assert_eq!(refused.status, 403, "{header} {path}: {}", refused.text());
        }
        forwarded
            .post(WRITE, &json!({ "text": "x" }))
            .await
            .expect(403);
    }
    assert_eq!(echo.seen().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_what_keeps_it_from_being_misread() {
    let echo = Echo::start().await;
    let daemon = start(&echo).await;
    let client = daemon.client();
    for path in PATHS {
        let answer = ask(&client, path).await;
        let header = |name: &str| answer.header(name).to_owned();
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        // The same for everybody, and made to be kept.
        let public = path.starts_with("/.well-known/");
        let kept = if public {
            "public, max-age=300"
        } else {
            "no-store"
        };
        assert_eq!(header("cache-control"), kept, "{path}");
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert!(header("x-request-id").starts_with("req_"), "{path}");
        let upstream = path.contains("/echo/read");
        assert_eq!(header("gestalt-source") == "upstream", upstream, "{path}");
        // What an upstream wrote must not become a page of ours.
        assert_eq!(policy.contains("sandbox"), upstream, "{path}: {policy}");
        assert!(
            !answer.headers.contains_key("access-control-allow-origin"),
            "{path}"
        );
        assert!(!answer.headers.contains_key("server"), "{path}");
    }
}
