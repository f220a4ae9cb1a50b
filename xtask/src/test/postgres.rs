//! A PostgreSQL cluster of the tests' own, gone when they are.
#![expect(
    clippy::disallowed_methods,
    reason = "waiting for a server to answer needs a clock and a connection"
)]

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::debian;
use crate::process::{self, Result};

const START_LIMIT: Duration = Duration::from_mins(1);

/// A running cluster; dropping it stops the server and removes its files.
pub(super) struct Cluster {
    directory: PathBuf,
    server: Child,
    url: String,
}

impl Cluster {
    /// Makes a cluster and starts its server on a free loopback port. The
    /// server refuses root, so root starts it as the package's own user.
    ///
    /// # Errors
    ///
    /// When the programs are missing or the server does not answer.
    pub(super) fn start() -> Result<Self> {
        let programs = programs().ok_or("PostgreSQL's server programs are not installed")?;
        let directory =
            std::env::temp_dir().join(format!("gestalt-postgres-{}", std::process::id()));
        fs::create_dir(&directory)?;
        let made = make(&programs, &directory);
        if made.is_err() {
            let _ = fs::remove_dir_all(&directory);
        }
        let (server, url) = made?;
        let mut cluster = Self {
            directory,
            server,
            url,
        };
        cluster.wait()?;
        Ok(cluster)
    }

    /// The URL of a superuser in the database `postgres`.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    fn port(&self) -> u16 {
        let port = self.url.rsplit([':', '/']).nth(1);
        port.and_then(|port| port.parse().ok()).unwrap_or_default()
    }

    fn wait(&mut self) -> Result {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port())).is_ok() {
                return Ok(());
            }
            let ended = self.server.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
                return Err(format!("PostgreSQL does not answer:\n{log}").into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGINT is the fast shutdown; the files are thrown away anyway.
        let mut signal = process::command("kill", Path::new("/"));
        signal.args(["-INT", &self.server.id().to_string()]);
        if process::run(&mut signal).is_err() {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The folder of the newest server programs, where Debian puts them.
pub(super) fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|version| {
            let version = version.ok()?;
            let number: u32 = version.file_name().to_str()?.parse().ok()?;
            let bin = version.path().join("bin");
            bin.join("initdb").exists().then_some((number, bin))
        })
        .max()
        .map(|(_, bin)| bin)
}

fn make(programs: &Path, directory: &Path) -> Result<(Child, String)> {
    let password = password()?;
    let secret = directory.join("password");
    fs::write(&secret, &password)?;
    if debian::is_root() {
        let mut give = process::command("chown", Path::new("/"));
        process::run(give.args(["-R", "postgres:postgres"]).arg(directory))?;
    }
    let data = directory.join("data");
    let mut initdb = server_command(&programs.join("initdb"), directory);
    initdb.arg("--pgdata").arg(&data);
    initdb.arg("--pwfile").arg(&secret);
    initdb.args(["--username=gestalt", "--auth=scram-sha-256", "--no-sync"]);
    initdb.args(["--encoding=UTF8", "--locale=C.UTF-8"]);
    let written = process::capture(&mut initdb)?;
    if !written.success {
        return Err(format!("initdb failed:\n{}{}", written.out, written.err).into());
    }
    let port = free_port()?;
    let mut server = server_command(&programs.join("postgres"), directory);
    server.arg("-D").arg(&data).arg("-k").arg(directory);
    server.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    for setting in ["fsync=off", "full_page_writes=off", "max_connections=200"] {
        server.args(["-c", setting]);
    }
    let log = fs::File::create(directory.join("log"))?;
    server
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    let url = format!("postgres://gestalt:{password}@127.0.0.1:{port}/postgres");
    Ok((server.spawn()?, url))
}

/// A command that runs as the server's user and ends with this process.
fn server_command(program: &Path, directory: &Path) -> Command {
    let mut command = process::command("setpriv", directory);
    command.args(["--pdeathsig", "INT"]);
    if debian::is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    command.arg("--").arg(program);
    command
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn password() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}
