//! The command line as a user runs it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::program;

/// A user's terminal: a home folder and a server.
#[derive(Debug)]
pub struct Cli {
    home: TempDir,
    environment: Vec<(String, String)>,
}

/// What a finished command left.
#[derive(Debug)]
pub struct Ran {
    /// The exit status; -1 when a signal ended it.
    pub code: i32,
    /// What it wrote to stdout.
    pub out: String,
    /// What it wrote to stderr.
    pub err: String,
}

impl Ran {
    /// Returns stdout of a command that succeeded.
    ///
    /// # Panics
    ///
    /// When it did not.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self.out
    }

    /// Parses stdout of a command that succeeded.
    ///
    /// # Panics
    ///
    /// When it did not succeed, or wrote no JSON.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        let out = self.ok();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}:\n{out}"))
    }
}

impl Cli {
    /// A user without credentials who works with `daemon`.
    ///
    /// # Panics
    ///
    /// When no temporary folder can be made.
    pub fn new(daemon: &Daemon) -> Self {
        Self {
            home: tempfile::tempdir().expect("a temporary folder"),
            environment: vec![("GESTALT_URL".into(), daemon.url().into())],
        }
    }

    /// The same user with one more variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// The user's `HOME`.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs `gestalt` with nothing on stdin.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, None).await
    }

    /// Runs `gestalt` with `input` on stdin.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub async fn run_with(&self, arguments: &[&str], input: Option<&str>) -> Ran {
        let mut command = Command::new(program::built("gestalt"));
        bare(&mut command, self.home.path());
        command.args(arguments);
        let variables = self.environment.iter();
        command.envs(variables.map(|(name, value)| (name, value)));
        finish(command, input.map(str::to_owned)).await
    }
}

/// Leaves a command only `PATH`, and `home` as its home and working folder.
pub fn bare(command: &mut Command, home: &Path) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("HOME", home);
    command.current_dir(home);
}

/// Runs a command to its end, away from the runtime's threads.
///
/// # Panics
///
/// When it cannot be started.
pub async fn finish(mut command: Command, input: Option<String>) -> Ran {
    let done = tokio::task::spawn_blocking(move || {
        let stdin = if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // A command that does not read its input closes the pipe.
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output()
    });
    let output = done.await.expect("no panic").expect("a built program");
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
