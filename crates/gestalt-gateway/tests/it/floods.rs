//! Unknown tokens: what they cost and whom they starve.

use gestalt_core::{Code, Entropy, Secret};
use gestalt_vault::token::{TokenKind, mint};

use crate::clients::code;
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
