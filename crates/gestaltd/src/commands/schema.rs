//! `gestaltd config schema` and `config print`.

use super::{ConfigFiles, Failure};
use crate::config::{self, Builtins, Environment};

#[expect(clippy::print_stdout, reason = "the schema is what the command is for")]
pub(super) fn run() -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(&config::config_schema())
        .map_err(|error| Failure::new(error.to_string()))?;
    println!("{text}");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the config is what the command is for")]
pub(super) fn print(files: &ConfigFiles) -> Result<(), Failure> {
    let paths = files.paths()?;
    // Secrets are left out by their keys: what has a key that is not known could be one.
    config::load(&paths, &Environment::Process, Builtins::default())?;
    print!("{}", config::print_redacted(&paths)?);
    Ok(())
}
