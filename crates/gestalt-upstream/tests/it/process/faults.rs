//! Children that crash, hang, flood and fork (S56).

use std::path::PathBuf;
use std::time::Duration;

use gestalt_upstream::UpstreamError;
use gestalt_upstream::mcp::AnswerBody;
use http::StatusCode;
use serde_json::json;

use super::watched::Watched;
use super::world::{Setting, value, whole};

/// Makes a pipe that a child may open.
fn watched(setting: &mut Setting) -> Watched {
    let folder = setting.folder.path().join("pipes");
    std::fs::create_dir(&folder).unwrap();
    setting.process.writable.push(folder.clone());
    Watched::make(&folder)
}

#[tokio::test]
async fn s56_a_child_that_crashes_is_said_to_and_started_less_and_less_often() {
    let world = Setting::new().with("--crash").build();
    let mut client = world.stranger("ada");
    for _ in 0..2 {
        let error = client.begin().await.unwrap_err().to_string();
        assert_eq!(error, "The process of script ended (exit status: 3).");
    }
    let error = client.begin().await.unwrap_err().to_string();
    assert_eq!(
        error,
        "The process of script failed and is started again in 1 s."
    );
}

#[tokio::test]
async fn s56_a_child_that_every_call_ends_is_not_started_for_each() {
    let world = Setting::new().build();
    for _ in 0..2 {
        let client = world.client("ada").await;
        client.call("exit", json!([1])).await.unwrap_err();
    }
    let error = world.stranger("ada").begin().await.unwrap_err().to_string();
    assert!(error.ends_with("is started again in 1 s."), "{error}");
    world.client("eve").await.did("pid", json!([])).await;
}

#[tokio::test]
async fn s56_a_program_that_is_none_is_said_to_be() {
    let mut setting = Setting::new();
    setting.process.command = setting.process.readable[0].join("server.py");
    let world = setting.build();
    let error = world.stranger("ada").begin().await.unwrap_err().to_string();
    assert!(error.contains("could not be started"), "{error}");
    // Where it was looked for is for the log.
    assert!(!error.contains("server.py"), "{error}");
}

#[tokio::test]
async fn s56_calls_under_way_fail_when_the_child_exits_and_the_next_one_starts_another() {
    let world = Setting::new().build();
    let (client, other) = (world.client("ada").await, world.client("eve").await);
    let hanging = client.call("hang", json!([])).await.unwrap();
    let error = client.call("exit", json!([7])).await.unwrap_err();
    let said = "The process of script ended (exit status: 7).";
    assert_eq!(error.to_string(), said);
    let last = whole(hanging).await.pop().unwrap();
    assert_eq!(last.unwrap_err().to_string(), said);
    let answer = client.call("pid", json!([])).await.unwrap();
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    world.client("ada").await.did("pid", json!([])).await;
    other.did("pid", json!([])).await;
}

#[tokio::test]
async fn s56_a_child_that_says_nothing_any_more_is_ended_with_all_it_started() {
    let mut setting = Setting::new();
    setting.timeout = Duration::from_secs(2);
    let watched = watched(&mut setting);
    let world = setting.build();
    let (client, other) = (world.client("ada").await, world.client("eve").await);
    let gone = watched.opened();
    client.did("fork", json!([3, watched.path()])).await;
    let error = client.call("stop", json!([])).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Timeout { .. }), "{error}");
    gone.await.unwrap();
    other.did("pid", json!([])).await;
}

#[tokio::test]
async fn a_call_that_takes_too_long_ends_alone() {
    let mut setting = Setting::new();
    setting.timeout = Duration::from_secs(2);
    let world = setting.build();
    let client = world.client("ada").await;
    let pid = client.did("pid", json!([])).await;
    let hanging = client.call("hang", json!([])).await.unwrap();
    let last = whole(hanging).await.pop().unwrap().unwrap_err();
    assert!(matches!(last, UpstreamError::Timeout { .. }), "{last}");
    assert_eq!(client.did("pid", json!([])).await, pid);
}

#[tokio::test]
async fn s56_a_flood_of_errors_disturbs_nobody() {
    let world = Setting::new().build();
    let (client, other) = (world.client("ada").await, world.client("eve").await);
    let line = "nonsense ".repeat(10) + "\n";
    let flood = client.call("say", json!([line, 10_000]));
    let (flooded, others) = tokio::join!(flood, other.did("pid", json!([])));
    assert!(others["value"].is_u64());
    let flooded = whole(flooded.unwrap()).await.pop().unwrap();
    assert_eq!(value(&flooded.unwrap())["id"], "c-1");
}

#[tokio::test]
async fn s56_a_flood_of_messages_ends_the_call_and_disturbs_nobody() {
    let mut setting = Setting::new();
    setting.settings.max_buffered_bytes = 64 << 10;
    let world = setting.build();
    let (client, other) = (world.client("ada").await, world.client("eve").await);
    let flooded = client.call("spout", json!([])).await.unwrap();
    // Nobody reads meanwhile, so that the limit is met.
    let pid = other.did("pid", json!([])).await;
    let messages = whole(flooded).await;
    let last = messages.into_iter().last().unwrap().unwrap_err();
    assert!(
        matches!(last, UpstreamError::InvalidAnswer { .. }),
        "{last}"
    );
    assert_eq!(other.did("pid", json!([])).await, pid);
}

#[tokio::test]
async fn s56_a_message_beyond_the_limit_and_much_garbage_end_the_child() {
    for (tool, text, said) in [
        (
            "huge",
            String::new(),
            "a message of it is larger than the limit",
        ),
        (
            "raw",
            "no\n".repeat(20),
            "it writes to its output what is no message",
        ),
    ] {
        let mut setting = Setting::new();
        setting.settings.max_buffered_bytes = 64 << 10;
        let world = setting.build();
        let client = world.client("ada").await;
        let error = client.call(tool, json!([text])).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("The process of script ended ({said}).")
        );
    }
}

#[tokio::test]
async fn a_line_that_is_no_message_does_no_harm() {
    let world = Setting::new().build();
    let client = world.client("ada").await;
    let raw = "Server is ready\n\n[]\n{\"id\":$ID,\"result\":1}";
    let answer = client.call("raw", json!([raw])).await.unwrap();
    assert_eq!(
        whole(answer).await[0].as_ref().unwrap(),
        "{\"id\":\"c-1\",\"result\":1}"
    );
}

#[tokio::test]
async fn s56_what_a_child_forks_is_gone_with_it() {
    let mut setting = Setting::new();
    let watched = watched(&mut setting);
    let world = setting.build();
    let client = world.client("ada").await;
    let gone = watched.opened();
    let forked = client.did("fork", json!([20, watched.path()])).await;
    assert_eq!(forked["value"], 20);
    assert!(!gone.is_finished());
    drop(world);
    gone.await.unwrap();
}

#[tokio::test]
async fn s56_what_a_child_forks_is_gone_when_it_exits_itself() {
    let mut setting = Setting::new();
    let watched = watched(&mut setting);
    let world = setting.build();
    let client = world.client("ada").await;
    let gone = watched.opened();
    client.did("fork", json!([5, watched.path()])).await;
    client.call("exit", json!([0])).await.unwrap_err();
    gone.await.unwrap();
}

#[tokio::test]
async fn an_idle_child_is_ended_and_its_session_with_it() {
    let mut setting = Setting::new();
    setting.process.idle_timeout = Duration::from_millis(500);
    let watched = watched(&mut setting);
    let world = setting.build();
    let client = world.client("ada").await;
    let gone = watched.opened();
    client.did("fork", json!([1, watched.path()])).await;
    let session = client.session.as_deref().unwrap();
    let AnswerBody::Events(told) = world.stdio.listen(session, &client.whose).body else {
        panic!("no stream");
    };
    gone.await.unwrap();
    // The stream ends when it is known that the child has.
    let told = gestalt_upstream::mcp::Answer {
        status: StatusCode::OK,
        session: None,
        body: AnswerBody::Events(told),
    };
    assert_eq!(whole(told).await.len(), 0);
    let answer = client.call("pid", json!([])).await.unwrap();
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    // That was no failure.
    world.client("ada").await.did("pid", json!([])).await;
}

#[tokio::test]
async fn one_child_too_many_takes_the_place_of_an_idle_one_or_waits() {
    let mut setting = Setting::new();
    setting.process.max_processes = 1;
    let world = setting.build();
    let first = world.client("ada").await;
    let home = first.did("environment", json!([])).await;
    let home = PathBuf::from(home["value"]["HOME"].as_str().unwrap());
    assert!(home.is_dir());
    let second = world.client("eve").await;
    let answer = first.call("pid", json!([])).await.unwrap();
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(!home.exists());
    let working = second.call("hang", json!([])).await.unwrap();
    let error = world.stranger("ada").begin().await.unwrap_err();
    assert!(
        error.to_string().contains("all of them are at work"),
        "{error}"
    );
    drop(working);
}

#[tokio::test]
async fn no_more_children_than_may_be_are_started_by_all_plugins() {
    let mut setting = Setting::new();
    setting.settings.processes.max_processes = 0;
    let world = setting.build();
    let error = world.stranger("ada").begin().await.unwrap_err();
    assert!(matches!(error, UpstreamError::Process { .. }), "{error}");
}

#[tokio::test]
async fn folders_of_a_daemon_that_is_gone_are_removed() {
    let setting = Setting::new();
    let run = setting.settings.processes.run_directory.clone();
    let left = run.join("left");
    std::fs::create_dir_all(left.join("child")).unwrap();
    std::fs::write(left.join("lock"), "").unwrap();
    private(&run);
    let world = setting.build();
    world.client("ada").await;
    assert!(!left.exists());
}

fn private(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test]
async fn a_run_directory_that_others_can_enter_is_refused() {
    let setting = Setting::new();
    std::fs::create_dir_all(&setting.settings.processes.run_directory).unwrap();
    let world = setting.build();
    let error = world.stranger("ada").begin().await.unwrap_err();
    assert!(matches!(error, UpstreamError::Internal(_)), "{error}");
}
