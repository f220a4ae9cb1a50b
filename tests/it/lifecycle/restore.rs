//! Backups made while calls run, restored into either database; and the daemon on PostgreSQL.

use std::fs;
use std::path::Path;

use gestalt_e2e::daemon::attempt;
use gestalt_e2e::{Cli, Client, Daemon, Echo, Postgres, seed};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::of;
use crate::actions::{audited, connect, create_token, verify};

const READ: &str = "/api/v1/echo/read?id=7&_instance=default";

fn on_postgres(echo: &Echo, postgres: &Postgres) -> String {
    let url = postgres.url();
    echo.config(&format!(
        "providers: {{ indexeddb: {{ main: {{ config: {{ dsn: \"{url}\" }} }} }} }}\n"
    ))
}

/// A backup that was made while calls and changes went on, and a token that was good before it.
async fn back_up(echo: &Echo, daemon: &Daemon) -> (std::path::PathBuf, String) {
    let client = daemon.client();
    connect(&client, "default", "key-of-alice")
        .await
        .expect(201);
    let token = create_token(&client).await["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let (stop, stopped) = watch::channel(false);
    let mut callers = JoinSet::new();
    for caller in 0..4 {
        callers.spawn(call_on(client.clone(), caller, stopped.clone()));
    }
    let before = echo.seen().len();
    while echo.seen().len() < before + 10 {
        tokio::task::yield_now().await;
    }
    let file = daemon.home().join("backup");
    daemon
        .command(&["backup", file.to_str().unwrap()])
        .await
        .ok();
    let again = daemon.command(&["backup", file.to_str().unwrap()]).await;
    assert!(
        again.code > 0 && again.err.contains("exists already"),
        "{}",
        again.err
    );
    stop.send_replace(true);
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
    (file, token)
}

async fn call_on(client: Client, caller: usize, stop: watch::Receiver<bool>) {
    let mut calls = 0;
    while !*stop.borrow() {
        client.get(READ).await.expect(200);
        if caller == 0 {
            connect(&client, &format!("i{calls}"), "key-of-many")
                .await
                .expect(201);
            let path = format!("/api/v1/integrations/echo?instance=i{calls}");
            client.delete(&path).await.expect(200);
        }
        calls += 1;
    }
}

/// Restores into the empty database of `config` and holds the daemon on it against the backup.
async fn restored_works(config: &str, file: &Path, token: &str) {
    let home: TempDir = tempfile::tempdir().unwrap();
    let start = || of(config);
    let restore = ["restore", file.to_str().unwrap()];
    let ran = attempt(home.path(), &start(), &restore).await;
    assert_eq!(ran.code, 0, "{}", ran.out);
    let again = attempt(home.path(), &start(), &restore).await;
    assert!(
        again.code > 0 && again.out.contains("empty"),
        "{}",
        again.out
    );
    // Another root key opens nothing.
    let config_file = home.path().join("config-0.yaml");
    let wrong = config.replace(seed::ROOT_KEY, &"ee".repeat(32));
    fs::write(&config_file, wrong).unwrap();
    let refused = attempt(home.path(), &start(), &["serve"]).await;
    assert!(refused.out.contains("is not the key"), "{}", refused.out);
    fs::write(&config_file, config).unwrap();

    let daemon = Daemon::start_in(home, start()).await;
    let client = daemon.client().bearer(token);
    let answer = client.get(READ).await.expect(200);
    assert_eq!(answer.header("gestalt-source"), "upstream");
    assert!(!audited(&daemon.client(), "token").await.is_empty());
    verify(&daemon.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_sqlite_made_while_calls_run_is_restored_into_either_database() {
    let echo = Echo::start().await;
    let mut daemon = Daemon::start(&echo.config("")).await;
    let (file, token) = back_up(&echo, &daemon).await;
    restored_works(&echo.config(""), &file, &token).await;
    assert!(daemon.stop().await.success());
    let still = daemon.home().join("while-no-daemon-runs");
    let ran = daemon.command(&["backup", still.to_str().unwrap()]).await;
    assert!(ran.ok().contains(" rows"));
    restored_works(&echo.config(""), &still, &token).await;
    let postgres = Postgres::start().await;
    restored_works(&on_postgres(&echo, &postgres), &file, &token).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_daemon_works_on_postgresql_and_moves_to_sqlite() {
    let echo = Echo::start().await;
    let postgres = Postgres::start().await;
    let mut daemon = Daemon::start(&on_postgres(&echo, &postgres)).await;
    let client = daemon.client();
    client.get(READ).await.expect(412);
    let (file, token) = back_up(&echo, &daemon).await;
    let cli = Cli::new(&daemon).with("GESTALT_TOKEN", &token);
    let said = cli
        .run(&["call", "echo", "read", "-p", "id=9", "--json"])
        .await
        .json();
    assert_eq!(said["path"], "/items/9");
    let called = client.clone().bearer(&token).get(READ).await.expect(200);
    let records = audited(&client, "invocation").await;
    let record = records
        .iter()
        .find(|record| record["requestId"] == called.header("x-request-id"));
    let record = record.unwrap();
    assert_eq!(
        (&record["outcome"], &record["upstreamStatus"]),
        (&json!("ok"), &json!(200))
    );
    assert!(
        record["credential"].as_str().unwrap().starts_with("tok_"),
        "{record}"
    );
    verify(&client).await;

    daemon.crash_and_restart().await;
    let client = daemon.client();
    client.clone().bearer(&token).get(READ).await.expect(200);
    assert_eq!(audited(&client, "gap").await.len(), 1);
    verify(&client).await;
    let disconnected = client.delete("/api/v1/integrations/echo").await.expect(200);
    assert_eq!(
        disconnected.json()["disconnected"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    client.get(READ).await.expect(412);
    assert!(daemon.stop().await.success());
    restored_works(&echo.config(""), &file, &token).await;
}
