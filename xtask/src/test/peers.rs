//! The Python peers of the end-to-end tests.

use std::fs;
use std::path::Path;

use crate::process::{self, Result};

/// Makes `venv` in the target directory and installs what
/// `tests/requirements.txt` pins, unless that was done before.
///
/// # Errors
///
/// When Python or pip fail.
pub(super) fn ensure(root: &Path, target: &Path) -> Result {
    let wanted = fs::read_to_string(root.join("tests/requirements.txt"))?;
    let venv = target.join("venv");
    let stamp = venv.join("requirements.installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("The peers in {} are as pinned.", venv.display());
        return Ok(());
    }
    fs::create_dir_all(target)?;
    let mut make = process::command("python3", root);
    process::run(make.args(["-m", "venv", "--clear"]).arg(&venv))?;
    let mut install = process::command(venv.join("bin/python"), root);
    install.args(["-m", "pip", "install", "--quiet", "--no-input"]);
    install.args([
        "--disable-pip-version-check",
        "--requirement",
        "tests/requirements.txt",
    ]);
    process::run(&mut install)?;
    fs::write(stamp, wanted)?;
    Ok(())
}
