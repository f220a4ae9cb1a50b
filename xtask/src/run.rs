//! Builds both programs and starts the daemon in the foreground.

use std::os::unix::process::CommandExt as _;

use crate::house;
use crate::process::{self, Result};

/// Builds in release, says what to do next, and becomes the daemon: signals
/// and the exit status are the daemon's own from there on.
///
/// # Errors
///
/// When the build fails or the daemon cannot be started.
pub(crate) fn run(arguments: &[String]) -> Result {
    let root = house::root();
    let mut build = process::cargo(&root);
    build.args(["build", "--release", "--locked"]);
    process::run(build.args(["--package", "gestaltd", "--package", "gestalt"]))?;
    let programs = house::target()?.join("release");
    let own = arguments
        .strip_prefix(&["--".to_owned()])
        .unwrap_or(arguments);
    if own.is_empty() {
        let client = programs.join("gestalt");
        println!("{}", next_steps(&client.display().to_string()));
    }
    let directory = std::env::current_dir()?;
    let error = process::command(programs.join("gestaltd"), &directory)
        .args(own)
        .exec();
    Err(format!("gestaltd could not be started: {error}").into())
}

fn next_steps(client: &str) -> String {
    format!(
        "
The daemon starts with ~/.gestaltd/config.yaml (made on the first start) and
serves http://localhost:8080, where a start page says more. Ctrl-C stops it.

The command line is {client}
In another terminal:

    alias gestalt={client}
    gestalt init
    gestalt plugin list
    gestalt plugin connect demo
    gestalt plugin invoke demo list_notes
"
    )
}
