//! Two people at one upstream never see each other's.

use gestalt_core::Code;

use crate::clients::{Client, code};
use crate::gateway::TestGateway;

/// Calls under way at a time, for each person and credential.
const AT_ONCE: usize = 4;

async fn calls(client: Client, name: &'static str, number: usize) {
    for _ in 0..number {
        let answer = client.call("echo").await.unwrap();
        assert_eq!(answer, format!(r#"{{"saw":"{name}"}}"#));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s46_two_users_mixed_calls_see_only_their_own() {
    #[expect(clippy::disallowed_methods, reason = "more calls on demand")]
    let number = std::env::var("GESTALT_S46_CALLS").map_or(10_000, |text| text.parse().unwrap());
    let test = TestGateway::with(|setup, _| {
        // Batches are written while calls go on.
        setup.audit.flush = std::time::Duration::from_millis(50);
    })
    .await;
    let mut tasks = tokio::task::JoinSet::new();
    for (person, key, name) in [
        (&test.bob, "key-of-bob", "bob"),
        (&test.eve, "key-of-eve", "eve"),
    ] {
        test.connect(person, key, name).await;
        for client in [test.cookie(person), test.token_of(person).await] {
            for _ in 0..AT_ONCE {
                tasks.spawn(calls(client.clone(), name, number / (4 * AT_ONCE)));
            }
        }
    }
    // Somebody who has nothing gets nothing meanwhile, and replacing a key crosses nothing.
    let ada = test.cookie(&test.ada);
    while !tasks.is_empty() {
        assert_eq!(code(ada.call("echo").await), Code::NotConnected);
        test.connect(&test.bob, "key-of-bob", "bob").await;
        tasks.join_next().await.unwrap().unwrap();
    }
    for (person, other) in [(&test.bob, &test.eve), (&test.eve, &test.bob)] {
        let records = test.cookie(person).invocations().await;
        assert!(
            records
                .iter()
                .all(|record| record.subject != Some(other.subject()))
        );
    }
}
