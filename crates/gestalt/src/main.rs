//! The command line of the gateway. It speaks only the HTTP API, and stores nothing but
//! settings and the tokens that servers issued, each bound to its server.
//!
//! Start reading at `args.rs` (what can be typed), then `commands.rs` (what is done).

mod args;
mod base;
mod commands;
mod complete;
mod context;
mod credentials;
mod environment;
mod failure;
mod input;
mod invoke;
mod nearest;
mod output;
mod private_file;
mod prompt;
mod secret;
mod server;
mod settings;
mod terminal;
mod topics;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use clap_complete::CompleteEnv;

use crate::args::Cli;
use crate::context::Context;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::terminal::Terminal;

fn main() -> ExitCode {
    CompleteEnv::with_factory(Cli::command).complete();
    let cli = Cli::parse();
    let environment = Environment::read();
    let terminal = Terminal::new(environment.plain, cli.global.quiet, cli.global.verbose);
    let code = match run(cli, environment) {
        Ok(()) => 0,
        Err(failure) => {
            let code = failure.exit_code();
            if code != 0 {
                terminal.failure(&failure);
            }
            code
        }
    };
    ExitCode::from(code)
}

/// Runs a command until it is done or interrupted.
fn run(cli: Cli, environment: Environment) -> Result<(), Failure> {
    let context = Context::new(&cli.global, environment)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
            result = commands::run(&context, cli.command) => result,
        }
    });
    runtime.shutdown_background();
    result
}
