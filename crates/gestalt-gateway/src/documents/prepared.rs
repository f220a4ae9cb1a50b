//! The prepared form: what a document offers, kept beside the store so that a start need not
//! read the document again.
//!
//! A file's name is the digest of everything that it depends on besides the files that the
//! document refers to; those are named inside, with their digests. A file that is damaged, of
//! another build, or about other files than those there now, is not there.

use std::path::Path;
use std::time::UNIX_EPOCH;

use gestalt_core::document::Imported;

use super::codec::{Coded as _, Reader};
use super::files::{Others, Stamp};
use super::folder::Folder;
use super::{Digest, Wanted};

/// What a file begins with. The number goes up with the form.
const MAGIC: &[u8] = b"gestalt prepared document 2\n";
/// The folder's name.
const FOLDER: &str = "prepared";
/// How many are kept.
const MOST: usize = 128;

/// What was prepared, and where.
pub(super) struct Prepared {
    folder: Folder,
    name: String,
}

impl Prepared {
    /// The place for a document; `None` where this build cannot be told from others.
    pub(super) fn of(state: &Path, name: &str, root: Digest, wanted: &Wanted) -> Option<Self> {
        // `Debug` names every member of the settings, those of a later build as well.
        let settings = format!("{name}\n{wanted:?}");
        let parts: [&[u8]; 4] = [MAGIC, &build()?, &root.0, settings.as_bytes()];
        Some(Self {
            folder: Folder::new(state, FOLDER, MOST),
            name: gestalt_vault::hex(&gestalt_vault::sha256(&parts)),
        })
    }

    /// What was prepared, if it is whole and the other files are as they were.
    pub(super) fn read(&self, others: &mut Others) -> Option<Imported> {
        let bytes = self.folder.read(&self.name)?;
        let payload = checked(&bytes)?;
        let mut reader = Reader(payload);
        for (path, digest) in Vec::<(String, [u8; 32])>::get(&mut reader)? {
            others.bytes(&path).ok()?;
            if others.read.last()?.1.digest.0 != digest {
                return None;
            }
        }
        let imported = Imported::get(&mut reader)?;
        reader.0.is_empty().then_some(imported)
    }

    /// Keeps what was read. That it cannot is no fault: the next start reads the document.
    pub(super) fn write(&self, others: &[(String, Stamp)], imported: &Imported) {
        let mut payload = Vec::new();
        let others: Vec<(String, [u8; 32])> = others
            .iter()
            .map(|(path, stamp)| (path.clone(), stamp.digest.0))
            .collect();
        others.put(&mut payload);
        imported.put(&mut payload);
        let digest = gestalt_vault::sha256(&[&payload]);
        let bytes = [MAGIC, &digest, &payload].concat();
        if let Err(error) = self.folder.write(&self.name, &bytes) {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "a prepared document was not kept");
        }
    }
}

/// The payload, if the file is whole.
fn checked(bytes: &[u8]) -> Option<&[u8]> {
    let (digest, payload) = bytes.strip_prefix(MAGIC)?.split_at_checked(32)?;
    (gestalt_vault::sha256(&[payload]) == digest).then_some(payload)
}

/// What tells this build of the program from others: another may read documents otherwise.
fn build() -> Option<Vec<u8>> {
    let metadata = std::fs::metadata(std::env::current_exe().ok()?).ok()?;
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let mut build = env!("CARGO_PKG_VERSION").as_bytes().to_vec();
    metadata.len().put(&mut build);
    modified.put(&mut build);
    Some(build)
}
