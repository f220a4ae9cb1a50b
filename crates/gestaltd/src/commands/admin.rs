//! Commands that ask the running daemon.

use super::serve::socket_path;
use super::{ConfigFiles, Failure};
use crate::admin_socket::client::{self, AdminError};
use crate::config::{self, Builtins, Environment};

/// Where the daemon of this config is reached.
pub(super) fn socket(files: &ConfigFiles) -> Result<std::path::PathBuf, Failure> {
    let paths = files.paths()?;
    let loaded = config::load(&paths, &Environment::Process, Builtins::default())?;
    Ok(socket_path(loaded.config(), &paths))
}

pub(super) fn failed(error: &AdminError) -> Failure {
    let failure = Failure::new(error.to_string());
    match error {
        AdminError::NotRunning(_) => failure.hint("Start it with: gestaltd"),
        AdminError::Refused(problem) => match &problem.hint {
            Some(hint) => failure.hint(hint.clone()),
            None => failure,
        },
        AdminError::NotPermitted(_) | AdminError::Broken(_) => failure,
    }
}

/// Makes a single-use login link.
#[expect(clippy::print_stdout, reason = "the link is what the command is for")]
pub(super) async fn login_code(files: &ConfigFiles) -> Result<(), Failure> {
    let link = client::login_link(&socket(files)?)
        .await
        .map_err(|error| failed(&error))?;
    println!("{}", link.url);
    Ok(())
}

/// Has the daemon read its config again.
#[expect(clippy::print_stdout, reason = "a command says that it is done")]
pub(super) async fn reload(files: &ConfigFiles) -> Result<(), Failure> {
    client::reload(&socket(files)?)
        .await
        .map_err(|error| failed(&error))?;
    println!("The config was read again.");
    Ok(())
}

/// Makes a new key of a purpose.
#[expect(clippy::print_stdout, reason = "a command says what it has done")]
pub(super) async fn rotate_key(files: &ConfigFiles, purpose: &str) -> Result<(), Failure> {
    let rotated = client::rotate_key(&socket(files)?, purpose)
        .await
        .map_err(|error| failed(&error))?;
    println!(
        "{} is published and signs from {} on.",
        rotated.id, rotated.signs_from
    );
    Ok(())
}
