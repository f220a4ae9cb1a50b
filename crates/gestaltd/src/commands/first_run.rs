//! The first start: a config with a random root key, where there is none.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use gestalt_core::Entropy;

use super::{ConfigFiles, Failure};
use crate::config::{self, Environment};

impl ConfigFiles {
    /// The files, or the default one.
    pub(crate) fn paths(&self) -> Result<Vec<PathBuf>, Failure> {
        if self.config.is_empty() {
            Ok(vec![default_path()?])
        } else {
            Ok(self.config.clone())
        }
    }

    /// The files; the default one is written if it is not there. Says whether it was.
    pub(crate) fn or_generate(&self) -> Result<(Vec<PathBuf>, bool), Failure> {
        let paths = self.paths()?;
        if !self.config.is_empty() || paths[0].exists() {
            return Ok((paths, false));
        }
        generate(&paths[0])?;
        Ok((paths, true))
    }
}

fn default_path() -> Result<PathBuf, Failure> {
    let home = Environment::Process
        .get("HOME")
        .filter(|home| !home.is_empty())
        .ok_or_else(|| {
            Failure::new("there is no home folder to keep the config in")
                .hint("Set HOME, or name a file with --config.")
        })?;
    Ok(Path::new(&home).join(".gestaltd").join("config.yaml"))
}

fn generate(path: &Path) -> Result<(), Failure> {
    let unwritable = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::new(format!(
            "{} exists already; nothing was changed",
            path.display()
        )),
        _ => Failure::new(format!("cannot write {}: {error}", path.display()))
            .hint("Make the folder writable, or name a config with --config."),
    };
    let text =
        config::generate(&Entropy::System).map_err(|error| Failure::new(error.to_string()))?;
    let schema = serde_json::to_string_pretty(&config::config_schema())
        .map_err(|error| Failure::new(error.to_string()))?;
    config::write_new(path, &text, &schema).map_err(unwritable)
}
