//! Documents in files: read within limits, never outside their folder, and known again.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use gestalt_core::Timestamp;
use gestalt_core::document::DocumentText;

use super::{Digest, DocumentError, ToJson};

/// A file that was written less than this before it was read, in microseconds, may be written
/// again within the same tick of its file system's clock.
const TICK_MICROS: i128 = 2_000_000;

/// By what a file that was read is known to be the same.
#[derive(Clone, Debug)]
pub(super) struct Stamp {
    path: PathBuf,
    length: u64,
    modified: Option<SystemTime>,
    /// The time alone tells whether it has changed.
    settled: bool,
    pub(super) digest: Digest,
}

impl Stamp {
    /// Whether the file still holds what it held; reads it where its time does not tell.
    pub(super) fn holds(&mut self, now: Timestamp) -> bool {
        let Ok(metadata) = std::fs::metadata(&self.path) else {
            return false;
        };
        if metadata.len() != self.length || !metadata.is_file() {
            return false;
        }
        if self.settled && metadata.modified().ok() == self.modified {
            return true;
        }
        let limit = usize::try_from(self.length).unwrap_or(usize::MAX);
        match read(&self.path, "", limit, now) {
            Ok((_, fresh)) if fresh.digest == self.digest => {
                *self = fresh;
                true
            }
            _ => false,
        }
    }
}

/// Reads a file of at most `limit` bytes.
pub(super) fn read(
    path: &Path,
    name: &str,
    limit: usize,
    now: Timestamp,
) -> Result<(Vec<u8>, Stamp), DocumentError> {
    let unreadable = |source| DocumentError::Unreadable {
        name: name.to_owned(),
        source,
    };
    // Asked before it is opened: opening a pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(unreadable(std::io::Error::other("not a file")));
    }
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let too_large = || DocumentError::TooLarge {
        name: name.to_owned(),
        limit,
    };
    if metadata.len() > limit as u64 {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > limit {
        return Err(too_large());
    }
    let modified = metadata.modified().ok();
    let age = modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    let settled = age.is_some_and(|modified| {
        let written = i128::try_from(modified.as_micros()).unwrap_or(i128::MAX);
        i128::from(now.as_micros()) - written > TICK_MICROS
    });
    let stamp = Stamp {
        path: path.to_owned(),
        length: bytes.len() as u64,
        modified,
        settled: settled && bytes.len() as u64 == metadata.len(),
        digest: Digest::of(&bytes),
    };
    Ok((bytes, stamp))
}

/// The path of a file without links, which must lie in a folder.
pub(super) fn within(folder: &Path, path: &Path, name: &str) -> Result<PathBuf, DocumentError> {
    let unreadable = |source| DocumentError::Unreadable {
        name: name.to_owned(),
        source,
    };
    let folder = folder_of(folder).canonicalize().map_err(unreadable)?;
    let path = path.canonicalize().map_err(unreadable)?;
    if path.starts_with(&folder) {
        Ok(path)
    } else {
        Err(DocumentError::Outside {
            name: name.to_owned(),
        })
    }
}

/// The working directory for the folder of a bare file name.
fn folder_of(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    }
}

/// The files that a document refers to.
pub(super) struct Others {
    /// The document's folder; `None` where it has none to refer into.
    folder: Option<PathBuf>,
    /// What a name is shown with.
    shown: PathBuf,
    /// How many bytes may still be read.
    left: usize,
    to_json: ToJson,
    now: Timestamp,
    /// What was read, by the path that the document says.
    pub(super) read: Vec<(String, Stamp)>,
    /// Something could not be read, so that a later try may give more.
    pub(super) failed: bool,
}

impl Others {
    pub(super) fn new(root: Option<&Path>, left: usize, to_json: ToJson, now: Timestamp) -> Self {
        let shown = root.and_then(Path::parent).map(Path::to_owned);
        let canonical = root.and_then(|root| root.canonicalize().ok());
        Self {
            folder: canonical.and_then(|root| root.parent().map(Path::to_owned)),
            shown: shown.unwrap_or_default(),
            left,
            to_json,
            now,
            read: Vec::new(),
            failed: false,
        }
    }

    /// Reads one; `path` is relative to the document's folder.
    pub(super) fn load(&mut self, path: &str) -> Result<DocumentText, DocumentError> {
        let result = self.try_load(path);
        self.failed |= result.is_err();
        result
    }

    fn try_load(&mut self, path: &str) -> Result<DocumentText, DocumentError> {
        let (bytes, name) = self.bytes(path)?;
        let text = (self.to_json)(&name, bytes).map_err(|message| DocumentError::Form {
            name: name.clone(),
            message,
        })?;
        Ok(DocumentText {
            name,
            text: text.into(),
        })
    }

    /// Reads one as it is.
    pub(super) fn bytes(&mut self, path: &str) -> Result<(Vec<u8>, String), DocumentError> {
        let name = self.shown.join(path).display().to_string();
        let Some(folder) = &self.folder else {
            return Err(DocumentError::Outside { name });
        };
        let found = within(folder, &folder.join(path), &name)?;
        let (bytes, stamp) = read(&found, &name, self.left, self.now)?;
        self.left -= bytes.len();
        self.read.push((path.to_owned(), stamp));
        Ok((bytes, name))
    }
}
