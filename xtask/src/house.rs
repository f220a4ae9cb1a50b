//! Where things lie: the repository, the target directory, the packages.

use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

use crate::process::Result;

/// The repository's root. Cargo says at run time which one it runs in; what it said when this
/// was compiled may be another clone that builds into the same directory.
#[expect(
    clippy::disallowed_methods,
    reason = "this is cargo's word, not a setting"
)]
pub(crate) fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest
        .parent()
        .map_or(manifest.clone(), Path::to_path_buf)
}

/// What cargo knows of the workspace and all it depends on.
pub(crate) fn metadata() -> Result<Metadata> {
    Ok(MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .exec()?)
}

/// The directory cargo builds into.
pub(crate) fn target() -> Result<PathBuf> {
    Ok(metadata()?.target_directory.into_std_path_buf())
}

/// A package as the rules see it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    /// Whether the package is one of ours.
    pub(crate) member: bool,
    pub(crate) uses: Vec<Use>,
}

/// A direct dependency of a package.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    pub(crate) name: String,
    /// Whether only tests use it.
    pub(crate) dev: bool,
}

/// Lists every package of the resolved workspace.
pub(crate) fn packages(metadata: &Metadata) -> Vec<Package> {
    metadata
        .packages
        .iter()
        .map(|package| Package {
            name: package.name.to_string(),
            version: package.version.to_string(),
            license: package.license.clone(),
            member: metadata.workspace_members.contains(&package.id),
            uses: package
                .dependencies
                .iter()
                .map(|dependency| Use {
                    name: dependency.name.clone(),
                    dev: dependency.kind == DependencyKind::Development,
                })
                .collect(),
        })
        .collect()
}
