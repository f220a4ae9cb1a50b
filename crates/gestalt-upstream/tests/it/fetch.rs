//! Documents by URL: the guard holds for them as for calls.

use gestalt_core::Secret;
use gestalt_core::host::EgressRules;
use gestalt_upstream::egress::Reason;
use gestalt_upstream::{Injection, Resolver, Upstream, UpstreamError};

use crate::server::{Server, answer, json, redirect};
use crate::world::{only, settings};

async fn fetch(url: &str, rules: &EgressRules) -> Result<bytes::Bytes, UpstreamError> {
    let upstream = Upstream::new(settings(), Resolver::System).unwrap();
    upstream.fetch(&url.parse().unwrap(), rules, 1_000).await
}

#[tokio::test]
async fn s35_a_document_at_a_special_address_is_refused() {
    for url in [
        "http://127.0.0.1:9/",
        "https://127.0.0.1:9/",
        "https://0x7f.1/",
        "https://169.254.169.254/latest",
        "https://[::ffff:10.0.0.1]/",
        "http://localhost/",
    ] {
        let rules = EgressRules {
            allow_public: true,
            ..EgressRules::default()
        };
        let result = fetch(url, &rules).await;
        assert!(
            matches!(&result, Err(UpstreamError::EgressDenied(d)) if matches!(d.reason, Reason::Address(_))),
            "{url}: {result:?}"
        );
    }
}

#[tokio::test]
async fn s35_without_tls_a_public_address_is_refused_before_it_is_dialled() {
    let result = fetch("http://192.31.195.1/openapi.json", &EgressRules::default()).await;
    assert!(
        matches!(&result, Err(UpstreamError::EgressDenied(d)) if matches!(d.reason, Reason::Address(_))),
        "{result:?}"
    );
}

#[tokio::test]
async fn s35_a_redirect_of_a_document_to_another_host_is_refused() {
    let server = Server::start(|_| redirect(302, "http://[::1]:9/x")).await;
    let result = fetch(&server.url(), &only(server.address)).await;
    assert!(
        matches!(&result, Err(UpstreamError::EgressDenied(d)) if d.reason == Reason::Host),
        "{result:?}"
    );
}

#[tokio::test]
async fn s48_a_large_document_is_an_error() {
    let server = Server::start(|_| json(&"[".repeat(2_000))).await;
    let result = fetch(&server.url(), &only(server.address)).await;
    assert!(
        matches!(
            result,
            Err(UpstreamError::ResponseTooLarge { limit: 1_000 })
        ),
        "{result:?}"
    );
}

#[tokio::test]
async fn an_answer_that_is_no_success_is_no_document() {
    let server = Server::start(|_| answer(404, &[], "{}")).await;
    let result = fetch(&server.url(), &only(server.address)).await;
    assert!(
        matches!(&result, Err(UpstreamError::InvalidAnswer { .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_document_comes_whole_and_nothing_secret_goes_out() {
    let server = Server::start(|seen| {
        assert_eq!(seen.path, "/a%20b.json");
        assert_eq!(seen.query, "v=1");
        json(r#"{"openapi":"3.1.0"}"#)
    })
    .await;
    let url = format!("{}/a%20b.json?v=1#part", server.url());
    let bytes = fetch(&url, &only(server.address)).await.unwrap();
    assert_eq!(bytes, r#"{"openapi":"3.1.0"}"#);
    let seen = server.seen();
    let mut names: Vec<&str> = seen[0]
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"]);
}

#[tokio::test]
async fn a_schema_is_asked_for_with_the_credential_and_nothing_follows_it_elsewhere() {
    let other = Server::quiet().await;
    let to = other.url();
    let server = Server::start(move |seen| match seen.path.as_str() {
        "/graphql" => json("{\"data\":{}}"),
        _ => redirect(307, &to),
    })
    .await;
    let rules = only(server.address);
    let ask = async |path: &str| {
        let mut injection = Injection::default();
        let name = http::HeaderName::from_static("authorization");
        injection.headers.push((name, Secret::new("Bearer it")));
        let upstream = Upstream::new(settings(), Resolver::System).unwrap();
        let url = format!("{}{path}", server.url()).parse().unwrap();
        upstream.introspect(&url, injection, &rules, 1_000).await
    };
    assert!(ask("/elsewhere").await.is_err());
    assert!(other.seen().is_empty());
    assert_eq!(ask("/graphql").await.unwrap(), "{\"data\":{}}");
    let seen = server.seen().pop().unwrap();
    assert_eq!(seen.method, http::Method::POST);
    assert_eq!(seen.header("authorization"), Some("Bearer it"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    let sent: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    let query = sent["query"].as_str().unwrap();
    assert!(query.starts_with("query Introspection { __schema"));
}
