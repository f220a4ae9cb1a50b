//! What tests do with a daemon, in one line each.

use gestalt_e2e::{Answer, Client};
use serde_json::{Value, json};

/// Connects the caller to `echo`.
pub(crate) async fn connect(client: &Client, instance: &str, key: &str) -> Answer {
    let body = json!({
        "integration": "echo",
        "instance": instance,
        "credentials": { "key": key },
    });
    client.post("/api/v1/auth/connect-manual", &body).await
}

/// Makes a token of the caller's and returns the whole answer.
pub(crate) async fn create_token(client: &Client) -> Value {
    let body = json!({ "name": "a test's" });
    client
        .post("/api/v1/tokens", &body)
        .await
        .expect(201)
        .json()
}

/// The audit's records of one kind, oldest first.
pub(crate) async fn audited(client: &Client, kind: &str) -> Vec<Value> {
    let path = format!("/api/v1/audit/export?kind={kind}");
    let lines = client.get(&path).await.expect(200).text();
    let records = lines.lines().map(serde_json::from_str);
    records.collect::<Result<_, _>>().unwrap()
}

/// Fails unless the whole audit trail holds.
pub(crate) async fn verify(client: &Client) {
    let found = client.post("/api/v1/audit/verify", &json!({})).await;
    let found = found.expect(200).json();
    assert_eq!(found["ok"], true, "{found:#}");
}
