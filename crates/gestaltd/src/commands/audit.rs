//! `gestaltd audit`: verifying the trail.

use std::path::PathBuf;

use gestalt_api::audit::{AuditVerification, VerifyAudit};
use gestalt_gateway::VerifyInput;

use super::admin::failed;
use super::serve::socket_path;
use super::settings::gateway_settings;
use super::{ConfigFiles, Failure, count};
use crate::admin_socket::client::{self, AdminError};
use crate::config::{self, Builtins, Environment};
use crate::http::api::shape::Shaped as _;

/// About the audit trail.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Hold every record against its hash, its chain and the checkpoints; exit 1 if one does not hold
    Verify(VerifyOptions),
}

/// What else to hold the trail against.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyOptions {
    /// A public key (64 hex characters) that was kept elsewhere; repeatable
    #[arg(long = "key", value_name = "HEX")]
    keys: Vec<String>,
    /// Checkpoints that were kept elsewhere, as the daemon exports them; repeatable
    #[arg(long = "checkpoints", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(files: &ConfigFiles, command: &Command) -> Result<(), Failure> {
    let Command::Verify(options) = command;
    let mut lines = Vec::new();
    for path in &options.checkpoints {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        lines.extend(text.lines().map(str::to_owned));
    }
    let asked = VerifyAudit {
        keys: options.keys.clone(),
        checkpoints: lines,
    };
    let paths = files.paths()?;
    let config = config::load(&paths, &Environment::Process, Builtins::default())?
        .config()
        .clone();
    let found = match client::verify_audit(&socket_path(&config, &paths), &asked).await {
        Ok(found) => found,
        Err(AdminError::NotRunning(_)) => {
            let settings =
                gateway_settings(&config).map_err(|error| Failure::new(error.to_string()))?;
            let input = VerifyInput {
                keys: asked.keys,
                checkpoints: asked.checkpoints,
            };
            gestalt_gateway::verify_offline(&settings, &input)
                .await?
                .shape()
        }
        Err(error) => return Err(failed(&error)),
    };
    report(&found, options.json)
}

#[expect(clippy::print_stdout, reason = "the result is what the command is for")]
fn report(found: &AuditVerification, json: bool) -> Result<(), Failure> {
    if json {
        let text =
            serde_json::to_string_pretty(found).map_err(|error| Failure::new(error.to_string()))?;
        println!("{text}");
    } else {
        println!(
            "Read: {} and {}.",
            count(found.records, "record"),
            count(found.checkpoints, "checkpoint")
        );
        for fault in &found.faults {
            println!(
                "  {} at {} of {}: {}",
                fault.kind, fault.seq, fault.writer, fault.detail
            );
        }
    }
    if found.ok {
        if !json {
            println!("Everything holds.");
        }
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} in the audit trail",
        count(found.faults.len(), "fault")
    )))
}
