//! What the kernel can confine children by.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde::{Deserialize, Serialize};

use super::ProcessLimits;
use super::confine::{Confined, confine};
use super::instructions::{COMMAND, Instructions};
use crate::BoxError;

/// What the kernel can confine children by, as tried with a process that confines itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SandboxSupport {
    /// The version of the kernel's interface for rules on files and connections (Landlock); 0
    /// where it has none.
    pub landlock: u8,
    /// Dangerous system calls are refused.
    pub system_calls: bool,
    /// A network of their own, which makes connections impossible at other hosts' ports of the
    /// same number, too. Many machines do not grant it, so that nothing requires it.
    pub own_network: bool,
}

impl SandboxSupport {
    /// Whether nothing is missing: what `sandbox: required` asks for.
    pub fn is_whole(&self) -> bool {
        self.missing().is_empty()
    }

    /// What is missing, in words.
    pub fn missing(&self) -> Vec<&'static str> {
        let all = [
            (self.landlock >= 1, "rules on files (Landlock, Linux 5.13)"),
            (
                self.landlock >= 4,
                "rules on connections (Landlock 4, Linux 6.7)",
            ),
            (
                self.landlock >= 6,
                "rules on signals (Landlock 6, Linux 6.12)",
            ),
            (self.system_calls, "a filter of system calls (seccomp)"),
        ];
        let missing = all.into_iter().filter(|(there, _)| !there);
        missing.map(|(_, what)| what).collect()
    }
}

impl From<Confined> for SandboxSupport {
    fn from(confined: Confined) -> Self {
        Self {
            landlock: confined.landlock,
            system_calls: confined.system_calls,
            own_network: confined.own_network,
        }
    }
}

/// Makes this process unreadable for others of the same user: its memory, its environment, its
/// open files; and it leaves no core behind.
///
/// # Errors
/// What the kernel says.
pub fn make_undumpable() -> std::io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Tries out what the kernel can confine children by. Starts a process of our own and waits
/// for it, some milliseconds.
///
/// # Errors
/// The process did not start, or said something else.
pub fn sandbox_support(program: &Path) -> Result<SandboxSupport, BoxError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "processes are started by this room"
    )]
    let mut command = std::process::Command::new(program);
    let output = command
        .args([COMMAND, "probe"])
        .env_clear()
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        let confined: Confined = serde_json::from_slice(&output.stdout)?;
        Ok(confined.into())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().into())
    }
}

/// The process's side: confines itself and says what held.
pub(super) fn probe() -> Result<(), BoxError> {
    let own_network = super::network::leave().is_ok();
    let mut confined = confine(&Instructions {
        parent: 0,
        command: "/proc/self/exe".into(),
        arguments: Vec::new(),
        directory: "/".into(),
        private: "/dev/null".into(),
        readable: Vec::new(),
        writable: Vec::new(),
        proxy_port: None,
        proxy_socket: None,
        limits: ProcessLimits::default(),
        required: false,
    })?;
    confined.own_network = own_network;
    let text = serde_json::to_string(&confined)?;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
