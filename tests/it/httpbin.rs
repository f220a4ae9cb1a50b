//! httpbin as a plugin, from the catalogue's manifest.

use std::path::Path;

use bytes::Bytes;
use gestalt_e2e::peers::{self, Peer};
use gestalt_e2e::{Answer, Client, Daemon};
use hyper::Request;
use serde_json::{Value, json};

/// A daemon whose one plugin is httpbin.
struct Stage {
    daemon: Daemon,
    _httpbin: Peer,
}

impl Stage {
    async fn set() -> Self {
        let httpbin = peers::httpbin().await;
        let manifest =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalog/httpbin/manifest.yaml");
        let port = httpbin.url.rsplit(':').next().unwrap();
        let config = format!(
            r#"server:
  public: {{ host: 127.0.0.1, port: 0 }}
  encryptionKey: "{key}"
plugins:
  httpbin:
    source: {manifest}
    surfaces: {{ rest: {{ baseUrl: "{url}" }} }}
    egress: {{ allowedCidrs: ["127.0.0.1/32:{port}"] }}
"#,
            key = gestalt_e2e::seed::ROOT_KEY,
            manifest = manifest.display(),
            url = httpbin.url,
        );
        Self {
            daemon: Daemon::start(&config).await,
            _httpbin: httpbin,
        }
    }

    fn client(&self) -> Client {
        self.daemon.client()
    }

    async fn get(&self, path: &str) -> Answer {
        self.client().get(&format!("/api/v1/httpbin/{path}")).await
    }

    async fn post(&self, operation: &str, body: &Value) -> Answer {
        let path = format!("/api/v1/httpbin/{operation}");
        self.client().post(&path, body).await
    }

    async fn raw(&self, path: &str, content_type: &str, body: impl Into<Bytes>) -> Answer {
        let request = Request::post(format!("/api/v1/httpbin/{path}"))
            .header("content-type", content_type)
            .body(body.into().into());
        self.client().request(request.unwrap()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_reaches_httpbin() {
    let stage = Stage::set().await;
    let by_get = stage.get("put").await.expect(400).json();
    assert_eq!(by_get["code"], "invalid_request");
    let got = stage
        .get("get?tags=a&tags=b%26c&X-Note=hello")
        .await
        .expect(200)
        .json();
    assert_eq!(got["args"]["tags"], json!(["a", "b&c"]));
    assert_eq!(got["headers"]["X-Note"], "hello");
    stage.get("head").await.expect(200);
    stage.get("options").await.expect(200);
    for operation in ["put", "patch"] {
        let answer = stage
            .post(
                operation,
                &json!({ "body": { "title": "x" }, "tags": ["y"] }),
            )
            .await;
        let answer = answer.expect(200).json();
        assert_eq!(answer["json"]["title"], "x", "{answer}");
        assert_eq!(answer["args"]["tags"], "y", "{answer}");
    }
    let deleted = stage.post("delete", &json!({ "tags": ["a"] })).await;
    assert_eq!(deleted.expect(200).json()["args"]["tags"], "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_body_reaches_httpbin() {
    let stage = Stage::set().await;
    let missing = stage
        .post("post_json", &json!({ "body": { "count": "many" } }))
        .await;
    assert_eq!(missing.expect(400).json()["code"], "invalid_request");

    let sent = r#"{"body":{"title":"x","count":12345678901234567890,"ratio":1.0}}"#;
    let answer = stage.raw("post_json", "application/json", sent).await;
    let answer = answer.expect(200).json();
    let data = answer["data"].as_str().unwrap();
    // Numbers keep their text.
    assert!(
        data.contains("12345678901234567890") && data.contains("1.0"),
        "{data}"
    );

    let form = stage
        .post(
            "post_form",
            &json!({ "body": { "title": "a b&c", "tags": ["x", "y"] } }),
        )
        .await;
    let form = form.expect(200).json();
    assert_eq!(
        form["form"],
        json!({ "title": "a b&c", "tags": ["x", "y"] })
    );
    let parts = stage
        .post(
            "post_multipart",
            &json!({ "body": { "title": "x", "file": "content" } }),
        )
        .await;
    let parts = parts.expect(200).json();
    assert!(
        parts["headers"]["Content-Type"]
            .as_str()
            .unwrap()
            .starts_with("multipart/form-data")
    );
    assert_eq!(parts["form"]["title"], "x", "{parts}");
    let text = stage.raw("post_text", "text/plain", "plain words").await;
    assert_eq!(text.expect(200).json()["data"], "plain words");
    // A megabyte streams through whole.
    let large = "0123456789abcdef".repeat(65_536);
    let raw = stage
        .raw("post_raw", "application/octet-stream", large.clone())
        .await;
    assert_eq!(raw.expect(200).json()["data"], large);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_within_the_rules() {
    let stage = Stage::set().await;
    let elsewhere = stage
        .get("redirect_to?url=http%3A%2F%2F169.254.169.254%2F")
        .await;
    assert_eq!(elsewhere.expect(403).json()["code"], "egress_denied");
    // The limit is five.
    assert!(stage.get("redirect?n=9").await.status >= 400);
    for kind in ["redirect", "relative_redirect", "absolute_redirect"] {
        let answer = stage.get(&format!("{kind}?n=3")).await.expect(200).json();
        assert!(
            answer["url"].as_str().unwrap().ends_with("/get"),
            "{answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_slow_and_streaming_answers_arrive_whole() {
    let stage = Stage::set().await;
    let compressed = [
        ("gzip", "gzipped"),
        ("deflate", "deflated"),
        ("brotli", "brotli"),
    ];
    for (operation, field) in compressed {
        let answer = stage.get(operation).await.expect(200);
        assert_eq!(answer.header("content-encoding"), "");
        assert_eq!(answer.json()[field], true);
    }
    let lines = stage.get("stream?n=20").await.expect(200).text();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 20);
    assert_eq!(lines[19]["id"], 19);
    assert_eq!(
        stage
            .get("stream_bytes?n=102400")
            .await
            .expect(200)
            .body
            .len(),
        102_400
    );
    assert_eq!(
        stage
            .get("bytes?n=1000&seed=1")
            .await
            .expect(200)
            .body
            .len(),
        1_000
    );
    let drip = stage.get("drip?duration=0.5&numbytes=7").await.expect(200);
    assert_eq!(drip.text(), "*".repeat(7));
    stage.get("delay?seconds=0.2").await.expect(200);
    let image = stage.get("png").await.expect(200);
    assert_eq!(image.header("content-type"), "image/png");
    assert!(image.body.starts_with(b"\x89PNG"));
    assert!(
        stage
            .get("utf8")
            .await
            .expect(200)
            .text()
            .contains("∮ E⋅da = Q")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_and_headers_pass_and_cookies_do_not() {
    let stage = Stage::set().await;
    for code in [204, 302, 400, 404, 418, 429, 500, 503] {
        let answer = stage.get(&format!("status?code={code}")).await;
        if code == 302 {
            // Followed, as a redirect is.
            answer.expect(200);
            continue;
        }
        assert_eq!(answer.expect(code).header("gestalt-source"), "upstream");
    }
    let tagged = stage.get("etag?etag=abc").await.expect(200);
    assert_eq!(tagged.header("etag"), "abc");
    stage
        .get("etag?etag=abc&if_none_match=abc")
        .await
        .expect(304);
    let answer = stage.get("response_headers?answer=mine").await.expect(200);
    assert_eq!(answer.header("x-answer"), "");
    let titles = stage.get("slide_titles").await.expect(200).json();
    assert_eq!(titles[0]["title"], "Wake up to WonderWidgets!", "{titles}");
}

#[tokio::test(flavor = "multi_thread")]
async fn basic_and_bearer_credentials_are_injected() {
    let stage = Stage::set().await;
    let basic = "basic_auth?user=alice&passwd=secret-word&_connection=basic";
    let refused = stage.get(basic).await.expect(412).json();
    assert_eq!(refused["code"], "not_connected");
    let connect = async |connection: &str, credentials: Value| {
        let body = json!({
            "integration": "httpbin", "connection": connection, "credentials": credentials,
        });
        stage
            .client()
            .post("/api/v1/auth/connect-manual", &body)
            .await
    };
    let credentials = json!({ "username": "alice", "password": "secret-word" });
    connect("basic", credentials).await.expect(201);
    assert_eq!(stage.get(basic).await.expect(200).json()["user"], "alice");
    let wrong = "basic_auth?user=alice&passwd=another&_connection=basic";
    let wrong = stage.get(wrong).await.expect(412).json();
    assert_eq!(wrong["code"], "reconnect_required");

    connect("bearer", json!({ "token": "a-bearer-token" }))
        .await
        .expect(201);
    let bearer = stage.get("bearer_auth?_connection=bearer").await;
    assert_eq!(bearer.expect(200).json(), json!({ "authenticated": true }));
}
