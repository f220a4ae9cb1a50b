//! `gestaltd plugin lint`: what of a document is not taken over as it is, where, and why.
//! Exit 0, or 1 where a document cannot be read; with `--strict` also where something is
//! skipped.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use gestalt_core::document::{Finding, Imported, Severity};
use gestalt_core::host::AddressRange;
use serde::Serialize;
use url::Url;

use super::super::{ConfigFiles, Failure, documents};
use super::columns::{count, line};
use super::preview::counts;
use super::source::{self, Asking, Place};
use crate::config::{self, Builtins, Documents, Environment};

/// Options of `plugin lint`.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct Options {
    /// A document, or a plugin of the config [default: every plugin of the config]
    #[arg(value_name = "FILE|URL|PLUGIN")]
    what: Option<String>,
    /// The URL that paths are below, for a document that names none
    #[arg(long, value_name = "URL")]
    base_url: Option<Url>,
    /// A range that a document may be fetched from without TLS; repeatable
    #[arg(long, value_name = "CIDR")]
    allow_cidr: Vec<AddressRange>,
    /// Exit with 1 if anything is skipped
    #[arg(long)]
    strict: bool,
    /// How the findings are printed
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// One finding a line, as compilers print them
    Text,
    /// One JSON document
    Json,
}

/// What was found in one document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin: Option<String>,
    document: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    specification: String,
    operations: usize,
    skipped: usize,
    changed: usize,
    notes: usize,
    /// Findings that are counted only.
    unlisted: u64,
    findings: Vec<Shown>,
    #[serde(skip)]
    imported: Arc<Imported>,
}

/// A finding as it is printed.
#[derive(Serialize)]
struct Shown {
    severity: &'static str,
    file: String,
    line: u64,
    place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    message: String,
}

pub(super) async fn run(files: &ConfigFiles, options: &Options) -> Result<(), Failure> {
    let reports = match options.what.as_deref() {
        Some(what) if is_document(what) => {
            let place = Place::parse(what)?;
            let asking = Asking {
                kind: place.kind(),
                base_url: options.base_url.as_ref(),
                ranges: &options.allow_cidr,
                credential: None,
            };
            let document = source::read(&place, asking).await?;
            vec![Report::new(None, place.to_string(), document.imported)]
        }
        name => of_config(files, name).await?,
    };
    print(&reports, options.output)?;
    let skipped: usize = reports.iter().map(|report| report.skipped).sum();
    if options.strict && skipped > 0 {
        let message = format!("{} skipped", count(skipped as u64, "place"));
        return Err(Failure::new(message).hint("Without --strict this is no failure."));
    }
    Ok(())
}

/// Says whether a document is meant, and not a plugin's name.
fn is_document(what: &str) -> bool {
    what.contains(['/', '.']) || Path::new(what).exists()
}

/// The documents of a plugin, or of all.
async fn of_config(files: &ConfigFiles, name: Option<&str>) -> Result<Vec<Report>, Failure> {
    let paths = files.paths()?;
    let read = Arc::new(Documents::looking());
    let (environment, builtins) = (&Environment::Process, Builtins::default());
    let loaded = config::load_fetching(&paths, environment, builtins, &read).await?;
    let reports: Vec<Report> = loaded
        .documents()
        .iter()
        .filter(|document| name.is_none_or(|name| document.plugin == name))
        .map(|document| {
            let plugin = Some(document.plugin.clone());
            Report::new(
                plugin,
                document.name.clone(),
                Arc::clone(&document.imported),
            )
        })
        .collect();
    match name {
        Some(name) if reports.is_empty() => Err(unknown(name, &paths)),
        _ => Ok(reports),
    }
}

fn unknown(name: &str, paths: &[PathBuf]) -> Failure {
    let known = config::plugin_names(paths).unwrap_or_default();
    if known.iter().any(|plugin| plugin == name) {
        return Failure::new(format!("the plugin `{name}` is not read from a document")).code(2);
    }
    let failure = Failure::new(format!("there is no file and no plugin `{name}`")).code(2);
    match gestalt_core::name::nearest(name, known.iter().map(String::as_str)) {
        Some(near) => failure.hint(format!("Did you mean `{near}`?")),
        None => failure.hint("Name a file, a URL, or a plugin of the config."),
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the findings are what the command is for"
)]
fn print(reports: &[Report], format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        let all = serde_json::json!({ "documents": reports });
        let text =
            serde_json::to_string_pretty(&all).map_err(|error| Failure::new(error.to_string()))?;
        println!("{text}");
        return Ok(());
    }
    for report in reports {
        let mut text = String::new();
        for finding in &report.imported.findings {
            text.push_str(&line(&documents::finding(finding), 2_000));
            text.push('\n');
        }
        let plugin = report.plugin.as_ref();
        let plugin = plugin
            .map(|plugin| format!("`{plugin}`, "))
            .unwrap_or_default();
        let operations = count(report.operations as u64, "operation");
        println!(
            "{text}{}: {plugin}{operations}; findings: {}",
            report.document,
            counts(&report.imported)
        );
    }
    if reports.is_empty() {
        println!("No plugin of the config is read from a document.");
    }
    Ok(())
}

impl Report {
    fn new(plugin: Option<String>, document: String, imported: Arc<Imported>) -> Self {
        let of = |severity| {
            let findings = imported.findings.iter();
            findings
                .filter(|finding| finding.severity == severity)
                .count()
        };
        Self {
            plugin,
            document,
            title: imported.title.clone(),
            version: imported.version.clone(),
            specification: imported.specification.clone(),
            operations: imported.operations.len(),
            skipped: of(Severity::Skipped),
            changed: of(Severity::Changed),
            notes: of(Severity::Note),
            unlisted: imported.more_findings,
            findings: imported.findings.iter().map(Shown::new).collect(),
            imported,
        }
    }
}

impl Shown {
    fn new(finding: &Finding) -> Self {
        Self {
            severity: finding.severity.as_str(),
            file: finding.file.clone(),
            line: finding.line,
            place: finding.place.clone(),
            operation: finding.operation.clone(),
            message: finding.message.clone(),
        }
    }
}
