//! Peers written by others, from the environment that `cargo xtask test` makes.

use std::path::PathBuf;
use std::process::Command;

use crate::program::{self, Program};

/// A running peer.
#[derive(Debug)]
pub struct Peer {
    /// The process; it ends with this handle.
    pub program: Program,
    /// Its address, as `http://127.0.0.1:PORT`.
    pub url: String,
}

/// Starts httpbin on a free loopback port.
///
/// # Panics
///
/// When it does not start.
pub async fn httpbin() -> Peer {
    let mut command = python();
    command.args(["-m", "waitress", "--listen=127.0.0.1:0", "--threads=16"]);
    // Otherwise it waits for 18 kB before it sends a part of a stream.
    command.args(["--send-bytes=1", "httpbin:app"]);
    let mut program = Program::start(command);
    let url = program.said("Serving on ").await;
    Peer { program, url }
}

/// The path of a program in the Python environment, such as `st`.
///
/// # Panics
///
/// When the environment was not made.
pub fn tool(name: &str) -> PathBuf {
    let profile = program::target();
    let target = profile.parent().expect("target/PROFILE has a parent");
    let path = target.join("venv/bin").join(name);
    assert!(
        path.exists(),
        "{} is missing; `cargo xtask test --only peers` makes it",
        path.display()
    );
    path
}

fn python() -> Command {
    let mut command = Command::new(tool("python"));
    command.env("PYTHONUNBUFFERED", "1");
    command
}
