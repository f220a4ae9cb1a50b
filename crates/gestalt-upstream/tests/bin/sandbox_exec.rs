//! What `gestaltd sandbox-exec` does, for this crate's tests: they know no daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    gestalt_upstream::sandbox_exec(&arguments)
}
