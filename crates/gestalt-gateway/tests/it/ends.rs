//! How a call ends when its client goes away, its answer breaks, or is too large.

use std::future::Future as _;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use gestalt_core::Code;
use gestalt_gateway::{AuditView, ReplyBody, VerifyInput};
use http_body_util::BodyExt as _;

use crate::clients::{Client, code, of_kind};
use crate::gateway::TestGateway;

async fn connected() -> (TestGateway, Client) {
    let test = TestGateway::new().await;
    test.connect(&test.bob, "key-of-bob", "bob").await;
    let bob = test.cookie(&test.bob);
    (test, bob)
}

/// The outcome of the only call, once there is one. The limit is against a deadlock.
async fn outcome(client: &Client) -> AuditView {
    let look = async {
        loop {
            let last = client.invocations().await.pop().unwrap();
            if last.outcome.is_some() {
                return last;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), look)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_call_whose_client_goes_away_is_given_up_and_recorded() {
    let (test, bob) = connected().await;
    let state = std::sync::Arc::clone(&test.peer.state);
    let call = tokio::spawn({
        let bob = bob.clone();
        async move { bob.call("hang").await }
    });
    state.arrived.notified().await;
    call.abort();
    state.given_up.notified().await;
    let record = outcome(&bob).await;
    assert_eq!(record.outcome.as_deref(), Some("cancelled"));
    assert_eq!(record.upstream_status, None);
    assert_eq!(test.metric("gestalt_audit_pending"), 0);
}

#[tokio::test]
async fn a_call_that_is_cut_while_the_gateway_drains_is_recorded_as_cancelled() {
    let (mut test, bob) = connected().await;
    let state = Arc::clone(&test.peer.state);
    let mut call = Box::pin(bob.call("hang"));
    tokio::select! {
        answer = &mut call => panic!("answered: {answer:?}"),
        () = state.arrived.notified() => {}
    }
    // Draining has begun, and whoever carries the call lets go of it only now.
    let gateway = test.gateway.clone();
    let mut draining = Box::pin(gateway.shutdown(Duration::MAX));
    for _ in 0..100 {
        let polled = std::future::poll_fn(|context| Poll::Ready(draining.as_mut().poll(context)));
        assert!(polled.await.is_pending(), "the call is still under way");
        tokio::task::yield_now().await;
    }
    drop(call);
    draining.await;

    test.gateway = test.setup.open().await.unwrap();
    let bob = test.cookie(&test.bob);
    let record = bob.invocations().await.pop().unwrap();
    assert_eq!(record.outcome.as_deref(), Some("cancelled"));
    // The chain was closed after it: nothing is missing, and nothing is said to be.
    let ada = test.cookie(&test.ada);
    assert!(ada.trail(of_kind("gap")).await.is_empty());
    let caller = ada.caller().await.unwrap();
    let verified = test.gateway.verify_audit(&caller, VerifyInput::default());
    let found = verified.await.unwrap();
    assert!(found.ok, "{:?}", found.faults);
}

#[tokio::test]
async fn a_stream_that_is_read_to_its_end_is_ok() {
    let (test, bob) = connected().await;
    let chunks = test.peer.streams();
    let reply = bob.invoke("tracker", "stream").await.unwrap();
    chunks.send(Ok("one ")).await.unwrap();
    chunks.send(Ok("two")).await.unwrap();
    drop(chunks);
    assert_eq!(crate::clients::text(reply).await, "one two");
    let record = outcome(&bob).await;
    assert_eq!(
        (record.outcome.as_deref(), record.upstream_status),
        (Some("ok"), Some(200))
    );
}

#[tokio::test]
async fn a_stream_that_breaks_is_no_success() {
    let (test, bob) = connected().await;
    let chunks = test.peer.streams();
    let reply = bob.invoke("tracker", "stream").await.unwrap();
    chunks.send(Ok("one ")).await.unwrap();
    chunks.send(Err("broken off")).await.unwrap();
    let ReplyBody::Stream(stream) = reply.body else {
        panic!("not a stream")
    };
    assert!(stream.collect().await.is_err(), "a cut is an error");
    let record = outcome(&bob).await;
    assert_eq!(record.outcome.as_deref(), Some("upstream_invalid"));
}

#[tokio::test]
async fn a_stream_whose_reader_goes_away_is_given_up_and_recorded() {
    let (test, bob) = connected().await;
    let chunks = test.peer.streams();
    let reply = bob.invoke("tracker", "stream").await.unwrap();
    drop(reply);
    let record = outcome(&bob).await;
    assert_eq!(record.outcome.as_deref(), Some("cancelled"));
    // The upstream's end of it is closed as well.
    tokio::time::timeout(Duration::from_mins(1), chunks.closed())
        .await
        .unwrap();
}

#[tokio::test]
async fn an_answer_over_its_limit_is_an_error_and_never_a_cut() {
    let (test, bob) = connected().await;
    assert_eq!(code(bob.call("large").await), Code::ResponseTooLarge);
    let record = outcome(&bob).await;
    assert_eq!(record.outcome.as_deref(), Some("response_too_large"));
    let mut limited = test.setup.catalogue.clone();
    for operation in &mut limited.plugins[0].operations {
        Arc::make_mut(operation).response.max_bytes = Some(6);
    }
    test.gateway.reload(limited).await.unwrap();
    // Where the length is not known before, the stream breaks at the limit.
    let chunks = test.peer.streams();
    let reply = bob.invoke("tracker", "stream").await.unwrap();
    chunks.send(Ok("within")).await.unwrap();
    chunks.send(Ok(" and beyond")).await.unwrap();
    drop(chunks);
    let ReplyBody::Stream(stream) = reply.body else {
        panic!("not a stream")
    };
    assert!(stream.collect().await.is_err());
    let record = outcome(&bob).await;
    assert_eq!(record.outcome.as_deref(), Some("response_too_large"));
}

#[tokio::test]
async fn an_upstream_that_is_not_there_or_not_permitted_is_recorded_as_such() {
    let (test, bob) = connected().await;
    let mut elsewhere = test.setup.catalogue.clone();
    elsewhere.plugins[0].egress.allowed_ranges.clear();
    test.gateway.reload(elsewhere).await.unwrap();
    let asked = test.peer.requests();
    assert_eq!(code(bob.call("echo").await), Code::EgressDenied);
    assert_eq!(test.peer.requests(), asked);
    assert_eq!(
        outcome(&bob).await.outcome.as_deref(),
        Some("egress_denied")
    );
}
