//! A pipe with a name, by which it is seen whether processes are gone.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Processes that hold the pipe open are alive.
pub(crate) struct Watched(PathBuf);

pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test starts what a daemon would not"
    )]
    Command::new(program)
}

impl Watched {
    pub(crate) fn make(folder: &Path) -> Self {
        let path = folder.join("pipe");
        let made = command("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Opens it, which takes until a process has it open, and gives what waits until none has.
    pub(crate) fn opened(&self) -> tokio::task::JoinHandle<()> {
        let path = self.0.clone();
        tokio::task::spawn_blocking(move || {
            let mut pipe = std::fs::File::open(path).unwrap();
            std::io::copy(&mut pipe, &mut std::io::sink()).unwrap();
        })
    }
}
