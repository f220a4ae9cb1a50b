//! `gestaltd validate`: whether the config holds, and what this build cannot honour of it.

use super::{ConfigFiles, Failure};
use crate::config::{self, Builtins, Environment};

#[expect(clippy::print_stdout, reason = "the result is what the command is for")]
pub(super) fn run(files: &ConfigFiles) -> Result<(), Failure> {
    let paths = files.paths()?;
    let loaded = config::load(&paths, &Environment::Process, Builtins::default())?;
    let names: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    println!(
        "{}: the config holds, {} plugins.",
        names.join(", "),
        loaded.config().plugins.len()
    );
    if let Some(refusal) = loaded.refusal() {
        println!("`gestaltd serve` refuses it all the same:");
        refusal.lines().for_each(|line| println!("  {line}"));
    }
    Ok(())
}
