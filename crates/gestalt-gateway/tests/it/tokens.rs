//! API tokens: never wider than their maker, gone at the next call once revoked.

use std::time::Duration;

use gestalt_core::connection::Mode;
use gestalt_core::{Code, Secret};
use gestalt_gateway::{Caller, ExplainInput, NewToken, TokenView};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::clients::{AT_ONCE, Client, code, token, words};
use crate::gateway::TestGateway;
use crate::plugins::{DAY, HOUR, connection, plugin};

fn asking(change: impl FnOnce(&mut NewToken)) -> NewToken {
    let mut new = token("asked");
    change(&mut new);
    new
}

#[tokio::test]
async fn what_does_not_hold_is_refused() {
    let test = TestGateway::new().await;
    let bob = test.cookie(&test.bob);
    let bad = [
        asking(|new| new.name = " ".to_owned()),
        asking(|new| new.name = "x".repeat(101)),
        asking(|new| new.name = "a\nb".to_owned()),
        asking(|new| new.scopes = Some(String::new())),
        asking(|new| new.scopes = Some("Tracker".to_owned())),
        asking(|new| new.permissions = Some(words(&[]))),
        asking(|new| new.permissions = Some(words(&["root"]))),
        asking(|new| new.expires_in = Some(Duration::ZERO)),
        asking(|new| new.expires_in = Some(366 * DAY)),
        asking(|new| new.cidrs = Some(words(&["10.0.0.0/99"]))),
        asking(|new| new.cidrs = Some(words(&["everywhere"]))),
    ];
    for (number, new) in bad.iter().enumerate() {
        assert_eq!(
            code(bob.make_token(new).await),
            Code::InvalidRequest,
            "{number}"
        );
    }
    let (view, _) = bob.make_token(&token("  good ")).await.unwrap();
    assert_eq!((view.name.as_str(), view.status), ("good", "active"));
    assert_eq!(view.permissions, ["invoke", "connect", "tokens", "audit"]);
}

#[tokio::test]
async fn admin_is_named_by_an_admins_own_session_only() {
    let test = TestGateway::new().await;
    let admin = asking(|new| new.permissions = Some(words(&["invoke", "tokens", "admin"])));
    assert_eq!(
        code(test.cookie(&test.bob).make_token(&admin).await),
        Code::Forbidden
    );
    let ada = test.cookie(&test.ada);
    let unnamed = ada.make_token(&token("all")).await.unwrap().0;
    assert!(!unnamed.permissions.contains(&"admin".to_owned()));
    let (_, secret) = ada.make_token(&admin).await.unwrap();
    let by_token = test.bearer(&secret);
    assert_eq!(code(by_token.make_token(&admin).await), Code::Forbidden);
    assert!(by_token.caller().await.unwrap().is_admin());
    // Scopes imply `invoke` and nothing else.
    let scoped = asking(|new| new.scopes = Some("tracker".to_owned()));
    assert_eq!(
        ada.make_token(&scoped).await.unwrap().0.permissions,
        ["invoke"]
    );
}

#[tokio::test]
async fn a_token_without_the_permission_makes_and_sees_none() {
    let test = TestGateway::new().await;
    let narrow = asking(|new| new.permissions = Some(words(&["invoke"])));
    let (view, secret) = test.cookie(&test.bob).make_token(&narrow).await.unwrap();
    let client = test.bearer(&secret);
    assert_eq!(
        code(client.make_token(&narrow).await),
        Code::InsufficientScope
    );
    let caller = client.caller().await.unwrap();
    let gateway = &test.gateway;
    assert_eq!(
        code(gateway.get_token(&caller, &view.id).await),
        Code::InsufficientScope
    );
    assert_eq!(
        code(gateway.rotate_token(&caller, &view.id, AT_ONCE).await),
        Code::InsufficientScope
    );
}

#[tokio::test]
async fn s25_revoked_token_is_refused_at_the_next_call() {
    let test = TestGateway::new().await;
    test.connect(&test.bob, "key-of-bob", "bob").await;
    let bob = test.cookie(&test.bob).caller().await.unwrap();
    let (one, other) = (
        test.token_of(&test.bob).await,
        test.token_of(&test.bob).await,
    );
    // Both are in memory by now.
    assert!(one.call("echo").await.is_ok() && other.call("echo").await.is_ok());
    let id = one
        .caller()
        .await
        .map(|caller| test.gateway.me(&caller).unwrap().credential);
    test.gateway
        .revoke_token(&bob, &id.unwrap().unwrap())
        .await
        .unwrap();
    let asked = test.peer.requests();
    assert_eq!(code(one.call("echo").await), Code::TokenRevoked);
    assert_eq!(test.peer.requests(), asked);
    assert!(other.call("echo").await.is_ok());
    assert_eq!(test.gateway.revoke_tokens(&bob).await.unwrap(), 1);
    assert_eq!(code(other.call("echo").await), Code::TokenRevoked);
}

#[tokio::test]
async fn s26_rotated_twice_with_grace_keeps_the_first_expiry() {
    let test = TestGateway::new().await;
    let bob = test.cookie(&test.bob);
    let caller = bob.caller().await.unwrap();
    let (view, old) = bob.make_token(&token("t")).await.unwrap();
    let rotate = async |grace| test.gateway.rotate_token(&caller, &view.id, grace).await;
    assert_eq!(code(rotate(8 * DAY).await), Code::InvalidRequest);
    let (successor, new) = rotate(HOUR).await.unwrap();
    let ends = async || {
        test.gateway
            .get_token(&caller, &view.id)
            .await
            .unwrap()
            .expires_at
    };
    let first = ends().await;
    assert!(first < view.expires_at);
    test.clock.advance(HOUR / 2);
    rotate(7 * DAY).await.unwrap();
    assert_eq!(ends().await, first);
    assert!(test.bearer(&old).caller().await.is_ok());
    test.clock.advance(HOUR / 2);
    assert_eq!(code(test.bearer(&old).caller().await), Code::TokenExpired);
    assert_eq!(code(rotate(HOUR).await), Code::InvalidRequest);
    assert!(test.bearer(&new).caller().await.is_ok());
    assert_eq!(successor.permissions, view.permissions);
}

#[tokio::test]
async fn a_cached_token_that_was_rotated_ends_with_its_grace() {
    let test = TestGateway::new().await;
    let bob = test.cookie(&test.bob);
    let (view, old) = bob.make_token(&token("t")).await.unwrap();
    let client = test.bearer(&old);
    assert!(client.caller().await.is_ok());
    let caller = bob.caller().await.unwrap();
    test.gateway
        .rotate_token(&caller, &view.id, AT_ONCE)
        .await
        .unwrap();
    assert_eq!(code(client.caller().await), Code::TokenExpired);
}

#[tokio::test]
async fn a_token_gives_no_other_one_a_longer_life_than_its_own() {
    let test = TestGateway::new().await;
    let bob = test.cookie(&test.bob);
    let (long, _) = bob
        .make_token(&asking(|new| new.expires_in = Some(300 * DAY)))
        .await
        .unwrap();
    let brief = asking(|new| new.expires_in = Some(HOUR));
    let (view, brief) = bob.make_token(&brief).await.unwrap();
    let caller = test.bearer(&brief).caller().await.unwrap();
    let rotated = test
        .gateway
        .rotate_token(&caller, &long.id, AT_ONCE)
        .await
        .unwrap();
    assert!(rotated.0.expires_at <= view.expires_at);
    // It renews itself for as long as it was made for.
    test.clock.advance(HOUR / 2);
    let renewed = test
        .gateway
        .rotate_token(&caller, &view.id, AT_ONCE)
        .await
        .unwrap();
    assert!(renewed.0.expires_at > view.expires_at);
}

const SCOPES: [&str; 8] = [
    "tracker",
    "tracker:*",
    "tracker:e*",
    "tracker:echo",
    "tracker/work",
    "tracker/default",
    "other",
    "other:*o*",
];
const CIDRS: [&str; 4] = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "192.0.2.0/24"];
const ADDRESSES: [&str; 5] = [
    "10.9.9.9",
    "10.1.9.9",
    "10.1.2.3",
    "192.0.2.9",
    "203.0.113.1",
];
const PERMISSIONS: [&str; 5] = ["invoke", "connect", "tokens", "audit", "admin"];

fn some_of(all: &'static [&'static str], at_least: usize) -> BoxedStrategy<Option<Vec<String>>> {
    let some = prop::sample::subsequence(all.to_vec(), at_least..=all.len());
    let owned = some.prop_map(|words| words.into_iter().map(str::to_owned).collect());
    prop::option::of(owned).boxed()
}

fn asked() -> impl Strategy<Value = NewToken> {
    let hours = prop::option::of(1_u32..=48);
    let parts = (
        some_of(&SCOPES, 1),
        some_of(&PERMISSIONS, 1),
        some_of(&CIDRS, 0),
        hours,
    );
    parts.prop_map(|(scopes, permissions, cidrs, hours)| NewToken {
        name: "asked".to_owned(),
        scopes: scopes.map(|scopes| scopes.join(" ")),
        permissions,
        expires_in: hours.map(|hours| hours * HOUR),
        cidrs,
    })
}

/// What a credential reaches, as the gateway itself decides it.
#[derive(Debug)]
struct Reach {
    calls: Vec<bool>,
    permissions: Vec<String>,
    addresses: Vec<bool>,
    expires_at: String,
}

impl Reach {
    async fn of(test: &TestGateway, view: &TokenView, secret: &Secret) -> Self {
        let client = test.bearer(secret);
        let mut addresses = Vec::new();
        let mut caller = None;
        for address in ADDRESSES {
            let found = client.clone().from(address).caller().await.ok();
            addresses.push(found.is_some());
            caller = caller.or(found);
        }
        let caller = caller.unwrap();
        Self {
            calls: calls(test, &caller).await,
            permissions: test.gateway.me(&caller).unwrap().permissions,
            addresses,
            expires_at: view.expires_at.clone(),
        }
    }

    fn is_within(&self, outer: &Self) -> bool {
        let within = |inner: &[bool], outer: &[bool]| {
            inner
                .iter()
                .zip(outer)
                .all(|(inner, outer)| *outer || !*inner)
        };
        within(&self.calls, &outer.calls)
            && within(&self.addresses, &outer.addresses)
            && self
                .permissions
                .iter()
                .all(|word| outer.permissions.contains(word))
            && self.expires_at <= outer.expires_at
    }
}

async fn calls(test: &TestGateway, caller: &Caller) -> Vec<bool> {
    let mut allowed = Vec::new();
    for (integration, connection) in [
        ("tracker", "default"),
        ("tracker", "work"),
        ("other", "default"),
    ] {
        for operation in ["whoami", "open", "echo", "create_note"] {
            let input = ExplainInput {
                integration: integration.to_owned(),
                operation: operation.to_owned(),
                connection: Some(connection.to_owned()),
                instance: None,
                subject: None,
            };
            let explained = test.gateway.explain(caller, input).await.unwrap();
            let scope = explained
                .steps
                .iter()
                .find(|step| step.step == "token_scope");
            allowed.push(scope.unwrap().result == "pass");
        }
    }
    allowed
}

async fn two_plugins() -> TestGateway {
    TestGateway::with(|setup, peer| {
        let work = [
            connection("default", Mode::User),
            connection("work", Mode::User),
        ];
        setup.catalogue.plugins = vec![
            plugin("tracker", peer.address, work.to_vec()),
            plugin(
                "other",
                peer.address,
                vec![connection("default", Mode::User)],
            ),
        ];
    })
    .await
}

/// A client that may present the token from one of its own addresses.
async fn maker(test: &TestGateway, secret: &Secret) -> Client {
    for address in ADDRESSES {
        let client = test.bearer(secret).from(address);
        if client.caller().await.is_ok() {
            return client;
        }
    }
    panic!("usable from nowhere")
}

#[test]
fn a_token_is_never_wider_than_the_one_it_is_made_with() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let test = runtime.block_on(two_plugins());
    let config = Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    };
    let made = std::cell::Cell::new(0);
    let outcome = TestRunner::new(config).run(&(asked(), asked()), |(outer, inner)| {
        runtime.block_on(async {
            let Ok((view, secret)) = test.cookie(&test.ada).make_token(&outer).await else {
                return Ok(());
            };
            let outer = Reach::of(&test, &view, &secret).await;
            let client = maker(&test, &secret).await;
            if let Ok((view, secret)) = client.make_token(&inner).await {
                let inner = Reach::of(&test, &view, &secret).await;
                made.set(made.get() + 1);
                prop_assert!(inner.is_within(&outer), "{inner:?} within {outer:?}");
            }
            Ok(())
        })
    });
    outcome.unwrap();
    assert!(made.get() > 0, "no token was made by a token");
}
