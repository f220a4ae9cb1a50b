//! Private folders beside the store, of files that can be made again.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Others may write here.
const WRITABLE: u32 = 0o022;
/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 512 << 20;

/// One folder.
pub(super) struct Folder {
    path: PathBuf,
    /// How many files are kept; the oldest go first.
    most: usize,
}

impl Folder {
    pub(super) fn new(state: &Path, name: &str, most: usize) -> Self {
        let path = state.join(name);
        Self { path, most }
    }

    /// Reads a file; `None` where there is none, or where others could have written it.
    pub(super) fn read(&self, name: &str) -> Option<Vec<u8>> {
        let file = self.path.join(name);
        for path in [&self.path, &file] {
            let metadata = std::fs::symlink_metadata(path).ok()?;
            if metadata.is_symlink() || metadata.permissions().mode() & WRITABLE != 0 {
                return None;
            }
        }
        let length = std::fs::metadata(&file).ok()?.len();
        (length <= MAX_BYTES)
            .then(|| std::fs::read(&file).ok())
            .flatten()
    }

    /// Writes a file whole or not at all.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)?;
        let file = self.path.join(name);
        let draft = self.path.join(format!("{name}.{}.new", std::process::id()));
        let _stale = std::fs::remove_file(&draft);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut out| out.write_all(bytes))
            .and_then(|()| std::fs::rename(&draft, &file));
        if written.is_err() {
            let _gone = std::fs::remove_file(&draft);
        }
        self.prune(name)?;
        written
    }

    /// Removes the oldest files beyond the limit, `name` not among them.
    fn prune(&self, name: &str) -> io::Result<()> {
        let mut files: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name() != name {
                let modified = entry.metadata().and_then(|m| m.modified());
                files.push((modified.unwrap_or(SystemTime::UNIX_EPOCH), entry.path()));
            }
        }
        files.sort();
        let beyond = (files.len() + 1).saturating_sub(self.most);
        for (_, path) in files.into_iter().take(beyond) {
            let _gone = std::fs::remove_file(path);
        }
        Ok(())
    }
}
