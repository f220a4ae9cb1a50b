//! Starting other programs.
#![expect(
    clippy::disallowed_methods,
    reason = "a build tool starts programs and reads its environment"
)]

use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

/// The result of a task; an error is printed as it is.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Prepares `program`, to be started in `directory`.
pub(crate) fn command(program: impl AsRef<Path>, directory: &Path) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir(directory);
    command
}

/// Prepares the cargo that runs this task.
pub(crate) fn cargo(directory: &Path) -> Command {
    command(
        setting("CARGO").unwrap_or_else(|| "cargo".into()),
        directory,
    )
}

/// Reads one environment variable; an empty one counts as absent.
pub(crate) fn setting(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Runs `command` with its output on ours.
///
/// # Errors
///
/// When it cannot be started or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result {
    let status = command
        .status()
        .map_err(|error| format!("{} could not be started: {error}", name(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{} failed: {status}", line(command)).into())
    }
}

/// What a finished program wrote.
pub(crate) struct Written {
    pub(crate) success: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `command` and keeps what it writes, whether or not it succeeds.
///
/// # Errors
///
/// When it cannot be started.
pub(crate) fn capture(command: &mut Command) -> Result<Written> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{} could not be started: {error}", name(command)))?;
    Ok(Written {
        success: output.status.success(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn line(command: &Command) -> String {
    let mut words = vec![name(command)];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}
