//! Private folders of children.

use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use gestalt_core::Entropy;

/// The file that a daemon holds locked in its folder for as long as it lives.
const LOCK: &str = "lock";

/// This daemon's folder under the run directory. Those that daemons left behind which did not
/// end well are removed when one is made.
pub(super) struct Yard {
    folder: PathBuf,
    entropy: Entropy,
    _lock: File,
}

impl Yard {
    pub(super) fn make(run_directory: &Path, entropy: Entropy) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(run_directory)?;
        check_private(run_directory)?;
        sweep(run_directory)?;
        let folder = run_directory.join(random(&entropy)?);
        DirBuilder::new().mode(0o700).create(&folder)?;
        let lock = File::create_new(folder.join(LOCK))?;
        lock.lock()?;
        Ok(Self {
            folder,
            entropy,
            _lock: lock,
        })
    }

    /// A path for a socket of ours; it must be short (unix(7)).
    pub(super) fn socket(&self) -> io::Result<PathBuf> {
        Ok(self.folder.join(random(&self.entropy)?))
    }

    /// Makes a folder for one child, with a folder for temporary files in it.
    pub(super) fn place(&self) -> io::Result<Place> {
        let place = Place(self.folder.join(random(&self.entropy)?));
        let mut builder = DirBuilder::new();
        builder.mode(0o700).create(&place.0)?;
        builder.create(place.temporary())?;
        Ok(place)
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        // What cannot be removed now is removed at the next start.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// One child's folder; removed with this value.
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    pub(super) fn temporary(&self) -> PathBuf {
        self.0.join("tmp")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a child's folder stays behind");
        }
    }
}

/// A folder that others can write to could be turned into something else.
fn check_private(folder: &Path) -> io::Result<()> {
    let found = std::fs::symlink_metadata(folder)?;
    let ours = found.uid() == rustix::process::geteuid().as_raw();
    let others = found.permissions().mode() & 0o077;
    if found.is_dir() && ours && others == 0 {
        return Ok(());
    }
    let folder = folder.display();
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("{folder} must be a folder of the daemon's user, for nobody else (chmod 700)"),
    ))
}

/// Removes folders whose daemon is gone.
fn sweep(run_directory: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(run_directory)? {
        let folder = entry?.path();
        let Ok(lock) = File::open(folder.join(LOCK)) else {
            continue;
        };
        match lock.try_lock() {
            Ok(()) => {
                let _ = std::fs::remove_dir_all(&folder);
            }
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
    Ok(())
}

fn random(entropy: &Entropy) -> io::Result<String> {
    use std::fmt::Write as _;
    let mut bytes = [0; 12];
    entropy.fill(&mut bytes).map_err(io::Error::other)?;
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
