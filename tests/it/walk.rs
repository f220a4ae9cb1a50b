//! A call over HTTP: refused, then made, then found in the audit.

use gestalt_e2e::{Daemon, Echo};
use hyper::header::HOST;

use crate::actions::{audited, connect, create_token, verify};

const READ: &str = "/api/v1/echo/read?id=7";

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_refused_before_it_is_made_and_all_of_it_is_audited() {
    let echo = Echo::start().await;
    let daemon = Daemon::start(&echo.config("")).await;
    let anonymous = daemon.client();
    let bad = anonymous.clone().bearer("gst_api_no");
    assert_eq!(
        bad.get(READ).await.expect(401).json()["code"],
        "unauthenticated"
    );

    let created = create_token(&anonymous).await;
    let client = anonymous.clone().bearer(created["token"].as_str().unwrap());
    let refused = client.get(READ).await.expect(412);
    assert_eq!(refused.json()["code"], "not_connected");
    assert_eq!(refused.header("gestalt-source"), "gateway");
    assert_eq!(refused.header("content-type"), "application/problem+json");

    let connected = connect(&client, "default", "key-of-alice").await;
    let connected = connected.expect(201).json();
    let unknown = client.get("/api/v1/echo/read?identity=7").await;
    assert_eq!(unknown.expect(400).json()["code"], "invalid_request");
    let answer = client.get(READ).await.expect(200);
    assert_eq!(answer.header("gestalt-source"), "upstream");
    assert_eq!(answer.json()["path"], "/items/7");
    // The echo of the credential is masked, in equal length.
    assert_eq!(answer.json()["key"], "*".repeat("key-of-alice".len()));
    assert_eq!(echo.seen()[0]["key"], "key-of-alice");
    assert_eq!(echo.seen().len(), 1);

    let request = answer.header("x-request-id");
    let invocations = audited(&client, "invocation").await;
    let record = invocations
        .iter()
        .find(|record| record["requestId"] == request);
    let record = record.unwrap();
    assert_eq!(record["subject"], created["details"]["subject"]);
    assert_eq!(record["credential"], created["details"]["id"]);
    assert_eq!(record["integration"], "echo");
    assert_eq!(record["operation"], "read");
    assert_eq!(record["connection"], connected["connection"]);
    assert_eq!(record["outcome"], "ok");
    assert_eq!(record["upstreamStatus"], 200);
    verify(&anonymous).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstreams_own_failure_passes_as_it_is() {
    let echo = Echo::start().await;
    let daemon = Daemon::start(&echo.config("")).await;
    let client = daemon.client();
    connect(&client, "default", "key-of-alice")
        .await
        .expect(201);
    let answer = client.get("/api/v1/echo/fail?code=503").await.expect(503);
    assert_eq!(answer.header("gestalt-source"), "upstream");
    assert_eq!(answer.json()["path"], "/status/503");
    let refused = client.get("/api/v1/echo/fail?code=401").await.expect(412);
    assert_eq!(refused.json()["code"], "reconnect_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn s44_a_foreign_host_is_refused() {
    let echo = Echo::start().await;
    let daemon = Daemon::start(&echo.config("")).await;
    let foreign = daemon.client().with(HOST, "gestalt.attacker.example");
    foreign.get("/api/v1/me").await.expect(403);
    daemon.client().get("/api/v1/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_daemon_ends_well_and_audits_no_gap() {
    let echo = Echo::start().await;
    let mut daemon = Daemon::start(&echo.config("")).await;
    create_token(&daemon.client()).await;
    assert!(daemon.stop().await.success());
    daemon.restart().await;
    let client = daemon.client();
    assert_eq!(audited(&client, "token").await.len(), 1);
    assert_eq!(audited(&client, "gap").await.len(), 0);
    verify(&client).await;
}
