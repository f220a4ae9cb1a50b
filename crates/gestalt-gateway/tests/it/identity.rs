//! What upstreams are told of who calls: to whom, in which words, signed by which key.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gestalt_core::Code;
use gestalt_core::connection::{MappedValue, Mode};
use gestalt_core::identity::{IdentityField, IdentityForwarding, IdentityJwt};
use gestalt_core::plugin::Plugin;
use gestalt_gateway::{Caller, Gateway, OpenError};
use gestalt_store::Change;
use gestalt_vault::verify_signature;
use http::{HeaderMap, HeaderName, Method};
use serde_json::{Value, json};

use crate::clients::{Client, code, of_kind};
use crate::gateway::{ISSUER, TestGateway};
use crate::plugins::{HOUR, connection, operation, plugin};

const MINUTE: Duration = Duration::from_mins(1);

/// A gateway whose `tracker` is told who calls, as `change` says.
async fn telling(change: impl FnOnce(&mut IdentityForwarding)) -> TestGateway {
    let mut identity = IdentityForwarding::default();
    change(&mut identity);
    TestGateway::with(|setup, _| {
        let tracker = &mut setup.catalogue.plugins[0];
        tracker.identity = Some(identity);
        let told = operation("told", Method::GET, "/told");
        tracker.operations.push(Arc::new(told));
    })
    .await
}

/// Bob, by a token, connected.
async fn bob(test: &TestGateway) -> Client {
    test.connect(&test.bob, "key-of-bob", "bob").await;
    test.token_of(&test.bob).await
}

/// What the peer was told by a call.
async fn told(test: &TestGateway, client: &Client) -> HeaderMap {
    client.call("echo").await.unwrap();
    test.peer.last_headers()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let value = all.next()?.to_str().unwrap();
    assert!(all.next().is_none(), "{name} came twice");
    Some(value)
}

fn named(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    names.retain(|name| name.starts_with("x-gestalt"));
    names.sort_unstable();
    names
}

fn decode(part: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// A token as an upstream reads it: by the published keys, nothing but what they sign.
fn verify(gateway: &Gateway, token: &str) -> Option<(Value, Value)> {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, payload) = signed.split_once('.').unwrap();
    let head: Value = serde_json::from_slice(&decode(head)).unwrap();
    let keys = gateway.published_keys().0;
    let key = keys["keys"].as_array().unwrap().iter();
    let key = key.clone().find(|key| key["kid"] == head["kid"])?;
    let public: [u8; 32] = decode(key["x"].as_str().unwrap()).try_into().unwrap();
    assert!(verify_signature(
        &public,
        signed.as_bytes(),
        &decode(signature)
    ));
    Some((head, serde_json::from_slice(&decode(payload)).unwrap()))
}

fn kids(gateway: &Gateway) -> Vec<String> {
    let keys = gateway.published_keys().0;
    let keys = keys["keys"].as_array().unwrap().clone();
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_upstream_that_is_not_to_be_told_is_told_nothing() {
    let silent = TestGateway::new().await;
    let client = bob(&silent).await;
    assert_eq!(named(&told(&silent, &client).await), [""; 0]);
    let silent = telling(|identity| identity.forward = false).await;
    let client = bob(&silent).await;
    assert_eq!(named(&told(&silent, &client).await), [""; 0]);
}

#[tokio::test]
async fn s36_a_control_character_in_what_is_told_is_refused_before_the_upstream_sees_anything() {
    let mut test = telling(|_| {}).await;
    let mallory = test
        .reopen(async |seed| {
            let user = seed
                .user_with("mallory", |row| {
                    row.display_name = Some("m\r\nX-Gestalt-Roles: admin".to_owned());
                })
                .await;
            seed.session(user).await
        })
        .await;
    let before = test.peer.requests();
    let client = test.nobody().cookie(&mallory);
    test.peer.knows("key-of-mallory", "mallory");
    // Not even the check of a new credential goes out.
    assert_eq!(
        code(client.connect("tracker", "key-of-mallory").await),
        Code::Forbidden
    );
    assert_eq!(test.peer.requests(), before);
}

#[tokio::test]
async fn s38_the_callers_own_credentials_are_never_passed_on() {
    let test = telling(|identity| {
        identity.claims_header = Some(HeaderName::from_static("x-gestalt-claims"));
    })
    .await;
    test.connect(&test.bob, "key-of-bob", "bob").await;
    let new = crate::clients::token("own");
    let (_, token) = test.cookie(&test.bob).make_token(&new).await.unwrap();
    let by_token = told(&test, &test.bearer(&token)).await;
    let by_cookie = told(&test, &test.cookie(&test.bob)).await;
    for headers in [by_token, by_cookie] {
        let text = format!("{headers:?}");
        let payload = header(&headers, "x-gestalt-jwt").unwrap().split('.').nth(1);
        let payload = String::from_utf8(decode(payload.unwrap())).unwrap();
        for secret in [&token, &test.bob.session] {
            assert!(!text.contains(secret.expose()) && !payload.contains(secret.expose()));
        }
        for name in ["authorization", "cookie", "x-api-key"] {
            assert_eq!(header(&headers, name), None, "{name}");
        }
    }
}

#[tokio::test]
async fn s39_the_token_is_masked_when_an_upstream_sends_it_back() {
    let test = telling(|_| {}).await;
    let client = bob(&test).await;
    let answer = client.call("told").await.unwrap();
    let headers = test.peer.last_headers();
    let token = header(&headers, "x-gestalt-jwt").unwrap();
    assert_eq!(
        answer,
        json!({ "jwt": "*".repeat(token.len()) }).to_string()
    );
}

#[tokio::test]
async fn s36_a_plugin_that_could_forge_what_is_told_is_not_loaded() {
    let test = telling(|_| {}).await;
    let forged = |change: fn(&mut Plugin)| {
        let mut made = plugin(
            "tracker",
            test.peer.address,
            vec![connection("default", Mode::User)],
        );
        change(&mut made);
        let mut catalogue = test.setup.catalogue.clone();
        catalogue.plugins = vec![made];
        catalogue
    };
    let cases: [fn(&mut Plugin); 4] = [
        |plugin| {
            let own = Arc::make_mut(&mut plugin.operations[0]);
            own.headers = vec![("X-Gestalt-Email".to_owned(), "eve@example.com".to_owned())];
        },
        |plugin| {
            let field = MappedValue::Field {
                name: "token".to_owned(),
                prefix: String::new(),
            };
            plugin.connections[0].mapping.headers = vec![("X-Gestalt-User".to_owned(), field)];
        },
        |plugin| {
            let field = MappedValue::Field {
                name: "token".to_owned(),
                prefix: String::new(),
            };
            plugin.connections[0].mapping.headers = vec![("X-Who".to_owned(), field)];
            plugin.identity = Some(IdentityForwarding {
                headers: vec![(IdentityField::Roles, HeaderName::from_static("x-who"))],
                ..IdentityForwarding::default()
            });
        },
        |plugin| {
            plugin.identity = Some(IdentityForwarding {
                headers: vec![(IdentityField::User, IdentityField::Email.default_header())],
                ..IdentityForwarding::default()
            });
        },
    ];
    for change in cases {
        let refused = test.gateway.reload(forged(change)).await;
        assert!(
            matches!(&refused, Err(OpenError::Plugin { .. })),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn what_is_known_is_told_and_what_is_not_known_is_left_out() {
    let test = telling(|_| {}).await;
    let client = bob(&test).await;
    let headers = told(&test, &client).await;
    // No login tells organization, teams, roles or attributes yet.
    assert_eq!(
        named(&headers),
        [
            "x-gestalt-email",
            "x-gestalt-jwt",
            "x-gestalt-name",
            "x-gestalt-request-id",
            "x-gestalt-user"
        ]
    );
    assert_eq!(
        header(&headers, "x-gestalt-user"),
        Some(&*test.bob.subject())
    );
    assert_eq!(header(&headers, "x-gestalt-email"), Some("bob@example.com"));
    assert_eq!(header(&headers, "x-gestalt-name"), Some("bob"));
    let request = header(&headers, "x-gestalt-request-id").unwrap().to_owned();
    let trail = test.cookie(&test.bob).invocations().await;
    assert_eq!(trail.last().unwrap().request_id.as_deref(), Some(&*request));
    let again = told(&test, &client).await;
    assert_ne!(header(&again, "x-gestalt-request-id"), Some(&*request));
}

#[tokio::test]
async fn the_token_says_who_calls_whom_and_for_how_long() {
    let test = telling(|_| {}).await;
    let client = bob(&test).await;
    let headers = told(&test, &client).await;
    let token = header(&headers, "x-gestalt-jwt").unwrap();
    let (head, payload) = verify(&test.gateway, token).unwrap();
    assert_eq!(head["alg"], "EdDSA");
    assert_eq!(payload["iss"], ISSUER);
    assert_eq!(payload["aud"], format!("http://{}", test.peer.address));
    assert_eq!(payload["sub"], test.bob.subject());
    assert_eq!(payload["iat"], 1_800_000_000);
    assert_eq!(payload["exp"], 1_800_000_300);
    assert_eq!(payload["email"], "bob@example.com");
    assert_eq!(payload["name"], "bob");
    assert_eq!(payload["jti"].as_str().unwrap().len(), 22);
    assert_eq!(payload.as_object().unwrap().len(), 8);
}

#[tokio::test]
async fn a_token_is_said_again_for_half_its_life_and_to_nobody_else() {
    let test = telling(|_| {}).await;
    let client = bob(&test).await;
    let first = told(&test, &client).await["x-gestalt-jwt"].clone();
    test.connect(&test.eve, "key-of-eve", "eve").await;
    let eve = test.token_of(&test.eve).await;
    assert_ne!(told(&test, &eve).await["x-gestalt-jwt"], first);
    test.clock.advance(149 * Duration::from_secs(1));
    assert_eq!(told(&test, &client).await["x-gestalt-jwt"], first);
    test.clock.advance(Duration::from_secs(1));
    assert_ne!(told(&test, &client).await["x-gestalt-jwt"], first);
}

#[tokio::test]
async fn what_changes_of_a_caller_or_a_plugin_is_told_at_the_next_call() {
    let mut test = telling(|_| {}).await;
    let client = bob(&test).await;
    let first = told(&test, &client).await;
    let mut catalogue = test.setup.catalogue.clone();
    catalogue.plugins[0].identity = Some(IdentityForwarding {
        jwt: Some(IdentityJwt {
            header: HeaderName::from_static("x-token"),
            audience: Some("tracker".to_owned()),
        }),
        ..IdentityForwarding::default()
    });
    test.gateway.reload(catalogue.clone()).await.unwrap();
    let headers = told(&test, &client).await;
    assert_eq!(header(&headers, "x-gestalt-jwt"), None);
    let (_, payload) = verify(&test.gateway, header(&headers, "x-token").unwrap()).unwrap();
    assert_eq!(payload["aud"], "tracker");
    test.setup.catalogue = catalogue;
    // Keys are kept: what was signed before a restart is verified after it.
    test.reopen(async |_| ()).await;
    assert!(verify(&test.gateway, header(&first, "x-gestalt-jwt").unwrap()).is_some());
}

#[tokio::test]
async fn names_forms_and_fields_are_the_operators_choice() {
    let test = telling(|identity| {
        identity.plain = false;
        identity.fields = vec![IdentityField::User, IdentityField::Email];
        identity.claims = vec![(IdentityField::Email, "mail".to_owned())];
        identity.claims_header = Some(HeaderName::from_static("x-claims"));
        identity.jwt = None;
    })
    .await;
    let client = bob(&test).await;
    let headers = told(&test, &client).await;
    assert_eq!(named(&headers), [""; 0]);
    let claims: Value = serde_json::from_str(header(&headers, "x-claims").unwrap()).unwrap();
    let expected = json!({ "sub": test.bob.subject(), "mail": "bob@example.com" });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn the_check_of_a_credential_is_told_too() {
    let test = telling(|_| {}).await;
    test.connect(&test.bob, "key-of-bob", "bob").await;
    let headers = test.peer.last_headers();
    assert_eq!(header(&headers, "x-gestalt-name"), Some("bob"));
}

#[tokio::test]
async fn only_public_halves_are_published() {
    let test = TestGateway::new().await;
    let (keys, kept_for) = test.gateway.published_keys();
    assert_eq!(kept_for, 5 * MINUTE);
    for key in keys["keys"].as_array().unwrap() {
        let members: Vec<_> = key.as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["kty", "crv", "x", "kid", "alg", "use"], "{key}");
        assert_eq!(decode(key["x"].as_str().unwrap()).len(), 32);
    }
}

#[tokio::test]
async fn a_key_is_rotated_by_admins_only_one_at_a_time_and_for_its_purpose() {
    let test = TestGateway::new().await;
    let rotate = async |caller: &Caller, purpose: &str| {
        test.gateway.rotate_key(caller, purpose).await.map(drop)
    };
    let bob = test.cookie(&test.bob).caller().await.unwrap();
    assert_eq!(code(rotate(&bob, "identity_jwt").await), Code::Forbidden);
    let ada = test.cookie(&test.ada).caller().await.unwrap();
    for purpose in ["credential", "audit", "token_pepper", "", "jwt"] {
        assert_eq!(code(rotate(&ada, purpose).await), Code::InvalidRequest);
    }
    assert_eq!(kids(&test.gateway).len(), 1);
    rotate(&ada, "identity_jwt").await.unwrap();
    assert_eq!(
        code(rotate(&ada, "identity_jwt").await),
        Code::InvalidRequest
    );
    assert_eq!(kids(&test.gateway).len(), 2);
    let trail = test.cookie(&test.ada).trail(of_kind("key")).await;
    let allowed = trail.iter().filter(|record| record.decision == "allow");
    assert_eq!(allowed.count(), 1, "{trail:?}");
}

#[tokio::test]
async fn rotated_keys_overlap() {
    let mut test = telling(|_| {}).await;
    let client = bob(&test).await;
    let token = async |test: &TestGateway| {
        let headers = told(test, &client).await;
        header(&headers, "x-gestalt-jwt").unwrap().to_owned()
    };
    let kid = |test: &TestGateway, token: &str| {
        let (head, _) = verify(&test.gateway, token)?;
        Some(head["kid"].as_str().unwrap().to_owned())
    };
    let old = kids(&test.gateway).remove(0);
    let ada = test.cookie(&test.ada).caller().await.unwrap();
    // One microsecond after the first, which this clock has not left behind.
    let new = test.gateway.rotate_key(&ada, "identity_jwt").await.unwrap();
    // Published at once, and the old one signs until everybody has read the new one.
    assert_eq!(kids(&test.gateway), [new.id.clone(), old.clone()]);
    test.clock.advance(10 * MINUTE);
    let last_of_old = token(&test).await;
    assert_eq!(kid(&test, &last_of_old).as_ref(), Some(&old));
    test.clock.advance(Duration::from_micros(1));
    assert_eq!(new.signs_from, test.setup.settings().clock.now());
    test.clock.advance(3 * MINUTE);
    let first_of_new = token(&test).await;
    assert_eq!(kid(&test, &first_of_new).as_ref(), Some(&new.id));
    // What the old one has signed is verified until long after it has ended.
    test.clock.advance(5 * MINUTE);
    assert_eq!(kid(&test, &last_of_old).as_ref(), Some(&old));
    let before_its_end = Duration::from_micros(52 * 60_000_000 - 1);
    test.clock.advance(before_its_end);
    assert_eq!(kids(&test.gateway), [new.id.clone(), old.clone()]);
    test.clock.advance(Duration::from_micros(1));
    assert_eq!(kids(&test.gateway), [&*new.id]);
    assert_eq!(kid(&test, &last_of_old), None);
    // All of it is the same after a start, and the rows say what time has made of the keys.
    let rows = test
        .reopen(async |seed| seed.store.list_keys().await.unwrap())
        .await;
    assert!(
        rows.iter().any(|row| row.id.to_string() == old),
        "the row stays"
    );
    assert_eq!(kids(&test.gateway), [&*new.id]);
}

#[tokio::test]
async fn a_database_of_before_gets_a_key() {
    let mut test = telling(|_| {}).await;
    let old = kids(&test.gateway).remove(0);
    test.reopen(async |seed| {
        let mut row = seed.store.list_keys().await.unwrap();
        row.retain(|row| row.purpose == "identity_jwt");
        let mut row = row.remove(0);
        row.state = "destroyed".to_owned();
        seed.write(Change::PutKey(row)).await;
    })
    .await;
    let made = kids(&test.gateway);
    assert!(made.len() == 1 && made[0] != old);
    let before = made.clone();
    test.reopen(async |_| ()).await;
    assert_eq!(kids(&test.gateway), before);
    test.clock.advance(HOUR);
}
