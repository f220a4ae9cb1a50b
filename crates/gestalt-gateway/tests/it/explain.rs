//! A decision, step by step.

use gestalt_core::Code;
use gestalt_gateway::settings::{Effect, PolicySettings};
use gestalt_gateway::{ExplainInput, ExplanationView};

use crate::clients::{Client, code, token};
use crate::gateway::TestGateway;
use crate::reload::rule;

fn input(operation: &str) -> ExplainInput {
    ExplainInput {
        integration: "tracker".to_owned(),
        operation: operation.to_owned(),
        connection: None,
        instance: None,
        subject: None,
    }
}

async fn explain(client: &Client, input: ExplainInput) -> ExplanationView {
    let caller = client.caller().await.unwrap();
    client.gateway.explain(&caller, input).await.unwrap()
}

/// The step that refuses, and the code.
fn refused(explained: &ExplanationView) -> (&str, &str) {
    let step = explained
        .steps
        .iter()
        .find(|step| step.result == "refuse")
        .unwrap();
    assert_eq!((explained.allowed, explained.steps.len()), (false, 6));
    (step.step, explained.code.unwrap())
}

#[tokio::test]
async fn each_step_can_refuse() {
    let test = TestGateway::with(|setup, _| {
        setup.catalogue.policy = PolicySettings {
            default: Effect::Deny,
            rules: vec![
                rule(Effect::Allow, "user:*", &[]),
                rule(Effect::Deny, "user:bob@example.com", &["create_note"]),
            ],
        };
    })
    .await;
    let bob = test.cookie(&test.bob);
    let mut elsewhere = input("echo");
    elsewhere.integration = "trackr".to_owned();
    assert_eq!(
        refused(&explain(&bob, elsewhere).await),
        ("plugin", "not_found")
    );
    assert_eq!(
        refused(&explain(&bob, input("nothing")).await),
        ("plugin", "not_found")
    );
    let denied = explain(&bob, input("create_note")).await;
    assert_eq!(refused(&denied), ("policy", "forbidden"));
    assert!(
        denied.steps[1]
            .detail
            .contains("deny rule at config.yaml:31")
    );
    let mut new = token("scoped");
    new.scopes = Some("tracker:whoami".to_owned());
    let scoped = test.bearer(&bob.make_token(&new).await.unwrap().1);
    assert_eq!(
        refused(&explain(&scoped, input("echo")).await),
        ("token_scope", "insufficient_scope")
    );
    let mut unknown = input("echo");
    unknown.connection = Some("work".to_owned());
    assert_eq!(
        refused(&explain(&bob, unknown).await),
        ("connection", "invalid_request")
    );
    assert_eq!(
        refused(&explain(&bob, input("echo")).await),
        ("instance", "not_connected")
    );
    test.connect(&test.bob, "key-of-bob", "bob").await;
    let mut catalogue = test.setup.catalogue.clone();
    catalogue.plugins[0].egress.allowed_ranges.clear();
    let asked = test.peer.requests();
    let allowed = explain(&bob, input("echo")).await;
    assert!(allowed.allowed && allowed.steps.iter().all(|step| step.result == "pass"));
    test.gateway.reload(catalogue).await.unwrap();
    assert_eq!(
        refused(&explain(&bob, input("echo")).await),
        ("egress", "egress_denied")
    );
    assert_eq!(
        test.peer.requests(),
        asked,
        "nothing is asked of the upstream"
    );
}

#[tokio::test]
async fn only_an_admin_asks_for_another_subject() {
    let test = TestGateway::new().await;
    test.connect(&test.bob, "key-of-bob", "bob").await;
    let of = |subject: &str| ExplainInput {
        subject: Some(subject.to_owned()),
        ..input("echo")
    };
    let bob = test.bob.subject();
    let eve = test.cookie(&test.eve).caller().await.unwrap();
    assert_eq!(
        code(test.gateway.explain(&eve, of(&bob)).await),
        Code::Forbidden
    );
    let ada = test.cookie(&test.ada);
    let caller = ada.caller().await.unwrap();
    for (subject, expected) in [
        ("nobody", Code::InvalidRequest),
        ("user:usr_00000000000070008000000000000000", Code::NotFound),
    ] {
        assert_eq!(
            code(test.gateway.explain(&caller, of(subject)).await),
            expected
        );
    }
    assert!(explain(&ada, of(&bob)).await.allowed);
    let explained = explain(&ada, of(&test.eve.subject())).await;
    assert_eq!(refused(&explained), ("instance", "not_connected"));
    // The admin has no connection of their own, and none of others' is used for them.
    assert_eq!(code(ada.call("echo").await), Code::NotConnected);
}
