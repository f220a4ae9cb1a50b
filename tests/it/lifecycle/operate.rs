//! What an operator asks a running daemon.

use gestalt_e2e::{Client, Daemon, Echo, seed};
use gestalt_store::Database;
use serde_json::json;
use tokio::task::JoinSet;

use super::with_login;
use crate::browser;

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_for_admins_and_the_management_listener() {
    let echo = Echo::start().await;
    let more = "providers: { authentication: { local: {} } }\n";
    let config = echo.config(more);
    let management = "server:\n  management: { host: 127.0.0.1, port: 0 }\n";
    let mut daemon = Daemon::start(&config.replacen("server:\n", management, 1)).await;
    daemon.stop().await;
    let database = Database::Sqlite(daemon.home().join("gestalt.db"));
    let user = seed::users(database, 1).await.unwrap().remove(0);
    daemon.restart().await;
    let anonymous = daemon.client();
    anonymous.get("/metrics").await.expect(401);
    anonymous
        .clone()
        .bearer(&user.token)
        .get("/metrics")
        .await
        .expect(403);
    let code = daemon.command(&["login-code"]).await.ok();
    let session = browser::log_in(&daemon, &browser::code_of(&code)).await;
    let admin = browser::with_session(&daemon, &session);
    assert!(
        admin
            .get("/metrics")
            .await
            .expect(200)
            .text()
            .contains("gestalt_")
    );
    for path in ["/health", "/ready"] {
        anonymous.get(path).await.expect(200);
    }

    let address = daemon.program().said("management on ").await;
    let operator = Client::new(&address);
    for path in ["/health", "/ready", "/metrics"] {
        operator.get(path).await.expect(200);
    }
    for path in [
        "/",
        "/login",
        "/api/v1/me",
        "/api/v1/tokens",
        "/api/v1/echo/read?id=1",
    ] {
        operator.get(path).await.expect(404);
    }
    let reload = "/api/v1/admin/reload";
    operator.post(reload, &json!({})).await.expect(401);
    operator
        .clone()
        .bearer(&user.token)
        .post(reload, &json!({}))
        .await
        .expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_code_works_once_whoever_comes_first() {
    let echo = Echo::start().await;
    let daemon = with_login(&echo).await;
    let link = daemon.command(&["login-code"]).await.ok();
    assert!(link.starts_with(daemon.url()), "{link}");
    let code = browser::code_of(&link);
    let path = format!("/login?code={code}");
    // Previews and scanners open links.
    for _ in 0..3 {
        let page = daemon.client().get(&path).await.expect(200);
        assert!(browser::session_of(&page).is_none());
    }
    let mut browsers = JoinSet::new();
    let daemon = std::sync::Arc::new(daemon);
    for _ in 0..2 {
        let (daemon, code) = (std::sync::Arc::clone(&daemon), code.clone());
        let page = browser::open(&daemon, &path).await;
        browsers.spawn(async move { page.send(&daemon, &code).await });
    }
    let mut statuses = Vec::new();
    while let Some(answer) = browsers.join_next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.status == 303, browser::session_of(&answer).is_some());
        statuses.push(answer.status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 401]);
    let late = browser::open(&daemon, &path)
        .await
        .send(&daemon, &code)
        .await;
    assert!(browser::session_of(&late.expect(401)).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_logs_in_there_is_no_login_code() {
    let echo = Echo::start().await;
    let mut daemon = Daemon::start(&echo.config("")).await;
    let ran = daemon.command(&["login-code"]).await;
    assert!(
        ran.code > 0 && ran.err.contains("`local` login"),
        "{}",
        ran.err
    );
    daemon.stop().await;
    let ran = daemon.command(&["login-code"]).await;
    assert!(
        ran.code > 0 && ran.err.contains("no daemon runs here"),
        "{}",
        ran.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_by_its_exit_how_bad_it_is() {
    let echo = Echo::start().await;
    let mut daemon = with_login(&echo).await;
    let file = daemon.config_files().remove(0);
    set_mode(&file, 0o600);
    let well = daemon.command(&["doctor"]).await;
    assert_eq!(well.code, 0, "{}{}", well.out, well.err);
    assert!(well.out.contains("a daemon runs"), "{}", well.out);
    set_mode(&file, 0o644);
    let warned = daemon.command(&["doctor", "--json"]).await;
    assert_eq!(warned.code, 0, "{}{}", warned.out, warned.err);
    let findings: serde_json::Value = serde_json::from_str(&warned.out).unwrap();
    let warning = |finding: &&serde_json::Value| finding["level"] == "warning";
    let warnings: Vec<_> = findings
        .as_array()
        .unwrap()
        .iter()
        .filter(warning)
        .collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0]["fix"]
            .as_str()
            .unwrap()
            .starts_with("chmod 600 ")
    );
    set_mode(&file, 0o600);
    assert!(daemon.stop().await.success());
    assert_eq!(
        daemon.command(&["doctor"]).await.code,
        0,
        "also without a daemon"
    );
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("egress:", "egres:")).unwrap();
    let bad = daemon.command(&["doctor"]).await;
    assert_eq!(bad.code, 2, "{}{}", bad.out, bad.err);
    std::fs::write(&file, good.replace(seed::ROOT_KEY, &"ff".repeat(32))).unwrap();
    let bad = daemon.command(&["doctor"]).await;
    assert_eq!(bad.code, 2, "{}{}", bad.out, bad.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn s33_an_edited_record_is_found_by_the_commands() {
    let echo = Echo::start().await;
    let mut daemon = with_login(&echo).await;
    daemon.command(&["login-code"]).await.ok();
    assert!(daemon.stop().await.success());
    let verify = ["audit", "verify", "--checkpoints", "checkpoints.jsonl"];
    let well = daemon.command(&verify).await;
    assert_eq!(well.code, 0, "{}{}", well.out, well.err);
    // Somebody who has the file makes a record say something else.
    let file = daemon.home().join("gestalt.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let (old, new) = (b"login_code.create", b"login_code.delete");
    let place = |bytes: &[u8]| bytes.windows(old.len()).position(|window| window == old);
    while let Some(at) = place(&bytes) {
        bytes[at..at + new.len()].copy_from_slice(new);
    }
    std::fs::write(&file, bytes).unwrap();
    let found = daemon.command(&verify).await;
    assert_eq!(found.code, 1, "{}{}", found.out, found.err);
    assert!(found.out.contains("edited"), "{}", found.out);
    let doctor = daemon.command(&["doctor"]).await;
    assert_eq!(doctor.code, 2, "{}{}", doctor.out, doctor.err);
}

fn set_mode(file: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
}
