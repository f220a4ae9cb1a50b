//! Documents that plugins are made of: where they are, how they are pinned, what was read.

mod inline;
mod lock;
mod yaml;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use gestalt_core::Clock;
use gestalt_core::document::{ImportLimits, Imported};
use gestalt_core::host::EgressRules;
use gestalt_gateway::documents::{self, Digest, DocumentError, Source, Wanted};
use gestalt_gateway::settings::UpstreamSettings;
use url::Url;

pub use lock::{LOCK_FILE, LockError, pin};
pub use yaml::to_json;

pub(super) use inline::{DocumentEntry, inline_text};
pub(super) use lock::pinned;

/// The documents of a config, remembered from load to load.
#[derive(Debug)]
pub struct Documents {
    reader: documents::Documents,
    /// Why a document by URL could not be fetched.
    failures: Mutex<HashMap<Digest, String>>,
}

/// What was read out of one document.
#[derive(Clone, Debug)]
pub struct DocumentReport {
    /// The plugin that it is for.
    pub plugin: String,
    /// Its path or URL.
    pub name: String,
    /// Where the config names it: `config.yaml:12`.
    pub location: String,
    /// What it offers.
    pub imported: Arc<Imported>,
    /// How many of its operations the plugin offers.
    pub offered: usize,
    /// Hosts that operations reach and that the plugin's egress does not permit.
    pub closed_hosts: Vec<String>,
}

/// A document by URL that is pinned and not here.
#[derive(Clone, Debug)]
pub(super) struct ToFetch {
    pub(super) url: Url,
    pub(super) digest: Digest,
    pub(super) egress: EgressRules,
    pub(super) beside: Option<PathBuf>,
}

impl Documents {
    /// For a daemon: what is read and fetched is kept beside the store.
    pub fn kept() -> Self {
        Self::of(documents::Documents::kept(to_json, Clock::System))
    }

    /// For a command that only looks: what is kept is used, and nothing is written.
    pub fn looking() -> Self {
        Self::of(documents::Documents::looking(to_json, Clock::System))
    }

    fn of(reader: documents::Documents) -> Self {
        Self {
            reader,
            failures: Mutex::default(),
        }
    }

    pub(super) fn begin_load(&self) {
        self.reader.begin_load();
    }

    pub(super) fn import(
        &self,
        source: &Source,
        wanted: &Wanted,
        beside: Option<&Path>,
    ) -> Result<Arc<Imported>, DocumentError> {
        self.reader.import(source, wanted, beside)
    }

    pub(super) fn failure(&self, digest: Digest) -> Option<String> {
        let failures = self.failures.lock();
        let failures = failures.unwrap_or_else(PoisonError::into_inner);
        failures.get(&digest).cloned()
    }

    /// Fetches a document and keeps it if it is the pinned one.
    pub(super) async fn fetch(&self, wanted: &ToFetch) {
        let limit = ImportLimits::default().max_bytes as u64;
        let settings = UpstreamSettings::default();
        let fetched = documents::fetch(&wanted.url, &wanted.egress, &settings, limit).await;
        let failure = match fetched {
            Err(error) => Some(with_causes(&error)),
            Ok(bytes) => {
                let seen = Digest::of(&bytes);
                let same = seen == wanted.digest;
                if same {
                    self.reader.keep(&bytes, wanted.beside.as_deref());
                }
                (!same)
                    .then(|| format!("what is there now is {seen}, and not what it is pinned to"))
            }
        };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match failure {
            Some(failure) => failures.insert(wanted.digest, failure),
            None => failures.remove(&wanted.digest),
        };
    }
}

/// An error and what it says of its causes.
fn with_causes(error: &DocumentError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = next.source();
    }
    text
}
