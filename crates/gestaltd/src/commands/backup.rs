//! Backup and restore.

use std::path::PathBuf;

use super::admin::failed;
use super::serve::socket_path;
use super::settings::store_settings;
use super::{ConfigFiles, Failure, count};
use crate::admin_socket::client::{self, AdminError};
use crate::config::{self, Builtins, Config, Environment};

/// Options of `backup`.
#[derive(Debug, clap::Args)]
pub(super) struct BackupOptions {
    /// The file to write; it must not be there yet
    file: PathBuf,
}

/// Options of `restore`.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreOptions {
    /// The backup to read
    file: PathBuf,
}

fn load(files: &ConfigFiles) -> Result<(Config, Vec<PathBuf>), Failure> {
    let paths = files.paths()?;
    let loaded = config::load(&paths, &Environment::Process, Builtins::default())?;
    Ok((loaded.config().clone(), paths))
}

/// Writes a backup: through the running daemon, or from the database that none has open.
#[expect(clippy::print_stdout, reason = "a command says what it has done")]
pub(super) async fn backup(files: &ConfigFiles, options: &BackupOptions) -> Result<(), Failure> {
    let (config, paths) = load(files)?;
    let unreadable =
        |error: std::io::Error| Failure::new(format!("{}: {error}", options.file.display()));
    let file = std::path::absolute(&options.file).map_err(unreadable)?;
    if file.exists() {
        return Err(Failure::new(format!(
            "{} exists already; nothing was written",
            file.display()
        )));
    }
    let rows = match client::backup(&socket_path(&config, &paths), &file).await {
        Ok(made) => made.rows,
        Err(AdminError::NotRunning(_)) => {
            gestalt_gateway::backup_offline(&store_settings(&config), &file).await?
        }
        Err(error) => return Err(failed(&error)),
    };
    println!(
        "{}: {}. Secrets in it stay sealed: keep `server.encryptionKey` elsewhere.",
        file.display(),
        count(rows, "row")
    );
    Ok(())
}

/// Fills an empty database from a backup.
#[expect(clippy::print_stdout, reason = "a command says what it has done")]
pub(super) async fn restore(files: &ConfigFiles, options: &RestoreOptions) -> Result<(), Failure> {
    let (config, _) = load(files)?;
    let restored = gestalt_gateway::restore(&store_settings(&config), &options.file).await?;
    println!(
        "Restored: {}. Start gestaltd with the `server.encryptionKey` of the backup.",
        count(restored.rows, "row")
    );
    Ok(())
}
