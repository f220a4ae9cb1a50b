//! What each command does, one file per noun.

mod audit;
mod auth;
mod config;
mod connect;
mod connections;
mod explain;
mod init;
pub(crate) mod lookup;
mod plugin;
mod sessions;
mod tokens;

use clap::CommandFactory;
use clap_complete::env::Shells;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::failure::Failure;
use crate::{invoke, output, topics};

/// Runs a command.
///
/// # Errors
/// The command's own failures.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Init => init::run(context).await,
        Command::Auth(args) => auth::run(context, args).await,
        Command::Plugin(args) => plugin::run(context, args).await,
        Command::Call(args) => invoke::run(context, args).await,
        Command::Connections(args) => connections::run(context, args).await,
        Command::Tokens(args) => tokens::run(context, args).await,
        Command::Sessions(args) => sessions::run(context, args).await,
        Command::Audit(args) => audit::run(context, args).await,
        Command::Explain(args) => explain::run(context, args).await,
        Command::Config(args) => config::run(context, &args),
        Command::Completion(args) => completion(&args.shell),
        Command::Help(args) => topics::show(Cli::command(), &args.words),
    }
}

fn completion(shell: &str) -> Result<(), Failure> {
    let mut script = Vec::new();
    if let Some(shell) = Shells::builtins().completer(shell) {
        shell.write_registration("COMPLETE", "gestalt", "gestalt", "gestalt", &mut script)?;
    }
    output::write(&script)
}
