//! Documents that describe upstreams: from a file, an inline text or a URL to operations.
//!
//! A document is read once: what it offers is remembered in the process, by the time and
//! length of its files, and kept beside the store for the next start. A document by URL is
//! taken only if it is the one that its pin names, and is kept, so that a start needs no
//! network.

mod codec;
mod digest;
mod error;
mod files;
mod folder;
mod laid;
mod prepared;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use gestalt_core::document::{DocumentText, ImportSettings, Imported};
use gestalt_core::host::EgressRules;
use gestalt_core::name::ConnectionName;
use gestalt_core::operation::Location;
use gestalt_core::{Clock, Secret};
use gestalt_upstream::{Injection, Resolver, Settings as UpstreamSettings, Upstream};
use http::HeaderName;
use url::Url;

pub use digest::{BadDigest, Digest};
pub use error::DocumentError;

use files::{Others, Stamp};
use folder::Folder;
use prepared::Prepared;

/// Turns a document's text, whatever it is written in, into JSON with the same line numbers.
/// Takes the document's name and its bytes; the error says what is wrong, with the line.
pub type ToJson = fn(&str, Vec<u8>) -> Result<Vec<u8>, String>;

/// Reads what a document offers. The function is called for other files.
type Import = fn(
    DocumentText,
    &mut dyn FnMut(&str) -> Result<DocumentText, String>,
    &ImportSettings,
) -> Result<Imported, String>;

/// Where documents by URL are kept, beside the store.
const KEPT: &str = "documents";
/// How many are kept.
const MOST_KEPT: usize = 128;

/// Where a document is.
#[derive(Clone, Debug)]
pub enum Source {
    /// In a file.
    File {
        /// Its path.
        path: PathBuf,
        /// What it must be, where somebody says.
        digest: Option<Digest>,
        /// The folder that it must lie in, where it must.
        within: Option<PathBuf>,
    },
    /// At hand.
    Inline {
        /// What reports call it.
        name: String,
        /// Its text, as JSON.
        text: Arc<[u8]>,
    },
    /// Somewhere else. It is not fetched here.
    Url {
        /// Where.
        url: Url,
        /// What it must be.
        digest: Digest,
    },
}

/// How a document is read, and what is laid on its operations.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// How it is read.
    pub settings: ImportSettings,
    /// Headers that each operation sends.
    pub headers: Vec<(String, String)>,
    /// Longest wait for the head of an answer.
    pub timeout: Option<Duration>,
    /// Largest body of an answer, in bytes.
    pub max_response_bytes: Option<u64>,
    /// The ways to authenticate that are there instead of the document's own.
    pub connections: Option<Vec<ConnectionName>>,
    /// Where those put credentials: no parameter stands there.
    pub credentials: Vec<(Location, String)>,
    /// The plugin's base URL, where it is not the document's.
    pub plugin_base: Option<Url>,
}

/// The documents of a config, as read and as remembered.
#[derive(Debug)]
pub struct Documents {
    to_json: ToJson,
    import: Import,
    clock: Clock,
    /// Whether anything is written beside the store.
    writes: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Counts loads, so that what several loads did not ask for is forgotten.
    load: u64,
    entries: HashMap<String, Entry>,
    /// Documents by URL that are not kept beside the store.
    fetched: HashMap<Digest, Arc<[u8]>>,
}

/// One document as remembered.
#[derive(Clone, Debug)]
struct Entry {
    imported: Arc<Imported>,
    stamps: Vec<Stamp>,
    used: u64,
}

/// A document's text before it is read.
struct Root {
    name: String,
    bytes: Vec<u8>,
    digest: Digest,
    stamp: Option<Stamp>,
    path: Option<PathBuf>,
    json: bool,
}

impl Documents {
    /// For a daemon: what is read and fetched is kept beside the store.
    pub fn kept(to_json: ToJson, clock: Clock) -> Self {
        Self::new(to_json, clock, true)
    }

    /// For a command that only looks: what is kept is used, and nothing is written.
    pub fn looking(to_json: ToJson, clock: Clock) -> Self {
        Self::new(to_json, clock, false)
    }

    fn new(to_json: ToJson, clock: Clock, writes: bool) -> Self {
        Self {
            to_json,
            import: |root, load, settings| {
                if settings.graphql.is_some() {
                    return gestalt_upstream::graphql::import(&root, settings)
                        .map_err(|error| error.to_string());
                }
                gestalt_upstream::openapi::import(root, load, settings)
                    .map_err(|error| error.to_string())
            },
            clock,
            writes,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a load of the config: what neither the last load nor this one asks for is
    /// forgotten.
    pub fn begin_load(&self) {
        let mut state = self.state();
        let last = state.load;
        state.load += 1;
        state.entries.retain(|_, entry| entry.used >= last);
    }

    /// What a document offers. `beside` is the folder that the store's state is in.
    ///
    /// # Errors
    /// [`DocumentError`]; of a document that has not been fetched, `NotKept`.
    pub fn import(
        &self,
        source: &Source,
        wanted: &Wanted,
        beside: Option<&Path>,
    ) -> Result<Arc<Imported>, DocumentError> {
        let key = format!("{}\n{wanted:?}", source.key());
        if let Some(known) = self.remembered(&key) {
            return Ok(known);
        }
        let limit = wanted.settings.limits.max_bytes;
        let root = self.root(source, limit, beside)?;
        let left = limit.saturating_sub(root.bytes.len());
        let others = || Others::new(root.path.as_deref(), left, self.to_json, self.clock.now());
        let prepared =
            beside.and_then(|beside| Prepared::of(beside, &root.name, root.digest, wanted));
        let mut read = others();
        let found = prepared
            .as_ref()
            .and_then(|prepared| prepared.read(&mut read));
        let mut stamps: Vec<Stamp> = root.stamp.clone().into_iter().collect();
        let (imported, others) = if let Some(imported) = found {
            (imported, read)
        } else {
            let mut others = others();
            let imported = self.read(root, &mut others, wanted)?;
            if let Some(prepared) = prepared.filter(|_| self.writes && !others.failed) {
                prepared.write(&others.read, &imported);
            }
            (imported, others)
        };
        let imported = Arc::new(imported);
        // What could not be read may be there next time.
        if !others.failed {
            stamps.extend(others.read.into_iter().map(|(_, stamp)| stamp));
            let mut state = self.state();
            let entry = Entry {
                imported: Arc::clone(&imported),
                stamps,
                used: state.load,
            };
            state.entries.insert(key, entry);
        }
        Ok(imported)
    }

    fn remembered(&self, key: &str) -> Option<Arc<Imported>> {
        let mut entry = self.state().entries.get(key)?.clone();
        let now = self.clock.now();
        let same = entry.stamps.iter_mut().all(|stamp| stamp.holds(now));
        let mut state = self.state();
        if !same {
            state.entries.remove(key);
            return None;
        }
        entry.used = state.load;
        let imported = Arc::clone(&entry.imported);
        state.entries.insert(key.to_owned(), entry);
        Some(imported)
    }

    fn root(
        &self,
        source: &Source,
        limit: usize,
        beside: Option<&Path>,
    ) -> Result<Root, DocumentError> {
        match source {
            Source::File {
                path,
                digest,
                within,
            } => {
                let name = path.display().to_string();
                let found = match within {
                    Some(folder) => files::within(folder, path, &name)?,
                    None => path.clone(),
                };
                let (bytes, stamp) = files::read(&found, &name, limit, self.clock.now())?;
                let seen = stamp.digest;
                if let Some(pinned) = digest.filter(|pinned| *pinned != seen) {
                    return Err(DocumentError::Pinned { name, pinned, seen });
                }
                Ok(Root {
                    name,
                    bytes,
                    digest: seen,
                    stamp: Some(stamp),
                    path: Some(path.clone()),
                    json: false,
                })
            }
            Source::Inline { name, text } => Ok(Root {
                name: name.clone(),
                bytes: text.to_vec(),
                digest: Digest::of(text),
                stamp: None,
                path: None,
                json: true,
            }),
            Source::Url { url, digest } => {
                let bytes = self.find(*digest, beside).ok_or(DocumentError::NotKept {
                    url: url.clone(),
                    digest: *digest,
                })?;
                Ok(Root {
                    name: url.to_string(),
                    bytes,
                    digest: *digest,
                    stamp: None,
                    path: None,
                    json: false,
                })
            }
        }
    }

    /// Reads a document, and lays on its operations what is wanted.
    fn read(
        &self,
        root: Root,
        others: &mut Others,
        wanted: &Wanted,
    ) -> Result<Imported, DocumentError> {
        let Root {
            name, bytes, json, ..
        } = root;
        // A GraphQL schema is in a language of its own, or in JSON as its server wrote it.
        let bytes = if json || wanted.settings.graphql.is_some() {
            bytes
        } else {
            (self.to_json)(&name, bytes).map_err(|message| DocumentError::Form {
                name: name.clone(),
                message,
            })?
        };
        let file = name.clone();
        let text = DocumentText {
            name: name.clone(),
            text: bytes.into(),
        };
        let mut load = |path: &str| others.load(path).map_err(|error| error.to_string());
        let mut imported = (self.import)(text, &mut load, &wanted.settings)
            .map_err(|message| DocumentError::Import { name, message })?;
        if wanted.connections.is_some() {
            imported.connections.clear();
        }
        laid::lay_on(wanted, &mut imported, &file);
        Ok(imported)
    }

    /// A document by URL that has been fetched.
    fn find(&self, digest: Digest, beside: Option<&Path>) -> Option<Vec<u8>> {
        if let Some(bytes) = self.state().fetched.get(&digest) {
            return Some(bytes.to_vec());
        }
        let bytes = Folder::new(beside?, KEPT, MOST_KEPT).read(&digest.hex())?;
        // A damaged one is fetched again.
        (Digest::of(&bytes) == digest).then_some(bytes)
    }

    /// Keeps a document that was fetched, for this process and, where that is wanted, beside
    /// the store.
    pub fn keep(&self, bytes: &[u8], beside: Option<&Path>) -> Digest {
        let digest = Digest::of(bytes);
        if let Some(beside) = beside.filter(|_| self.writes) {
            let folder = Folder::new(beside, KEPT, MOST_KEPT);
            match folder.write(&digest.hex(), bytes) {
                Ok(()) => return digest,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "a document by URL was not kept for the next start");
                }
            }
        }
        self.state().fetched.insert(digest, bytes.into());
        digest
    }
}

/// Reads a text beside a document, such as operations for a GraphQL schema: of at most `limit`
/// bytes, and, where it must, in a folder.
///
/// # Errors
/// [`DocumentError`].
pub fn text(path: &Path, within: Option<&Path>, limit: usize) -> Result<String, DocumentError> {
    let name = path.display().to_string();
    let found = match within {
        Some(folder) => files::within(folder, path, &name)?,
        None => path.to_owned(),
    };
    let (bytes, _) = files::read(&found, &name, limit, Clock::System.now())?;
    String::from_utf8(bytes).map_err(|_| DocumentError::Form {
        name,
        message: "it is no text in UTF-8".to_owned(),
    })
}

impl Source {
    fn key(&self) -> String {
        match self {
            Self::Inline { name, text } => format!("{name} {}", Digest::of(text)),
            other => format!("{other:?}"),
        }
    }
}

/// The credential that a server is asked for its schema with.
#[derive(Debug)]
pub struct Credential {
    /// The header that it stands in.
    pub header: HeaderName,
    /// The header's whole value.
    pub value: Secret,
}

/// Asks a GraphQL server for its schema, through the guarded client as [`fetch`] does. The answer
/// is as it came.
///
/// # Errors
/// [`DocumentError::Fetch`].
pub async fn introspect(
    url: &Url,
    credential: Option<Credential>,
    rules: &EgressRules,
    max_bytes: u64,
) -> Result<Bytes, DocumentError> {
    let asked = async {
        let upstream = Upstream::new(UpstreamSettings::default(), Resolver::System)?;
        let mut injection = Injection::default();
        if let Some(Credential { header, value }) = credential {
            injection.mask.push(value.clone());
            injection.headers.push((header, value));
        }
        upstream.introspect(url, injection, rules, max_bytes).await
    };
    asked.await.map_err(|error| DocumentError::Fetch {
        url: url.clone(),
        source: error.into(),
    })
}

/// Fetches a document of at most `max_bytes` bytes through the guarded client. Its own host
/// may be reached, and what the rules allow besides; without TLS only addresses that the
/// rules name.
///
/// # Errors
/// [`DocumentError::Fetch`].
pub async fn fetch(
    url: &Url,
    rules: &EgressRules,
    settings: &UpstreamSettings,
    max_bytes: u64,
) -> Result<Bytes, DocumentError> {
    let fetched = async {
        let upstream = Upstream::new(settings.clone(), Resolver::System)?;
        upstream.fetch(url, rules, max_bytes).await
    };
    fetched.await.map_err(|error| DocumentError::Fetch {
        url: url.clone(),
        source: error.into(),
    })
}
