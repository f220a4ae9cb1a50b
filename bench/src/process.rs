//! The processes of a run: their start, their processor time, their memory.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::Result;

const START_LIMIT: Duration = Duration::from_secs(30);
/// Work left over after the load counts too: the audit writer's last batch.
const SETTLE_STEP: Duration = Duration::from_millis(50);
const SETTLE_LIMIT: usize = 100;

/// A running part; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Part {
    child: Child,
    /// Its address, as `http://127.0.0.1:PORT`.
    pub(crate) url: String,
}

impl Part {
    /// Starts a part of this program that serves.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub(crate) fn of_bench(arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        Self::start(command.args(arguments))
    }

    /// Starts the MCP server of the official SDK, with these options.
    ///
    /// # Errors
    ///
    /// When it is not built, or does not start.
    pub(crate) fn fixture(options: &[&str]) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name("mcp-fixture");
        if !program.exists() {
            return Err(format!("{} is not built", program.display()).into());
        }
        let mut command = Command::new(program);
        let mut part = Self::start(command.args(["--port", "0"]).args(options))?;
        part.url.truncate(part.url.trim_end_matches("/mcp").len());
        Ok(part)
    }

    /// Starts `command` and waits for its line `listening on URL`.
    ///
    /// # Errors
    ///
    /// With its output, when it ends without that line or says nothing for
    /// half a minute.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (sender, lines) = mpsc::channel();
        if let Some(out) = child.stdout.take() {
            listen(out, sender.clone());
        }
        if let Some(err) = child.stderr.take() {
            listen(err, sender);
        }
        let mut part = Self {
            child,
            url: String::new(),
        };
        let mut said = Vec::new();
        while let Ok(line) = lines.recv_timeout(START_LIMIT) {
            if let Some((_, url)) = line.split_once("istening on ") {
                let url = url.split_whitespace().next().unwrap_or_default();
                url.trim_end_matches(['/', '"']).clone_into(&mut part.url);
                return Ok(part);
            }
            said.push(line);
        }
        Err(format!("a part did not start:\n{}", said.join("\n")).into())
    }

    /// Nanoseconds of processor time its threads have used.
    ///
    /// # Errors
    ///
    /// When it is gone.
    pub(crate) fn cpu_nanos(&self) -> Result<u64> {
        let mut nanos = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end between the listing and the reading.
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
                continue;
            };
            let first = text.split_whitespace().next().unwrap_or_default();
            nanos += first.parse::<u64>()?;
        }
        Ok(nanos)
    }

    /// Waits until it no longer works, then reads [`Self::cpu_nanos`].
    ///
    /// # Errors
    ///
    /// When it is gone.
    pub(crate) async fn settled_cpu_nanos(&self) -> Result<u64> {
        let mut before = self.cpu_nanos()?;
        for _ in 0..SETTLE_LIMIT {
            tokio::time::sleep(SETTLE_STEP).await;
            let now = self.cpu_nanos()?;
            if now - before < 100_000 {
                return Ok(now);
            }
            before = now;
        }
        Ok(before)
    }

    /// A line of `/proc/PID/status` in MiB, such as `VmRSS`.
    ///
    /// # Errors
    ///
    /// When it is gone, or there is no such line.
    pub(crate) fn mebibytes(&self, name: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.and_then(|line| line.split_whitespace().next());
        let kibibytes: f64 = kibibytes.ok_or("no such line in status")?.parse()?;
        Ok(kibibytes / 1024.0)
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Errors
    ///
    /// When it cannot be asked.
    pub(crate) fn stop(mut self) -> Result {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(stream: impl std::io::Read + Send + 'static, lines: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        // Reads on when nobody listens, so that the part never blocks.
        for line in BufReader::new(stream)
            .lines()
            .map_while(std::io::Result::ok)
        {
            let _ = lines.send(line);
        }
    });
}

/// What a run of the load took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) seconds: f64,
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
}

/// Where and how much to call.
#[derive(Debug)]
pub(crate) struct Load<'a> {
    pub(crate) url: &'a str,
    pub(crate) tokens: &'a PathBuf,
    pub(crate) connections: usize,
    pub(crate) calls: usize,
    /// Every token in its turn, rather than at random.
    pub(crate) in_turn: bool,
    /// A message of MCP to post, instead of getting.
    pub(crate) message: Option<&'a str>,
}

impl Load<'_> {
    /// Runs the load in a process of its own, to its end.
    ///
    /// # Errors
    ///
    /// When a call fails.
    pub(crate) async fn run(&self) -> Result<Took> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["load", "--url", self.url]);
        command.arg("--tokens").arg(self.tokens);
        command.args(["--connections", &self.connections.to_string()]);
        command.args(["--calls", &self.calls.to_string()]);
        if let Some(message) = self.message {
            command.args(["--message", message]);
        }
        if self.in_turn {
            command.arg("--in-turn");
        }
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("load on {}: {said}", self.url).into());
        }
        let figures: Value = serde_json::from_slice(&output.stdout)?;
        let figure = |name: &str| figures[name].as_f64().unwrap_or(f64::NAN);
        Ok(Took {
            seconds: figure("seconds"),
            p50_micros: figure("p50_micros"),
            p99_micros: figure("p99_micros"),
        })
    }
}
