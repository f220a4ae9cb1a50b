//! The command line as people type it.

pub(crate) mod plugin;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::engine::ArgValueCandidates;

use crate::complete;
use crate::output::Format;

/// Use a Gestalt gateway: connect accounts, call operations, manage access.
#[derive(Debug, Parser)]
#[command(
    name = "gestalt",
    bin_name = "gestalt",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = "`gestalt help exit-codes`, `help arguments`, `help environment` and `help output` say more."
)]
pub(crate) struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What holds for every command.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// The gateway's URL.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "The gateway's URL [default: GESTALT_URL, the profile's, http://localhost:8080]"
    )]
    pub(crate) url: Option<String>,
    /// Which profile's settings to use.
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        help = "Which profile's settings to use [default: GESTALT_PROFILE, the current one]"
    )]
    pub(crate) profile: Option<String>,
    /// How to show data
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,
    /// The same as `-o json`
    #[arg(long, global = true, conflicts_with = "output")]
    pub(crate) json: bool,
    /// Leave out the line that names a table's columns
    #[arg(long, global = true)]
    pub(crate) no_headers: bool,
    /// Say only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say what is asked of the server
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say which gateway to use, and check that it is there
    Init,
    /// Log in and out
    #[command(subcommand)]
    Auth(Auth),
    /// See plugins, connect accounts to them, call their operations
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// Call an operation: short for `plugin invoke`
    Call(plugin::Invoke),
    /// See and mend stored connections
    #[command(subcommand)]
    Connections(Connections),
    /// Make and revoke API tokens
    #[command(subcommand)]
    Tokens(Tokens),
    /// See and end browser sessions
    #[command(subcommand)]
    Sessions(Sessions),
    /// Search, export and verify the audit trail
    #[command(subcommand)]
    Audit(Audit),
    /// Say why a call would be allowed or refused, without making it
    Explain(Explain),
    /// This program's own settings
    #[command(subcommand)]
    Config(Config),
    /// Print the script that completes commands, plugins and operations
    Completion(Completion),
    /// Explain a command or a topic: exit-codes, arguments, environment, output
    Help(Help),
}

/// Log in and out.
#[derive(Debug, Subcommand)]
pub(crate) enum Auth {
    /// Store an API token for the server; it is sent to no other
    Login(Login),
    /// Forget the server's stored token
    Logout {
        /// Revoke the token at the server too
        #[arg(long)]
        revoke: bool,
    },
    /// Say who the server takes you for
    Status,
}

/// Where the token comes from; never from a flag's value.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Read the token from standard input
    #[arg(long, conflicts_with = "token_file")]
    pub(crate) token_stdin: bool,
    /// Read the token from a file
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// How much of a list.
#[derive(Debug, Args, Clone)]
pub(crate) struct Paging {
    /// At most so many items
    #[arg(long, default_value_t = 100, value_name = "COUNT", value_parser = count)]
    pub(crate) limit: usize,
    /// Start where a page before ended
    #[arg(long)]
    pub(crate) cursor: Option<String>,
    /// Everything
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("a count from 1".to_owned()),
    }
}

/// See and mend stored connections.
#[derive(Debug, Subcommand)]
pub(crate) enum Connections {
    /// List them
    #[command(visible_alias = "ls")]
    List {
        /// Only those of one plugin
        #[arg(long, add = ArgValueCandidates::new(complete::plugins))]
        plugin: Option<String>,
        /// How much of the list.
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one
    Status {
        /// Its id: `con_…`
        #[arg(add = ArgValueCandidates::new(complete::connections))]
        id: String,
    },
    /// Check one at its upstream
    Check {
        /// Its id: `con_…`
        #[arg(add = ArgValueCandidates::new(complete::connections))]
        id: String,
    },
    /// Go back to the credential that was replaced
    Rollback {
        /// Its id: `con_…`
        #[arg(add = ArgValueCandidates::new(complete::connections))]
        id: String,
    },
    /// Remove one and its credential
    Disconnect {
        /// Its id: `con_…`
        #[arg(add = ArgValueCandidates::new(complete::connections))]
        id: String,
        /// The id once more, where nobody can be asked
        #[arg(long, value_name = "ID")]
        confirm: Option<String>,
    },
}

/// Make and revoke API tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Tokens {
    /// Make one; it is shown this once
    Create(CreateToken),
    /// List yours
    #[command(visible_alias = "ls")]
    List(Paging),
    /// Show one
    Get {
        /// Its id: `tok_…`
        #[arg(add = ArgValueCandidates::new(complete::tokens))]
        id: String,
    },
    /// Revoke some
    Revoke {
        /// Their ids: `tok_…`
        #[arg(required = true, add = ArgValueCandidates::new(complete::tokens))]
        ids: Vec<String>,
    },
    /// Make a successor with the same reach
    Rotate {
        /// Its id: `tok_…`
        #[arg(add = ArgValueCandidates::new(complete::tokens))]
        id: String,
        /// How long the old one still works: 0s to 7d [default: 0s]
        #[arg(long, value_name = "DURATION")]
        grace: Option<String>,
    },
    /// Revoke all of yours
    RevokeAll {
        /// `tokens`, where nobody can be asked
        #[arg(long, value_name = "tokens")]
        confirm: Option<String>,
    },
}

/// A new token's reach; all that you may do if nothing is said.
#[derive(Debug, Args)]
pub(crate) struct CreateToken {
    /// What people call it
    pub(crate) name: String,
    /// What it may call: PLUGIN, PLUGIN:OPERATION-PATTERN or PLUGIN/CONNECTION; repeatable
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// What it may do besides: invoke, connect, tokens, audit, admin; repeatable
    #[arg(long = "permission", value_name = "PERMISSION")]
    pub(crate) permissions: Vec<String>,
    /// How long it lives: 24h, 30d [default: the server's]
    #[arg(long, value_name = "DURATION")]
    pub(crate) expires_in: Option<String>,
    /// Where it may be used from: 10.0.0.0/8; repeatable
    #[arg(long = "cidr", value_name = "RANGE")]
    pub(crate) cidrs: Vec<String>,
}

/// See and end browser sessions.
#[derive(Debug, Subcommand)]
pub(crate) enum Sessions {
    /// List yours
    #[command(visible_alias = "ls")]
    List(Paging),
    /// End some
    Revoke {
        /// Their ids: `ses_…`
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// End all of yours
    RevokeAll {
        /// All but the one that asks
        #[arg(long)]
        others: bool,
        /// `sessions`, where nobody can be asked
        #[arg(long, value_name = "sessions")]
        confirm: Option<String>,
    },
}

/// Search, export and verify the audit trail.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List records, newest first
    Search {
        /// Which records.
        #[command(flatten)]
        filter: AuditFilter,
        /// How much of the list.
        #[command(flatten)]
        paging: Paging,
    },
    /// Write records as JSON Lines, oldest first
    Export {
        /// Which records.
        #[command(flatten)]
        filter: AuditFilter,
        /// Write them to a file
        #[arg(long, value_name = "FILE")]
        output_file: Option<PathBuf>,
    },
    /// Check every chain and checkpoint; exit code 1 if one does not hold
    Verify,
}

/// Which records.
#[derive(Debug, Args)]
pub(crate) struct AuditFilter {
    /// Of whom: `user:usr_…`
    #[arg(long)]
    pub(crate) subject: Option<String>,
    /// Of which plugin
    #[arg(long, add = ArgValueCandidates::new(complete::plugins))]
    pub(crate) plugin: Option<String>,
    /// Of which operation
    #[arg(long)]
    pub(crate) operation: Option<String>,
    /// Of which kind: invocation, token, session, connection, authentication, …
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// With which outcome: ok, `upstream_error`, a refusal's code, …
    #[arg(long)]
    pub(crate) outcome: Option<String>,
    /// Not before: 2026-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Before: 2026-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Of which request: `req_…`
    #[arg(long = "request", value_name = "ID")]
    pub(crate) request_id: Option<String>,
}

/// A call that is not made.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The plugin
    #[arg(add = ArgValueCandidates::new(complete::plugins))]
    pub(crate) plugin: String,
    /// The operation
    #[arg(add = ArgValueCandidates::new(complete::operations))]
    pub(crate) operation: String,
    /// Which connection
    #[arg(long, value_name = "NAME")]
    pub(crate) connection: Option<String>,
    /// Which account
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// For whom: `user:usr_…` or `anonymous`; others only for admins
    #[arg(long)]
    pub(crate) subject: Option<String>,
}

/// This program's own settings.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print a setting: url, output, profile
    Get {
        /// Which
        key: String,
    },
    /// Change a setting of the profile in use
    Set {
        /// Which
        key: String,
        /// To what
        value: String,
    },
    /// Clear a setting
    Unset {
        /// Which
        key: String,
    },
    /// Print all settings
    #[command(visible_alias = "ls")]
    List,
    /// Print where they are stored
    Path,
}

/// The script for a shell.
#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// Which shell
    #[arg(value_parser = ["bash", "elvish", "fish", "powershell", "zsh"])]
    pub(crate) shell: String,
}

/// A command or topic.
#[derive(Debug, Args)]
pub(crate) struct Help {
    /// Its words
    #[arg(action = ArgAction::Append)]
    pub(crate) words: Vec<String>,
}
