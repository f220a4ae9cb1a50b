//! `gestaltd config schema` and `config print`.

use super::{ConfigFiles, Failure};
use crate::config;

#[expect(clippy::print_stdout, reason = "the schema is what the command is for")]
pub(super) fn run() -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(&config::config_schema()).map_err(|error| Failure::new(error.to_string()))?;
    println!("{text}");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the config is what the command is for")]
pub(super) fn print(files: &ConfigFiles) -> Result<(), Failure> {
    print!("{}", config::print_redacted(&files.paths()?)?);
    Ok(())
}
