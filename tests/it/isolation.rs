//! Two users, one upstream.

use gestalt_e2e::{Client, Daemon, Echo, seed};
use gestalt_store::Database;
use tokio::task::JoinSet;

use crate::actions::connect;

/// `GESTALT_ISOLATION_CALLS` asks for more.
const CALLS: usize = 10_000;
const TASKS: usize = 16;

/// How many calls are made.
pub(crate) fn calls() -> usize {
    let calls = std::env::var("GESTALT_ISOLATION_CALLS").ok();
    calls.and_then(|calls| calls.parse().ok()).unwrap_or(CALLS)
}

#[tokio::test(flavor = "multi_thread")]
async fn s46_two_users_of_one_upstream_never_read_each_others() {
    let echo = Echo::start().await;
    let local = "providers: { authentication: { local: {} } }\n";
    let mut daemon = Daemon::start(&echo.config(local)).await;
    daemon.stop().await;
    let database = Database::Sqlite(daemon.home().join("gestalt.db"));
    let users = seed::users(database, 2).await.unwrap();
    daemon.restart().await;

    let anonymous = daemon.client();
    anonymous.get("/api/v1/echo/read?id=0").await.expect(401);
    let clients: Vec<Client> = users
        .iter()
        .map(|user| anonymous.clone().bearer(&user.token))
        .collect();
    for (client, account) in clients.iter().zip(["alice", "bobby"]) {
        connect(client, "default", &format!("key-of-{account}"))
            .await
            .expect(201);
    }
    let calls = calls();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let clients = clients.clone();
        tasks.spawn(async move {
            for number in (task..calls).step_by(TASKS) {
                let path = format!("/api/v1/echo/read?id={}-{number}", number % 2);
                let answer = clients[number % 2].get(&path).await.expect(200);
                assert_eq!(
                    answer.json()["path"],
                    format!("/items/{}-{number}", number % 2)
                );
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    // The upstream knows by which account each item was asked for.
    let seen = echo.seen();
    assert_eq!(seen.len(), calls);
    for asked in seen {
        let path = asked["path"].as_str().unwrap();
        let alice = path.starts_with("/items/0-");
        let account = if alice {
            "key-of-alice"
        } else {
            "key-of-bobby"
        };
        assert_eq!(asked["key"], account, "{asked}");
    }
}
