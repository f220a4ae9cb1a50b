//! Reads the audit trail: by filter in pages, and chain by chain for verification.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use gestalt_core::Timestamp;
use gestalt_core::id::WriterId;
use sqlx::AssertSqlSafe;

use super::{AuditRow, CheckpointRow, WriterHead, columns};
use crate::error::StoreError;
use crate::page::{BAD_CURSOR, Page, PageRequest};
use crate::store::Store;
use crate::value::{Conditions, Statement, Value, sql};

/// How many rows of a chain are read at a time.
const CHUNK: u32 = 1_000;

/// Which records are asked for; all of them without a condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those of this subject.
    pub subject: Option<String>,
    /// Only those about this plugin.
    pub plugin: Option<String>,
    /// Only those about this operation.
    pub operation: Option<String>,
    /// Only those of this kind.
    pub kind: Option<String>,
    /// Only those of this request.
    pub request: Option<String>,
    /// Only those whose JSON has this `outcome`.
    pub outcome: Option<String>,
    /// Only those made at or after.
    pub since: Option<Timestamp>,
    /// Only those made before.
    pub until: Option<Timestamp>,
}

/// In which direction a list runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    NewestFirst,
    OldestFirst,
}

/// The place of a record in the whole trail.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: Timestamp,
    writer: WriterId,
    seq: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.at.as_micros(), self.writer, self.seq)
    }
}

impl FromStr for Place {
    type Err = StoreError;

    fn from_str(cursor: &str) -> Result<Self, StoreError> {
        let read = || {
            let mut parts = cursor.splitn(3, '.');
            Some(Self {
                at: Timestamp::from_micros(parts.next()?.parse().ok()?),
                writer: parts.next()?.parse().ok()?,
                seq: parts.next()?.parse().ok()?,
            })
        };
        read().ok_or(BAD_CURSOR)
    }
}

impl AuditFilter {
    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        let texts = [
            ("subject =", &self.subject),
            ("plugin =", &self.plugin),
            ("operation =", &self.operation),
            ("kind =", &self.kind),
            ("request =", &self.request),
        ];
        for (comparison, text) in texts {
            if let Some(text) = text {
                conditions.compare(comparison, text);
            }
        }
        if let Some(since) = self.since {
            conditions.compare("at >=", since);
        }
        if let Some(until) = self.until {
            conditions.compare("at <", until);
        }
        conditions
    }
}

impl Store {
    /// Lists the records that meet a filter, newest first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a cursor of another list, and what the database says.
    pub async fn query_audit(
        &self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditRow>, StoreError> {
        self.list_audit(filter, page, Order::NewestFirst).await
    }

    /// Lists the records that meet a filter, oldest first.
    ///
    /// # Errors
    /// As [`Store::query_audit`].
    pub async fn export_audit(
        &self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditRow>, StoreError> {
        self.list_audit(filter, page, Order::OldestFirst).await
    }

    async fn list_audit(
        &self,
        filter: &AuditFilter,
        page: &PageRequest,
        order: Order,
    ) -> Result<Page<AuditRow>, StoreError> {
        let (direction, beyond) = match order {
            Order::NewestFirst => ("DESC", "(at, writer, seq) <"),
            Order::OldestFirst => ("ASC", "(at, writer, seq) >"),
        };
        let mut conditions = filter.conditions();
        if let Some(outcome) = &filter.outcome {
            conditions.compare(self.pool.dialect().outcome_is(), outcome);
        }
        if let Some(cursor) = &page.cursor {
            let Place { at, writer, seq } = cursor.parse()?;
            conditions.compare_all(beyond, [at.into(), writer.into(), seq.into()]);
        }
        let (conditions, mut values) = conditions.finish();
        values.push(Value::from(page.fetch()));
        let sql = format!(
            concat!(
                "SELECT ",
                columns!(),
                " FROM audit_records WHERE {} ORDER BY at {}, writer {}, seq {} LIMIT ${}"
            ),
            conditions,
            direction,
            direction,
            direction,
            values.len()
        );
        // Safe: made of the literals above; every value is bound.
        let rows = self.audit_rows(Statement::new(AssertSqlSafe(sql), values));
        Ok(page.page(rows.await?, |row| {
            let AuditRow {
                at, writer, seq, ..
            } = *row;
            Place { at, writer, seq }.to_string()
        }))
    }

    /// Reads a chain in order, from a place on, `limit` records at most.
    ///
    /// # Errors
    /// What the database says.
    pub async fn scan_audit(
        &self,
        writer: WriterId,
        from_seq: u64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let statement = sql!(
            concat!(
                "SELECT ",
                columns!(),
                " FROM audit_records WHERE writer = $1 AND seq >= $2 ORDER BY seq LIMIT $3"
            ),
            writer,
            from_seq,
            i64::from(limit)
        );
        self.audit_rows(statement).await
    }

    async fn audit_rows(&self, statement: Statement) -> Result<Vec<AuditRow>, StoreError> {
        let rows = self.pool.rows(statement).await?;
        rows.iter()
            .map(|row| AuditRow::read(&mut row.columns()))
            .collect()
    }

    /// Lists the intents of a chain, from a place on, that no outcome has followed. Holds only
    /// those in memory.
    ///
    /// # Errors
    /// What the database says.
    pub async fn open_intents(
        &self,
        writer: WriterId,
        from_seq: u64,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let mut open = BTreeMap::new();
        let mut next = from_seq;
        loop {
            let rows = self.scan_audit(writer, next, CHUNK).await?;
            let Some(last) = rows.last() else {
                break;
            };
            next = last.seq + 1;
            for row in rows {
                match (row.phase.as_deref(), row.request.clone()) {
                    (Some("intent"), Some(request)) => drop(open.insert(request, row)),
                    (Some("outcome"), Some(request)) => drop(open.remove(&request)),
                    _ => {}
                }
            }
        }
        let mut open: Vec<AuditRow> = open.into_values().collect();
        open.sort_by_key(|row| row.seq);
        Ok(open)
    }

    /// Lists where every chain ends.
    ///
    /// # Errors
    /// What the database says.
    pub async fn audit_writers(&self) -> Result<Vec<WriterHead>, StoreError> {
        let statement =
            sql!("SELECT writer, seq, hash, clean, durability FROM audit_writers ORDER BY writer");
        let rows = self.pool.rows(statement).await?;
        rows.iter()
            .map(|row| WriterHead::read(&mut row.columns()))
            .collect()
    }

    /// Lists the checkpoints of a chain, oldest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn list_checkpoints(
        &self,
        writer: WriterId,
    ) -> Result<Vec<CheckpointRow>, StoreError> {
        let statement = sql!(
            "SELECT writer, seq, hash, at, key_id, signature FROM audit_checkpoints \
             WHERE writer = $1 ORDER BY seq",
            writer
        );
        let rows = self.pool.rows(statement).await?;
        let read = rows.iter().map(|row| {
            let mut columns = row.columns();
            Ok(CheckpointRow {
                writer: columns.parse("a writer id")?,
                seq: columns.number()?,
                hash: columns.hash()?,
                at: columns.time()?,
                key: columns.parse("a key id")?,
                signature: columns.bytes()?,
            })
        });
        read.collect()
    }
}
