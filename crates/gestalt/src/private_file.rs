//! Files that only their owner may read, replaced whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::failure::Failure;

/// Reads a file; `None` if there is none.
///
/// # Errors
/// Refuses a file that others can read or write.
pub(crate) fn read(path: &Path) -> Result<Option<String>, Failure> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file("read", path)(error)),
    };
    let meta = file.metadata().map_err(Failure::file("read", path))?;
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Failure::general(
            format!(
                "{} can be used by others on this machine (mode {mode:04o}), so it is not used.",
                path.display()
            ),
            format!(
                "Run `chmod 600 {}`, and rotate the tokens in it if others may have read them.",
                path.display()
            ),
        ));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)
        .map_err(Failure::file("read", path))?;
    Ok(Some(text))
}

/// Replaces a file; the new one is never readable by others, not even while it is written.
///
/// # Errors
/// When the folder or the file cannot be written.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let fault = || Failure::file("write", path);
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(fault())?;
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    // Left by a process of the same id that was killed.
    let _ = fs::remove_file(&draft);
    let written = write_new(&draft, text).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written.map_err(fault())
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Holds off other processes that would change files in the folder, until it is dropped.
///
/// # Errors
/// When the folder cannot be written.
pub(crate) fn lock(folder: &Path) -> Result<File, Failure> {
    let path = folder.join("lock");
    let fault = || Failure::file("write", &path);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(fault())?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(fault())?;
    file.lock().map_err(fault())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        replace(&path, "{}").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let text = read(&path).unwrap_err().lines().join("\n");
            assert!(text.contains("chmod 600"), "{mode:o}: {text}");
        }
    }

    #[test]
    fn a_replaced_file_is_its_owners_only_and_leaves_no_draft() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/x.json");
        replace(&path, "one").unwrap();
        replace(&path, "two").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("two"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_not_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(&folder.path().join("x")).unwrap(), None);
    }
}
