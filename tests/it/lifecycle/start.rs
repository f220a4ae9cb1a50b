//! What a start refuses and what it says; and the first one.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use gestalt_e2e::daemon::{Start, attempt};
use gestalt_e2e::{Daemon, Echo};

use super::of;

/// Starts with `config` and expects a refusal that says each of `says`.
async fn refused(home: &Path, config: &str, says: &[&str]) {
    let ran = attempt(home, &of(config), &["serve"]).await;
    assert!(ran.code > 0, "{}", ran.out);
    for text in says {
        assert!(ran.out.contains(text), "no `{text}` in:\n{}", ran.out);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_port_is_named_with_what_to_do() {
    let echo = Echo::start().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let home = tempfile::tempdir().unwrap();
    let config = echo
        .config("")
        .replacen("port: 0", &format!("port: {port}"), 1);
    let busy = format!("the port {port} is busy on 127.0.0.1");
    refused(home.path(), &config, &[&busy, "`server.public.port`"]).await;
    assert!(
        !home.path().join("gestalt.db").exists(),
        "nothing was begun"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_named() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    // Also root cannot write below a file.
    let below = file.join("home").display().to_string();
    let start = Start {
        environment: vec![("HOME".to_owned(), below)],
        ..Start::default()
    };
    let ran = attempt(home.path(), &start, &["serve"]).await;
    assert!(
        ran.code > 0 && ran.out.contains("cannot write"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("--config"), "{}", ran.out);

    let echo = Echo::start().await;
    let dsn =
        "providers: { indexeddb: { main: { config: { dsn: \"sqlite:file/x/gestalt.db\" } } } }\n";
    refused(home.path(), &echo.config(dsn), &["file/x/gestalt.db"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_login_only_this_machine_is_served() {
    let echo = Echo::start().await;
    let good = echo.config("");
    let line = "public: { host: 127.0.0.1, port: 0 }";
    assert!(good.contains(line));
    for other in [
        "public: { host: 0.0.0.0, port: 0 }",
        "public: { host: \"::\", port: 0 }",
        "public: { host: 127.0.0.1, port: 0 }\n  baseUrl: https://gestalt.example.com",
        "public: { host: 127.0.0.1, port: 0 }\n  trustedProxies: [10.0.0.0/8]",
        "public: { host: 127.0.0.1, port: 0 }\n  management: { host: 0.0.0.0, port: 0 }",
    ] {
        let home = tempfile::tempdir().unwrap();
        refused(
            home.path(),
            &good.replacen(line, other, 1),
            &["insecure: true"],
        )
        .await;
    }
    let more = "providers: { authentication: { none: { insecure: true } } }\n";
    let config = echo.config(more).replacen("127.0.0.1", "0.0.0.0", 1);
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("config.yaml"), config).unwrap();
    let ran = attempt(
        home.path(),
        &Start::default(),
        &["doctor", "--config", "config.yaml"],
    )
    .await;
    assert_eq!(
        ran.code, 2,
        "an error of the operator's own choice: {}",
        ran.out
    );
    assert!(ran.out.contains("insecure: true"), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_config_is_shown_where_it_is_wrong() {
    let echo = Echo::start().await;
    let home = tempfile::tempdir().unwrap();
    let config = echo
        .config("")
        .replacen("encryptionKey", "encriptionKey", 1);
    refused(
        home.path(),
        &config,
        &["encriptionKey", "`encryptionKey`", "config-0.yaml:3"],
    )
    .await;
    // A login that this build cannot honour never becomes none.
    let oidc = "providers: { authentication: { oidc: { config: { issuerUrl: https://x.example, clientId: a, clientSecret: b } } } }\n";
    let home = tempfile::tempdir().unwrap();
    refused(home.path(), &echo.config(oidc), &["oidc", "config-0.yaml:"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_writes_a_private_config_and_the_next_leaves_it_alone() {
    let mut daemon = Daemon::start_at_first().await;
    let folder = daemon.home().join(".gestaltd");
    let config = folder.join("config.yaml");
    assert_eq!((mode(&folder), mode(&config)), (0o700, 0o600));
    assert_eq!(mode(&folder.join("gestalt.db")), 0o600);
    assert_eq!(mode(&folder.join("admin.sock")), 0o600);
    let text = fs::read_to_string(&config).unwrap();
    let (_, key) = text.split_once("encryptionKey: \"").unwrap();
    let key = &key[..64];
    assert!(key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    assert!(daemon.stop().await.success());
    assert!(!daemon.program().log().contains(key), "the key is printed");
    daemon.restart().await;
    assert_eq!(fs::read_to_string(&config).unwrap(), text);
    assert!(
        !daemon
            .program()
            .log()
            .contains("new, with a random root key")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_on_the_same_database_is_refused() {
    let echo = Echo::start().await;
    let daemon = Daemon::start(&echo.config("")).await;
    let database = daemon.home().join("gestalt.db");
    let home = tempfile::tempdir().unwrap();
    let dsn = format!(
        "providers: {{ indexeddb: {{ main: {{ config: {{ dsn: \"sqlite:{}\" }} }} }} }}\n",
        database.display()
    );
    refused(home.path(), &echo.config(&dsn), &["gestalt.db", "another"]).await;
    daemon.client().get("/api/v1/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_a_wrong_root_key_refuses_and_touches_nothing() {
    let echo = Echo::start().await;
    let mut daemon = Daemon::start(&echo.config("")).await;
    assert!(daemon.stop().await.success());
    let database = daemon.home().join("gestalt.db");
    let before = fs::read(&database).unwrap();
    let file = daemon.config_files().remove(0);
    let good = fs::read_to_string(&file).unwrap();
    let home = daemon.home().to_owned();
    let other = "ff".repeat(32);
    fs::write(&file, good.replace(gestalt_e2e::seed::ROOT_KEY, &other)).unwrap();
    let says = [
        "`server.encryptionKey` is not the key",
        "nothing was touched",
    ];
    refused(&home, "", &says).await;
    fs::write(&file, good.replace("encryptionKey", "# encryptionKey")).unwrap();
    refused(&home, "", &["`server.encryptionKey` is missing"]).await;
    assert_eq!(fs::read(&database).unwrap(), before);
    fs::write(&file, good).unwrap();
    daemon.restart().await;
}
