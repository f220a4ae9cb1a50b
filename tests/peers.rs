//! Peers written by others, from the environment that `cargo xtask test` makes.

use std::path::{Path, PathBuf};
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

/// Starts the MCP server for tests on a free loopback port; it serves both eras at `/mcp`.
/// `mcp-fixture --help` tells its options.
///
/// # Panics
///
/// When it does not start.
pub async fn mcp_fixture(options: &[&str]) -> Peer {
    let mut command = Command::new(program::built("mcp-fixture"));
    command.args(["--port", "0"]).args(options);
    let mut program = Program::start(command);
    let url = program.said("Listening on ").await;
    let url = url.trim_end_matches("/mcp").to_owned();
    Peer { program, url }
}

/// Starts the official server with one of everything, which speaks the older era alone, on a
/// loopback port; it serves at `/mcp`.
///
/// # Panics
///
/// When it does not start.
pub async fn mcp_everything() -> Peer {
    let port = program::free_port();
    let mut command = npm_tool("mcp-server-everything");
    command.arg("streamableHttp").env("PORT", port.to_string());
    let mut program = Program::start(command);
    program.said("listening on port ").await;
    let url = format!("http://127.0.0.1:{port}");
    Peer { program, url }
}

/// Starts a server of fastmcp, which speaks both eras, on a loopback port; it serves at `/mcp`.
///
/// # Panics
///
/// When it does not start.
pub async fn mcp_fastmcp() -> Peer {
    let port = program::free_port();
    let mut command = python();
    command
        .arg(script("fastmcp_server.py"))
        .arg(port.to_string());
    let mut program = Program::start(command);
    program.said("Uvicorn running on ").await;
    let url = format!("http://127.0.0.1:{port}");
    Peer { program, url }
}

/// The path of a program in the Python environment, such as `st`.
///
/// # Panics
///
/// When the environment was not made.
pub fn tool(name: &str) -> PathBuf {
    made(&format!("venv/bin/{name}"))
}

/// The folder that npm's packages are installed in.
///
/// # Panics
///
/// When they were not installed.
pub fn npm() -> PathBuf {
    made("npm")
}

/// A program of an npm package, such as `prism`, to be run by the packages' own Node.
///
/// # Panics
///
/// When the packages were not installed.
pub fn npm_tool(name: &str) -> Command {
    let mut command = node();
    command.arg(made(&format!("npm/node_modules/.bin/{name}")));
    command
}

/// Node, in the folder of the packages.
///
/// # Panics
///
/// When the packages were not installed.
pub fn node() -> Command {
    let machine = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "x64",
    };
    let program = made(&format!("npm/node_modules/node-linux-{machine}/bin/node"));
    let mut command = Command::new(program);
    command.current_dir(npm());
    command
}

/// Python, with the peers installed.
///
/// # Panics
///
/// When the environment was not made.
pub fn python() -> Command {
    let mut command = Command::new(tool("python"));
    command.env("PYTHONUNBUFFERED", "1");
    command
}

/// A script beside this crate, such as `mcp_client.py`.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("peers")
        .join(name)
}

fn made(name: &str) -> PathBuf {
    let profile = program::target();
    let target = profile.parent().expect("target/PROFILE has a parent");
    let path = target.join(name);
    assert!(
        path.exists(),
        "{} is missing; `cargo xtask test --only peers` makes it",
        path.display()
    );
    path
}
