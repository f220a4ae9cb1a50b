//! Checkpoints: signed statements of where a chain stands, kept in the store and exported to
//! a place outside it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::settings::AuditSettings;
use gestalt_core::Timestamp;
use gestalt_core::id::WriterId;
use gestalt_store::{Change, CheckpointRow, Store, WriterHead};
use gestalt_vault::Keyring;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;

/// Signs a checkpoint every so many records.
pub(crate) struct Checkpoints {
    keyring: Arc<Keyring>,
    every: u64,
    interval: Duration,
    file: Option<PathBuf>,
    last: u64,
    at: Option<Timestamp>,
}

/// A checkpoint as it is exported: one JSON line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Exported {
    pub(crate) writer: String,
    pub(crate) seq: u64,
    /// Hash of the record at `seq`, in hex.
    pub(crate) hash: String,
    pub(crate) at: i64,
    /// Public key (Ed25519), in hex.
    pub(crate) key: String,
    /// Signature over [`signed_text`], in hex.
    pub(crate) signature: String,
}

/// The text that a checkpoint's signature is over.
pub(crate) fn signed_text(writer: &str, seq: u64, hash: &str, at: i64) -> String {
    format!("gestalt audit checkpoint v1\n{writer}\n{seq}\n{hash}\n{at}\n")
}

impl Checkpoints {
    pub(crate) fn new(keyring: Arc<Keyring>, settings: &AuditSettings, last: u64) -> Self {
        Self {
            keyring,
            every: settings.checkpoint_every.max(1),
            interval: settings.checkpoint_interval,
            file: settings.checkpoint_file.clone(),
            last,
            at: None,
        }
    }

    /// Signs the head when it is due. A checkpoint that cannot be kept is tried again with the
    /// next commit; the chain itself does not wait for it.
    pub(crate) async fn advance(
        &mut self,
        store: &Store,
        writer: WriterId,
        head: &WriterHead,
        now: Timestamp,
    ) {
        let overdue = self.at.is_some_and(|at| now.since(at) >= self.interval);
        if overdue || head.seq >= self.last.saturating_add(self.every) {
            self.sign(store, writer, head, now).await;
        }
    }

    /// Signs the head now.
    pub(crate) async fn sign(
        &mut self,
        store: &Store,
        writer: WriterId,
        head: &WriterHead,
        now: Timestamp,
    ) {
        if head.seq <= self.last {
            return;
        }
        let hash = gestalt_vault::hex(&head.hash);
        let text = signed_text(&writer.to_string(), head.seq, &hash, now.as_micros());
        let signature = self.keyring.sign(text.as_bytes());
        let row = CheckpointRow {
            writer,
            seq: head.seq,
            hash: head.hash,
            at: now,
            key: signature.key_id,
            signature: signature.bytes.to_vec(),
        };
        let public = self.public_key(signature.key_id);
        let line = Exported {
            writer: writer.to_string(),
            seq: head.seq,
            hash,
            at: now.as_micros(),
            key: public,
            signature: gestalt_vault::hex(&signature.bytes),
        };
        let kept = store.write(&[Change::PutCheckpoint(row)]).await;
        if let Err(error) = kept {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "an audit checkpoint was not kept"
            );
            return;
        }
        self.last = head.seq;
        self.at = Some(now);
        if let Err(error) = self.export(&line).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "an audit checkpoint was not exported"
            );
        }
    }

    fn public_key(&self, id: gestalt_core::id::KeyId) -> String {
        let keys = self.keyring.public_keys();
        keys.iter()
            .find(|(known, _)| *known == id)
            .map(|(_, key)| gestalt_vault::hex(key))
            .unwrap_or_default()
    }

    async fn export(&self, line: &Exported) -> std::io::Result<()> {
        let Some(path) = &self.file else {
            return Ok(());
        };
        let mut file = tokio::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .await?;
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        file.write_all(text.as_bytes()).await?;
        file.sync_all().await
    }
}
