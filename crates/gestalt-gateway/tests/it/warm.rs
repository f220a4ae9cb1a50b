//! A call whose identity and credential are in memory costs no statement.

use gestalt_store::Store;

use crate::gateway::TestGateway;

#[tokio::test]
async fn a_warm_call_costs_no_statement_under_buffered_audit() {
    let test = TestGateway::new().await;
    test.connect(&test.bob, "key-of-bob", "bob").await;
    let bob = test.token_of(&test.bob).await;
    let (first, cold) = Store::counted(bob.caller()).await;
    first.unwrap();
    assert_eq!(
        cold, 1,
        "one indexed statement for a token that is not in memory"
    );
    let before = test.statements();
    bob.call("echo").await.unwrap();
    assert!(
        test.statements() > before,
        "the first call looks the credential up"
    );

    let (again, warm) = Store::counted(bob.caller()).await;
    again.unwrap();
    assert_eq!(warm, 0);
    // The walk goes on in a task of its own, so all statements of the process are counted. The
    // audit writer rests until somebody waits for it. The gateway's sweep does not, but it
    // comes once in ten seconds: a statement of the walk would be in every round, one of the
    // sweep cannot be.
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let before = test.statements();
        for _ in 0..20 {
            bob.call("echo").await.unwrap();
        }
        rounds.push(test.statements() - before);
    }
    assert!(rounds.contains(&0), "statements of each round: {rounds:?}");
}

#[tokio::test]
async fn a_refused_call_costs_no_statement_either() {
    let test = TestGateway::new().await;
    let bob = test.token_of(&test.bob).await;
    // Nothing is connected, and that is remembered too.
    for _ in 0..2 {
        assert!(bob.call("echo").await.is_err() && bob.call("nothing").await.is_err());
    }
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let before = test.statements();
        for _ in 0..20 {
            assert!(bob.call("echo").await.is_err() && bob.call("nothing").await.is_err());
        }
        rounds.push(test.statements() - before);
    }
    assert!(rounds.contains(&0), "statements of each round: {rounds:?}");
}
