//! The daemon's own commands.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod admin;
mod audit;
mod backup;
mod demo;
mod doctor;
mod documents;
mod first_run;
mod listen;
mod plugin;
mod schema;
mod serve;
pub(crate) mod settings;
mod validate;

/// The gateway between callers and upstream systems.
#[derive(Debug, Parser)]
#[command(name = "gestaltd", version, about, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    files: ConfigFiles,
}

/// Which config a command is about.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ConfigFiles {
    /// A config file; each further one is laid on those before it [default: ~/.gestaltd/config.yaml
    /// and the files of ~/.gestaltd/config.d]
    #[arg(long = "config", value_name = "FILE", global = true)]
    config: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve: the API, pages and plugins (what `gestaltd` alone does)
    Serve,
    /// Check the config and say what this build cannot honour
    Validate(validate::Options),
    /// About the config
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Look for what is wrong or risky, with a fix for each
    Doctor(doctor::Options),
    /// Add plugins from OpenAPI documents, and see what of a document is not taken over
    Plugin {
        #[command(subcommand)]
        command: plugin::Command,
    },
    /// Serve the demo's notes API alone, to try `plugin add` with
    Demo(demo::Options),
    /// Make a single-use login link for `local` login
    LoginCode,
    /// Read the config again (as SIGHUP does)
    Reload,
    /// Write everything to one portable file; the secrets in it stay sealed
    Backup(backup::BackupOptions),
    /// Fill an empty database from a backup
    Restore(backup::RestoreOptions),
    /// About the keys that the gateway works with
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// About the audit trail
    Audit {
        #[command(subcommand)]
        command: audit::Command,
    },
    /// Become a confined child process; the daemon starts it, nobody else
    #[command(hide = true)]
    SandboxExec {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

impl Arguments {
    /// Runs the one command that must be run before there is a second thread.
    pub fn run_alone(&self) -> Option<ExitCode> {
        match &self.command {
            Some(Command::SandboxExec { arguments }) => {
                Some(gestalt_gateway::sandbox_exec(arguments))
            }
            _ => None,
        }
    }
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a new key; it takes over when everybody can know it, and the old one stays
    /// published until what it signed has ended
    Rotate {
        /// What the key is for: `identity_jwt`, which signs what upstreams are told of callers
        #[arg(long, value_name = "PURPOSE")]
        purpose: String,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the config as it is after layering, with every secret left out
    Print,
    /// Print the JSON Schema that editors check a config by
    Schema,
}

/// `1 plugin`, `2 plugins`.
fn count(number: impl TryInto<u64>, one: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let many = if number == 1 { "" } else { "s" };
    format!("{number} {one}{many}")
}

/// What a command could not do, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            code: 1,
        }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(crate) fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gestaltd: {}", self.message.trim_end())?;
        self.hint
            .as_ref()
            .map_or(Ok(()), |hint| write!(f, "\n  {hint}"))
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        // A person at a terminal gets colours; a log or a pipe does not.
        let color = std::io::IsTerminal::is_terminal(&std::io::stderr())
            && crate::config::Environment::Process
                .get("NO_COLOR")
                .is_none();
        Self::new(format!(
            "the config does not hold\n\n{}",
            error.render(color)
        ))
        .code(2)
    }
}

impl From<gestalt_gateway::OpenError> for Failure {
    fn from(error: gestalt_gateway::OpenError) -> Self {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(next) = cause {
            let text = next.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = next.source();
        }
        Self::new(message)
    }
}

/// Runs a command to its end.
pub async fn run(arguments: Arguments) -> ExitCode {
    let files = &arguments.files;
    let result = match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(files).await,
        Command::Validate(options) => validate::run(files, &options).await,
        Command::Config {
            command: ConfigCommand::Schema,
        } => schema::run(),
        Command::Config {
            command: ConfigCommand::Print,
        } => schema::print(files),
        Command::Doctor(options) => doctor::run(files, &options).await,
        Command::Demo(options) => demo::run(&options).await,
        Command::Plugin { command } => plugin::run(files, command).await,
        Command::LoginCode => admin::login_code(files).await,
        Command::Reload => admin::reload(files).await,
        Command::Backup(options) => backup::backup(files, &options).await,
        Command::Restore(options) => backup::restore(files, &options).await,
        Command::Keys {
            command: KeysCommand::Rotate { purpose },
        } => admin::rotate_key(files, &purpose).await,
        Command::Audit { command } => audit::run(files, &command).await,
        Command::SandboxExec { .. } => Err(Failure::new("it is too late to be confined")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            #[expect(
                clippy::print_stderr,
                reason = "a command says why it stops where its user reads"
            )]
            {
                eprintln!("{failure}");
            }
            ExitCode::from(failure.code)
        }
    }
}
