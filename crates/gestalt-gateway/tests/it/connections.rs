//! Connections: whose credential is used, replacing and going back, what a check finds.

use std::time::Duration;

use gestalt_core::connection::Mode;
use gestalt_core::{Code, Secret};
use gestalt_gateway::{ConnectRequest, Invocation};

use crate::clients::{code, connect, invocation, text};
use crate::gateway::{Person, TestGateway};
use crate::plugins::{DAY, HOUR, connection, plugin};

async fn with_mode(mode: Mode) -> TestGateway {
    TestGateway::with(|setup, peer| {
        let all = vec![connection("default", mode)];
        setup.catalogue.plugins = vec![plugin("tracker", peer.address, all)];
    })
    .await
}

fn changed(change: impl FnOnce(&mut ConnectRequest)) -> ConnectRequest {
    let mut request = connect("tracker", "key-of-bob");
    change(&mut request);
    request
}

fn field(request: &mut ConnectRequest, name: &str, value: &str) {
    request
        .credentials
        .insert(name.to_owned(), Secret::new(value));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anything_is_asked() {
    let test = TestGateway::new().await;
    let bob = test.cookie(&test.bob);
    let bad = [
        (
            Code::NotFound,
            changed(|r| r.integration = "trackr".to_owned()),
        ),
        (
            Code::InvalidRequest,
            changed(|r| r.connection = Some("work".to_owned())),
        ),
        (
            Code::InvalidRequest,
            changed(|r| r.instance = Some("a b".to_owned())),
        ),
        (Code::InvalidRequest, changed(|r| r.credentials.clear())),
        (Code::InvalidRequest, changed(|r| field(r, "token", ""))),
        (Code::InvalidRequest, changed(|r| field(r, "tokn", "x"))),
        (
            Code::InvalidRequest,
            changed(|r| field(r, "token", "a\r\nX-Admin: 1")),
        ),
        (
            Code::TooLarge,
            changed(|r| field(r, "token", &"x".repeat(16_385))),
        ),
        (Code::InvalidRequest, changed(|r| r.grace = Some(8 * DAY))),
    ];
    for (number, (expected, request)) in bad.into_iter().enumerate() {
        test.peer.knows("key-of-bob", "bob");
        let asked = test.peer.requests();
        assert_eq!(code(bob.connect_with(request).await), expected, "{number}");
        assert_eq!(test.peer.requests(), asked, "{number}");
    }
    let caller = bob.caller().await.unwrap();
    let listed = test
        .gateway
        .list_connections(&caller, None, Default::default())
        .await;
    assert!(listed.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_credential_that_the_upstream_refuses_is_not_stored() {
    let test = TestGateway::new().await;
    let bob = test.cookie(&test.bob);
    let refused = bob.connect("tracker", "wrong").await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidRequest);
    assert_eq!(code(bob.call("echo").await), Code::NotConnected);
    // Nor does it replace one that works.
    test.connect(&test.bob, "key-of-bob", "bob").await;
    assert_eq!(
        code(bob.connect("tracker", "wrong").await),
        Code::InvalidRequest
    );
    assert!(bob.call("echo").await.unwrap().contains("bob"));
    let records = bob.trail(crate::clients::of_kind("connection")).await;
    let outcomes: Vec<_> = records
        .iter()
        .map(|r| r.outcome.as_deref().unwrap())
        .collect();
    assert_eq!(outcomes, ["invalid_request", "ok", "invalid_request"]);
}

#[tokio::test]
async fn mode_none_sends_no_credential_and_takes_none() {
    let test = with_mode(Mode::None).await;
    let bob = test.cookie(&test.bob);
    assert_eq!(
        code(bob.connect("tracker", "key").await),
        Code::InvalidRequest
    );
    assert_eq!(bob.call("open").await.unwrap(), r#"{"saw":null}"#);
    // An upstream that wants one is for an admin to mend.
    assert_eq!(
        code(bob.call("echo").await),
        Code::AdminConfigurationRequired
    );
}

#[tokio::test]
async fn mode_user_uses_the_callers_own_and_no_others() {
    let test = with_mode(Mode::User).await;
    test.connect(&test.bob, "key-of-bob", "bob").await;
    let refused = test.cookie(&test.eve).call("echo").await.unwrap_err();
    assert_eq!(refused.code, Code::NotConnected);
    assert_eq!(refused.link.as_deref(), Some("/connect/tracker"));
    let platform = changed(|request| request.platform = true);
    let ada = test.cookie(&test.ada);
    assert_eq!(code(ada.connect_with(platform).await), Code::InvalidRequest);
    assert_eq!(
        test.cookie(&test.bob).call("echo").await.unwrap(),
        r#"{"saw":"bob"}"#
    );
}

#[tokio::test]
async fn mode_platform_uses_what_an_admin_has_set() {
    let test = with_mode(Mode::Platform).await;
    test.peer.knows("shared-key", "shared");
    let (ada, bob) = (test.cookie(&test.ada), test.cookie(&test.bob));
    assert_eq!(
        code(bob.call("echo").await),
        Code::AdminConfigurationRequired
    );
    assert_eq!(
        code(bob.connect("tracker", "shared-key").await),
        Code::AdminConfigurationRequired
    );
    let shared = |platform| {
        let mut request = connect("tracker", "shared-key");
        request.platform = platform;
        request
    };
    assert_eq!(code(bob.connect_with(shared(true)).await), Code::Forbidden);
    let view = ada.connect_with(shared(true)).await.unwrap();
    assert_eq!(
        (view.owner.as_str(), view.nickname.as_deref()),
        ("platform", Some("shared"))
    );
    assert_eq!(bob.call("echo").await.unwrap(), r#"{"saw":"shared"}"#);
    let caller = bob.caller().await.unwrap();
    assert_eq!(
        code(test.gateway.disconnect(&caller, &view.id).await),
        Code::NotFound
    );
}

#[tokio::test]
async fn mode_either_prefers_the_callers_own_and_never_falls_back_from_a_bad_one() {
    let mut test = with_mode(Mode::Either).await;
    test.peer.knows("shared-key", "shared");
    let mut request = connect("tracker", "shared-key");
    request.platform = true;
    test.cookie(&test.ada).connect_with(request).await.unwrap();
    let bob = test.cookie(&test.bob);
    assert_eq!(bob.call("echo").await.unwrap(), r#"{"saw":"shared"}"#);
    let id = test.connect(&test.bob, "key-of-bob", "bob").await;
    assert_eq!(bob.call("echo").await.unwrap(), r#"{"saw":"bob"}"#);
    let change = gestalt_store::Change::SetConnectionState {
        id: id.parse().unwrap(),
        state: gestalt_core::connection::State::NeedsReauth,
        reason: None,
        at: Default::default(),
    };
    test.reopen(async |seed| seed.write(change).await).await;
    let bob = test.cookie(&test.bob);
    let asked = test.peer.requests();
    assert_eq!(code(bob.call("echo").await), Code::ReconnectRequired);
    assert_eq!(test.peer.requests(), asked);
}

fn of_instance(instance: &str) -> Invocation {
    Invocation {
        instance: Some(instance.to_owned()),
        ..invocation("tracker", "echo")
    }
}

async fn connect_as(test: &TestGateway, person: &Person, instance: &str) -> String {
    let key = format!("key-of-{instance}");
    test.peer.knows(&key, instance);
    let mut request = connect("tracker", &key);
    request.instance = Some(instance.to_owned());
    let view = test.cookie(person).connect_with(request).await;
    view.unwrap().id
}

#[tokio::test]
async fn of_several_accounts_one_must_be_named() {
    let test = TestGateway::new().await;
    let bob = test.cookie(&test.bob);
    connect_as(&test, &test.bob, "work").await;
    assert_eq!(bob.call("echo").await.unwrap(), r#"{"saw":"work"}"#);
    connect_as(&test, &test.bob, "home").await;
    let refused = bob.call("echo").await.unwrap_err();
    assert_eq!(refused.code, Code::InstanceSelectionRequired);
    assert_eq!(refused.choices, ["home", "work"]);
    let bad = bob.invoke_with(of_instance("a b")).await;
    assert_eq!(code(bad), Code::InvalidRequest);
    assert_eq!(
        code(bob.invoke_with(of_instance("none")).await),
        Code::NotConnected
    );
    let home = bob.invoke_with(of_instance("home")).await.unwrap();
    assert_eq!(text(home).await, r#"{"saw":"home"}"#);
    let caller = bob.caller().await.unwrap();
    let disconnect = async |instance| {
        let gone = test
            .gateway
            .disconnect_integration(&caller, "tracker", None, instance);
        gone.await
    };
    assert_eq!(
        code(disconnect(None).await),
        Code::InstanceSelectionRequired
    );
    disconnect(Some("home")).await.unwrap();
    assert_eq!(bob.call("echo").await.unwrap(), r#"{"saw":"work"}"#);
    disconnect(None).await.unwrap();
    assert_eq!(code(bob.call("echo").await), Code::NotConnected);
    assert_eq!(code(disconnect(None).await), Code::NotConnected);
}

#[tokio::test]
async fn of_several_connections_one_must_be_named_unless_one_is_the_default() {
    let test = TestGateway::with(|setup, peer| {
        let two = |a, b| vec![connection(a, Mode::User), connection(b, Mode::User)];
        setup.catalogue.plugins = vec![
            plugin("tracker", peer.address, two("left", "right")),
            plugin("other", peer.address, two("default", "right")),
        ];
    })
    .await;
    let bob = test.cookie(&test.bob);
    let refused = bob.call("echo").await.unwrap_err();
    assert_eq!(refused.code, Code::ConnectionSelectionRequired);
    assert_eq!(refused.choices, ["left", "right"]);
    let mut named = invocation("tracker", "echo");
    named.connection = Some("middle".to_owned());
    assert_eq!(code(bob.invoke_with(named).await), Code::InvalidRequest);
    assert_eq!(code(bob.invoke("other", "echo").await), Code::NotConnected);
}

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
    request.grace = Some(Duration::ZERO);
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
    test.cookie(&test.ada).trail(Default::default()).await;
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
