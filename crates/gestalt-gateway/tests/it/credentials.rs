//! The life of a stored credential: replaced, gone back to, checked, refused, removed.

use gestalt_core::Code;
use gestalt_gateway::AuditQuery;

use crate::clients::{AT_ONCE, code, connect};
use crate::gateway::TestGateway;
use crate::plugins::HOUR;

#[tokio::test]
async fn a_replaced_credential_can_be_gone_back_to_until_its_grace_is_over() {
    let test = TestGateway::new().await;
    let bob = test.cookie(&test.bob);
    let caller = bob.caller().await.unwrap();
    let id = test.connect(&test.bob, "first-key", "first").await;
    let back = async || test.gateway.rollback_connection(&caller, &id).await;
    assert_eq!(code(back().await), Code::InvalidRequest);
    assert!(bob.call("echo").await.unwrap().contains("first"));
    assert_eq!(test.connect(&test.bob, "second-key", "second").await, id);
    assert!(
        bob.call("echo").await.unwrap().contains("second"),
        "used alone"
    );
    let view = back().await.unwrap();
    assert_eq!(view.rollback_until, None);
    assert!(bob.call("echo").await.unwrap().contains("first"));
    assert_eq!(code(back().await), Code::InvalidRequest);

    let mut third = connect("tracker", "second-key");
    third.grace = Some(HOUR);
    let view = bob.connect_with(third).await.unwrap();
    assert!(view.rollback_until.is_some());
    test.clock.advance(HOUR);
    assert_eq!(code(back().await), Code::InvalidRequest);
    let view = test.gateway.get_connection(&caller, &id).await.unwrap();
    assert_eq!(view.rollback_until, None);
    assert!(bob.call("echo").await.unwrap().contains("second"));
}

#[tokio::test]
async fn without_a_grace_the_replaced_credential_is_destroyed_at_once() {
    let mut test = TestGateway::new().await;
    let id = test.connect(&test.bob, "first-key", "first").await;
    test.peer.knows("second-key", "second");
    let mut request = connect("tracker", "second-key");
    request.grace = Some(AT_ONCE);
    test.cookie(&test.bob).connect_with(request).await.unwrap();
    let caller = test.cookie(&test.bob).caller().await.unwrap();
    let back = test.gateway.rollback_connection(&caller, &id).await;
    assert_eq!(code(back), Code::InvalidRequest);
    let kept = test
        .reopen(async |seed| {
            let id = id.parse().unwrap();
            let previous = seed.store.list_previous_secrets(id).await.unwrap().len();
            (
                previous,
                seed.store
                    .find_connection(id)
                    .await
                    .unwrap()
                    .unwrap()
                    .secrets
                    .len(),
            )
        })
        .await;
    assert_eq!(kept, (0, 1));
}

#[tokio::test]
async fn a_short_secret_is_warned_of_and_the_nickname_is_the_upstreams() {
    let test = TestGateway::new().await;
    test.peer.knows("short", "Bob of Tracker");
    let view = test
        .cookie(&test.bob)
        .connect("tracker", "short")
        .await
        .unwrap();
    assert_eq!(view.nickname.as_deref(), Some("Bob of Tracker"));
    assert_eq!(view.warnings.len(), 1);
    test.peer.knows("long-enough", "Bob");
    let view = test
        .cookie(&test.bob)
        .connect("tracker", "long-enough")
        .await
        .unwrap();
    assert_eq!(
        (view.nickname.as_deref(), view.warnings.len()),
        (Some("Bob"), 0)
    );
}

#[tokio::test]
async fn an_upstream_401_asks_to_reconnect_and_the_next_success_recovers() {
    let test = TestGateway::new().await;
    let id = test.connect(&test.bob, "key-of-bob", "bob").await;
    let bob = test.cookie(&test.bob);
    let caller = bob.caller().await.unwrap();
    let state = async || {
        test.gateway
            .get_connection(&caller, &id)
            .await
            .unwrap()
            .state
    };
    test.peer.refuses("key-of-bob", true);
    assert_eq!(code(bob.call("echo").await), Code::ReconnectRequired);
    // The state is noted off the request's path; a change queues behind it.
    settled(&test).await;
    assert_eq!(state().await, "degraded");
    test.peer.refuses("key-of-bob", false);
    let answered = bob.invoke("tracker", "missing").await.unwrap();
    assert_eq!(answered.status, 404);
    settled(&test).await;
    assert_eq!(state().await, "degraded", "an error proves nothing");
    assert!(bob.call("echo").await.is_ok());
    settled(&test).await;
    assert_eq!(state().await, "connected");
}

/// Waits for the gateway's own work to be handed over and written.
async fn settled(test: &TestGateway) {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    test.cookie(&test.ada).trail(AuditQuery::default()).await;
}

#[tokio::test]
async fn a_check_finds_what_the_upstream_says_now() {
    let test = TestGateway::new().await;
    let id = test.connect(&test.bob, "key-of-bob", "bob").await;
    let caller = test.cookie(&test.bob).caller().await.unwrap();
    let check = async || test.gateway.check_connection(&caller, &id).await.unwrap();
    test.peer.refuses("key-of-bob", true);
    let view = check().await;
    assert_eq!(view.state, "needs_reauth");
    assert!(view.state_reason.unwrap().contains("401"));
    assert_eq!(
        code(test.cookie(&test.bob).call("echo").await),
        Code::ReconnectRequired
    );
    test.peer.refuses("key-of-bob", false);
    let view = check().await;
    assert_eq!(
        (view.state, view.nickname.as_deref()),
        ("connected", Some("bob"))
    );
    assert!(test.cookie(&test.bob).call("echo").await.is_ok());
}

#[tokio::test]
async fn what_is_disconnected_is_gone_from_memory_too() {
    let test = TestGateway::new().await;
    let id = test.connect(&test.bob, "key-of-bob", "bob").await;
    let bob = test.cookie(&test.bob);
    assert!(bob.call("echo").await.is_ok());
    let caller = bob.caller().await.unwrap();
    let gone = test.gateway.disconnect(&caller, &id).await.unwrap();
    assert_eq!(
        (gone.disconnected, gone.upstream),
        (vec![id.clone()], "unsupported")
    );
    assert_eq!(code(bob.call("echo").await), Code::NotConnected);
    assert_eq!(
        code(test.gateway.disconnect(&caller, &id).await),
        Code::NotFound
    );
}
