//! Backup and restore, across both kinds of database.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gestalt_core::connection::Owner;
use gestalt_store::{
    AuthFailureRow, Change, CheckpointRow, ConnectionRow, PageRequest, Store, StoreError,
};

use crate::contract::contract;
use crate::database::{Kind, TestDatabase};
use crate::samples::*;

contract! {
    a_backup_is_of_one_moment_while_others_write,
    a_backup_that_cannot_be_written_says_so,
}

/// Something in every table, and every kind of value.
async fn fill(store: &Store) {
    let subject = format!("user:{}", user_id(1));
    let replaced = ConnectionRow {
        generation: 2,
        ..connection(1, owner(1))
    };
    let changes = [
        Change::PutMeta {
            key: "salt".into(),
            value: (0..=255).collect(),
        },
        Change::CreateUser(user(1)),
        Change::LinkIdentity {
            issuer: "https://login.example.com/ü\"\\".into(),
            subject: "\u{1}\u{7f}𝄞".into(),
            user: user_id(1),
            at: at(-1),
        },
        Change::CreateSession(session(1, &subject)),
        Change::CreateLoginCode(login_code(1)),
        put(1, &connection(1, owner(1)), None),
        put(1, &replaced, Some(at(100))),
        put(2, &connection(2, Owner::Platform), None),
        Change::PutToolApproval(tool_approval("search", 1)),
        Change::CountAuthFailures(vec![AuthFailureRow {
            address: "::1".into(),
            reason: "unknown_token".into(),
            minute: at(0),
            count: 3,
        }]),
    ];
    store.write(&ground()).await.unwrap();
    // More than one chunk of rows.
    let tokens = (0..1_234).map(|number| Change::CreateToken(token(number, &subject)));
    store.write(&tokens.collect::<Vec<_>>()).await.unwrap();
    store
        .append(writer_id(1), &changes, |head| records(&head.head, 777))
        .await
        .unwrap();
    let checkpoint = Change::PutCheckpoint(CheckpointRow {
        writer: writer_id(1),
        seq: 777,
        hash: hash(777),
        at: at(777),
        key: key_id(0),
        signature: vec![0; 64],
    });
    store.write(&[checkpoint]).await.unwrap();
}

async fn back_up(store: &Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.backup(&mut bytes).await.unwrap();
    bytes
}

/// Restores a backup into a new database of a kind, and gives the database.
async fn restored(kind: Kind, backup: &[u8]) -> TestDatabase {
    let database = TestDatabase::new(kind);
    let path = database.dir.path().join("backup");
    std::fs::write(&path, backup).unwrap();
    let restored = Store::restore(&database.settings, &path).await.unwrap();
    let lines = backup.split(|byte| *byte == b'\n').count() as u64;
    assert_eq!(
        restored.rows,
        lines - 3,
        "all but header, trailer and the last line's end"
    );
    database
}

#[tokio::test]
async fn a_backup_comes_back_the_same_across_both_databases() {
    let database = TestDatabase::new(Kind::Sqlite);
    let store = database.open().await;
    fill(&store).await;
    let mut backup = back_up(&store).await;
    store.close().await;
    for kind in [
        Kind::Postgres,
        Kind::Sqlite,
        Kind::Sqlite,
        Kind::Postgres,
        Kind::Postgres,
    ] {
        let database = restored(kind, &backup).await;
        let store = database.open().await;
        let again = back_up(&store).await;
        assert!(again == backup, "a backup of the restored {kind:?} differs");
        let found = store.find_token_by_hash(&[hash(1_233)]).await.unwrap();
        assert_eq!(found.unwrap().1, Some(user(1)));
        store.close().await;
        backup = again;
    }
}

#[tokio::test]
async fn a_backup_file_names_what_it_is_and_leaves_nothing_beside_it() {
    let database = TestDatabase::new(Kind::Sqlite);
    let store = database.open().await;
    fill(&store).await;
    let path = database.dir.path().join("backup");
    // One that is there is replaced.
    std::fs::write(&path, "old").unwrap();
    let rows = store.backup_to(&path).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with(r#"{"format":"gestalt-backup","version":1,"schema":2,"#));
    assert_eq!(text.lines().count() as u64, rows + 2);
    assert!(!database.dir.path().join("backup.partial").exists());
    store.close().await;
}

async fn a_backup_is_of_one_moment_while_others_write(store: Store) {
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        async move {
            let mut number: u32 = 0;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                let change = Change::CreateUser(user(number));
                store
                    .append(writer_id(1), &[change], |head| records(&head.head, 5))
                    .await
                    .unwrap();
            }
        }
    });
    let mut backups = Vec::new();
    while backups.len() < 3 {
        let backup = back_up(&store).await;
        if backups.last() != Some(&backup) {
            backups.push(backup);
        }
    }
    stop.store(true, Ordering::Relaxed);
    writing.await.unwrap();
    for backup in backups {
        let database = restored(Kind::Sqlite, &backup).await;
        let restored = database.open().await;
        let users = users(&restored).await;
        let head = restored.audit_writers().await.unwrap();
        let head = head.first().map_or(0, |head| head.seq);
        let records = restored.scan_audit(writer_id(1), 1, 100_000).await.unwrap();
        assert_eq!((users * 5, head), (head, records.len() as u64));
        restored.close().await;
    }
}

async fn users(store: &Store) -> u64 {
    let mut page = PageRequest::first(1_000);
    let mut users = 0;
    loop {
        let read = store.list_users(&page).await.unwrap();
        users += read.items.len() as u64;
        page.cursor = read.next;
        if page.cursor.is_none() {
            return users;
        }
    }
}

async fn a_backup_that_cannot_be_written_says_so(store: Store) {
    store.write(&ground()).await.unwrap();
    let mut small = [0_u8; 100];
    let refused = store.backup(&mut small[..]).await;
    assert!(
        matches!(refused, Err(StoreError::Backup { .. })),
        "{refused:?}"
    );
    let missing = Path::new("/nonexistent/backup");
    let refused = store.backup_to(missing).await;
    assert!(
        matches!(refused, Err(StoreError::File { .. })),
        "{refused:?}"
    );
    // The store works on.
    store.ping().await.unwrap();
}

/// A small backup, and where a restore would go.
async fn small_backup() -> (TestDatabase, Vec<u8>, PathBuf) {
    let source = TestDatabase::new(Kind::Sqlite);
    let store = source.open().await;
    store.write(&ground()).await.unwrap();
    store.write(&[Change::CreateUser(user(1))]).await.unwrap();
    let backup = back_up(&store).await;
    store.close().await;
    let target = TestDatabase::new(Kind::Sqlite);
    let path = target.dir.path().join("backup");
    (target, backup, path)
}

#[tokio::test]
async fn a_damaged_backup_is_refused_before_anything_is_written() {
    let (target, backup, path) = small_backup().await;
    let refuse = async |damaged: &[u8], what: &str| {
        std::fs::write(&path, damaged).unwrap();
        let refused = Store::restore(&target.settings, &path).await;
        assert!(refused.is_err(), "{what}: {refused:?}");
        let left = std::fs::read_dir(target.dir.path()).unwrap().count();
        assert_eq!(left, 1, "{what}: something was written");
    };
    for place in 0..backup.len() {
        refuse(&backup[..place], &format!("cut at {place}")).await;
        let mut flipped = backup.clone();
        flipped[place] ^= 1;
        refuse(&flipped, &format!("a bit flipped at {place}")).await;
    }
    let mut longer = backup.clone();
    longer.extend_from_slice(b"\n");
    refuse(&longer, "something after the end").await;
    let mut lines: Vec<&[u8]> = backup.split_inclusive(|byte| *byte == b'\n').collect();
    let row = lines.remove(1);
    refuse(&lines.concat(), "a row is missing").await;
    lines.insert(2, row);
    refuse(&lines.concat(), "rows changed places").await;
    refuse(b"", "an empty file").await;
    refuse(b"SQLite format 3\0", "a database").await;

    std::fs::write(&path, &backup).unwrap();
    Store::restore(&target.settings, &path).await.unwrap();
}

#[tokio::test]
async fn a_backup_of_a_newer_schema_or_form_is_refused_by_name() {
    let (target, backup, path) = small_backup().await;
    let text = String::from_utf8(backup).unwrap();
    let refuse = async |from: &str, to: &str| {
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        Store::restore(&target.settings, &path).await.unwrap_err()
    };
    let newer = refuse(r#""schema":2"#, r#""schema":99"#).await;
    assert!(
        matches!(
            newer,
            StoreError::NewerSchema {
                found: 99,
                known: 2
            }
        ),
        "{newer:?}"
    );
    let form = refuse(r#""version":1"#, r#""version":2"#).await;
    assert!(form.to_string().contains("form 2"), "{form}");
    let column = refuse(r#"["root_id","text"]"#, r#"["root_id) --","text"]"#).await;
    assert!(column.to_string().contains("column"), "{column}");
}

#[tokio::test]
async fn a_database_that_is_not_empty_is_left_alone() {
    let (_, backup, path) = small_backup().await;
    drop(path);
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let target = TestDatabase::new(kind);
        let path = target.dir.path().join("backup");
        std::fs::write(&path, &backup).unwrap();
        let store = target.open().await;
        store.write(&[Change::CreateUser(user(7))]).await.unwrap();
        if kind == Kind::Sqlite {
            let refused = Store::restore(&target.settings, &path).await;
            assert!(
                matches!(refused, Err(StoreError::Locked { .. })),
                "{refused:?}"
            );
        }
        store.close().await;
        let refused = Store::restore(&target.settings, &path).await.unwrap_err();
        assert!(refused.to_string().contains("not empty"), "{refused}");
        let store = target.open().await;
        assert_eq!(users(&store).await, 1);
        assert!(store.list_keys().await.unwrap().is_empty());
        store.close().await;

        // An empty one that was opened before is filled.
        let target = TestDatabase::new(kind);
        target.open().await.close().await;
        Store::restore(&target.settings, &path).await.unwrap();
    }
}
