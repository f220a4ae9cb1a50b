//! Starting a chain: says what a crash may have cost, then opens the writer.

use std::sync::Arc;

use gestalt_core::id::{RequestId, WriterId};
use gestalt_core::{Clock, Timestamp};
use gestalt_store::{AuditRow, Change, Store, StoreError};
use gestalt_vault::Keyring;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Audit;
use super::checkpoint::Checkpoints;
use super::record::{Body, Entry, Outcome};
use super::writer::{Gauge, Writer};
use crate::settings::{AuditSettings, Durability};

/// Opens the chain of a writer. After an unclean end every intent without an outcome gets
/// one, `unknown`, and a `gap` record says that a batch may be missing if it was `buffered`.
pub(crate) async fn start(
    store: &Store,
    id: WriterId,
    keyring: Arc<Keyring>,
    clock: &Clock,
    settings: &AuditSettings,
) -> Result<(Audit, JoinHandle<()>), StoreError> {
    let before = store
        .audit_writers()
        .await?
        .into_iter()
        .find(|head| head.writer == id);
    let unclean = before.filter(|head| head.seq > 0 && !head.clean);
    let open = match &unclean {
        Some(_) => store.open_intents(id, 1).await?,
        None => Vec::new(),
    };
    let now = clock.now();
    let flags = Change::SetWriterFlags {
        writer: id,
        clean: false,
        durability: settings.durability.as_str().to_owned(),
    };
    let appended = store
        .append(id, &[flags], |at| {
            let mut entries: Vec<Entry> = Vec::new();
            if let Some(head) = &unclean {
                entries.extend(open.iter().filter_map(|row| unknown(row, now)));
                if head.durability == Durability::Buffered.as_str() {
                    entries.push(Entry::bare(now, "gap", "audit.gap").details(serde_json::json!({
                        "after": head.seq,
                        "text": "The last process ended without writing its last batch; records of up to one flush interval may be missing.",
                    })));
                }
            }
            entries.push(Entry::bare(now, "configuration", "gateway.start").details(serde_json::json!({
                "durability": settings.durability.as_str(),
                "version": env!("CARGO_PKG_VERSION"),
            })));
            rows(id, at.head.seq, at.head.hash, &entries)
        })
        .await?;
    let last_checkpoint = store
        .list_checkpoints(id)
        .await?
        .last()
        .map_or(0, |row| row.seq);
    let (sender, messages) = mpsc::unbounded_channel();
    let gauge = Arc::new(Gauge::default());
    let mut checkpoints = Checkpoints::new(keyring, settings, last_checkpoint);
    checkpoints.sign(store, id, &appended.head, now).await;
    let writer = Writer {
        store: store.clone(),
        id,
        clock: clock.clone(),
        flush: settings.flush,
        gauge: Arc::clone(&gauge),
        checkpoints,
        batch: 0,
    };
    let task = tokio::spawn(writer.run(messages));
    Ok((
        Audit::new(sender, gauge, settings.queue, settings.durability),
        task,
    ))
}

/// Closes the chain after the writer has ended: the next start finds nothing missing.
pub(crate) async fn close(
    store: &Store,
    id: WriterId,
    keyring: Arc<Keyring>,
    clock: &Clock,
    settings: &AuditSettings,
) {
    let now = clock.now();
    let flags = Change::SetWriterFlags {
        writer: id,
        clean: true,
        durability: settings.durability.as_str().to_owned(),
    };
    let stop = Entry::bare(now, "configuration", "gateway.stop");
    let closed = store
        .append(id, &[flags], |at| {
            rows(id, at.head.seq, at.head.hash, &[stop])
        })
        .await;
    match closed {
        Ok(appended) => {
            Checkpoints::new(keyring, settings, 0)
                .sign(store, id, &appended.head, now)
                .await;
        }
        Err(error) => tracing::error!(
            error = &error as &dyn std::error::Error,
            "the audit chain was not closed"
        ),
    }
}

fn rows(writer: WriterId, mut seq: u64, mut hash: [u8; 32], entries: &[Entry]) -> Vec<AuditRow> {
    let rows = entries.iter().map(|entry| {
        seq += 1;
        let row = entry.row(writer, seq, &hash);
        hash = row.hash;
        row
    });
    rows.collect()
}

/// The outcome of an intent that a crash cut off.
fn unknown(row: &AuditRow, now: Timestamp) -> Option<Entry> {
    let body: Body<'_> = serde_json::from_str(&row.record).ok()?;
    let text = |value: &Option<std::borrow::Cow<'_, str>>| value.as_deref().map(Arc::from);
    Some(Entry {
        phase: Some("outcome"),
        subject: body
            .subject
            .as_deref()
            .and_then(|subject| subject.parse().ok()),
        plugin: text(&body.integration),
        operation: text(&body.operation),
        connection: text(&body.connection),
        instance: text(&body.instance),
        request: row
            .request
            .as_deref()
            .and_then(|id| id.parse::<RequestId>().ok()),
        outcome: Some(Outcome::of("unknown")),
        details: Some(serde_json::json!({ "intent": row.seq })),
        ..Entry::bare(now, "invocation", "invoke")
    })
}
