//! `gestaltd doctor`: what is wrong or risky, with a fix for each. Exit 2 with errors, else 0:
//! a warning is for a person to weigh, and a fresh install on one machine has some.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::serve::socket_path;
use super::settings::gateway_settings;
use super::{ConfigFiles, Failure, count};
use crate::admin_socket::client;
use crate::config::{self, Builtins, Config, Database, Environment, LoginConfig};

/// Options of `doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warning,
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    level: Level,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, what: impl Into<String>) {
        self.0.push(Finding {
            level: Level::Ok,
            what: what.into(),
            fix: None,
        });
    }

    fn found(&mut self, level: Level, what: impl Into<String>, fix: impl Into<String>) {
        self.0.push(Finding {
            level,
            what: what.into(),
            fix: Some(fix.into()),
        });
    }
}

pub(super) async fn run(files: &ConfigFiles, options: &Options) -> Result<(), Failure> {
    let mut findings = Findings::default();
    let paths = files.paths()?;
    match config::load(&paths, &Environment::Process, Builtins::default()) {
        Err(error) => findings.found(
            Level::Error,
            format!("the config does not hold\n{error}"),
            "Mend it where it says.",
        ),
        Ok(loaded) => {
            findings.ok("the config holds");
            for unsupported in loaded.unsupported() {
                let what = format!(
                    "{}: this build cannot honour {}",
                    unsupported.location, unsupported.feature
                );
                findings.found(Level::Error, what, "Take it out, or use a build that can.");
            }
            let config = loaded.config();
            permissions(&paths, config, &mut findings);
            exposure(config, &mut findings);
            confinement(&mut findings);
            store(config, &paths, &mut findings).await;
        }
    }
    report(&findings, options.json)
}

/// Files that hold secrets are their owner's alone.
fn permissions(paths: &[PathBuf], config: &Config, findings: &mut Findings) {
    let mut private: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    if let Database::Sqlite(file) = &config.store.database {
        private.push(file);
    }
    for path in private {
        let Ok(metadata) = std::fs::metadata(path) else {
            continue;
        };
        let others = metadata.permissions().mode() & 0o077;
        if others == 0 {
            findings.ok(format!("{} is readable by its owner only", path.display()));
        } else {
            let what = format!("{} is readable by others", path.display());
            findings.found(
                Level::Warning,
                what,
                format!("chmod 600 {}", path.display()),
            );
        }
    }
}

/// What of the config is fit for one machine only.
fn exposure(config: &Config, findings: &mut Findings) {
    let base = &config.server.base_url;
    let local = matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match config.login {
        LoginConfig::None { insecure: true } => findings.found(
            Level::Error,
            "no login is configured and others can reach this daemon (`insecure: true`)",
            "Configure `providers.authentication`.",
        ),
        LoginConfig::None { insecure: false } => {
            findings.found(
                Level::Warning,
                "no login is configured; only this machine is served",
                "Fit for one person. Configure `providers.authentication` for more.",
            );
        }
        _ => findings.ok("a login is configured"),
    }
    if !local && base.scheme() != "https" {
        findings.found(
            Level::Error,
            format!("`server.baseUrl` is {base}, without TLS"),
            "Put a proxy with TLS before it and set an https URL.",
        );
    } else {
        findings.ok(format!("`server.baseUrl` is {base}"));
    }
    if !local && matches!(config.store.database, Database::Sqlite(_)) {
        findings.found(
            Level::Warning,
            "SQLite serves one process; replicas need PostgreSQL",
            "Fit for one daemon. Set `providers.indexeddb` to PostgreSQL before adding another.",
        );
    }
    if config.audit.checkpoint_file.is_none() {
        findings.found(Level::Warning, "audit checkpoints are kept in the database only", "Set `audit.checkpoint.file` to a place outside it, so that a rewritten trail is found.");
    }
}

/// What MCP servers that the daemon starts can be confined by.
fn confinement(findings: &mut Findings) {
    let fix = "Nothing to do without plugins that start processes. Otherwise use a newer kernel, \
               or let the container have Landlock and seccomp; `sandbox: required` refuses to \
               start a process without them.";
    match gestalt_gateway::sandbox_support(Path::new("/proc/self/exe")) {
        Ok(support) if support.is_whole() && support.own_network => findings.ok(format!(
            "processes are confined: files, connections, signals (Landlock {}), system calls, \
             and a network of their own",
            support.landlock
        )),
        // Common in containers, and no reason to warn of.
        Ok(support) if support.is_whole() => findings.ok(format!(
            "processes are confined: files, connections, signals (Landlock {}) and system calls; \
             they could reach other hosts at the port that their proxy has, since the kernel \
             grants no network of their own",
            support.landlock
        )),
        Ok(support) => findings.found(
            Level::Warning,
            format!(
                "processes are not wholly confined: the kernel lacks {}",
                support.missing().join(", ")
            ),
            fix,
        ),
        Err(error) => findings.found(
            Level::Warning,
            format!("processes cannot be confined: {error}"),
            fix,
        ),
    }
}

/// The database, its keys and its audit trail, by the daemon if one runs.
async fn store(config: &Config, paths: &[PathBuf], findings: &mut Findings) {
    let asked = gestalt_api::audit::VerifyAudit {
        keys: Vec::new(),
        checkpoints: Vec::new(),
    };
    let verified = match client::verify_audit(&socket_path(config, paths), &asked).await {
        Ok(found) => {
            findings.ok("a daemon runs on this config");
            Ok(found.faults.len())
        }
        Err(client::AdminError::NotRunning(_)) => {
            if let Database::Sqlite(file) = &config.store.database
                && !file.exists()
            {
                findings.ok(format!(
                    "{} is not there yet; the first start makes it",
                    file.display()
                ));
                return;
            }
            offline(config).await
        }
        Err(error) => Err(error.to_string()),
    };
    match verified {
        Ok(0) => findings.ok("the database opens with the root key, and the audit trail holds"),
        Ok(faults) => findings.found(
            Level::Error,
            format!("{} in the audit trail", count(faults, "fault")),
            "`gestaltd audit verify` says where. Compare with a backup.",
        ),
        Err(error) => findings.found(
            Level::Error,
            error,
            "Mend this first: the daemon does not start without it.",
        ),
    }
}

async fn offline(config: &Config) -> Result<usize, String> {
    let settings = gateway_settings(config).map_err(|error| error.to_string())?;
    let found =
        gestalt_gateway::verify_offline(&settings, &gestalt_gateway::VerifyInput::default()).await;
    found
        .map(|found| found.faults.len())
        .map_err(|error| Failure::from(error).message)
}

#[expect(
    clippy::print_stdout,
    reason = "the findings are what the command is for"
)]
fn report(findings: &Findings, json: bool) -> Result<(), Failure> {
    let worst = findings
        .0
        .iter()
        .map(|finding| finding.level)
        .max()
        .unwrap_or(Level::Ok);
    if json {
        let text = serde_json::to_string_pretty(&findings.0)
            .map_err(|error| Failure::new(error.to_string()))?;
        println!("{text}");
    } else {
        for finding in &findings.0 {
            let mark = match finding.level {
                Level::Ok => "ok      ",
                Level::Warning => "warning ",
                Level::Error => "error   ",
            };
            println!("{mark}{}", finding.what);
            if let Some(fix) = &finding.fix {
                println!("        {fix}");
            }
        }
    }
    match worst {
        Level::Ok | Level::Warning => Ok(()),
        Level::Error => Err(Failure::new("there are errors").code(2)),
    }
}
