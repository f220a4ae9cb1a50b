//! A reload swaps plugins and policy whole, or keeps the old.

use std::sync::Arc;

use gestalt_core::Code;
use gestalt_core::connection::{AuthKind, Mode, OnAuthChange};
use gestalt_gateway::settings::{Effect, PolicySettings, RuleSettings};
use gestalt_gateway::{CatalogueSettings, OpenError};

use crate::clients::{code, invocation, of_kind, token};
use crate::gateway::TestGateway;
use crate::plugins::{connection, plugin};

pub(crate) fn rule(effect: Effect, subject: &str, operations: &[&str]) -> RuleSettings {
    RuleSettings {
        effect,
        subjects: vec![subject.to_owned()],
        plugins: vec!["*".to_owned()],
        operations: operations.iter().map(|text| (*text).to_owned()).collect(),
        connections: Vec::new(),
        location: "config.yaml:31".to_owned(),
    }
}

fn changed(test: &TestGateway, change: impl FnOnce(&mut CatalogueSettings)) -> CatalogueSettings {
    let mut catalogue = test.setup.catalogue.clone();
    change(&mut catalogue);
    catalogue
}

async fn connected() -> (TestGateway, crate::clients::Client) {
    let test = TestGateway::new().await;
    test.connect(&test.bob, "key-of-bob", "bob").await;
    let bob = test.cookie(&test.bob);
    (test, bob)
}

#[tokio::test]
async fn a_bad_reload_keeps_the_old() {
    let (test, bob) = connected().await;
    let bad = [
        changed(&test, |all| {
            all.plugins.clear();
            all.policy.rules = vec![rule(Effect::Deny, "everyone", &[])];
        }),
        changed(&test, |all| {
            Arc::make_mut(&mut all.plugins[0].operations[0]).path = "/{nothing}".to_owned();
        }),
        changed(&test, |all| {
            all.plugins[0].connections[0].mapping.headers[0].0 = "no header".to_owned();
        }),
        changed(&test, |all| {
            all.plugins[0].connections[0].fields[0].pattern = Some("(".to_owned());
        }),
        changed(&test, |all| {
            all.plugins[0].connections[0].kind = AuthKind::Oauth2;
        }),
    ];
    for (number, catalogue) in bad.into_iter().enumerate() {
        assert!(test.gateway.reload(catalogue).await.is_err(), "{number}");
        assert!(bob.call("echo").await.is_ok(), "{number}");
    }
    let records = test.cookie(&test.ada).trail(of_kind("configuration")).await;
    assert!(
        records
            .iter()
            .all(|record| record.action != "configuration.reload")
    );
}

#[tokio::test]
async fn a_reload_swaps_policy_for_the_next_call() {
    let (test, bob) = connected().await;
    let policy = PolicySettings {
        default: Effect::Deny,
        rules: vec![
            rule(Effect::Allow, "user:*", &["echo", "create_*"]),
            rule(Effect::Deny, "user:bob@example.com", &["create_note"]),
        ],
    };
    test.gateway
        .reload(changed(&test, |all| all.policy = policy))
        .await
        .unwrap();
    assert_eq!(code(bob.call("whoami").await), Code::Forbidden);
    assert_eq!(
        code(bob.call("create_note").await),
        Code::Forbidden,
        "deny wins"
    );
    assert!(bob.call("echo").await.is_ok());
    let caller = bob.caller().await.unwrap();
    let listed = test
        .gateway
        .list_operations(&caller, "tracker")
        .await
        .unwrap();
    assert_eq!(listed.len(), 1, "what is not allowed is not listed");
    let records = bob.invocations().await;
    assert_eq!(
        records.last().unwrap().reason.as_deref(),
        Some("allow rule at config.yaml:31")
    );
    let records = test.cookie(&test.ada).trail(of_kind("configuration")).await;
    assert_eq!(records.last().unwrap().action, "configuration.reload");
}

#[tokio::test]
async fn a_rule_on_a_connection_concerns_the_calls_that_use_it() {
    let test = TestGateway::with(|setup, peer| {
        let two = ["default", "work"].map(|name| connection(name, Mode::User));
        setup.catalogue.plugins = vec![plugin("tracker", peer.address, two.to_vec())];
    })
    .await;
    test.connect(&test.bob, "key-of-bob", "bob").await;
    let bob = test.cookie(&test.bob);
    let mut deny = rule(Effect::Deny, &test.bob.subject(), &[]);
    deny.connections = vec!["default".to_owned()];
    let denied = changed(&test, |all| all.policy.rules = vec![deny.clone()]);
    test.gateway.reload(denied).await.unwrap();
    assert_eq!(code(bob.call("echo").await), Code::Forbidden);
    let mut by_work = invocation("tracker", "echo");
    by_work.connection = Some("work".to_owned());
    assert_eq!(code(bob.invoke_with(by_work).await), Code::NotConnected);
    deny.connections = vec!["w*".to_owned()];
    let denied = changed(&test, |all| all.policy.rules = vec![deny]);
    test.gateway.reload(denied).await.unwrap();
    assert!(bob.call("echo").await.is_ok());
}

#[tokio::test]
async fn a_call_under_way_ends_with_what_it_began_with() {
    let (test, bob) = connected().await;
    let chunks = test.peer.streams();
    let reply = bob.invoke("tracker", "stream").await.unwrap();
    test.gateway
        .reload(CatalogueSettings::default())
        .await
        .unwrap();
    assert_eq!(code(bob.call("echo").await), Code::NotFound);
    chunks.send(Ok("to the end")).await.unwrap();
    drop(chunks);
    assert_eq!(crate::clients::text(reply).await, "to the end");
}

#[tokio::test]
async fn a_renamed_plugin_keeps_its_connections_and_the_scopes_of_tokens() {
    let (mut test, bob) = connected().await;
    let mut scoped = token("scoped");
    scoped.scopes = Some("tracker:ec*".to_owned());
    let scoped = test.bearer(&bob.make_token(&scoped).await.unwrap().1);
    let renamed = changed(&test, |all| {
        all.plugins[0].formerly = vec![all.plugins[0].name.clone()];
        all.plugins[0].name = "issues".parse().unwrap();
    });
    test.gateway.reload(renamed.clone()).await.unwrap();
    assert_eq!(code(bob.call("echo").await), Code::NotFound);
    for client in [&bob, &scoped] {
        assert!(client.invoke("issues", "echo").await.is_ok());
    }
    assert_eq!(
        code(scoped.invoke("issues", "whoami").await),
        Code::InsufficientScope
    );
    test.setup.catalogue = renamed;
    test.reopen(async |_| ()).await;
    assert!(
        test.cookie(&test.bob)
            .invoke("issues", "echo")
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn another_auth_type_is_refused_while_credentials_are_stored() {
    let (mut test, bob) = connected().await;
    let bearer = |on_auth_change| {
        changed(&test, |all| {
            let connection = &mut all.plugins[0].connections[0];
            (connection.kind, connection.on_auth_change) = (AuthKind::Bearer, on_auth_change);
        })
    };
    let (refuse, revoke) = (bearer(OnAuthChange::Refuse), bearer(OnAuthChange::Revoke));
    let refused = test.gateway.reload(refuse.clone()).await.unwrap_err();
    assert!(
        matches!(&refused, OpenError::AuthChanged { stored: 1, .. }),
        "{refused}"
    );
    assert!(bob.call("echo").await.is_ok());
    test.gateway.shutdown(std::time::Duration::MAX).await;
    let good = std::mem::replace(&mut test.setup.catalogue, refuse);
    assert!(matches!(
        test.setup.open().await,
        Err(OpenError::AuthChanged { .. })
    ));
    test.setup.catalogue = good;
    test.gateway = test.setup.open().await.unwrap();
    let bob = test.cookie(&test.bob);
    assert!(bob.call("echo").await.is_ok());

    test.gateway.reload(revoke).await.unwrap();
    assert_eq!(code(bob.call("echo").await), Code::NotConnected);
    let records = test.cookie(&test.ada).trail(of_kind("connection")).await;
    assert_eq!(
        records.last().unwrap().action,
        "connection.revoke_auth_changed"
    );
}
