//! Ending: calls under way are let end, and then nothing is missing.

use gestalt_e2e::{Daemon, Echo};
use hyper::Request;

use crate::actions::{audited, connect, verify};

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_a_slow_call_end_and_takes_no_new_one() {
    let echo = Echo::start().await;
    let mut daemon = Daemon::start(&echo.config("")).await;
    let client = daemon.client();
    connect(&client, "default", "key-of-alice")
        .await
        .expect(201);
    echo.hold();
    let caller = client.clone();
    let call = tokio::spawn(async move { caller.get("/api/v1/echo/read?id=7").await });
    while echo.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    daemon.program().signal("TERM");
    daemon.program().said("draining").await;
    // A new connection is no longer accepted, sooner or later.
    let fresh = daemon.client();
    let ask = || Request::get("/health").body(String::new().into()).unwrap();
    while fresh.try_request(ask()).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!call.is_finished());
    echo.release();
    let answer = call.await.unwrap().expect(200);
    let request = answer.header("x-request-id").to_owned();
    assert!(daemon.program().ended().await.success());

    daemon.restart().await;
    let client = daemon.client();
    let invocations = audited(&client, "invocation").await;
    let ended = invocations
        .iter()
        .any(|record| record["requestId"] == request.as_str() && record["outcome"] == "ok");
    assert!(
        ended,
        "the call's outcome is in the audit: {invocations:#?}"
    );
    assert!(audited(&client, "gap").await.is_empty());
    verify(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sigterm_cuts_what_is_under_way_and_loses_no_record() {
    let echo = Echo::start().await;
    // Longer than the test waits for anything.
    let config = echo
        .config("")
        .replacen("server:\n", "server:\n  drainTimeout: 1h\n", 1);
    let mut daemon = Daemon::start(&config).await;
    let client = daemon.client();
    connect(&client, "default", "key-of-alice")
        .await
        .expect(201);
    echo.hold();
    let call = tokio::spawn(async move {
        let request = Request::get("/api/v1/echo/read?id=7").body(String::new().into());
        client.try_request(request.unwrap()).await
    });
    while echo.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    daemon.program().signal("TERM");
    daemon.program().said("draining").await;
    assert!(!call.is_finished());
    daemon.program().signal("TERM");
    assert!(daemon.program().ended().await.success());
    assert!(call.await.unwrap().is_err(), "the caller was cut off");
    echo.release();
    daemon.restart().await;
    let client = daemon.client();
    let invocations = audited(&client, "invocation").await;
    let mut ended = invocations
        .iter()
        .filter(|record| record["phase"] == "outcome" || record["phase"] == "complete");
    assert!(
        ended
            .next()
            .is_some_and(|one| one["outcome"] == "cancelled"),
        "{invocations:#?}"
    );
    assert!(audited(&client, "gap").await.is_empty());
    verify(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_in_time_is_cut_and_audited() {
    let echo = Echo::start().await;
    let config = echo
        .config("")
        .replacen("server:\n", "server:\n  drainTimeout: 1s\n", 1);
    let mut daemon = Daemon::start(&config).await;
    let client = daemon.client();
    connect(&client, "default", "key-of-alice")
        .await
        .expect(201);
    echo.hold();
    let call = tokio::spawn(async move {
        let request = Request::get("/api/v1/echo/read?id=7").body(String::new().into());
        client.try_request(request.unwrap()).await
    });
    while echo.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    daemon.stop().await;
    assert!(call.await.unwrap().is_err(), "the caller was cut off");
    echo.release();
    daemon.restart().await;
    let client = daemon.client();
    let invocations = audited(&client, "invocation").await;
    let ended = invocations
        .iter()
        .filter(|record| record["phase"] == "outcome" || record["phase"] == "complete");
    assert_eq!(ended.count(), 1, "{invocations:#?}");
    verify(&client).await;
}
