//! Verifying the trail: every hash, every place, every checkpoint, and the generations that
//! the trail knows of.

use std::collections::HashMap;

use gestalt_core::id::{ConnectionId, WriterId};
use gestalt_core::{Code, Refusal};
use gestalt_store::{AuditRow, Store, WriterHead};
use gestalt_vault::Keyring;

use super::checkpoint::{Exported, signed_text};
use super::from_store;
use super::record::{Body, chain_hash};
use crate::operations::{FaultView, VerificationView, VerifyInput};

/// Records read at a time.
const CHUNK: u32 = 2_000;

/// A checkpoint to be held against the chain.
struct Held {
    checkpoint: Exported,
    /// It came from elsewhere, so its absence in the store proves nothing against it.
    elsewhere: bool,
}

/// Verifies every chain.
pub(crate) async fn verify(
    store: &Store,
    keyring: &Keyring,
    input: &VerifyInput,
) -> Result<VerificationView, Refusal> {
    let known = known_keys(keyring, input)?;
    let mut view = VerificationView {
        ok: true,
        records: 0,
        checkpoints: 0,
        faults: Vec::new(),
    };
    let mut generations = HashMap::new();
    let elsewhere = read_checkpoints(input)?;
    let heads = store.audit_writers().await.map_err(from_store)?;
    for head in &heads {
        let mut held = stored_checkpoints(store, keyring, head.writer).await?;
        let writer = head.writer.to_string();
        held.extend(
            elsewhere
                .iter()
                .filter(|checkpoint| checkpoint.writer == writer)
                .map(|checkpoint| Held {
                    checkpoint: checkpoint.clone(),
                    elsewhere: true,
                }),
        );
        view.checkpoints += held.len() as u64;
        check_signatures(&held, &known, &mut view.faults);
        chain(store, head, &held, &mut view, &mut generations).await?;
    }
    for checkpoint in &elsewhere {
        if heads
            .iter()
            .all(|head| head.writer.to_string() != checkpoint.writer)
        {
            fault(
                &mut view.faults,
                &checkpoint.writer,
                1,
                "truncated",
                "a checkpoint names a chain that is not there".into(),
            );
        }
    }
    rolled_back(store, &generations, &mut view.faults).await?;
    view.ok = view.faults.is_empty();
    Ok(view)
}

fn fault(faults: &mut Vec<FaultView>, writer: &str, seq: u64, kind: &'static str, detail: String) {
    faults.push(FaultView {
        writer: writer.to_owned(),
        seq,
        kind,
        detail,
    });
}

fn known_keys(keyring: &Keyring, input: &VerifyInput) -> Result<Vec<String>, Refusal> {
    if input.keys.is_empty() {
        return Ok(keyring
            .public_keys()
            .iter()
            .map(|(_, key)| gestalt_vault::hex(key))
            .collect());
    }
    input
        .keys
        .iter()
        .map(|key| {
            let key = key.trim().to_lowercase();
            bytes::<32>(&key).map(|_| key).ok_or_else(|| {
                Refusal::new(Code::InvalidRequest, "A public key has 64 hex characters.")
                    .field("keys")
            })
        })
        .collect()
}

fn read_checkpoints(input: &VerifyInput) -> Result<Vec<Exported>, Refusal> {
    let lines = input
        .checkpoints
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty());
    lines
        .map(|line| {
            serde_json::from_str(line).map_err(|error| {
                Refusal::new(
                    Code::InvalidRequest,
                    format!("A checkpoint line cannot be read: {error}."),
                )
                .field("checkpoints")
            })
        })
        .collect()
}

async fn stored_checkpoints(
    store: &Store,
    keyring: &Keyring,
    writer: WriterId,
) -> Result<Vec<Held>, Refusal> {
    let rows = store.list_checkpoints(writer).await.map_err(from_store)?;
    let keys = keyring.public_keys();
    let held = rows.into_iter().map(|row| Held {
        checkpoint: Exported {
            writer: writer.to_string(),
            seq: row.seq,
            hash: gestalt_vault::hex(&row.hash),
            at: row.at.as_micros(),
            key: keys
                .iter()
                .find(|(id, _)| *id == row.key)
                .map(|(_, key)| gestalt_vault::hex(key))
                .unwrap_or_default(),
            signature: gestalt_vault::hex(&row.signature),
        },
        elsewhere: false,
    });
    Ok(held.collect())
}

fn check_signatures(held: &[Held], known: &[String], faults: &mut Vec<FaultView>) {
    for Held { checkpoint, .. } in held {
        let text = signed_text(
            &checkpoint.writer,
            checkpoint.seq,
            &checkpoint.hash,
            checkpoint.at,
        );
        let good = known.contains(&checkpoint.key)
            && bytes::<32>(&checkpoint.key)
                .zip(bytes::<64>(&checkpoint.signature))
                .is_some_and(|(key, signature)| {
                    gestalt_vault::verify_signature(&key, text.as_bytes(), &signature)
                });
        if !good {
            let detail = "a checkpoint's signature does not hold under the known keys".to_owned();
            fault(
                faults,
                &checkpoint.writer,
                checkpoint.seq,
                "bad_signature",
                detail,
            );
        }
    }
}

/// Walks one chain from its first record to its head.
async fn chain(
    store: &Store,
    head: &WriterHead,
    held: &[Held],
    view: &mut VerificationView,
    generations: &mut HashMap<ConnectionId, u64>,
) -> Result<(), Refusal> {
    let writer = head.writer.to_string();
    let (mut expected, mut previous) = (1, [0; 32]);
    let mut at: HashMap<u64, String> = HashMap::new();
    let wanted: std::collections::HashSet<u64> =
        held.iter().map(|held| held.checkpoint.seq).collect();
    loop {
        let rows = store
            .scan_audit(head.writer, expected, CHUNK)
            .await
            .map_err(from_store)?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            view.records += 1;
            if row.seq != expected {
                let detail = format!("records {expected} to {} are not there", row.seq - 1);
                fault(&mut view.faults, &writer, expected, "missing", detail);
            } else if let Some(detail) = does_not_hold(&row, &previous) {
                fault(
                    &mut view.faults,
                    &writer,
                    row.seq,
                    "edited",
                    detail.to_owned(),
                );
            }
            if wanted.contains(&row.seq) {
                at.insert(row.seq, gestalt_vault::hex(&row.hash));
            }
            note_generation(&row, generations);
            // After a fault the rest is held against itself, so that a second one is found too.
            previous = row.hash;
            expected = row.seq + 1;
        }
    }
    let last = expected - 1;
    if last != head.seq || (last > 0 && previous != head.hash) {
        fault(
            &mut view.faults,
            &writer,
            last + 1,
            "truncated",
            format!("the chain ends at {last} and its head says {}", head.seq),
        );
    }
    compare(&writer, last, held, &at, &mut view.faults);
    Ok(())
}

fn does_not_hold(row: &AuditRow, previous: &[u8; 32]) -> Option<&'static str> {
    if chain_hash(previous, row.writer, row.seq, &row.record) != row.hash {
        return Some(
            "its hash does not follow from the record before it, its place and its own text",
        );
    }
    let Ok(body) = serde_json::from_str::<Body<'_>>(&row.record) else {
        return Some("its text is not a record");
    };
    let same = body.at == row.at.as_micros()
        && body.kind == row.kind
        && body.phase.as_deref() == row.phase.as_deref()
        && body.subject.as_deref() == row.subject.as_deref()
        && body.integration.as_deref() == row.plugin.as_deref()
        && body.operation.as_deref() == row.operation.as_deref()
        && body.request_id.as_deref() == row.request.as_deref();
    (!same).then_some("its columns differ from its text")
}

/// Holds checkpoints against the hashes that are there now.
fn compare(
    writer: &str,
    last: u64,
    held: &[Held],
    at: &HashMap<u64, String>,
    faults: &mut Vec<FaultView>,
) {
    for Held {
        checkpoint,
        elsewhere,
    } in held
    {
        let whose = if *elsewhere {
            "a checkpoint kept elsewhere"
        } else {
            "a checkpoint"
        };
        match at.get(&checkpoint.seq) {
            Some(hash) if *hash == checkpoint.hash => {}
            Some(_) => {
                let detail = format!(
                    "{whose} has another hash for record {}: it or one before it was rewritten",
                    checkpoint.seq
                );
                fault(
                    faults,
                    writer,
                    checkpoint.seq,
                    "checkpoint_mismatch",
                    detail,
                );
            }
            None if checkpoint.seq > last => {
                let detail = format!(
                    "{whose} knows record {}, and the chain ends at {last}",
                    checkpoint.seq
                );
                fault(faults, writer, last + 1, "truncated", detail);
            }
            None => {}
        }
    }
}

/// Remembers the generation that a record says a connection has.
fn note_generation(row: &AuditRow, generations: &mut HashMap<ConnectionId, u64>) {
    if row.kind != "connection" {
        return;
    }
    let Ok(body) = serde_json::from_str::<Body<'_>>(&row.record) else {
        return;
    };
    if body.decision != "allow" || body.outcome.as_deref() != Some("ok") {
        return;
    }
    let id = body
        .target
        .as_deref()
        .and_then(|target| target.parse().ok());
    let generation = body
        .details
        .as_ref()
        .and_then(|details| details.get("generation")?.as_u64());
    if let (Some(id), Some(generation)) = (id, generation) {
        generations.insert(id, generation);
    }
}

/// Finds connections whose row is older than the trail knows.
async fn rolled_back(
    store: &Store,
    generations: &HashMap<ConnectionId, u64>,
    faults: &mut Vec<FaultView>,
) -> Result<(), Refusal> {
    for (id, generation) in store.connection_generations().await.map_err(from_store)? {
        if let Some(known) = generations.get(&id)
            && *known != generation
        {
            let detail = format!("{id} has generation {generation}; the trail last knew {known}");
            fault(faults, "", 0, "rolled_back", detail);
        }
    }
    Ok(())
}

/// Reads hex of an exact length.
fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let digits = hex.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut read = [0; N];
    for (byte, pair) in read.iter_mut().zip(digits.chunks(2)) {
        let text = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(text, 16).ok()?;
    }
    Some(read)
}
