//! Commits changes together with the records that tell of them.

use std::sync::LazyLock;

use gestalt_core::id::WriterId;

use super::{AuditRow, CheckpointRow, WriterHead, columns};
use crate::change::{self, Change};
use crate::dialect::{ManyRows, ManyRowsStatement};
use crate::error::StoreError;
use crate::pool::{Transaction, within_time};
use crate::store::Store;
use crate::value::{Value, sql};

/// How a writer works before it says so.
const DEFAULT_DURABILITY: &str = "buffered";

/// Where a chain ends at the moment its next records are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainHead {
    /// The chain and its end.
    pub head: WriterHead,
    /// How many rows each change of the same transaction has hit.
    pub hits: Vec<u64>,
}

/// What was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// How many rows each change has hit.
    pub hits: Vec<u64>,
    /// Where the chain ends now.
    pub head: WriterHead,
}

impl Store {
    /// Commits changes together with the audit records that tell of them, all or nothing.
    /// `chain` makes the records that follow the head of the writer's chain, which nobody
    /// else can move meanwhile; it may make none. A writer seen for the first time gets a
    /// chain.
    ///
    /// # Errors
    /// [`StoreError::NoSuchRow`], [`StoreError::Conflict`], [`StoreError::BrokenChain`] when
    /// the records do not continue the chain, and what the database says.
    pub async fn append<F>(
        &self,
        writer: WriterId,
        changes: &[Change],
        chain: F,
    ) -> Result<Appended, StoreError>
    where
        F: FnOnce(ChainHead) -> Vec<AuditRow> + Send,
    {
        let work = self.append_now(writer, changes, chain);
        within_time(Box::pin(work)).await
    }

    async fn append_now<F>(
        &self,
        writer: WriterId,
        changes: &[Change],
        chain: F,
    ) -> Result<Appended, StoreError>
    where
        F: FnOnce(ChainHead) -> Vec<AuditRow> + Send,
    {
        let mut transaction = self.pool.begin().await?;
        let hits = change::apply(&mut transaction, changes).await?;
        // The head comes last: whoever waits for it holds everything else it needs.
        let mut head = lock_head(&mut transaction, writer).await?;
        let rows = chain(ChainHead {
            head: head.clone(),
            hits: hits.clone(),
        });
        check(&head, &rows)?;
        if let Some(last) = rows.last() {
            head.seq = last.seq;
            head.hash = last.hash;
            insert(&mut transaction, rows).await?;
            move_head(&mut transaction, &head).await?;
        }
        transaction.commit().await?;
        Ok(Appended { hits, head })
    }
}

/// Reads the end of a chain and keeps others from moving it; makes the chain if there is none.
async fn lock_head(
    transaction: &mut Transaction,
    writer: WriterId,
) -> Result<WriterHead, StoreError> {
    let statement = sql!(
        "INSERT INTO audit_writers (writer, seq, hash, clean, durability) \
         VALUES ($1, 0, $2, 0, $3) \
         ON CONFLICT (writer) DO UPDATE SET seq = audit_writers.seq \
         RETURNING writer, seq, hash, clean, durability",
        writer,
        [0; 32],
        DEFAULT_DURABILITY
    );
    let row = transaction.row(statement).await?;
    let row = row.ok_or(StoreError::Corrupt {
        expected: "the head of a chain",
    })?;
    WriterHead::read(&mut row.columns())
}

async fn move_head(transaction: &mut Transaction, head: &WriterHead) -> Result<(), StoreError> {
    let statement = sql!(
        "UPDATE audit_writers SET seq = $2, hash = $3 WHERE writer = $1",
        head.writer,
        head.seq,
        head.hash
    );
    transaction.execute(statement).await.map(drop)
}

fn check(head: &WriterHead, rows: &[AuditRow]) -> Result<(), StoreError> {
    let expected = head.seq + 1..;
    for (row, expected) in rows.iter().zip(expected) {
        if row.seq != expected || row.writer != head.writer {
            return Err(StoreError::BrokenChain { seq: expected });
        }
    }
    Ok(())
}

static INSERT: ManyRowsStatement = LazyLock::new(|| {
    ManyRows::new(
        concat!("INSERT INTO audit_records (", columns!(), ") VALUES"),
        11,
        "",
    )
});

async fn insert(transaction: &mut Transaction, rows: Vec<AuditRow>) -> Result<(), StoreError> {
    let values = rows.into_iter().map(|row| {
        vec![
            Value::from(row.writer),
            Value::from(row.seq),
            Value::from(row.at),
            Value::from(row.kind),
            Value::from(row.phase),
            Value::from(row.subject),
            Value::from(row.plugin),
            Value::from(row.operation),
            Value::from(row.request),
            Value::from(row.record),
            Value::from(row.hash),
        ]
    });
    transaction.execute_many(&INSERT, values).await.map(drop)
}

pub(crate) async fn set_flags(
    transaction: &mut Transaction,
    writer: WriterId,
    clean: bool,
    durability: &str,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "INSERT INTO audit_writers (writer, seq, hash, clean, durability) \
         VALUES ($1, 0, $2, $3, $4) ON CONFLICT (writer) DO UPDATE SET \
         clean = excluded.clean, durability = excluded.durability",
        writer,
        [0; 32],
        clean,
        durability
    );
    transaction.execute(statement).await
}

pub(crate) async fn put_checkpoint(
    transaction: &mut Transaction,
    checkpoint: &CheckpointRow,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "INSERT INTO audit_checkpoints (writer, seq, hash, at, key_id, signature) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        checkpoint.writer,
        checkpoint.seq,
        checkpoint.hash,
        checkpoint.at,
        checkpoint.key,
        &checkpoint.signature
    );
    transaction.execute(statement).await
}
