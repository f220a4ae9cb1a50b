//! S33: what somebody with the database changes in the trail is located. The changes are made
//! in a backup, which is restored as the database.

use std::path::PathBuf;

use gestalt_gateway::settings::{Database, StoreSettings};
use gestalt_gateway::{VerificationView, VerifyInput, backup_offline, restore, verify_offline};
use gestalt_vault::{hex, sha256};
use serde_json::{Value, json};

use crate::gateway::{Setup, TestGateway};

/// Places of a record's columns in a line of the backup, after the table's name.
const WRITER: usize = 1;
const SEQ: usize = 2;
const SUBJECT: usize = 6;
const RECORD: usize = 10;
const HASH: usize = 11;

/// A database at rest with some calls in its trail.
struct AtRest {
    test: TestGateway,
    lines: Vec<Value>,
    made: u32,
}

impl AtRest {
    async fn new() -> Self {
        let test = TestGateway::with(|setup, _| setup.audit.checkpoint_every = 4).await;
        test.connect(&test.bob, "key-of-bob", "bob").await;
        for _ in 0..6 {
            test.cookie(&test.bob).call("echo").await.unwrap();
            // A batch of its own.
            test.cookie(&test.bob).invocations().await;
        }
        test.gateway.shutdown(std::time::Duration::MAX).await;
        let path = test.folder().join("backup");
        backup_offline(&test.setup.store(), &path).await.unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let mut lines: Vec<Value> = text.lines().map(flat).collect();
        lines.pop();
        Self {
            test,
            lines,
            made: 0,
        }
    }

    /// Restores changed lines as a database and verifies that.
    async fn verify(&mut self, lines: &[Value], input: VerifyInput) -> VerificationView {
        self.made += 1;
        let path = self.folder().join(format!("changed-{}", self.made));
        let text: String = lines.iter().map(nested).collect();
        let rows = lines.len() - 1;
        let trailer = json!({ "rows": rows, "sha256": hex(&sha256(&[text.as_bytes()])) });
        std::fs::write(&path, format!("{text}{trailer}\n")).unwrap();
        let setup = Setup {
            database: self.folder().join(format!("changed-{}.db", self.made)),
            ..self.test.setup.clone()
        };
        let store = StoreSettings::new(Database::Sqlite(setup.database.clone()));
        restore(&store, &path).await.unwrap();
        verify_offline(&setup.settings(), &input).await.unwrap()
    }

    fn folder(&self) -> PathBuf {
        self.test.folder().to_owned()
    }

    /// The lines of the checkpoints' file, which is elsewhere.
    fn checkpoints(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder().join("checkpoints.jsonl")).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn elsewhere(&self) -> VerifyInput {
        VerifyInput {
            checkpoints: self.checkpoints(),
            ..VerifyInput::default()
        }
    }
}

/// A line as one array, the table's name first.
fn flat(line: &str) -> Value {
    match serde_json::from_str(line).unwrap() {
        Value::Array(row) => {
            let cells = row[1].as_array().unwrap().iter().cloned();
            std::iter::once(row[0].clone()).chain(cells).collect()
        }
        other => other,
    }
}

/// The line as the backup has it.
fn nested(line: &Value) -> String {
    match line.as_array() {
        Some(row) => format!("{}\n", json!([row[0], row[1..]])),
        None => format!("{line}\n"),
    }
}

fn is_record(line: &Value) -> bool {
    line[0] == "audit_records"
}

/// The place of a record in the lines.
fn at(lines: &[Value], seq: u64) -> usize {
    let found = lines
        .iter()
        .position(|line| is_record(line) && line[SEQ] == seq);
    found.unwrap()
}

fn last(lines: &[Value]) -> u64 {
    lines.iter().filter(|line| is_record(line)).count() as u64
}

/// Makes every hash from a place on follow again, and the head with them.
fn recompute(lines: &mut [Value], from: u64) {
    let end = last(lines);
    let mut previous = unhex(&lines[at(lines, from - 1)][HASH]);
    for seq in from..=end {
        let place = at(lines, seq);
        let line = &mut lines[place];
        let writer: gestalt_core::id::WriterId = line[WRITER].as_str().unwrap().parse().unwrap();
        let record = line[RECORD].as_str().unwrap();
        previous = sha256(&[
            &previous,
            writer.as_bytes(),
            &seq.to_be_bytes(),
            record.as_bytes(),
        ]);
        line[HASH] = json!(hex(&previous));
    }
    head(lines, end, &hex(&previous));
}

fn head(lines: &mut [Value], seq: u64, hash: &str) {
    let head = lines
        .iter_mut()
        .find(|line| line[0] == "audit_writers")
        .unwrap();
    (head[2], head[3]) = (json!(seq), json!(hash));
}

fn unhex(text: &Value) -> [u8; 32] {
    let text = text.as_str().unwrap();
    let byte = |place: usize| u8::from_str_radix(&text[2 * place..2 * place + 2], 16).unwrap();
    std::array::from_fn(byte)
}

fn blame_eve(line: &mut Value, bob: &str, eve: &str) {
    line[SUBJECT] = json!(eve);
    line[RECORD] = json!(line[RECORD].as_str().unwrap().replace(bob, eve));
}

#[track_caller]
fn located(found: &VerificationView, kind: &str, seq: u64) {
    let any = found
        .faults
        .iter()
        .any(|fault| fault.kind == kind && fault.seq == seq);
    assert!(!found.ok && any, "{kind} at {seq}: {found:?}");
}

#[tokio::test]
async fn what_was_not_changed_verifies() {
    let mut rest = AtRest::new().await;
    let (lines, input) = (rest.lines.clone(), rest.elsewhere());
    let found = rest.verify(&lines, input).await;
    assert!(found.ok, "{found:?}");
    assert_eq!(found.records, last(&lines));
    assert!(
        found.checkpoints > 4,
        "stored and elsewhere: {}",
        found.checkpoints
    );
}

#[tokio::test]
async fn s33_an_edit_is_located() {
    let mut rest = AtRest::new().await;
    let (bob, eve) = (rest.test.bob.subject(), rest.test.eve.subject());
    let seq = last(&rest.lines) - 4;
    let mut lines = rest.lines.clone();
    let place = at(&lines, seq);
    blame_eve(&mut lines[place], &bob, &eve);
    let found = rest.verify(&lines, VerifyInput::default()).await;
    located(&found, "edited", seq);
    assert_eq!(found.faults.len(), 1, "{found:?}");
    // Only what is searched by, not what is hashed.
    let mut lines = rest.lines.clone();
    lines[place][SUBJECT] = json!(eve);
    located(
        &rest.verify(&lines, VerifyInput::default()).await,
        "edited",
        seq,
    );
}

#[tokio::test]
async fn s33_a_deletion_is_located() {
    let mut rest = AtRest::new().await;
    let seq = last(&rest.lines) - 4;
    let mut lines = rest.lines.clone();
    lines.remove(at(&rest.lines, seq));
    located(
        &rest.verify(&lines, VerifyInput::default()).await,
        "missing",
        seq,
    );
    let mut lines = rest.lines.clone();
    lines.remove(at(&rest.lines, 1));
    located(
        &rest.verify(&lines, VerifyInput::default()).await,
        "missing",
        1,
    );
}

#[tokio::test]
async fn s33_a_reordering_is_located() {
    let mut rest = AtRest::new().await;
    let seq = last(&rest.lines) - 4;
    let mut lines = rest.lines.clone();
    let (one, other) = (at(&lines, seq), at(&lines, seq + 1));
    lines.swap(one, other);
    (lines[one][SEQ], lines[other][SEQ]) = (json!(seq), json!(seq + 1));
    located(
        &rest.verify(&lines, VerifyInput::default()).await,
        "edited",
        seq,
    );
}

#[tokio::test]
async fn s33_a_truncation_is_located() {
    let mut rest = AtRest::new().await;
    let end = last(&rest.lines);
    let mut lines = rest.lines.clone();
    lines.retain(|line| !is_record(line) || line[SEQ].as_u64() < Some(end - 2));
    located(
        &rest.verify(&lines, VerifyInput::default()).await,
        "truncated",
        end - 2,
    );
    // With the head put right, the stored checkpoints tell.
    let hash = lines[at(&lines, end - 3)][HASH]
        .as_str()
        .unwrap()
        .to_owned();
    head(&mut lines, end - 3, &hash);
    located(
        &rest.verify(&lines, VerifyInput::default()).await,
        "truncated",
        end - 2,
    );
    // With those gone as well, the checkpoints kept elsewhere do.
    lines.retain(|line| line[0] != "audit_checkpoints");
    assert!(rest.verify(&lines, VerifyInput::default()).await.ok);
    let input = rest.elsewhere();
    located(&rest.verify(&lines, input).await, "truncated", end - 2);
    // Nor does removing the whole chain help.
    lines.retain(|line| !is_record(line) && line[0] != "audit_writers");
    let input = rest.elsewhere();
    located(&rest.verify(&lines, input).await, "truncated", 1);
}

#[tokio::test]
async fn s33_recomputed_hashes_are_located_by_what_was_kept_elsewhere() {
    let mut rest = AtRest::new().await;
    let (bob, eve) = (rest.test.bob.subject(), rest.test.eve.subject());
    let seq = last(&rest.lines) - 4;
    let mut lines = rest.lines.clone();
    let place = at(&lines, seq);
    blame_eve(&mut lines[place], &bob, &eve);
    recompute(&mut lines, seq);
    let first_after = rest
        .checkpoints()
        .iter()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["seq"]
                .as_u64()
                .unwrap()
        })
        .find(|checkpoint| *checkpoint >= seq)
        .unwrap();
    // The stored checkpoints tell, as long as they are there.
    let found = rest.verify(&lines, VerifyInput::default()).await;
    located(&found, "checkpoint_mismatch", first_after);
    // Rewritten to fit, they are not signed; removed, those kept elsewhere tell.
    let mut refitted = lines.clone();
    for place in 0..refitted.len() {
        if refitted[place][0] == "audit_checkpoints" {
            let fitting = at(&refitted, refitted[place][2].as_u64().unwrap());
            refitted[place][3] = refitted[fitting][HASH].clone();
        }
    }
    let found = rest.verify(&refitted, VerifyInput::default()).await;
    located(&found, "bad_signature", first_after);
    lines.retain(|line| line[0] != "audit_checkpoints");
    let input = rest.elsewhere();
    located(
        &rest.verify(&lines, input).await,
        "checkpoint_mismatch",
        first_after,
    );
}

#[tokio::test]
async fn s33_checkpoints_under_another_key_than_the_one_kept_elsewhere_are_located() {
    let mut rest = AtRest::new().await;
    let lines = rest.lines.clone();
    let first: Value = serde_json::from_str(&rest.checkpoints()[0]).unwrap();
    let with_key = |key: &str| VerifyInput {
        keys: vec![key.to_owned()],
        ..VerifyInput::default()
    };
    let own = first["key"].as_str().unwrap();
    assert!(rest.verify(&lines, with_key(own)).await.ok);
    let found = rest.verify(&lines, with_key(&"ab".repeat(32))).await;
    located(&found, "bad_signature", first["seq"].as_u64().unwrap());
    // A checkpoint that somebody has made up is no proof against the chain.
    let mut forged = first.clone();
    forged["hash"] = json!("00".repeat(32));
    let input = VerifyInput {
        checkpoints: vec![forged.to_string()],
        ..VerifyInput::default()
    };
    located(
        &rest.verify(&lines, input).await,
        "bad_signature",
        first["seq"].as_u64().unwrap(),
    );
}

#[tokio::test]
async fn keys_and_checkpoints_that_are_none_are_refused() {
    let test = TestGateway::new().await;
    let ada = test.cookie(&test.ada).caller().await.unwrap();
    let bad = [
        VerifyInput {
            keys: vec!["xyz".to_owned()],
            checkpoints: Vec::new(),
        },
        VerifyInput {
            keys: Vec::new(),
            checkpoints: vec!["{}".to_owned()],
        },
        VerifyInput {
            keys: Vec::new(),
            checkpoints: vec!["not JSON".to_owned()],
        },
    ];
    for input in bad {
        let refused = test.gateway.verify_audit(&ada, input).await;
        assert_eq!(
            crate::clients::code(refused),
            gestalt_core::Code::InvalidRequest
        );
    }
}
