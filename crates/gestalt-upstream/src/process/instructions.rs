//! What the daemon tells the guardian, and the guardian the child-to-be.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ProcessLimits;

/// The first argument of our program for this work.
pub(super) const COMMAND: &str = "sandbox-exec";

/// What stands before the name of each of the child's variables until it is the child: nothing
/// that is meant for the child (`LD_PRELOAD`) must do something to our own program.
pub(super) const PREFIX: &str = "CHILD_";

/// What to start, and what it may do. Anybody can read a command line: no secret is in here.
/// Secrets are in the environment, which is the owner's alone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Instructions {
    /// Who must live for the child to live.
    pub(super) parent: i32,
    /// An absolute path.
    pub(super) command: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) directory: PathBuf,
    /// Its own folder.
    pub(super) private: PathBuf,
    pub(super) readable: Vec<PathBuf>,
    pub(super) writable: Vec<PathBuf>,
    /// The one port that may be connected to.
    pub(super) proxy_port: Option<u16>,
    /// Where the proxy is reached from a network of the child's own.
    pub(super) proxy_socket: Option<PathBuf>,
    pub(super) limits: ProcessLimits,
    /// Whether everything must hold.
    pub(super) required: bool,
}
