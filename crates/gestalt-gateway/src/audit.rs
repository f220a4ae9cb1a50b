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
        let strict = self.durability == Durability::Strict;
        if strict && self.gauge.is_failing() {
            return Err(unavailable());
        }
        self.reserve(2)?;
        let started = Arc::new(Started::new(entry));
        let (waiting, durable) = if strict {
            let (sender, receiver) = oneshot::channel();
            (Some(sender), Some(receiver))
        } else {
            (None, None)
        };
        self.send(Message::Intent(Arc::clone(&started), waiting))?;
        let trail = Trail {
            started,
            sender: self.sender.clone(),
        };
        match durable {
            None => Ok(trail),
            Some(durable) => self.durable(trail, durable).await,
        }
    }

    /// Waits until an intent is durable. An intent that waits behind a writer that cannot
    /// write is given up: its outcome says so, once it can be written.
    async fn durable(
        &self,
        trail: Trail,
        mut durable: oneshot::Receiver<Result<(), Code>>,
    ) -> Result<Trail, Refusal> {
        let written = tokio::select! {
            biased;
            written = &mut durable => written,
            () = self.gauge.until_failing() => {
                // Whoever is first, the writer or this: from here on it hears no answer.
                durable.close();
                let Ok(written) = durable.try_recv() else {
                    trail.end(Outcome::of(Code::AuditUnavailable.as_str()));
                    return Err(unavailable());
                };
                Ok(written)
            }
        };
        match written {
            Ok(Ok(())) => Ok(trail),
            Ok(Err(_)) | Err(_) => Err(unavailable()),
        }
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
        if self.gauge.is_failing() {
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

    /// Waits until everything handed over so far is written; false if it cannot be now.
    pub(crate) async fn flush(&self) -> bool {
        let (reply, done) = oneshot::channel();
        if self.send(Message::Flush(reply)).is_err() {
            return false;
        }
        tokio::select! {
            biased;
            written = done => written.is_ok(),
            () = self.gauge.until_failing() => false,
        }
    }

    /// Promises places in the queue; nothing that was promised is ever dropped.
    fn reserve(&self, places: usize) -> Result<(), Refusal> {
        let before = self.gauge.promise(places);
        if before + places > self.capacity {
            self.gauge.pending.fetch_sub(places, Ordering::Relaxed);
            return Err(unavailable());
        }
        Ok(())
    }

    fn send(&self, message: Message) -> Result<(), Refusal> {
        let awaited = message.is_awaited();
        self.sender.send(message).map_err(|_| unavailable())?;
        if awaited {
            self.gauge.hurry();
        }
        Ok(())
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
