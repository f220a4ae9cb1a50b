//! `local` login: single-use codes, sessions, and what failing costs.

use std::time::Duration;

use gestalt_core::{Code, Entropy, Secret};
use gestalt_gateway::settings::LoginSettings;
use gestalt_gateway::{Caller, PageQuery};
use gestalt_vault::token::{TokenKind, mint};

use crate::clients::{Client, code, of_kind};
use crate::gateway::TestGateway;
use crate::plugins::HOUR;

async fn new_code(test: &TestGateway) -> Secret {
    let made = test
        .gateway
        .create_login_code(&Caller::system("test"))
        .await;
    made.unwrap()
}

async fn redeem(client: &Client, login_code: &Secret) -> Result<Secret, gestalt_core::Refusal> {
    let presented = client.presented();
    let redeemed = client
        .gateway
        .redeem_login_code(&presented, login_code.clone())
        .await;
    redeemed.map(|(value, _)| value)
}

#[tokio::test]
async fn a_code_is_made_by_admins_and_the_server_only() {
    let test = TestGateway::new().await;
    let bob = test.cookie(&test.bob).caller().await.unwrap();
    assert_eq!(
        code(test.gateway.create_login_code(&bob).await),
        Code::Forbidden
    );
    let ada = test.cookie(&test.ada).caller().await.unwrap();
    assert!(test.gateway.create_login_code(&ada).await.is_ok());
    let none = TestGateway::with(|setup, _| setup.login = LoginSettings::None).await;
    let system = Caller::system("test");
    assert_eq!(
        code(none.gateway.create_login_code(&system).await),
        Code::InvalidRequest
    );
}

#[tokio::test]
async fn a_code_works_once_and_within_its_time() {
    let test = TestGateway::new().await;
    let client = test.nobody();
    let first = new_code(&test).await;
    let value = redeem(&client, &first).await.unwrap();
    let owner = test.nobody().cookie(&value).caller().await.unwrap();
    assert!(owner.is_admin());
    assert_eq!(code(redeem(&client, &first).await), Code::Unauthenticated);
    let late = new_code(&test).await;
    test.clock.advance(HOUR / 2);
    assert_eq!(code(redeem(&client, &late).await), Code::Unauthenticated);
    // A code is no credential, and a session's value no code.
    assert_eq!(
        code(test.bearer(&late).caller().await),
        Code::Unauthenticated
    );
    assert_eq!(code(redeem(&client, &value).await), Code::Unauthenticated);
}

#[tokio::test]
async fn a_code_that_two_redeem_at_once_makes_one_session() {
    let test = TestGateway::new().await;
    let login_code = new_code(&test).await;
    let (a, b) = (test.nobody(), test.nobody());
    let (a, b) = tokio::join!(redeem(&a, &login_code), redeem(&b, &login_code));
    let refused = match (a, b) {
        (Ok(_), Err(refusal)) | (Err(refusal), Ok(_)) => refusal,
        both => panic!("{both:?}"),
    };
    assert_eq!(refused.code, Code::Unauthenticated);
    let records = test
        .cookie(&test.ada)
        .trail(of_kind("authentication"))
        .await;
    let sessions: Vec<_> = records
        .iter()
        .filter(|record| record.action == "session.create")
        .map(|record| record.outcome.as_deref().unwrap())
        .collect();
    assert_eq!(
        sessions.iter().filter(|outcome| **outcome == "ok").count(),
        1
    );
}

#[tokio::test]
async fn failed_logins_wait_longer_each_time_and_cost_no_one_else() {
    let test = TestGateway::new().await;
    let flood = test.nobody().from("192.0.2.66");
    let unknown = || mint(TokenKind::LoginCode, &Entropy::System).unwrap();
    for _ in 0..3 {
        assert_eq!(
            code(redeem(&flood, &unknown()).await),
            Code::Unauthenticated
        );
    }
    let good = new_code(&test).await;
    let refused = redeem(&flood, &good).await.unwrap_err();
    assert_eq!(
        (refused.code, refused.retry_after),
        (Code::RateLimited, Some(Duration::from_secs(1)))
    );
    let (refused, statements) = gestalt_store::Store::counted(redeem(&flood, &good)).await;
    assert_eq!((code(refused), statements), (Code::RateLimited, 0));
    assert!(
        redeem(&test.nobody().from("192.0.2.67"), &good)
            .await
            .is_ok()
    );
    test.clock.advance(Duration::from_secs(1));
    assert_eq!(
        code(redeem(&flood, &unknown()).await),
        Code::Unauthenticated
    );
    test.clock.advance(Duration::from_secs(1));
    assert_eq!(
        code(redeem(&flood, &unknown()).await),
        Code::RateLimited,
        "two seconds now"
    );
    test.clock.advance(Duration::from_secs(1));
    let good = new_code(&test).await;
    assert!(redeem(&flood, &good).await.is_ok());
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_and_all_others() {
    let test = TestGateway::new().await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let login_code = new_code(&test).await;
        let value = redeem(&test.nobody(), &login_code).await.unwrap();
        clients.push(test.nobody().cookie(&value));
    }
    let caller = clients[0].caller().await.unwrap();
    let list = async || {
        let listed = test
            .gateway
            .list_sessions(&caller, PageQuery::default())
            .await;
        listed.unwrap().items
    };
    let all = list().await;
    assert_eq!(all.len(), 3);
    assert_eq!(all.iter().filter(|session| session.current).count(), 1);
    assert!(
        all.iter()
            .all(|session| session.user_agent.as_deref() == Some("test"))
    );
    let second = clients[1].caller().await.unwrap();
    let second = test.gateway.me(&second).unwrap().credential.unwrap();
    test.gateway.revoke_session(&caller, &second).await.unwrap();
    assert_eq!(code(clients[1].caller().await), Code::TokenRevoked);
    assert_eq!(list().await.len(), 2);
    assert_eq!(
        test.gateway.revoke_sessions(&caller, true).await.unwrap(),
        1
    );
    assert_eq!(code(clients[2].caller().await), Code::TokenRevoked);
    assert!(clients[0].caller().await.is_ok());
    assert_eq!(
        test.gateway.revoke_sessions(&caller, false).await.unwrap(),
        1
    );
    assert_eq!(code(clients[0].caller().await), Code::TokenRevoked);
}
