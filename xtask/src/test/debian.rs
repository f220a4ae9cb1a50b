//! Debian packages the tests need.

use std::path::Path;

use crate::process::{self, Result};

/// Installs what is missing.
///
/// # Errors
///
/// When something is missing and cannot be installed: no root, no `apt-get`.
pub(super) fn ensure() -> Result {
    let wanted = [
        ("postgresql", has_postgres()),
        ("python3-venv", has_venv()),
        ("curl", has_curl()),
    ];
    let missing = wanted.iter().filter(|(_, present)| !present);
    let missing: Vec<&str> = missing.map(|(package, _)| *package).collect();
    if missing.is_empty() {
        println!(
            "{} are there.",
            wanted.map(|(package, _)| package).join(", ")
        );
        return Ok(());
    }
    let named = missing.join(" ");
    if !is_root() || !Path::new("/usr/bin/apt-get").exists() {
        return Err(
            format!("Missing: {named}. Install them (as root: apt-get install {named}).").into(),
        );
    }
    println!("Installing {named}.");
    let root = Path::new("/");
    process::run(process::command("apt-get", root).args(["update", "-qq"]))?;
    let mut install = process::command("apt-get", root);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["install", "-qq", "--yes", "--no-install-recommends"]);
    process::run(install.args(&missing))
}

/// Whether this process may install packages.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Whether the server's programs are where Debian puts them.
fn has_postgres() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql");
    versions.is_ok_and(|mut versions| {
        versions
            .any(|version| version.is_ok_and(|version| version.path().join("bin/initdb").exists()))
    })
}

fn has_curl() -> bool {
    let mut curl = process::command("curl", Path::new("/"));
    process::capture(curl.arg("--version")).is_ok_and(|written| written.success)
}

fn has_venv() -> bool {
    let mut python = process::command("python3", Path::new("/"));
    python.args(["-c", "import ensurepip, venv"]);
    process::capture(&mut python).is_ok_and(|written| written.success)
}
