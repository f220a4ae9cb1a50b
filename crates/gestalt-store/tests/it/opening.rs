//! Opening a database: locks, modes, versions, and what survives a kill.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail, and starts itself anew to be killed"
)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use gestalt_core::Secret;
use gestalt_store::{Change, Database, Settings, Store, StoreError};
use sqlx::Connection as _;

use crate::contract::contract;
use crate::database::{Kind, TestDatabase};
use crate::samples::*;

contract! {
    statements_are_counted,
    a_closed_store_is_unavailable,
}

async fn statements_are_counted(store: Store) {
    let before = store.statements();
    let ((), counted) = Store::counted(async {
        store.ping().await.unwrap();
        store.write(&ground()).await.unwrap();
        store.write(&[]).await.unwrap();
    })
    .await;
    assert_eq!(counted, 3);
    assert_eq!(store.statements() - before, 3);
    let ((), counted) = Store::counted(async {}).await;
    assert_eq!(counted, 0);
}

async fn a_closed_store_is_unavailable(store: Store) {
    store.close().await;
    let refused = store.ping().await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    let refused = store.write(&ground()).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
}

fn path(database: &TestDatabase) -> &std::path::Path {
    match &database.settings.database {
        Database::Sqlite(path) => path,
        Database::Postgres(_) => unreachable!("asked for SQLite"),
    }
}

#[tokio::test]
async fn a_second_open_is_refused_and_names_the_file() {
    let database = TestDatabase::new(Kind::Sqlite);
    let store = database.open().await;
    let refused = Store::open(&database.settings).await.unwrap_err();
    assert!(matches!(refused, StoreError::Locked { .. }));
    let text = refused.to_string();
    let named = path(&database).display().to_string();
    assert!(
        text.starts_with(&named) && text.contains("gestalt.db.lock"),
        "{text}"
    );
    assert!(text.ends_with("stop that one first"), "{text}");

    // The lock goes with the closing, also while clones live.
    let clone = store.clone();
    store.close().await;
    database.open().await.close().await;
    drop(clone);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let database = TestDatabase::new(Kind::Sqlite);
    // One that was made too open is tightened.
    std::fs::write(path(&database), []).unwrap();
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(path(&database), open).unwrap();
    let store = database.open().await;
    store.write(&ground()).await.unwrap();
    store
        .backup_to(&database.dir.path().join("backup"))
        .await
        .unwrap();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(database.dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    let expected = [
        "backup",
        "gestalt.db",
        "gestalt.db-shm",
        "gestalt.db-wal",
        "gestalt.db.lock",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let database = TestDatabase::new(Kind::Sqlite);
    let missing = database.dir.path().join("missing").join("gestalt.db");
    let settings = Settings::new(Database::Sqlite(missing));
    let refused = Store::open(&settings).await.unwrap_err();
    assert!(matches!(refused, StoreError::File { .. }), "{refused:?}");
    assert!(
        refused.to_string().contains("missing/gestalt.db"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_its_password_unseen() {
    let url = Secret::new("postgres://gestalt:hunter2@127.0.0.1:1/gestalt?sslmode=disable");
    let settings = Settings::new(Database::Postgres(url));
    let refused = Store::open(&settings).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    let cause = std::error::Error::source(&refused).unwrap().to_string();
    assert!(cause.contains("refused"), "{cause}");
    assert!(!format!("{refused:?} {settings:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    const NEWER: &str = "INSERT INTO schema_migrations (version, name) VALUES (99, 'future')";
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let database = TestDatabase::new(kind);
        database.open().await.close().await;
        match &database.settings.database {
            Database::Sqlite(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                let mut open = sqlx::SqliteConnection::connect_with(&options)
                    .await
                    .unwrap();
                sqlx::query(NEWER).execute(&mut open).await.unwrap();
                open.close().await.unwrap();
            }
            Database::Postgres(url) => {
                let url = url.expose().replace("@/", "@localhost/");
                let mut open = sqlx::PgConnection::connect(&url).await.unwrap();
                sqlx::query(NEWER).execute(&mut open).await.unwrap();
            }
        }
        for _ in 0..2 {
            let refused = Store::open(&database.settings).await.unwrap_err();
            assert!(
                matches!(refused, StoreError::NewerSchema { found: 99, .. }),
                "{kind:?}: {refused:?}"
            );
        }
    }
}

#[tokio::test]
async fn several_open_a_new_postgres_at_once() {
    let database = TestDatabase::new(Kind::Postgres);
    let opening: Vec<_> = (0..4)
        .map(|_| {
            let settings = database.settings.clone();
            tokio::spawn(async move { Store::open(&settings).await })
        })
        .collect();
    for opened in opening {
        let store = opened.await.unwrap().unwrap();
        store.ping().await.unwrap();
        store.close().await;
    }
}

#[tokio::test]
async fn s51_connections_cut_by_the_server_heal_without_reopening() {
    let database = TestDatabase::new(Kind::Postgres);
    let store = database.open().await;
    store.write(&ground()).await.unwrap();
    let Database::Postgres(url) = &database.settings.database else {
        unreachable!("asked for PostgreSQL");
    };
    let url = url.expose().replace("@/", "@localhost/");
    let mut other = sqlx::PgConnection::connect(&url).await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for number in 0..5 {
        sqlx::query(cut).execute(&mut other).await.unwrap();
        let change = Change::CreateToken(token(number, "anonymous"));
        store.write(&[change]).await.unwrap();
    }
    store.close().await;
}

/// How many appends the killed process must have acknowledged before it is killed.
const BEFORE_THE_KILL: usize = 40;

#[tokio::test]
async fn s50_what_was_acknowledged_survives_a_kill() {
    let database = TestDatabase::new(Kind::Sqlite);
    let mut last = 0;
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "opening::appends_until_killed",
                "--ignored",
                "--nocapture",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "{}", path(&database).display()).unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut acknowledged = 0;
        let mut seen = 0;
        for line in output.lines() {
            // After the kill this reads what was said before it.
            if let Some(seq) = line.unwrap().strip_prefix("acknowledged ") {
                acknowledged = seq.parse::<u64>().unwrap();
                seen += 1;
            }
            if seen == BEFORE_THE_KILL {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(seen >= BEFORE_THE_KILL && acknowledged > last);

        let store = database.open().await;
        let head = store.audit_writers().await.unwrap().remove(0);
        assert!(head.seq >= acknowledged, "{} < {acknowledged}", head.seq);
        let rows = store.scan_audit(head.writer, 1, 100_000).await.unwrap();
        assert_eq!(rows.len() as u64, head.seq);
        assert!(rows.iter().zip(1..).all(|(row, seq)| row.seq == seq));
        let salt = store.find_meta("appended").await.unwrap().unwrap();
        assert_eq!(
            salt,
            head.seq.to_be_bytes(),
            "change and records commit together"
        );
        store.close().await;
        last = head.seq;
    }
}

/// Not a test: the process that the test above kills. Without a path on its standard input it
/// does nothing.
#[tokio::test]
#[ignore = "started by s50_what_was_acknowledged_survives_a_kill"]
async fn appends_until_killed() {
    let mut path = String::new();
    std::io::stdin().read_line(&mut path).unwrap();
    if path.trim().is_empty() {
        return;
    }
    let settings = Settings::new(Database::Sqlite(path.trim().into()));
    let store = Store::open(&settings).await.unwrap();
    let mut seq = store
        .audit_writers()
        .await
        .unwrap()
        .first()
        .map_or(0, |head| head.seq);
    loop {
        seq += 3;
        let change = Change::PutMeta {
            key: "appended".into(),
            value: seq.to_be_bytes().into(),
        };
        store
            .append(writer_id(1), &[change], |head| records(&head.head, 3))
            .await
            .unwrap();
        println!("acknowledged {seq}");
    }
}
