//! What an operation says about the connections that fit it.

use std::sync::Arc;

use gestalt_core::Code;
use gestalt_core::connection::{AuthKind, AuthMapping, ConnectionDefinition, Mode};
use gestalt_core::operation::Security;
use gestalt_gateway::Invocation;
use gestalt_gateway::settings::{Effect, PolicySettings};

use crate::clients::{Client, code, connect, invocation, text, token};
use crate::gateway::TestGateway;
use crate::plugins::{connection, plugin};
use crate::reload::rule;

/// A connection by an OAuth flow.
fn oauth(name: &str) -> ConnectionDefinition {
    ConnectionDefinition {
        kind: AuthKind::Oauth2,
        fields: Vec::new(),
        mapping: AuthMapping::default(),
        check: None,
        nickname: None,
        ..connection(name, Mode::User)
    }
}

fn one_of(names: &[&str]) -> Security {
    Security::OneOf(names.iter().map(|name| name.parse().unwrap()).collect())
}

/// `tracker` with the connections `key`, `work` and `flow` (by OAuth), and operations that say
/// which of them fit.
async fn test() -> TestGateway {
    let test = TestGateway::with(|setup, peer| {
        let all = vec![
            connection("key", Mode::User),
            connection("work", Mode::User),
            oauth("flow"),
        ];
        let mut tracker = plugin("tracker", peer.address, all);
        let says = [
            ("open", Security::None),
            ("echo", one_of(&["flow", "work", "key"])),
            ("missing", one_of(&["flow"])),
            ("create_note", one_of(&["work"])),
        ];
        for (name, security) in says {
            let known = |operation: &&mut Arc<_>| operation_name(operation) == name;
            let operation = tracker.operations.iter_mut().find(known).unwrap();
            Arc::make_mut(operation).security = security;
        }
        setup.catalogue.plugins = vec![tracker];
    })
    .await;
    for (name, key) in [("key", "key-of-bob"), ("work", "work-of-bob")] {
        test.peer.knows(key, name);
        let mut request = connect("tracker", key);
        request.connection = Some(name.to_owned());
        test.cookie(&test.bob).connect_with(request).await.unwrap();
    }
    test
}

fn operation_name(operation: &gestalt_core::operation::Operation) -> &str {
    operation.name.as_str()
}

async fn over(client: &Client, operation: &str, connection: &str) -> Result<String, Code> {
    let wanted = Invocation {
        connection: Some(connection.to_owned()),
        ..invocation("tracker", operation)
    };
    match client.invoke_with(wanted).await {
        Ok(reply) => Ok(text(reply).await),
        Err(refusal) => Err(refusal.code),
    }
}

#[tokio::test]
async fn an_operation_that_only_a_flow_fits_is_refused_and_says_so() {
    let test = test().await;
    let bob = test.cookie(&test.bob);
    let before = test.peer.requests();
    let refusal = bob.invoke("tracker", "missing").await.unwrap_err();
    assert_eq!(refusal.code, Code::AdminConfigurationRequired);
    assert_eq!(
        refusal.message,
        "This needs the connection `flow` (oauth2), which is not usable yet."
    );
    for operation in ["missing", "echo", "whoami"] {
        let result = over(&bob, operation, "flow").await;
        assert_eq!(result, Err(Code::AdminConfigurationRequired), "{operation}");
    }
    let mut request = connect("tracker", "key-of-bob");
    request.connection = Some("flow".to_owned());
    assert_eq!(
        code(bob.connect_with(request).await),
        Code::AdminConfigurationRequired
    );
    assert_eq!(test.peer.requests(), before, "nothing was called");
}

#[tokio::test]
async fn a_connection_that_does_not_fit_is_refused_with_the_choices() {
    let test = test().await;
    let bob = test.cookie(&test.bob);
    let wanted = Invocation {
        connection: Some("key".to_owned()),
        ..invocation("tracker", "create_note")
    };
    let refusal = bob.invoke_with(wanted).await.unwrap_err();
    assert_eq!(refusal.code, Code::InvalidRequest);
    assert_eq!(refusal.choices, ["work"]);
    assert_eq!(over(&bob, "echo", "none").await, Err(Code::InvalidRequest));
    assert_eq!(over(&bob, "open", "key").await, Err(Code::InvalidRequest));
    // Where nothing narrows it, the choice stays the caller's.
    let refusal = bob.invoke("tracker", "whoami").await.unwrap_err();
    assert_eq!(refusal.code, Code::ConnectionSelectionRequired);
    assert_eq!(refusal.choices, ["key", "work"]);
}

#[tokio::test]
async fn a_rule_or_scope_holds_for_the_connection_that_is_used() {
    let mut deny = rule(Effect::Deny, "*", &["echo"]);
    deny.connections = vec!["work".to_owned()];
    let test = test().await;
    let mut all = test.setup.catalogue.clone();
    all.policy = PolicySettings {
        rules: vec![deny],
        ..all.policy
    };
    test.gateway.reload(all).await.unwrap();
    let bob = test.cookie(&test.bob);
    assert_eq!(code(bob.call("echo").await), Code::Forbidden);
    assert_eq!(
        over(&bob, "echo", "key").await,
        Ok(r#"{"saw":"key"}"#.to_owned())
    );
    let mut narrow = token("narrow");
    narrow.scopes = Some("tracker/key".to_owned());
    let (_, secret) = bob.make_token(&narrow).await.unwrap();
    let narrow = test.bearer(&secret);
    assert_eq!(
        code(narrow.call("create_note").await),
        Code::InsufficientScope
    );
}

#[tokio::test]
async fn the_first_that_can_be_used_is_used() {
    let test = test().await;
    let bob = test.cookie(&test.bob);
    assert_eq!(bob.call("echo").await.unwrap(), r#"{"saw":"work"}"#);
    assert_eq!(bob.call("create_note").await.unwrap(), r#"{"by":"work"}"#);
    let eve = test.cookie(&test.eve);
    assert_eq!(code(eve.call("echo").await), Code::NotConnected);
}

#[tokio::test]
async fn no_credential_goes_where_none_is_needed() {
    let test = test().await;
    for person in [&test.bob, &test.eve] {
        let client = test.cookie(person);
        assert_eq!(client.call("open").await.unwrap(), r#"{"saw":null}"#);
    }
}

#[tokio::test]
async fn a_flow_is_listed_as_not_usable_and_its_operations_are_listed() {
    let test = test().await;
    let caller = test.cookie(&test.bob).caller().await.unwrap();
    let view = test
        .gateway
        .get_integration(&caller, "tracker")
        .await
        .unwrap();
    let usable: Vec<(&str, bool)> = view
        .connections
        .iter()
        .map(|method| (method.name.as_str(), method.usable))
        .collect();
    assert_eq!(usable, [("key", true), ("work", true), ("flow", false)]);
    let listed = test.gateway.list_operations(&caller, "tracker").await;
    assert!(listed.unwrap().iter().any(|view| view.name == "missing"));
}
