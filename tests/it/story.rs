//! The first minutes, as the README tells them.

use std::fs;

use gestalt_e2e::{Cli, Daemon};

#[tokio::test(flavor = "multi_thread")]
async fn connect_list_call_and_disconnect_work_offline() {
    let daemon = Daemon::start_at_first().await;
    let config = daemon.home().join(".gestaltd/config.yaml");
    let mode = fs::metadata(&config).unwrap().permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );

    let cli = Cli::new(&daemon);
    let refused = cli.run(&["plugin", "invoke", "demo", "list_notes"]).await;
    assert_eq!(refused.code, 5, "not connected: {}", refused.err);
    cli.run(&["init"]).await.ok();
    assert!(cli.run(&["plugin", "list"]).await.ok().contains("demo"));
    let key = cli.home().join("key");
    fs::write(&key, "demo-of-a-new-user\n").unwrap();
    let secret = format!("api_key={}", key.display());
    cli.run(&["plugin", "connect", "demo", "--secret-file", &secret])
        .await
        .ok();
    let note = [
        "plugin",
        "invoke",
        "demo",
        "create_note",
        "-p",
        "title=Hello",
    ];
    cli.run(&note).await.ok();
    let notes = cli
        .run(&["call", "demo", "list_notes", "--json"])
        .await
        .json();
    assert_eq!(notes["notes"][0]["title"], "Hello", "{notes}");

    let search = [
        "audit",
        "search",
        "--plugin",
        "demo",
        "--operation",
        "list_notes",
        "--json",
    ];
    let records = cli.run(&search).await.json();
    assert!(records.to_string().contains("\"ok\""), "{records}");
    let disconnect = ["plugin", "disconnect", "demo", "--confirm", "demo"];
    cli.run(&disconnect).await.ok();
    assert_eq!(cli.run(&note).await.code, 5);
}
