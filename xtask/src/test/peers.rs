//! The peers of the end-to-end tests that others wrote, from Python and npm.

use std::fs;
use std::path::Path;

use crate::process::{self, Result};

/// Installs what `tests/requirements.txt` and `tests/peers/package-lock.json` pin, into
/// `venv` and `npm` in the target directory, unless that was done before.
///
/// # Errors
///
/// When Python, pip or npm fail.
pub(super) fn ensure(root: &Path, target: &Path) -> Result {
    fs::create_dir_all(target)?;
    python(root, target)?;
    npm(&root.join("tests/peers"), &target.join("npm"))
}

fn python(root: &Path, target: &Path) -> Result {
    let venv = target.join("venv");
    let wanted = fs::read_to_string(root.join("tests/requirements.txt"))?;
    installed(&venv, &wanted, || {
        let mut make = process::command("python3", root);
        process::run(make.args(["-m", "venv", "--clear"]).arg(&venv))?;
        let mut install = process::command(venv.join("bin/python"), root);
        install.args(["-m", "pip", "install", "--quiet", "--no-input"]);
        install.args([
            "--disable-pip-version-check",
            "--requirement",
            "tests/requirements.txt",
        ]);
        process::run(&mut install)
    })
}

/// Installs what the lock file in `from` pins into `folder`, unless that was done before.
///
/// # Errors
///
/// When npm fails.
pub(crate) fn npm(from: &Path, folder: &Path) -> Result {
    let files = ["package.json", "package-lock.json", ".npmrc"];
    let read = |name: &&str| fs::read_to_string(from.join(name));
    let texts = files
        .iter()
        .map(read)
        .collect::<std::io::Result<Vec<_>>>()?;
    installed(folder, &texts.concat(), || {
        fs::create_dir_all(folder)?;
        for (name, text) in files.iter().zip(&texts) {
            fs::write(folder.join(name), text)?;
        }
        process::run(process::command("npm", folder).args(["ci"]))
    })
}

/// Installs into `folder` unless its stamp says that what is wanted is there.
fn installed(folder: &Path, wanted: &str, install: impl FnOnce() -> Result) -> Result {
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("The peers in {} are as pinned.", folder.display());
        return Ok(());
    }
    install()?;
    Ok(fs::write(stamp, wanted)?)
}
