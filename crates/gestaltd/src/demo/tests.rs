use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

const ADA: &str = "demo-ada-lovelace";
const BOB: &str = "demo-bob-builder";

async fn ask(
    router: &Router,
    method: &str,
    path: &str,
    key: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path);
    if !key.is_empty() {
        request = request.header(KEY_HEADER, key);
    }
    let body = match body {
        Some(json) => {
            request = request.header("content-type", "application/json");
            Body::from(json.to_string())
        }
        None => Body::empty(),
    };
    let answer = router
        .clone()
        .oneshot(request.body(body).unwrap())
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (
        status,
        serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    )
}

#[tokio::test]
async fn without_a_key_of_the_right_form_nothing_is_served() {
    let router = router();
    for key in ["", "demo-short", "other-key-of-length", "demo-with space"] {
        for (method, path) in [
            ("GET", "/whoami"),
            ("GET", "/notes"),
            ("POST", "/notes"),
            ("DELETE", "/notes/1"),
        ] {
            let (status, problem) = ask(&router, method, path, key, None).await;
            assert_eq!(status, 401, "{key} {method} {path}");
            assert_eq!(problem["status"], 401);
        }
    }
}

#[tokio::test]
async fn bad_requests_are_problems() {
    let router = router();
    for (method, path, body, expect) in [
        ("GET", "/notes?limit=0", None, 400),
        ("GET", "/notes?limit=101", None, 400),
        ("GET", "/notes?after=x", None, 400),
        ("POST", "/notes", None, 400),
        ("POST", "/notes", Some(json!({"title": ""})), 400),
        ("POST", "/notes", Some(json!({"titel": "x"})), 400),
        (
            "POST",
            "/notes",
            Some(json!({"title": "x", "body": "y".repeat(10_001)})),
            400,
        ),
        (
            "POST",
            "/notes",
            Some(json!({"title": "x", "body": "y".repeat(70_000)})),
            413,
        ),
        ("GET", "/notes/1", None, 404),
        ("GET", "/notes/x", None, 404),
        ("PUT", "/notes", None, 405),
        ("GET", "/nowhere", None, 404),
    ] {
        let (status, problem) = ask(&router, method, path, ADA, body).await;
        assert_eq!(status, expect, "{method} {path} {problem}");
        assert_eq!(problem["status"], expect);
    }
}

#[tokio::test]
async fn each_key_has_its_own_notes() {
    let router = router();
    let (status, note) = ask(
        &router,
        "POST",
        "/notes",
        ADA,
        Some(json!({"title": "Engine", "body": "Numbers."})),
    )
    .await;
    assert_eq!(
        (status, &note),
        (
            201,
            &json!({"id": 1, "title": "Engine", "body": "Numbers."})
        )
    );
    assert_eq!(ask(&router, "GET", "/notes/1", BOB, None).await.0, 404);
    assert_eq!(ask(&router, "DELETE", "/notes/1", BOB, None).await.0, 404);
    assert_eq!(
        ask(&router, "GET", "/notes", BOB, None).await.1,
        json!({"notes": [], "next": null})
    );
    assert_eq!(ask(&router, "GET", "/notes/1", ADA, None).await.1, note);
    let (_, ada) = ask(&router, "GET", "/whoami", ADA, None).await;
    let (_, bob) = ask(&router, "GET", "/whoami", BOB, None).await;
    assert_eq!((&ada["notes"], &bob["notes"]), (&json!(1), &json!(0)));
    assert_ne!(ada["account"], bob["account"]);
    assert!(
        !ada.to_string().contains("lovelace"),
        "a key is never repeated"
    );
    assert_eq!(ask(&router, "DELETE", "/notes/1", ADA, None).await.0, 204);
    assert_eq!(ask(&router, "GET", "/notes/1", ADA, None).await.0, 404);
}

#[tokio::test]
async fn its_document_names_every_route() {
    let (status, document) = ask(&router(), "GET", "/openapi.json", "", None).await;
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/whoami", "/notes", "/notes/{id}"]);
}
