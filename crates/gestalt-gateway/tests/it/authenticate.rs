//! Who presents a request: denials first.

use std::time::Duration;

use gestalt_core::{Code, Secret, Timestamp};
use gestalt_gateway::settings::LoginSettings;
use gestalt_gateway::{Method, PageQuery};
use gestalt_store::{Change, TokenRow};

use crate::clients::{Client, code, token, words};
use crate::gateway::TestGateway;
use crate::plugins::{DAY, HOUR};

async fn none() -> TestGateway {
    TestGateway::with(|setup, _| setup.login = LoginSettings::None).await
}

#[tokio::test]
async fn without_a_credential_there_is_no_caller() {
    let test = TestGateway::new().await;
    assert_eq!(code(test.nobody().caller().await), Code::Unauthenticated);
    let caller = test.cookie(&test.bob).caller().await.unwrap();
    assert_eq!(caller.subject().to_string(), test.bob.subject());
}

#[tokio::test]
async fn a_credential_that_does_not_hold_is_refused_also_without_a_login() {
    let test = none().await;
    let session = test.ada.session.clone();
    let relabelled = Secret::new(session.expose().replace("gst_ses_", "gst_api_"));
    for bad in ["", "gst_api_nonsense", "sk_live_1234", relabelled.expose()] {
        let bad = Secret::new(bad);
        for client in [
            test.bearer(&bad),
            test.nobody().api_key(&bad),
            test.nobody().cookie(&bad),
        ] {
            assert_eq!(code(client.caller().await), Code::Unauthenticated);
        }
    }
    let anonymous = test.nobody().caller().await.unwrap();
    assert_eq!(anonymous.method(), Method::None);
    assert!(anonymous.is_admin());
}

#[tokio::test]
async fn other_schemes_and_shapes_of_authorization_are_refused() {
    let test = none().await;
    for header in [
        "Basic YWRhOnNlY3JldA==",
        "Bearer",
        "Bearer ",
        "gst_api_x",
        "Digest x",
    ] {
        let client = test.nobody().authorization(header);
        assert_eq!(
            code(client.caller().await),
            Code::Unauthenticated,
            "{header}"
        );
    }
}

#[tokio::test]
async fn a_bearer_and_an_api_key_that_differ_are_refused() {
    let test = TestGateway::new().await;
    let make = async |name| {
        let made = test.cookie(&test.bob).make_token(&token(name)).await;
        made.unwrap().1
    };
    let (one, other) = (make("one").await, make("other").await);
    let both = test.bearer(&one).api_key(&other);
    assert_eq!(code(both.caller().await), Code::Unauthenticated);
    assert!(test.bearer(&one).api_key(&one).caller().await.is_ok());
    assert!(test.nobody().api_key(&one).caller().await.is_ok());
    let scheme = test
        .nobody()
        .authorization(&format!("bEaReR  {}", one.expose()));
    assert!(scheme.caller().await.is_ok());
}

#[tokio::test]
async fn a_cookie_goes_before_a_bearer_and_must_hold() {
    let test = TestGateway::new().await;
    let bob = test.token_of(&test.bob).await;
    let dead = Secret::new(test.eve.session.expose().replace("gst_ses_", "gst_api_"));
    assert_eq!(
        code(bob.clone().cookie(&dead).caller().await),
        Code::Unauthenticated
    );
    let both = bob.cookie(&test.eve.session).caller().await.unwrap();
    assert_eq!(both.subject().to_string(), test.eve.subject());
}

#[tokio::test]
async fn a_session_value_is_good_as_a_bearer_and_not_as_an_api_key() {
    let test = TestGateway::new().await;
    let session = &test.bob.session;
    assert_eq!(
        code(test.nobody().api_key(session).caller().await),
        Code::Unauthenticated
    );
    // Not ambient: no browser sends it by itself, so nothing is asked of its origin.
    let bearer = test.bearer(session).caller().await.unwrap();
    assert!(matches!(bearer.method(), Method::Session(_)));
    // A token is no cookie.
    let api = test
        .cookie(&test.bob)
        .make_token(&token("t"))
        .await
        .unwrap()
        .1;
    assert_eq!(
        code(test.nobody().cookie(&api).caller().await),
        Code::Unauthenticated
    );
}

#[tokio::test]
async fn s44_without_a_login_what_came_through_a_proxy_is_refused() {
    let test = none().await;
    let mut client = test.nobody();
    client.forwarded = true;
    assert_eq!(code(client.caller().await), Code::Forbidden);
    let token = test.nobody().make_token(&token("t")).await.unwrap().1;
    assert!(client.bearer(&token).caller().await.is_ok());
}

#[tokio::test]
async fn s44_ambient_authority_changes_state_for_our_own_pages_only() {
    let (local, none) = (TestGateway::new().await, none().await);
    let cookie = local.cookie(&local.bob);
    // (client, safe method, same origin, passes)
    let cases = [
        (&cookie, false, None, false),
        (&cookie, false, Some(false), false),
        (&cookie, false, Some(true), true),
        (&cookie, true, None, true),
        (&cookie, true, Some(false), true),
        (&none.nobody(), false, Some(false), false),
        (&none.nobody(), false, None, true),
        (&none.nobody(), false, Some(true), true),
        (&none.nobody(), true, Some(false), true),
    ];
    for (number, (client, safe_method, same_origin, passes)) in cases.into_iter().enumerate() {
        let mut client: Client = client.clone();
        (client.safe_method, client.same_origin) = (safe_method, same_origin);
        match client.caller().await {
            Ok(_) => assert!(passes, "case {number}"),
            Err(refusal) => assert_eq!((refusal.code, passes), (Code::Forbidden, false)),
        }
    }
}

#[tokio::test]
async fn s44_a_page_of_another_site_invokes_nothing_even_by_get() {
    let test = TestGateway::new().await;
    test.connect(&test.bob, "key-of-bob", "bob").await;
    let mut client = test.cookie(&test.bob);
    (client.safe_method, client.same_origin) = (true, Some(false));
    let asked = test.peer.requests();
    assert_eq!(code(client.call("echo").await), Code::Forbidden);
    assert_eq!(test.peer.requests(), asked);
    client.same_origin = Some(true);
    assert!(client.call("echo").await.is_ok());
}

#[tokio::test]
async fn a_session_ends_by_age_by_idleness_and_by_being_revoked() {
    let mut test = TestGateway::new().await;
    let bob = test.bob.id;
    let (old, idle) = test
        .reopen(async |seed| {
            (
                seed.session_with(bob, |row| row.expires_at = row.created_at.after(HOUR))
                    .await,
                seed.session_with(bob, |row| row.idle_timeout_secs = 600)
                    .await,
            )
        })
        .await;
    let (old, idle) = (test.nobody().cookie(&old), test.nobody().cookie(&idle));
    assert!(old.caller().await.is_ok() && idle.caller().await.is_ok());
    test.clock.advance(Duration::from_mins(9));
    assert!(idle.caller().await.is_ok());
    test.clock.advance(Duration::from_mins(9));
    assert!(idle.caller().await.is_ok(), "a use puts the end off");
    test.clock.advance(Duration::from_mins(11));
    assert_eq!(code(idle.caller().await), Code::TokenExpired);
    test.clock.advance(HOUR);
    assert_eq!(code(old.caller().await), Code::TokenExpired);
    let bob = test.cookie(&test.bob);
    let caller = bob.caller().await.unwrap();
    test.gateway.logout(&caller).await.unwrap();
    assert_eq!(code(bob.caller().await), Code::TokenRevoked);
}

#[tokio::test]
async fn a_token_ends_and_is_bound_to_its_addresses() {
    let test = TestGateway::new().await;
    let mut new = token("t");
    new.expires_in = Some(HOUR);
    new.cidrs = Some(words(&["192.0.2.0/24", "2001:db8::/32"]));
    let made = test.cookie(&test.bob).make_token(&new).await.unwrap().1;
    for outside in ["127.0.0.1", "192.0.3.1", "2001:db9::1"] {
        let client = test.bearer(&made).from(outside);
        assert_eq!(
            code(client.caller().await),
            Code::InsufficientScope,
            "{outside}"
        );
    }
    for inside in ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"] {
        assert!(
            test.bearer(&made).from(inside).caller().await.is_ok(),
            "{inside}"
        );
    }
    test.clock.advance(HOUR);
    let client = test.bearer(&made).from("192.0.2.7");
    assert_eq!(code(client.caller().await), Code::TokenExpired);
}

#[tokio::test]
async fn what_a_disabled_user_holds_does_not_hold() {
    let mut test = TestGateway::new().await;
    let (session, token) = test
        .reopen(async |seed| {
            let gone = seed
                .user_with("gone", |row| row.disabled_at = Some(row.created_at))
                .await;
            let owner = gestalt_core::Subject::User(gone).to_string();
            (seed.session(gone).await, seed.token(&owner, |_| {}).await)
        })
        .await;
    for client in [test.nobody().cookie(&session), test.bearer(&token)] {
        assert_eq!(code(client.caller().await), Code::Unauthenticated);
    }
}

#[tokio::test]
async fn anonymous_tokens_stop_once_a_login_is_configured() {
    let mut test = none().await;
    let made = test.nobody().make_token(&token("t")).await.unwrap().1;
    assert!(test.bearer(&made).caller().await.is_ok());
    test.setup.login = LoginSettings::Local(gestalt_gateway::settings::LocalLogin::for_email(
        "owner@example.com",
    ));
    test.reopen(async |_| ()).await;
    assert_eq!(
        code(test.bearer(&made).caller().await),
        Code::Unauthenticated
    );
}

type Break = fn(&mut TokenRow);

#[tokio::test]
async fn what_is_stored_and_does_not_parse_makes_a_token_unusable() {
    let mut test = TestGateway::new().await;
    let owner = test.bob.subject();
    let broken: [(&str, Break); 6] = [
        ("no JSON", |row| row.permissions = "all".to_owned()),
        ("unknown word", |row| {
            row.permissions = r#"["invoke","root"]"#.to_owned();
        }),
        ("empty", |row| row.permissions = String::new()),
        ("scopes", |row| {
            row.scopes = Some("Tracker:*:x y".to_owned());
        }),
        ("empty scopes", |row| row.scopes = Some(String::new())),
        ("cidrs", |row| row.cidrs = r#"["10.0.0.0/99"]"#.to_owned()),
    ];
    for (what, change) in broken {
        let token = test
            .reopen(async |seed| seed.token(&owner, change).await)
            .await;
        assert_eq!(
            code(test.bearer(&token).caller().await),
            Code::Unauthenticated,
            "{what}"
        );
    }
    let caller = test.cookie(&test.bob).caller().await.unwrap();
    let listed = test
        .gateway
        .list_tokens(&caller, PageQuery::default())
        .await
        .unwrap();
    assert_eq!(listed.items.len(), 6);
    assert!(listed.items.iter().all(|token| token.status == "unusable"));
}

#[tokio::test]
async fn failures_before_an_identity_is_known_are_counted_and_uses_are_noted() {
    let mut test = TestGateway::new().await;
    let token = test
        .cookie(&test.bob)
        .make_token(&token("t"))
        .await
        .unwrap();
    let bad = Secret::new("gst_api_nonsense");
    for _ in 0..3 {
        let client = test.bearer(&bad).from("192.0.2.1");
        assert_eq!(code(client.caller().await), Code::Unauthenticated);
    }
    test.clock.advance(DAY);
    test.bearer(&token.1).caller().await.unwrap();
    let failures = test
        .reopen(async |seed| {
            let page = gestalt_store::PageRequest {
                cursor: None,
                limit: 10,
            };
            seed.write(Change::DestroyExpiredSecrets {
                before: Timestamp::default(),
            })
            .await;
            seed.store.list_auth_failures(&page).await.unwrap().items
        })
        .await;
    let [row] = failures.as_slice() else {
        panic!("{failures:?}")
    };
    assert_eq!(
        (row.address.as_str(), row.reason.as_str(), row.count),
        ("192.0.2.1", "unauthenticated", 3)
    );
    let caller = test.cookie(&test.bob).caller().await.unwrap();
    let view = test.gateway.get_token(&caller, &token.0.id).await.unwrap();
    assert!(view.last_used_at > Some(view.created_at));
}
