//! `gestaltd validate`: whether the config holds, and what this build cannot honour of it.

use std::sync::Arc;

use super::{ConfigFiles, Failure, count, documents};
use crate::config::{self, Builtins, Documents, Environment};

/// Options of `validate`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Say of each document what could not be taken over, and where
    #[arg(short, long)]
    verbose: bool,
}

#[expect(clippy::print_stdout, reason = "the result is what the command is for")]
pub(super) async fn run(files: &ConfigFiles, options: &Options) -> Result<(), Failure> {
    let paths = files.paths()?;
    let read = Arc::new(Documents::looking());
    let builtins = Builtins::default();
    let loaded = config::load_fetching(&paths, &Environment::Process, builtins, &read).await?;
    let names: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    println!(
        "{}: the config holds, {}.",
        names.join(", "),
        count(loaded.config().plugins.len(), "plugin")
    );
    for report in loaded.documents() {
        println!("  {}", documents::summary(report));
        if let Some(advice) = documents::advice(report) {
            println!("  {advice}");
        }
        if options.verbose {
            let findings = report.imported.findings.iter();
            findings.for_each(|finding| println!("    {}", documents::finding(finding)));
        }
    }
    if let Some(refusal) = loaded.refusal() {
        println!("`gestaltd serve` refuses it all the same:");
        refusal.lines().for_each(|line| println!("  {line}"));
    }
    Ok(())
}
