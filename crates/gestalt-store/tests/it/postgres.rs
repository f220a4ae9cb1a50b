//! A PostgreSQL cluster of the test binary's own: a Unix socket in a temporary directory, no
//! TCP, started once, stopped when the binary ends.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "a test starts its own database server, and may fail"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

const MISSING: &str = "PostgreSQL's programs are not under /usr/lib/postgresql/*/bin; the \
    contract suite runs on both databases: `apt-get install postgresql` and run it again";

static CLUSTER: LazyLock<Cluster> = LazyLock::new(Cluster::start);
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// Makes an empty database and gives its URL.
pub(crate) fn create_database() -> String {
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    CLUSTER.run("createdb", &[&name]);
    let socket = CLUSTER.dir.path().display();
    format!("postgres://postgres@/{name}?host={socket}")
}

struct Cluster {
    programs: PathBuf,
    dir: TempDir,
    _keeper: Child,
}

impl Cluster {
    fn start() -> Self {
        let programs = programs().expect(MISSING);
        let dir = tempfile::Builder::new()
            .prefix("gestalt-pg")
            .tempdir()
            .expect("a temporary directory");
        let data = dir.path().join("data");
        if is_root() {
            let owned = Command::new("chown")
                .args(["postgres:"])
                .arg(dir.path())
                .status();
            assert!(owned.expect("chown runs").success());
        }
        let initialised = as_postgres(&programs.join("initdb"))
            .args(["--no-sync", "--auth=trust", "--username=postgres"])
            .args(["--encoding=UTF8", "--locale=C.UTF-8", "--pgdata"])
            .arg(&data)
            .stdout(Stdio::null())
            .status();
        assert!(
            initialised.expect("initdb runs").success(),
            "initdb made no cluster"
        );
        let keeper = keep(&programs, &data, dir.path());
        let cluster = Self {
            programs,
            dir,
            _keeper: keeper,
        };
        cluster.run("pg_isready", &["--timeout=60"]);
        cluster
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let status = as_postgres(&self.programs.join(program))
            .arg("--host")
            .arg(self.dir.path())
            .arg("--username=postgres")
            .args(arguments)
            .stdout(Stdio::null())
            .status();
        let status = status.expect("PostgreSQL's programs run");
        assert!(status.success(), "{program} {arguments:?} failed");
    }
}

/// Starts the server under a shell that stops it, and removes its files, when this process has
/// gone, however it went: then the shell reads the end of its standard input.
fn keep(programs: &Path, data: &Path, dir: &Path) -> Child {
    let script = r#"
        "$1/pg_ctl" --pgdata "$2" --log "$3/log" --wait --options "$4" start >/dev/null || exit 1
        echo started
        cat >/dev/null
        "$1/pg_ctl" --pgdata "$2" --mode immediate stop >/dev/null
        rm -rf "$3"/* "$3"/.s.*
        rmdir "$3" 2>/dev/null
    "#;
    let options = format!(
        "-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=off -c max_connections=200",
        dir.display()
    );
    let mut keeper = as_postgres(Path::new("sh"))
        .args(["-c", script, "sh"])
        .args([programs, data, dir])
        .arg(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell runs");
    let mut line = String::new();
    let output = keeper.stdout.take().expect("its output is piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line)
        .expect("the shell says something");
    assert_eq!(
        line.trim(),
        "started",
        "PostgreSQL did not start: see {}/log",
        dir.display()
    );
    keeper
}

fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<PathBuf> = versions
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("id runs");
    output.stdout == b"0\n"
}

/// A command as the user `postgres`, since the server refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    command.current_dir("/");
    command
}
