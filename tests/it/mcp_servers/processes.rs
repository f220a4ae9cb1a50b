//! Servers that are processes of ours: they hang, end, or flood their log.

use std::fs;

use gestalt_e2e::mcp::{ERAS, Era, text};
use gestalt_e2e::{Client, Daemon, Mcp, peers, program};
use hyper::Method;
use serde_json::{Value, json};

use super::{config, failure, open_files, plugin, process, until};

const TOOL: &str = "test_simple_text";

/// A plugin whose server is the fixture as a process with these options, and a word by which
/// its processes are known.
fn fixture(surface: &str, options: &[&str]) -> (String, String) {
    // Nobody else has a page of this size.
    let mark = program::free_port().to_string();
    let command = program::built("mcp-fixture");
    let arguments = [&["--stdio", "--page-size", &mark], options].concat();
    let surface = format!(", readable: [\"{}\"]{surface}", command.display());
    (process("bad", &command, &arguments, &surface), mark)
}

/// The processes that have a word among their arguments.
fn processes(mark: &str) -> usize {
    let all = fs::read_dir("/proc").unwrap();
    let lines = all.filter_map(|one| fs::read(one.ok()?.path().join("cmdline")).ok());
    let marked = lines.filter(|line| {
        let mut words = line.split(|byte| *byte == 0);
        words.any(|word| word == mark.as_bytes())
    });
    marked.count()
}

async fn others_go_on(client: &Client) {
    for era in ERAS {
        let all = Mcp::open(era, client, "/mcp", json!({})).await;
        let tools = all.tools().await;
        for plugin in ["bad", "good"] {
            let name = format!("{plugin}_{TOOL}");
            assert!(tools.contains(&name), "{era:?}: {tools:?}");
        }
        let answer = all.call(&format!("good_{TOOL}"), json!({})).await;
        assert!(text(&answer).contains("simple text"), "{answer}");
    }
}

/// Has a process with a fault called by both eras; gives what each call said. No process, and
/// nothing else, is left.
async fn called(fault: &str, surface: &str, times: usize) -> Vec<Value> {
    let good = peers::mcp_fixture(&[]).await;
    let (bad, mark) = fixture(surface, &["--fault", fault]);
    let plugins = [bad, plugin("good", &good.url, "", "")];
    let mut daemon = Daemon::start(&config(&plugins, "")).await;
    let daemon_id = daemon.program().id();
    let mut said = Vec::new();
    let mut open = 0;
    for round in 0..times {
        let client = daemon.client();
        others_go_on(&client).await;
        for era in ERAS {
            let mcp = Mcp::open(era, &client, "/mcp/bad", json!({})).await;
            said.push(mcp.call(TOOL, json!({})).await);
            if mcp.session().is_some() {
                client.request(mcp.bare(Method::DELETE)).await;
            }
        }
        if round == 0 {
            open = open_files(daemon_id);
        }
    }
    assert!(processes(&mark) <= 4, "{}", processes(&mark));
    until(async || open_files(daemon_id) < open + 8).await;
    assert!(daemon.stop().await.success());
    until(async || processes(&mark) == 0).await;
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_never_answers_is_told_and_leaves_nothing() {
    for answer in called("hang", ", timeout: 300ms", 3).await {
        let said = failure(&answer);
        assert!(said.contains("300ms"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_in_a_call_is_told_and_not_started_over_and_over() {
    let good = peers::mcp_fixture(&[]).await;
    for era in ERAS {
        let (bad, mark) = fixture("", &["--fault", "exit"]);
        let plugins = [bad, plugin("good", &good.url, "", "")];
        let mut daemon = Daemon::start(&config(&plugins, "")).await;
        let client = daemon.client();
        others_go_on(&client).await;
        let mcp = Mcp::open(era, &client, "/mcp/bad", json!({})).await;
        let said = failure(&mcp.call(TOOL, json!({})).await);
        assert!(said.contains("ended"), "{era:?}: {said}");
        let modern = Mcp::open(Era::Modern, &client, "/mcp/bad", json!({})).await;
        // One that goes on ending is started more and more seldom.
        until(async || {
            let said = failure(&modern.call(TOOL, json!({})).await);
            said.contains("started again in")
        })
        .await;
        others_go_on(&client).await;
        assert!(daemon.stop().await.success());
        until(async || processes(&mark) == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s56_a_process_that_floods_its_log_answers_all_the_same() {
    for answer in called("flood", "", 3).await {
        assert!(text(&answer).contains("simple text"), "{answer}");
    }
}
