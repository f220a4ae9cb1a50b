//! A program under test: started, listened to, ended.

use std::io::{BufRead as _, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::sync::watch;

/// How long a program may take for what it does in a second on an idle
/// machine. Only a deadlock meets it.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Finds a program of this workspace beside the test that runs.
///
/// # Panics
///
/// When it was not built: `cargo xtask test` builds it first.
pub fn built(name: &str) -> PathBuf {
    let path = target().join(name);
    assert!(
        path.exists(),
        "{} is not built; `cargo build --workspace --all-targets` makes it, `cargo xtask test` does so first",
        path.display()
    );
    path
}

/// The folder of this profile in the target directory.
pub(crate) fn target() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.parent().and_then(|deps| deps.parent());
    profile
        .expect("a test lies in target/PROFILE/deps")
        .to_path_buf()
}

/// A loopback port that nobody has at the moment.
///
/// # Panics
///
/// When there is none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.expect("a free port").port()
}

/// A running program whose output is kept; dropping it kills it.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    lines: watch::Receiver<Vec<String>>,
}

impl Program {
    /// Starts `command` and reads what it writes, on both streams, by lines.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(mut command: Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} could not be started: {error}"));
        let (sender, lines) = watch::channel(Vec::new());
        if let Some(out) = child.stdout.take() {
            listen(out, sender.clone());
        }
        if let Some(err) = child.stderr.take() {
            listen(err, sender);
        }
        Self { name, child, lines }
    }

    /// Waits until a line holds `marker` and returns what follows it, up to
    /// white space.
    ///
    /// # Panics
    ///
    /// When the program ends first, or takes longer than [`PATIENCE`].
    pub async fn said(&mut self, marker: &str) -> String {
        let found = self.said_or_ended(marker).await;
        found.unwrap_or_else(|| panic!("{} never said `{marker}`:\n{}", self.name, self.log()))
    }

    /// Waits as [`Self::said`] does, or until the program has ended.
    ///
    /// # Panics
    ///
    /// When it takes longer than [`PATIENCE`].
    pub async fn said_or_ended(&mut self, marker: &str) -> Option<String> {
        let mut found = None;
        let search = self.lines.wait_for(|lines| {
            let after = lines.iter().find_map(|line| line.split_once(marker));
            found = after.map(|(_, after)| first_word(after));
            found.is_some()
        });
        let waited = tokio::time::timeout(PATIENCE, search).await.is_ok();
        assert!(waited, "{} says nothing:\n{}", self.name, self.log());
        found
    }

    /// All it has written so far.
    pub fn log(&self) -> String {
        self.lines.borrow().join("\n")
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name without `SIG`, as `kill` takes it.
    ///
    /// # Panics
    ///
    /// When the process is gone.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.id().to_string()])
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "{} is gone:\n{}",
            self.name,
            self.log()
        );
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    ///
    /// When it takes longer than [`PATIENCE`].
    pub async fn ended(&mut self) -> ExitStatus {
        // Both streams close when the process ends.
        let open = async { while self.lines.changed().await.is_ok() {} };
        let waited = tokio::time::timeout(PATIENCE, open).await;
        assert!(
            waited.is_ok(),
            "{} does not end:\n{}",
            self.name,
            self.log()
        );
        self.child.wait().expect("a child can be waited for")
    }

    /// Waits until it has ended, without a limit.
    pub(crate) fn wait(&mut self) {
        let _ = self.child.wait();
    }

    /// Kills it at once, as a crash would.
    ///
    /// # Panics
    ///
    /// When the system refuses.
    pub fn kill(&mut self) -> ExitStatus {
        let _ = self.child.kill();
        self.child.wait().expect("a child can be waited for")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(stream: impl Read + Send + 'static, lines: watch::Sender<Vec<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line).into_owned();
            lines.send_modify(|lines| lines.push(line));
        }
    });
}

fn first_word(text: &str) -> String {
    let word = text.split_whitespace().next().unwrap_or_default();
    word.trim_end_matches(['"', '\'', ',', '}']).to_owned()
}
