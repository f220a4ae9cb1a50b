//! `gestaltd plugin`: plugins that are read out of a document.

mod add;
mod columns;
mod layer;
mod lint;
mod name;
mod preview;
mod source;

use clap::Subcommand;

use super::{ConfigFiles, Failure};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add a plugin whose operations an OpenAPI document or a GraphQL schema describes
    Add(Box<add::Options>),
    /// Say what of a document is not taken over as it is, where, and why
    Lint(lint::Options),
}

/// Runs one of them to its end.
pub(super) async fn run(files: &ConfigFiles, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add(options) => add::run(files, &options).await,
        Command::Lint(options) => lint::run(files, &options).await,
    }
}
