//! Keeps a second daemon from a SQLite database.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// An exclusive lock on the file `<database>.lock`. The operating system lets go of it when
/// the process ends, however it ends; the empty file stays.
#[derive(Debug)]
pub(crate) struct DatabaseLock(File);

impl DatabaseLock {
    /// Takes the lock without waiting.
    pub(crate) fn take(database: &Path) -> Result<Self, StoreError> {
        let mut name = database.as_os_str().to_owned();
        name.push(".lock");
        let lock = PathBuf::from(name);
        let file = open_private(&lock)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
                database: database.to_owned(),
                lock,
            }),
            Err(TryLockError::Error(source)) => Err(StoreError::File { path: lock, source }),
        }
    }

    /// Lets go before the last clone of the store is dropped.
    pub(crate) fn release(&self) {
        // If this fails, the end of the process does it.
        let _ = self.0.unlock();
    }
}

/// Opens a file that only its owner may read, making it if it is not there. SQLite gives its
/// journal files the mode of the database.
pub(crate) fn open_private(path: &Path) -> Result<File, StoreError> {
    let failed = |source| StoreError::File {
        path: path.to_owned(),
        source,
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            let tightened = std::fs::Permissions::from_mode(mode & 0o700);
            file.set_permissions(tightened).map_err(failed)?;
        }
    }
    Ok(file)
}
