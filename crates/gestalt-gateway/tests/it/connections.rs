//! Connections: whose credential is used, and which.

use gestalt_core::connection::Mode;
use gestalt_core::{Code, Secret, Timestamp};
use gestalt_gateway::{ConnectRequest, Invocation, PageQuery};

use crate::clients::{code, connect, invocation, text};
use crate::gateway::{Person, TestGateway};
use crate::plugins::{DAY, connection, plugin};

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
        .list_connections(&caller, None, PageQuery::default())
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
    let link = format!(
        "/connect/tracker?connection=default&for={}",
        test.eve.subject()
    );
    assert_eq!(refused.link, Some(link));
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
        at: Timestamp::default(),
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
