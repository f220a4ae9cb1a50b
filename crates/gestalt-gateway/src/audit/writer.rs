//! The one writer of the audit trail. It runs off the request path, merges an intent with an
//! outcome that falls into the same batch, chains, and commits many records a statement; a
//! management change commits together with its record.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use gestalt_core::id::WriterId;
use gestalt_core::{Clock, Code};
use gestalt_store::{AuditRow, Change, Store, StoreError, WriterHead};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::checkpoint::Checkpoints;
use super::record::{Entry, Outcome};

/// Records in one transaction at most.
const BATCH: usize = 1_024;

/// What is sent to the writer.
pub(crate) enum Message {
    /// An invocation is about to use a credential.
    Intent(Arc<Started>, Option<oneshot::Sender<Result<(), Code>>>),
    /// It ended.
    Outcome(Arc<Started>, Outcome),
    /// A record complete in itself.
    Record(Box<Entry>),
    /// A management change with its record.
    Change {
        changes: Vec<Change>,
        entry: Box<Entry>,
        reply: oneshot::Sender<Result<Vec<u64>, StoreError>>,
    },
    /// Answered when everything before it is written.
    Flush(oneshot::Sender<()>),
}

/// An invocation whose intent has been handed over.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) entry: Entry,
    /// Batch number and index of the intent's row in it, while that batch is open.
    slot: AtomicU64,
}

impl Started {
    pub(crate) fn new(entry: Entry) -> Self {
        Self {
            entry,
            slot: AtomicU64::new(0),
        }
    }
}

/// What the writer shares with those who send to it.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    /// Records that are promised or waiting.
    pub(crate) pending: AtomicUsize,
    /// The last commit failed.
    failing: watch::Sender<bool>,
    /// The writer shall not wait any longer.
    hurry: Notify,
}

impl Gauge {
    /// Notes that places were promised; a batch's worth of them is to be written at once.
    pub(crate) fn promise(&self, places: usize) -> usize {
        let before = self.pending.fetch_add(places, Ordering::Relaxed);
        if before / BATCH != (before + places) / BATCH {
            self.hurry.notify_one();
        }
        before
    }

    /// Tells the writer that somebody waits for what was just sent.
    pub(crate) fn hurry(&self) {
        self.hurry.notify_one();
    }

    /// Whether the last commit failed.
    pub(crate) fn is_failing(&self) -> bool {
        *self.failing.borrow()
    }

    /// Waits until a commit fails.
    pub(crate) async fn until_failing(&self) {
        // The sender lives as long as this, so that waiting cannot fail.
        let mut seen = self.failing.subscribe();
        let _failing = seen.wait_for(|failing| *failing).await.map(drop);
    }
}

pub(crate) struct Writer {
    pub(crate) store: Store,
    pub(crate) id: WriterId,
    pub(crate) clock: Clock,
    pub(crate) flush: Duration,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) batch: u64,
}

/// The records of one commit and who waits for it.
#[derive(Default)]
struct Segment {
    entries: Vec<Pending>,
    flushes: Vec<oneshot::Sender<()>>,
    /// How many promised records it settles.
    settles: usize,
}

struct Pending {
    entry: Row,
    /// The caller of an intent who waits: if the commit fails the call is not made.
    waiting: Option<oneshot::Sender<Result<(), Code>>>,
}

enum Row {
    Own(Box<Entry>),
    Intent(Arc<Started>),
    Ended(Arc<Started>, Outcome, &'static str),
}

impl Writer {
    /// Writes until every sender is gone.
    pub(crate) async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        let mut batch = Vec::with_capacity(64);
        while self.gather(&mut messages, &mut batch).await {
            self.write(&mut batch).await;
        }
    }

    /// Waits for messages: until the flush interval has passed, the batch is full, or
    /// somebody waits for the commit. False when every sender is gone.
    async fn gather(
        &self,
        messages: &mut mpsc::UnboundedReceiver<Message>,
        batch: &mut Vec<Message>,
    ) -> bool {
        if messages.recv_many(batch, BATCH).await == 0 {
            return false;
        }
        // The messages themselves are not waited for: each would wake this task, and that is a
        // good part of what a call costs.
        let mut pause = pin!(tokio::time::sleep(self.flush));
        while batch.len() < BATCH && !batch.iter().any(Message::is_awaited) {
            let hurried = tokio::select! {
                biased;
                () = self.gauge.hurry.notified() => true,
                () = pause.as_mut() => false,
            };
            while batch.len() < BATCH
                && let Ok(message) = messages.try_recv()
            {
                batch.push(message);
            }
            if !hurried {
                break;
            }
        }
        true
    }

    async fn write(&mut self, batch: &mut Vec<Message>) {
        let mut segment = self.segment();
        for message in batch.drain(..) {
            match message {
                Message::Change {
                    changes,
                    entry,
                    reply,
                } => {
                    self.commit(std::mem::take(&mut segment)).await;
                    let result = self.commit_change(&changes, *entry).await;
                    self.gauge.pending.fetch_sub(1, Ordering::Relaxed);
                    let _gone = reply.send(result);
                    segment = self.segment();
                }
                other => segment.take(other, self.batch),
            }
        }
        self.commit(segment).await;
    }

    fn segment(&mut self) -> Segment {
        self.batch += 1;
        Segment::default()
    }

    /// Commits a segment, trying again until the store takes it. Callers that wait for their
    /// intent are refused at the first failure, and their intents are left out: nothing was done.
    async fn commit(&mut self, mut segment: Segment) {
        let mut pause = Duration::from_millis(50);
        while !segment.entries.is_empty() {
            let id = self.id;
            let entries = &segment.entries;
            let appended = self
                .store
                .append(id, &[], |at| chain(id, &at.head, entries))
                .await;
            match appended {
                Ok(appended) => {
                    self.checkpoints
                        .advance(&self.store, id, &appended.head, self.clock.now())
                        .await;
                    break;
                }
                Err(error) => {
                    self.gauge.failing.send_replace(true);
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the audit trail cannot be written"
                    );
                    let before = segment.entries.len();
                    segment.entries.retain_mut(Pending::stays);
                    // A refused intent will have no outcome: both promised places are free again.
                    let refused = before - segment.entries.len();
                    self.gauge.pending.fetch_sub(2 * refused, Ordering::Relaxed);
                    segment.settles -= refused;
                    if segment.entries.is_empty() {
                        break;
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
            }
        }
        if self.gauge.is_failing() {
            self.gauge.failing.send_replace(false);
        }
        self.gauge
            .pending
            .fetch_sub(segment.settles, Ordering::Relaxed);
        for waiting in segment
            .entries
            .into_iter()
            .filter_map(|pending| pending.waiting)
        {
            let _gone = waiting.send(Ok(()));
        }
        for flush in segment.flushes {
            let _gone = flush.send(());
        }
    }

    /// Commits a change with its record; if the change finds nothing or clashes, the record
    /// alone says so.
    async fn commit_change(
        &mut self,
        changes: &[Change],
        mut entry: Entry,
    ) -> Result<Vec<u64>, StoreError> {
        let id = self.id;
        if entry.outcome.is_none() {
            entry.outcome = Some(Outcome::of("ok"));
        }
        let result = self
            .store
            .append(id, changes, |at| {
                vec![entry.row(id, at.head.seq + 1, &at.head.hash)]
            })
            .await;
        match result {
            Ok(appended) => {
                self.checkpoints
                    .advance(&self.store, id, &appended.head, self.clock.now())
                    .await;
                Ok(appended.hits)
            }
            Err(error @ (StoreError::NoSuchRow { .. } | StoreError::Conflict)) => {
                let word = if matches!(error, StoreError::NoSuchRow { .. }) {
                    "not_found"
                } else {
                    "conflict"
                };
                entry.outcome = Some(Outcome::of(word));
                self.store
                    .append(id, &[], |at| {
                        vec![entry.row(id, at.head.seq + 1, &at.head.hash)]
                    })
                    .await?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }
}

impl Message {
    pub(crate) fn is_awaited(&self) -> bool {
        matches!(
            self,
            Self::Intent(_, Some(_)) | Self::Change { .. } | Self::Flush(_)
        )
    }
}

impl Segment {
    fn take(&mut self, message: Message, batch: u64) {
        match message {
            Message::Intent(started, waiting) => {
                let index = self.entries.len() as u64;
                started.slot.store(batch << 16 | index, Ordering::Relaxed);
                self.settles += 1;
                self.entries.push(Pending {
                    entry: Row::Intent(started),
                    waiting,
                });
            }
            Message::Outcome(started, outcome) => {
                self.settles += 1;
                let slot = started.slot.load(Ordering::Relaxed);
                let index = usize::try_from(slot & 0xFFFF).unwrap_or(usize::MAX);
                match self.entries.get_mut(index) {
                    Some(pending) if slot >> 16 == batch => {
                        pending.entry = Row::Ended(started, outcome, "complete");
                    }
                    _ => self.entries.push(Pending {
                        entry: Row::Ended(started, outcome, "outcome"),
                        waiting: None,
                    }),
                }
            }
            Message::Record(entry) => {
                self.settles += 1;
                self.entries.push(Pending {
                    entry: Row::Own(entry),
                    waiting: None,
                });
            }
            Message::Flush(reply) => self.flushes.push(reply),
            Message::Change { .. } => {}
        }
    }
}

impl Pending {
    /// After a failed commit: tells a caller who waits that the call is not made. The intent
    /// then needs no row, unless the caller has given it up and hands over an outcome.
    fn stays(&mut self) -> bool {
        match self.waiting.take() {
            None => true,
            Some(waiting) => waiting.send(Err(Code::AuditUnavailable)).is_err(),
        }
    }

    /// Makes the row at its place of the chain.
    fn row(&self, writer: WriterId, seq: u64, previous: &[u8; 32]) -> AuditRow {
        match &self.entry {
            Row::Own(entry) => entry.row(writer, seq, previous),
            Row::Intent(started) => {
                started
                    .entry
                    .row_as(Some("intent"), None, (writer, seq, previous))
            }
            Row::Ended(started, outcome, phase) => {
                started
                    .entry
                    .row_as(Some(phase), Some(outcome), (writer, seq, previous))
            }
        }
    }
}

/// Chains rows behind a head.
fn chain(writer: WriterId, head: &WriterHead, entries: &[Pending]) -> Vec<AuditRow> {
    let (mut seq, mut hash) = (head.seq, head.hash);
    let rows = entries.iter().map(|pending| {
        seq += 1;
        let row = pending.row(writer, seq, &hash);
        hash = row.hash;
        row
    });
    rows.collect()
}
