//! The first start: a config with a random root key, where there is none.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use gestalt_core::Entropy;

use super::{ConfigFiles, Failure};
use crate::config::{self, Environment};

impl ConfigFiles {
    /// The files that were named; or the default one and, by name, those of `config.d`.
    pub(crate) fn paths(&self) -> Result<Vec<PathBuf>, Failure> {
        if !self.config.is_empty() {
            return Ok(self.config.clone());
        }
        let mut paths = vec![default_path()?];
        paths.extend(layers(&self.folder()?)?);
        Ok(paths)
    }

    /// No file was named.
    pub(crate) fn are_found(&self) -> bool {
        self.config.is_empty()
    }

    /// Where a new layer belongs: `config.d`, whose files are found without being named, or
    /// beside the first file that was named.
    pub(crate) fn folder(&self) -> Result<PathBuf, Failure> {
        let folder = |file: &Path| file.parent().unwrap_or(Path::new("")).to_owned();
        match self.config.first() {
            Some(first) => Ok(folder(first)),
            None => Ok(folder(&default_path()?).join("config.d")),
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

/// The layers in a folder, by name. A folder that is not there has none.
fn layers(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::new(format!("cannot read {}: {error}", folder.display()));
    let entries = match std::fs::read_dir(folder) {
        // Where its parent is no folder either, writing the first file says so.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries.map_err(unreadable)?,
    };
    let mut layers = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let yaml = [".yaml", ".yml"].iter().any(|end| name.ends_with(end));
        // An editor's drafts are hidden files.
        if yaml && !name.starts_with('.') && !name.ends_with(".lock.yaml") && path.is_file() {
            layers.push(path);
        }
    }
    layers.sort();
    Ok(layers)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_found_by_name_and_drafts_are_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            layers(&folder.path().join("none")).unwrap(),
            Vec::<PathBuf>::new()
        );
        for name in [
            "b.yaml",
            "a.yml",
            ".c.yaml",
            "d.yaml~",
            "e.json",
            "gestalt.lock.yaml",
        ] {
            std::fs::write(folder.path().join(name), "{}").unwrap();
        }
        std::fs::create_dir(folder.path().join("f.yaml")).unwrap();
        let found = layers(folder.path()).unwrap();
        let names: Vec<_> = found.iter().filter_map(|path| path.file_name()).collect();
        assert_eq!(names, ["a.yml", "b.yaml"]);
    }

    #[test]
    fn named_files_are_all_there_is() {
        let files = ConfigFiles {
            config: vec!["/etc/gestalt/a.yaml".into(), "b.yaml".into()],
        };
        assert_eq!(files.paths().unwrap(), files.config);
        assert_eq!(files.folder().unwrap(), Path::new("/etc/gestalt"));
    }
}
