//! A PostgreSQL cluster of a test's own, gone when its handle is.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::program::{Program, free_port};

/// A running cluster.
#[derive(Debug)]
pub struct Postgres {
    server: Program,
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// Makes a cluster and starts its server on a free loopback port, with
    /// the Debian package's programs. The server refuses root; root starts it
    /// as the package's own user.
    ///
    /// # Panics
    ///
    /// When the package is missing, or the server does not start.
    pub async fn start() -> Self {
        let programs = programs();
        let folder = tempfile::tempdir().expect("a temporary folder");
        if is_root() {
            let mut give = Command::new("chown");
            succeed(give.arg("postgres:postgres").arg(folder.path()));
        }
        let data = folder.path().join("data");
        let mut initdb = server_command(&programs.join("initdb"));
        initdb.arg("--pgdata").arg(&data);
        initdb.args(["--username=gestalt", "--auth=trust", "--no-sync"]);
        succeed(initdb.args(["--encoding=UTF8", "--locale=C.UTF-8"]));
        let port = free_port();
        let mut server = server_command(&programs.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(folder.path());
        server.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
        for setting in ["fsync=off", "full_page_writes=off", "max_connections=100"] {
            server.args(["-c", setting]);
        }
        let mut server = Program::start(server);
        server.said("ready to accept").await;
        Self {
            server,
            folder,
            port,
        }
    }

    /// The URL of the cluster's own, empty database.
    pub fn url(&self) -> String {
        format!("postgres://gestalt@127.0.0.1:{}/postgres", self.port)
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // An immediate shutdown leaves no process behind; the files go anyway.
        let mut quit = Command::new("kill");
        quit.args(["-QUIT", &self.server.id().to_string()]);
        let _ = quit.status();
        self.server.wait();
    }
}

/// A command that runs as the server's user and ends with this process.
fn server_command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    command.arg("--").arg(program).current_dir("/");
    command
}

fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let newest = versions
        .filter_map(|version| {
            let version = version.ok()?;
            let number: u32 = version.file_name().to_str()?.parse().ok()?;
            let bin = version.path().join("bin");
            bin.join("initdb").exists().then_some((number, bin))
        })
        .max();
    newest
        .expect("Debian's package postgresql; `cargo xtask test --only debian` installs it")
        .1
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("the program is installed");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
