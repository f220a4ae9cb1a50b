//! The daemon as an operator starts it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use tempfile::TempDir;

use crate::client::Client;
use crate::program::{self, Program};

/// How to start a daemon.
#[derive(Debug, Default)]
pub struct Start {
    /// Layers of configuration, in order; each becomes a file.
    pub config: Vec<String>,
    /// Variables besides `PATH` and `HOME`.
    pub environment: Vec<(String, String)>,
}

/// A running daemon with a home folder of its own.
#[derive(Debug)]
pub struct Daemon {
    home: TempDir,
    start: Start,
    program: Program,
    url: String,
}

impl Daemon {
    /// Starts a daemon with one file of configuration and waits until it is
    /// ready. The port is to be 0; `${HOME}` is a folder of the daemon's own.
    ///
    /// # Panics
    ///
    /// When it does not become ready.
    pub async fn start(config: &str) -> Self {
        Self::start_with(Start {
            config: vec![config.to_owned()],
            ..Start::default()
        })
        .await
    }

    /// Starts a daemon as `start` says and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not become ready.
    pub async fn start_with(start: Start) -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder"), start).await
    }

    /// Starts a daemon in a home that exists.
    ///
    /// # Panics
    ///
    /// When it does not become ready.
    pub async fn start_in(home: TempDir, start: Start) -> Self {
        let (program, url) = run(home.path(), &start).await;
        Self {
            home,
            start,
            program,
            url,
        }
    }

    /// Starts a daemon that finds no configuration and writes its own, which
    /// is then moved to a free port: the usual one may be busy.
    ///
    /// # Panics
    ///
    /// When it writes none, or does not become ready.
    pub async fn start_at_first() -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let start = Start::default();
        let mut first = command(home.path(), &start);
        first.arg("serve");
        let mut first = Program::start(first);
        let file = home.path().join(".gestaltd/config.yaml");
        // It either serves, or says that the port is busy and ends.
        first.said_or_ended("listening on ").await;
        first.kill();
        let config = fs::read_to_string(&file);
        let config = config.unwrap_or_else(|error| panic!("{error}:\n{}", first.log()));
        let port = crate::program::free_port().to_string();
        fs::write(&file, config.replace("8080", &port)).expect("its own file");
        let (program, url) = run(home.path(), &start).await;
        Self {
            home,
            start,
            program,
            url,
        }
    }

    /// Ends it as `kill -9` does and starts it again on the same home.
    ///
    /// # Panics
    ///
    /// When it does not become ready again.
    pub async fn crash_and_restart(&mut self) {
        self.program.kill();
        self.restart().await;
    }

    /// Starts it again on the same home after it has ended. The address is a
    /// new one.
    ///
    /// # Panics
    ///
    /// When it does not become ready again.
    pub async fn restart(&mut self) {
        (self.program, self.url) = run(self.home.path(), &self.start).await;
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Panics
    ///
    /// When it does not stop.
    pub async fn stop(&mut self) -> ExitStatus {
        self.program.signal("TERM");
        self.program.ended().await
    }

    /// Runs another `gestaltd` command on the same home and configuration.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub async fn command(&self, arguments: &[&str]) -> crate::cli::Ran {
        let mut command = command(self.home.path(), &self.start);
        command.args(arguments);
        for file in self.config_files() {
            command.arg("--config").arg(file);
        }
        crate::cli::finish(command, None).await
    }

    /// Its address, as `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client that presents nothing.
    pub fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// The process itself: its log, its signals.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// The daemon's `HOME`.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The files of configuration, in order.
    pub fn config_files(&self) -> Vec<PathBuf> {
        config_files(self.home.path(), &self.start)
    }
}

/// Runs `gestaltd` in a home where no daemon runs, until it ends; `start` gives the files of
/// configuration that are not there yet, and the variables.
///
/// # Panics
///
/// When it cannot be started, or serves.
pub async fn attempt(home: &Path, start: &Start, arguments: &[&str]) -> crate::cli::Ran {
    let mut command = command(home, start);
    command.args(arguments);
    for file in write_config(home, start) {
        command.arg("--config").arg(file);
    }
    let mut program = Program::start(command);
    let served = program.said_or_ended("listening on ").await;
    assert!(served.is_none(), "it serves:\n{}", program.log());
    let code = program.ended().await.code().unwrap_or(-1);
    // Both streams together.
    let (out, err) = (program.log(), program.log());
    crate::cli::Ran { code, out, err }
}

/// Writes the files of configuration; a file that is there stays as a test has left it.
fn write_config(home: &Path, start: &Start) -> Vec<PathBuf> {
    let files = config_files(home, start);
    for (file, text) in files.iter().zip(&start.config) {
        if !file.exists() {
            fs::write(file, text).expect("a file in a temporary folder");
        }
    }
    files
}

async fn run(home: &Path, start: &Start) -> (Program, String) {
    let files = write_config(home, start);
    let mut serve = command(home, start);
    serve.arg("serve");
    for file in files {
        serve.arg("--config").arg(file);
    }
    let mut program = Program::start(serve);
    let url = program.said("listening on ").await;
    let url = url.trim_end_matches('/').to_owned();
    let client = Client::new(&url);
    let ready = async {
        while client.get("/ready").await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(program::PATIENCE, ready).await;
    assert!(waited.is_ok(), "never ready:\n{}", program.log());
    (program, url)
}

fn command(home: &Path, start: &Start) -> Command {
    let mut command = Command::new(program::built("gestaltd"));
    crate::cli::bare(&mut command, home);
    let variables = start.environment.iter();
    command.envs(variables.map(|(name, value)| (name, value)));
    command
}

fn config_files(home: &Path, start: &Start) -> Vec<PathBuf> {
    (0..start.config.len())
        .map(|index| home.join(format!("config-{index}.yaml")))
        .collect()
}
