//! Audit: the trail of every decision, chained and signed.
//!
//! The walk hands an intent over before a credential is used and an outcome afterwards;
//! management changes go through [`Audit::commit`], which makes the change and its record
//! one transaction. One writer task does the chaining ([`writer`]).

pub(crate) mod checkpoint;
pub(crate) mod record;
pub(crate) mod start;
pub(crate) mod verify;
pub(crate) mod writer;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use gestalt_core::{Code, Refusal};
use gestalt_store::{Change, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::settings::Durability;
use record::{Entry, Outcome};
use writer::{Gauge, Message, Started};

/// The door to the audit trail.
#[derive(Clone, Debug)]
pub(crate) struct Audit {
    sender: mpsc::UnboundedSender<Message>,
    gauge: Arc<Gauge>,
    capacity: usize,
    durability: Durability,
}

/// An invocation under way: its intent is handed over, its outcome is owed.
#[derive(Debug)]
pub(crate) struct Trail {
    started: Arc<Started>,
    sender: mpsc::UnboundedSender<Message>,
}

impl Trail {
    /// Hands the outcome over. Its place in the queue was promised with the intent.
    pub(crate) fn end(self, outcome: Outcome) {
        let _gone = self.sender.send(Message::Outcome(self.started, outcome));
    }
}

impl Audit {
    pub(crate) fn new(
        sender: mpsc::UnboundedSender<Message>,
        gauge: Arc<Gauge>,
        capacity: usize,
        durability: Durability,
    ) -> Self {
        Self {
            sender,
            gauge,
            capacity,
            durability,
        }
    }

    /// Records that wait to be written.
    pub(crate) fn pending(&self) -> usize {
        self.gauge.pending.load(Ordering::Relaxed)
    }

    /// Hands the intent of an invocation over; under `strict` waits until it is durable.
    pub(crate) async fn begin(&self, entry: Entry) -> Result<Trail, Refusal> {
        self.reserve(2)?;
        let started = Arc::new(Started::new(entry));
        let (waiting, durable) = match self.durability {
            Durability::Buffered => (None, None),
            Durability::Strict => {
                let (sender, receiver) = oneshot::channel();
                (Some(sender), Some(receiver))
            }
        };
        self.send(Message::Intent(Arc::clone(&started), waiting))?;
        if let Some(durable) = durable {
            match durable.await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(unavailable()),
            }
        }
        Ok(Trail {
            started,
            sender: self.sender.clone(),
        })
    }

    /// Hands over a record that is complete in itself: a refusal, a read.
    pub(crate) fn record(&self, entry: Entry) -> Result<(), Refusal> {
        self.reserve(1)?;
        self.send(Message::Record(Box::new(entry)))
    }

    /// Commits a management change and its record in one transaction; gives how many rows
    /// each change touched.
    pub(crate) async fn commit(
        &self,
        changes: Vec<Change>,
        entry: Entry,
    ) -> Result<Vec<u64>, Refusal> {
        if self.gauge.failing.load(Ordering::Relaxed) {
            return Err(unavailable());
        }
        self.reserve(1)?;
        let (reply, done) = oneshot::channel();
        self.send(Message::Change {
            changes,
            entry: Box::new(entry),
            reply,
        })?;
        match done.await {
            Ok(result) => result.map_err(from_store),
            Err(_) => Err(unavailable()),
        }
    }

    /// Waits until everything handed over so far is written.
    pub(crate) async fn flush(&self) {
        let (reply, done) = oneshot::channel();
        if self.send(Message::Flush(reply)).is_ok() {
            let _gone = done.await;
        }
    }

    /// Promises places in the queue; nothing that was promised is ever dropped.
    fn reserve(&self, places: usize) -> Result<(), Refusal> {
        let before = self.gauge.pending.fetch_add(places, Ordering::Relaxed);
        if before + places > self.capacity {
            self.gauge.pending.fetch_sub(places, Ordering::Relaxed);
            return Err(unavailable());
        }
        Ok(())
    }

    fn send(&self, message: Message) -> Result<(), Refusal> {
        self.sender.send(message).map_err(|_| unavailable())
    }
}

fn unavailable() -> Refusal {
    Refusal::new(
        Code::AuditUnavailable,
        "The audit trail cannot be written, so nothing was done.",
    )
    .retry_after(std::time::Duration::from_secs(1))
}

/// The refusal for a fault of the store.
pub(crate) fn from_store(error: StoreError) -> Refusal {
    match error {
        StoreError::NoSuchRow { .. } => {
            Refusal::new(Code::NotFound, "There is no such thing for this caller.")
        }
        StoreError::Conflict => Refusal::new(
            Code::InvalidRequest,
            "It exists already, or changed meanwhile.",
        )
        .because(error),
        StoreError::Invalid { reason } => Refusal::new(Code::InvalidRequest, reason),
        other => Refusal::new(Code::Unavailable, "The store cannot be reached.")
            .retry_after(std::time::Duration::from_secs(1))
            .because(other),
    }
}
