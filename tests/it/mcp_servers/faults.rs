//! Servers that hang, end, or are killed: each call says what happened, others go on, and
//! nothing is left open.

use bytes::Bytes;
use gestalt_e2e::mcp::{ERAS, Era};
use gestalt_e2e::scripted::{Repeated, Reply, reply};
use gestalt_e2e::{Client, Daemon, Mcp, Scripted, peers};
use serde_json::{Value, json};

use super::{config, failure, open_files, plugin, until};
use crate::actions::{audited, verify};

const TOOL: &str = "test_simple_text";
/// How often a call fails, where what it leaves is counted.
const TIMES: usize = 20;

/// The outcomes of the calls of one tool, oldest first.
async fn outcomes(client: &Client, plugin: &str, tool: &str) -> Vec<Value> {
    let records = audited(client, "invocation").await;
    let calls = records
        .into_iter()
        .filter(|record| record["integration"] == plugin && record["operation"] == tool);
    let outcomes = calls.map(|record| record["outcome"].clone());
    // An intent that was not written together with its outcome has none.
    outcomes.filter(|outcome| !outcome.is_null()).collect()
}

/// Fails unless a plugin's tools are listed on `/mcp`, and another's work.
async fn others_go_on(client: &Client) {
    for era in ERAS {
        let all = Mcp::open(era, client, "/mcp", json!({})).await;
        let tools = all.tools().await;
        for plugin in ["bad", "good"] {
            let name = format!("{plugin}_{TOOL}");
            assert!(tools.contains(&name), "{era:?}: {tools:?}");
        }
        let answer = all.call(&format!("good_{TOOL}"), json!({})).await;
        assert_eq!(answer["result"]["content"][0]["type"], "text", "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_is_told_by_every_door() {
    let bad = peers::mcp_fixture(&["--fault", "hang"]).await;
    let good = peers::mcp_fixture(&[]).await;
    let plugins = [
        plugin("bad", &bad.url, ", timeout: 300ms", ""),
        plugin("good", &good.url, "", ""),
    ];
    let daemon = Daemon::start(&config(&plugins, "")).await;
    let client = daemon.client();
    let mut calls = 0;
    for era in ERAS {
        for (path, tool) in [
            ("/mcp/bad", TOOL.to_owned()),
            ("/mcp", format!("bad_{TOOL}")),
        ] {
            let mcp = Mcp::open(era, &client, path, json!({})).await;
            let said = failure(&mcp.call(&tool, json!({})).await);
            assert!(said.contains("300ms"), "{era:?} {path}: {said}");
            calls += 1;
        }
    }
    let path = format!("/api/v1/bad/{TOOL}");
    let refused = client.post(&path, &json!({})).await.expect(504);
    assert_eq!(refused.json()["code"], "upstream_timeout");
    calls += 1;
    others_go_on(&client).await;
    let outcomes = outcomes(&client, "bad", TOOL).await;
    assert_eq!(outcomes, vec![json!("upstream_timeout"); calls]);
    verify(&client).await;
}

/// How a call ends whose server does: in the older era its stream has begun, and breaks off.
fn ended(era: Era) -> (&'static str, &'static str) {
    match era {
        Era::Modern => ("upstream_unreachable", "could not be reached"),
        Era::Legacy => ("upstream_invalid", "broke off"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_in_a_call_is_told_and_its_tools_stay_listed() {
    for era in ERAS {
        let bad = peers::mcp_fixture(&["--fault", "exit"]).await;
        let good = peers::mcp_fixture(&[]).await;
        let plugins = [
            plugin("bad", &bad.url, "", ""),
            plugin("good", &good.url, "", ""),
        ];
        let daemon = Daemon::start(&config(&plugins, "")).await;
        let client = daemon.client();
        others_go_on(&client).await;
        let mcp = Mcp::open(era, &client, "/mcp/bad", json!({})).await;
        let in_call = failure(&mcp.call(TOOL, json!({})).await);
        let afterwards = failure(&mcp.call(TOOL, json!({})).await);
        assert!(
            afterwards.contains("could not be reached"),
            "{era:?}: {afterwards}"
        );
        others_go_on(&client).await;
        let (outcome, text) = ended(era);
        assert!(in_call.contains(text), "{era:?}: {in_call}");
        let outcomes = outcomes(&client, "bad", TOOL).await;
        assert_eq!(outcomes, [outcome, "upstream_unreachable"], "{era:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_in_a_call_is_told_and_comes_back() {
    let port = gestalt_e2e::program::free_port().to_string();
    let good = peers::mcp_fixture(&[]).await;
    for era in ERAS {
        let start =
            async |fault: &[&str]| peers::mcp_fixture(&[&["--port", &port], fault].concat()).await;
        let mut bad = start(&["--fault", "hang"]).await;
        let plugins = [
            plugin("bad", &bad.url, "", ""),
            plugin("good", &good.url, "", ""),
        ];
        let daemon = Daemon::start(&config(&plugins, "")).await;
        let client = daemon.client();
        others_go_on(&client).await;
        let mcp = Mcp::open(era, &client, "/mcp/bad", json!({})).await;
        let caller = mcp.clone();
        let call = tokio::spawn(async move { caller.call(TOOL, json!({})).await });
        bad.program.said("hanging").await;
        // Nobody else waits for it.
        others_go_on(&client).await;
        assert!(!call.is_finished());
        bad.program.kill();
        let said = failure(&call.await.unwrap());
        let (outcome, text) = ended(era);
        assert!(said.contains(text), "{era:?}: {said}");
        others_go_on(&client).await;
        let _back = start(&[]).await;
        let again = match era {
            Era::Modern => mcp,
            // The server has forgotten the session, and so says that there is none.
            Era::Legacy => {
                mcp.send("tools/call", json!({ "name": TOOL, "arguments": {} }))
                    .await
                    .expect(404);
                Mcp::open(era, &client, "/mcp/bad", json!({})).await
            }
        };
        let answer = again.call(TOOL, json!({})).await;
        assert_eq!(answer["result"]["content"][0]["type"], "text", "{answer}");
        let outcomes = outcomes(&client, "bad", TOOL).await;
        assert_eq!(outcomes.first(), Some(&json!(outcome)), "{said}");
        assert_eq!(outcomes.last(), Some(&json!("ok")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_floods_its_log_answers_all_the_same() {
    let bad = peers::mcp_fixture(&["--fault", "flood"]).await;
    let daemon = Daemon::start(&config(&[plugin("bad", &bad.url, "", "")], "")).await;
    for era in ERAS {
        let mcp = Mcp::open(era, &daemon.client(), "/mcp/bad", json!({})).await;
        let answer = mcp.call(TOOL, json!({})).await;
        assert_eq!(answer["result"]["content"][0]["type"], "text", "{answer}");
    }
}

/// A stream that begins and then says nothing.
fn stalled() -> Reply {
    let piece = Bytes::new();
    let first = Some(Bytes::from_static(b": here\n\n"));
    let body = Repeated {
        first,
        piece,
        times: None,
    };
    reply("text/event-stream", body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_ends_the_call_and_its_record_says_so() {
    let server = Scripted::start(|asked| match asked.method() {
        "tools/list" => asked.result(json!({ "tools": [
            { "name": "stall", "inputSchema": { "type": "object" } },
        ]})),
        "tools/call" => Some(stalled()),
        _ => None,
    })
    .await;
    let daemon = Daemon::start(&config(&[plugin("slow", &server.url, "", "")], "")).await;
    let client = daemon.client();
    for era in ERAS {
        let mcp = Mcp::open(era, &client, "/mcp/slow", json!({})).await;
        let params = json!({ "name": "stall", "arguments": {} });
        let call = mcp.request(&mcp.message("tools/call", params));
        let before = server.sent("tools/call").len();
        let caller = daemon.client();
        let calling = tokio::spawn(async move { caller.open(call).await.status() });
        until(async || server.sent("tools/call").len() > before).await;
        calling.abort();
        let _gone = calling.await;
    }
    until(async || {
        let outcomes = outcomes(&client, "slow", "stall").await;
        outcomes == [json!("cancelled"), json!("cancelled")]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_failed_leave_nothing_open() {
    let port = gestalt_e2e::program::free_port().to_string();
    let url = format!("http://127.0.0.1:{port}");
    let plugins = [plugin("bad", &url, ", timeout: 200ms", "")];
    let mut daemon = Daemon::start(&config(&plugins, "")).await;
    let process = daemon.program().id();
    let storm = async |times: usize| {
        let options = ["--port", &port, "--fault", "hang"];
        let mut bad = peers::mcp_fixture(&options).await;
        let client = daemon.client();
        for era in ERAS {
            let mcp = Mcp::open(era, &client, "/mcp/bad", json!({})).await;
            for _ in 0..times {
                failure(&mcp.call(TOOL, json!({})).await);
            }
            let caller = daemon.client();
            let call = mcp.request(&mcp.message("tools/call", json!({ "name": TOOL })));
            let calling = tokio::spawn(async move { caller.open(call).await.status() });
            calling.abort();
            let _gone = calling.await;
        }
        bad.program.kill();
        let mcp = Mcp::open(Era::Modern, &client, "/mcp/bad", json!({})).await;
        for _ in 0..times {
            failure(&mcp.call(TOOL, json!({})).await);
        }
    };
    storm(1).await;
    let before = open_files(process);
    storm(TIMES).await;
    // The store may have opened a connection more; each call would have left one behind.
    until(async || open_files(process) < before + TIMES).await;
    // Nothing is waited for that was given up: the daemon ends at once.
    assert!(daemon.stop().await.success());
}
