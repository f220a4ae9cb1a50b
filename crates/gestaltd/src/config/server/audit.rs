//! `audit`: the audit trail.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::check::Checker;
use crate::config::decode::Located;
use crate::config::effective::{AuditConfig, Durability};
use crate::config::report::Problem;
use crate::config::scalars::Period;

/// The audit trail.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::config) struct AuditSection {
    /// When a call may go on: at once (`buffered`), or when its intent is stored (`strict`).
    durability: DurabilityWord,
    /// How many records wait at most; a full queue refuses calls. 16,384 unless set.
    queue: Option<Located<u32>>,
    /// How long a record waits for its batch. 50 ms unless set.
    flush_interval: Option<Period>,
    /// The signed checkpoints.
    checkpoint: CheckpointSection,
}

/// The signed checkpoints of the audit trail.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct CheckpointSection {
    /// After how many records one is signed. 1000 unless set.
    every: Option<Located<u64>>,
    /// File outside the database to which they are appended.
    file: Option<Located<String>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum DurabilityWord {
    #[default]
    Buffered,
    Strict,
}

impl AuditSection {
    pub(in crate::config) fn check(&self, checker: &mut Checker<'_>) -> AuditConfig {
        if let Some(every) = self.checkpoint.every.filter(|every| every.value == 0) {
            checker.problem(Problem::new("expected at least one record", every.at));
        }
        if let Some(queue) = self.queue.as_ref().filter(|queue| queue.value == 0) {
            checker.problem(Problem::new(
                "an audit queue of no length would refuse every call",
                queue.at,
            ));
        }
        let millis =
            |given: Option<Period>, default| given.map_or(Duration::from_millis(default), |p| p.0);
        AuditConfig {
            durability: match self.durability {
                DurabilityWord::Buffered => Durability::Buffered,
                DurabilityWord::Strict => Durability::Strict,
            },
            queue: self.queue.map_or(16_384, |queue| queue.value as usize),
            flush_interval: millis(self.flush_interval, 50),
            checkpoint_every: self.checkpoint.every.map_or(1000, |every| every.value),
            checkpoint_file: self
                .checkpoint
                .file
                .as_ref()
                .map(|file| checker.sources.resolve(file.at, &file.value)),
        }
    }
}
