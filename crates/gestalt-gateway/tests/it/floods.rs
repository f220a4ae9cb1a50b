//! Unknown tokens: what they cost and whom they starve.

use gestalt_core::{Code, Entropy, Refusal, Secret};
use gestalt_gateway::Caller;
use gestalt_vault::token::{TokenKind, mint};

use crate::clients::{Client, code};
use crate::gateway::TestGateway;

fn unknown() -> Secret {
    mint(TokenKind::Api, &Entropy::System).unwrap()
}

#[tokio::test]
async fn s24_bad_checksum_costs_no_statement() {
    let test = TestGateway::new().await;
    let good = unknown();
    let mut text = good.expose().to_owned();
    let last = text.pop().unwrap();
    text.push(if last == '0' { '1' } else { '0' });
    for bad in [
        text.as_str(),
        &text[..20],
        "gst_ses_x",
        "gst_nothing_of_ours",
        "x",
    ] {
        let client = test.bearer(&Secret::new(bad));
        let (refused, statements) = gestalt_store::Store::counted(client.caller()).await;
        assert_eq!(
            (code(refused), statements),
            (Code::Unauthenticated, 0),
            "{bad}"
        );
    }
    let client = test.bearer(&good);
    let (refused, statements) = gestalt_store::Store::counted(client.caller()).await;
    assert_eq!((code(refused), statements), (Code::Unauthenticated, 1));
}

#[tokio::test]
async fn s24_flood_of_unknown_tokens_is_limited_per_address_and_costs_no_statement() {
    let test = TestGateway::new().await;
    let mine = test.token_of(&test.bob).await;
    let cold = test.token_of(&test.eve).await;
    assert!(mine.caller().await.is_ok());
    let flood = "192.0.2.66";
    for _ in 0..20 {
        let client = test.bearer(&unknown()).from(flood);
        assert_eq!(code(client.caller().await), Code::Unauthenticated);
    }
    let flooding = async {
        for _ in 0..500 {
            let client = test.bearer(&unknown()).from(flood);
            let refusal = client.caller().await.unwrap_err();
            assert_eq!(refusal.code, Code::RateLimited);
            assert!(refusal.retry_after.is_some());
        }
    };
    assert_eq!(gestalt_store::Store::counted(flooding).await.1, 0);
    // A token in memory is not held back even there; a cold one elsewhere is found.
    assert!(mine.clone().from(flood).caller().await.is_ok());
    assert!(cold.from("192.0.2.67").caller().await.is_ok());
    // Time refills the budget.
    test.clock.advance(std::time::Duration::from_secs(3));
    let client = test.bearer(&unknown()).from(flood);
    assert_eq!(code(client.caller().await), Code::Unauthenticated);
}

#[tokio::test]
async fn s24_a_dead_token_is_bounded_like_an_unknown_one() {
    let mut test = TestGateway::new().await;
    let owner = test.bob.subject();
    let dead = test
        .reopen(async |seed| {
            seed.token(&owner, |row| row.revoked_at = Some(row.created_at))
                .await
        })
        .await;
    let client = test.bearer(&dead).from("192.0.2.66");
    for _ in 0..20 {
        assert_eq!(code(client.caller().await), Code::TokenRevoked);
    }
    let (refused, statements) = gestalt_store::Store::counted(client.caller()).await;
    assert_eq!((code(refused), statements), (Code::RateLimited, 0));
}

/// Asks until it is no longer too early; the limit is against a deadlock.
async fn at_last(client: &Client) -> Result<Caller, Refusal> {
    let asking = async {
        loop {
            match client.caller().await {
                Err(refusal) if refusal.code == Code::RateLimited => {
                    tokio::task::yield_now().await;
                }
                decided => return decided,
            }
        }
    };
    let most = std::time::Duration::from_mins(1);
    tokio::time::timeout(most, asking).await.unwrap()
}

#[tokio::test]
async fn s24_a_flood_starves_nobody_behind_the_same_address() {
    let mut test = TestGateway::new().await;
    let owner = test.bob.subject();
    let dead = test
        .reopen(async |seed| {
            seed.token(&owner, |row| row.revoked_at = Some(row.created_at))
                .await
        })
        .await;
    let flood = "192.0.2.66";
    let unused = test.token_of(&test.eve).await.from(flood);
    let (view, secret) = test
        .cookie(&test.bob)
        .make_token(&crate::clients::token("ends"))
        .await
        .unwrap();
    let revoked = test.bearer(&secret).from(flood);
    let page = test.cookie(&test.eve).from(flood);
    for _ in 0..20 {
        let client = test.bearer(&unknown()).from(flood);
        assert_eq!(code(client.caller().await), Code::Unauthenticated);
    }
    // What lives is read once, beside the request that found the budget used up.
    assert_eq!(
        at_last(&unused).await.unwrap().subject().to_string(),
        test.eve.subject()
    );
    let (found, statements) = gestalt_store::Store::counted(page.caller()).await;
    assert!(found.is_ok() && statements <= 1);
    // A token that ends meanwhile costs one statement, not one a request.
    let bob = test.cookie(&test.bob);
    let caller = bob.caller().await.unwrap();
    test.gateway.revoke_token(&caller, &view.id).await.unwrap();
    assert_eq!(code(revoked.caller().await), Code::TokenRevoked);
    let flooding = async {
        for _ in 0..100 {
            for client in [test.bearer(&unknown()), test.bearer(&dead)] {
                assert_eq!(code(client.from(flood).caller().await), Code::RateLimited);
            }
            assert_eq!(code(revoked.caller().await), Code::RateLimited);
        }
    };
    assert_eq!(gestalt_store::Store::counted(flooding).await.1, 0);
}

#[tokio::test]
async fn an_unknown_session_value_is_bounded_too() {
    let test = TestGateway::new().await;
    for number in 0..25 {
        let value = mint(TokenKind::Session, &Entropy::System).unwrap();
        let refused = code(test.nobody().cookie(&value).caller().await);
        let expected = if number < 20 {
            Code::Unauthenticated
        } else {
            Code::RateLimited
        };
        assert_eq!(refused, expected, "{number}");
    }
}
