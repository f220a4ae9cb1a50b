//! Reading the config again while calls run.

use std::fs;

use gestalt_e2e::program::PATIENCE;
use gestalt_e2e::{Client, Daemon, Echo};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::actions::{audited, connect};

const CALLERS: usize = 4;
const RELOADS: usize = 6;

/// The config under which `read` is called `read_once`, or not.
fn config(echo: &Echo, renamed: bool) -> String {
    let config = echo.config("");
    if renamed {
        config.replace("- name: write", "- name: write_once")
    } else {
        config
    }
}

async fn knows(client: &Client, operation: &str) -> bool {
    let path = format!("/api/v1/integrations/echo/operations/{operation}");
    client.get(&path).await.status == 200
}

/// Calls until it is told to stop; gives how often.
async fn call_on(client: Client, stop: watch::Receiver<bool>) -> usize {
    let mut calls = 0;
    while !*stop.borrow() {
        client.get("/api/v1/echo/read?id=7").await.expect(200);
        calls += 1;
    }
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_drops_no_call() {
    let echo = Echo::start().await;
    let mut daemon = Daemon::start(&config(&echo, false)).await;
    let file = daemon.config_files().remove(0);
    let client = daemon.client();
    connect(&client, "default", "key-of-alice")
        .await
        .expect(201);
    let (stop, stopped) = watch::channel(false);
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(call_on(client.clone(), stopped.clone()));
    }
    for number in 0..RELOADS {
        let renamed = number % 2 == 0;
        fs::write(&file, config(&echo, renamed)).unwrap();
        daemon.program().signal("HUP");
        let taken = async {
            while knows(&client, "write_once").await != renamed {
                tokio::task::yield_now().await;
            }
        };
        let taken = tokio::time::timeout(PATIENCE, taken).await;
        assert!(
            taken.is_ok(),
            "reload {number}:\n{}",
            daemon.program().log()
        );
    }
    stop.send_replace(true);
    let mut calls = 0;
    while let Some(made) = callers.join_next().await {
        calls += made.unwrap();
    }
    assert!(calls >= CALLERS, "{calls}");
    let recorded = audited(&client, "configuration").await;
    let reloads = recorded
        .iter()
        .filter(|record| record["action"] == "configuration.reload");
    assert_eq!(reloads.count(), RELOADS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_under_way_ends_with_the_config_it_began_with() {
    let echo = Echo::start().await;
    let daemon = Daemon::start(&config(&echo, false)).await;
    let client = daemon.client();
    connect(&client, "default", "key-of-alice")
        .await
        .expect(201);
    echo.hold();
    let caller = client.clone();
    let call = tokio::spawn(async move {
        caller
            .post("/api/v1/echo/write", &json!({ "text": "slow" }))
            .await
    });
    while echo.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    // The operation that is under way goes.
    fs::write(&daemon.config_files()[0], config(&echo, true)).unwrap();
    daemon.command(&["reload"]).await.ok();
    assert!(!knows(&client, "write").await);
    echo.release();
    call.await.unwrap().expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_reload_keeps_the_old_config_and_says_so() {
    let echo = Echo::start().await;
    let mut daemon = Daemon::start(&config(&echo, false)).await;
    let file = daemon.config_files().remove(0);
    let client = daemon.client();
    connect(&client, "default", "key-of-alice")
        .await
        .expect(201);
    let bad = [
        config(&echo, true).replace("baseUrl:", "baseURL:"),
        config(&echo, true).replace("type: manual", "type: basic"),
        String::new(),
    ];
    for text in bad {
        fs::write(&file, text).unwrap();
        let ran = daemon.command(&["reload"]).await;
        assert_ne!(ran.code, 0, "{}{}", ran.out, ran.err);
        let refused = client
            .post("/api/v1/admin/reload", &json!({}))
            .await
            .expect(400);
        assert_eq!(refused.json()["code"], "invalid_request");
        client.get("/api/v1/echo/read?id=7").await.expect(200);
        assert!(knows(&client, "write").await && !knows(&client, "write_once").await);
    }
    fs::write(&file, config(&echo, true).replace("baseUrl:", "baseURL:")).unwrap();
    daemon.program().signal("HUP");
    daemon.program().said("the running one stays").await;
    assert!(
        daemon.program().log().contains("config-0.yaml:"),
        "it says where"
    );
    client.get("/api/v1/echo/read?id=7").await.expect(200);
    fs::write(&file, config(&echo, true)).unwrap();
    daemon.command(&["reload"]).await.ok();
    assert!(knows(&client, "write_once").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_a_restart_is_named() {
    let echo = Echo::start().await;
    let mut daemon = Daemon::start(&config(&echo, false)).await;
    let file = daemon.config_files().remove(0);
    let strict = format!("{}audit: {{ durability: strict }}\n", config(&echo, false));
    fs::write(&file, strict).unwrap();
    daemon.command(&["reload"]).await.ok();
    daemon.program().said("takes effect with a restart").await;
}
