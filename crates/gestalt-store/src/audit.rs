//! The audit trail: chains of records, one for each writer, and the heads they grow from.
//!
//! The store keeps order and atomicity; what a record says, how it is hashed and what a
//! checkpoint signs is the gateway's.

mod append;
mod query;

use gestalt_core::Timestamp;
use gestalt_core::id::{KeyId, WriterId};

pub use append::{Appended, ChainHead};
pub(crate) use append::{put_checkpoint, set_flags};
pub use query::AuditFilter;

use crate::error::StoreError;
use crate::value::Columns;

/// One record of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// The chain it is in.
    pub writer: WriterId,
    /// Its place in the chain, from 1.
    pub seq: u64,
    /// When it was made.
    pub at: Timestamp,
    /// What it is about: `invocation`, `token`, …
    pub kind: String,
    /// Of an invocation: `intent`, `outcome` or `complete`.
    pub phase: Option<String>,
    /// Who.
    pub subject: Option<String>,
    /// To which plugin, by name.
    pub plugin: Option<String>,
    /// By which operation.
    pub operation: Option<String>,
    /// The request it belongs to.
    pub request: Option<String>,
    /// The whole record as canonical JSON: what is hashed.
    pub record: String,
    /// The record's hash, which covers the hash before it.
    pub hash: [u8; 32],
}

/// Where a writer's chain ends, and how the writer works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterHead {
    /// The writer.
    pub writer: WriterId,
    /// The place of its last record; 0 before the first.
    pub seq: u64,
    /// The hash of its last record; zeros before the first.
    pub hash: [u8; 32],
    /// It has stopped in good order.
    pub clean: bool,
    /// `buffered` or `strict`.
    pub durability: String,
}

/// A signed statement of where a chain was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointRow {
    /// The chain.
    pub writer: WriterId,
    /// The place of the record that it is about.
    pub seq: u64,
    /// That record's hash.
    pub hash: [u8; 32],
    /// When it was signed.
    pub at: Timestamp,
    /// The data key that holds the signing key.
    pub key: KeyId,
    /// The signature.
    pub signature: Vec<u8>,
}

macro_rules! columns {
    () => {
        "writer, seq, at, kind, phase, subject, plugin, operation, request, record, hash"
    };
}
pub(crate) use columns;

impl AuditRow {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            writer: columns.parse("a writer id")?,
            seq: columns.number()?,
            at: columns.time()?,
            kind: columns.text()?,
            phase: columns.opt_text()?,
            subject: columns.opt_text()?,
            plugin: columns.opt_text()?,
            operation: columns.opt_text()?,
            request: columns.opt_text()?,
            record: columns.text()?,
            hash: columns.hash()?,
        })
    }
}

impl WriterHead {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            writer: columns.parse("a writer id")?,
            seq: columns.number()?,
            hash: columns.hash()?,
            clean: columns.bool()?,
            durability: columns.text()?,
        })
    }
}
