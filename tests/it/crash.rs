//! What survives `kill -9`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gestalt_e2e::{Client, Daemon, Echo};
use hyper::Request;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::actions::{audited, connect, verify};

/// Of each durability; `GESTALT_CRASH_ROUNDS` asks for more.
const ROUNDS: usize = 25;
const CALLERS: usize = 6;

/// What was answered 2xx, and so must still be there.
#[derive(Debug, Default)]
struct Answered {
    tokens: Vec<String>,
    revoked: Vec<String>,
    instances: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn s50_nothing_answered_is_lost_by_kill_9_under_strict() {
    let echo = Echo::start().await;
    let config = echo.config("audit: { durability: strict }\n");
    let daemon = crash_often(Daemon::start(&config).await).await;
    let client = daemon.client();
    // Whatever reached the upstream has an intent that was stored before.
    let invocations = audited(&client, "invocation").await;
    let intents = invocations.iter().filter(|record| {
        record["decision"] == "allow"
            && (record["phase"] == "intent" || record["phase"] == "complete")
    });
    assert!(intents.count() >= echo.seen().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn s50_nothing_answered_is_lost_by_kill_9_under_buffered() {
    let echo = Echo::start().await;
    let daemon = crash_often(Daemon::start(&echo.config("")).await).await;
    let gaps = audited(&daemon.client(), "gap").await;
    assert_eq!(gaps.len(), rounds(), "one for each crash");
}

fn rounds() -> usize {
    let asked = std::env::var("GESTALT_CRASH_ROUNDS").ok();
    asked
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(ROUNDS)
}

async fn crash_often(mut daemon: Daemon) -> Daemon {
    connect(&daemon.client(), "default", "key-of-alice")
        .await
        .expect(201);
    let mut all = Answered::default();
    for round in 0..rounds() {
        let answered = until_crash(&mut daemon, round).await;
        daemon.restart().await;
        check(&daemon.client(), &answered).await;
        verify(&daemon.client()).await;
        all.tokens.extend(answered.tokens);
        all.revoked.extend(answered.revoked);
        all.instances.extend(answered.instances);
    }
    assert!(all.tokens.len() + all.revoked.len() + all.instances.len() > rounds());
    check(&daemon.client(), &all).await;
    daemon
}

/// Keeps the daemon busy and kills it after some answers, another number of
/// them in each round.
async fn until_crash(daemon: &mut Daemon, round: usize) -> Answered {
    let answers = Arc::new(AtomicUsize::new(0));
    let (told, mut heard) = watch::channel(());
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (client, answers, told) = (daemon.client(), Arc::clone(&answers), told.clone());
        callers.spawn(async move {
            let mut answered = Answered::default();
            let mut step = 0;
            while act(&client, &mut answered, (round, caller, step))
                .await
                .is_some()
            {
                step += 1;
                answers.fetch_add(1, Ordering::Relaxed);
                told.send_replace(());
            }
            answered
        });
    }
    let enough = 3 + round * 7 % 41;
    while answers.load(Ordering::Relaxed) < enough {
        heard.changed().await.unwrap();
    }
    daemon.program().kill();
    let mut all = Answered::default();
    while let Some(answered) = callers.join_next().await {
        let answered = answered.unwrap();
        all.tokens.extend(answered.tokens);
        all.revoked.extend(answered.revoked);
        all.instances.extend(answered.instances);
    }
    all
}

/// Does one thing; `None` when the daemon is gone.
async fn act(
    client: &Client,
    answered: &mut Answered,
    (round, caller, step): (usize, usize, usize),
) -> Option<()> {
    let name = format!("r{round}-c{caller}-s{step}");
    match caller % 3 {
        0 => {
            let path = format!("/api/v1/echo/read?id={name}&_instance=default");
            send(client, "GET", &path, None, 200).await?;
        }
        1 if step % 3 == 2 => {
            let id = answered.tokens.pop()?;
            // Until it is answered, it may be revoked or not.
            send(client, "DELETE", &format!("/api/v1/tokens/{id}"), None, 204).await?;
            answered.revoked.push(id);
        }
        1 => {
            let body = json!({ "name": name });
            let created = send(client, "POST", "/api/v1/tokens", Some(body), 201).await?;
            answered
                .tokens
                .push(created["details"]["id"].as_str()?.to_owned());
        }
        _ => {
            let body = json!({
                "integration": "echo",
                "instance": name,
                "credentials": { "key": "key-of-many" },
            });
            let path = "/api/v1/auth/connect-manual";
            let created = send(client, "POST", path, Some(body), 201).await?;
            answered.instances.push(created["id"].as_str()?.to_owned());
        }
    }
    Some(())
}

async fn send(
    client: &Client,
    method: &str,
    path: &str,
    body: Option<Value>,
    status: u16,
) -> Option<Value> {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    let answer = client.try_request(request.body(body.into()).unwrap()).await;
    let answer = answer.ok()?;
    assert_eq!(answer.status, status, "{}", answer.text());
    Some(serde_json::from_slice(&answer.body).unwrap_or_default())
}

async fn check(client: &Client, answered: &Answered) {
    for (ids, status) in [(&answered.tokens, "active"), (&answered.revoked, "revoked")] {
        for id in ids {
            let token = client.get(&format!("/api/v1/tokens/{id}")).await;
            assert_eq!(token.expect(200).json()["status"], status, "{id}");
        }
    }
    for id in &answered.instances {
        let connection = client.get(&format!("/api/v1/connections/{id}")).await;
        assert_eq!(connection.expect(200).json()["state"], "connected");
    }
}
