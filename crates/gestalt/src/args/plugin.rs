//! The arguments of `gestalt plugin`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};

use crate::complete;

/// See plugins, connect accounts to them, call their operations.
#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// List what you may use
    #[command(visible_alias = "ls")]
    List,
    /// Show a plugin and its operations, or one operation and its arguments
    Describe {
        /// The plugin
        #[arg(add = ArgValueCandidates::new(complete::plugins))]
        plugin: String,
        /// The operation
        #[arg(add = ArgValueCandidates::new(complete::operations))]
        operation: Option<String>,
    },
    /// Find operations by what is to be done
    Search(Search),
    /// Connect an account, or replace its credential
    Connect(Connect),
    /// Remove an account and its credential
    Disconnect(Disconnect),
    /// Let through what an MCP server says of its tools; admins only
    Approve(Approve),
    /// Call an operation
    #[command(visible_alias = "call")]
    Invoke(Invoke),
}

/// What is to be done.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// A few plain words
    #[arg(required = true)]
    pub(crate) words: Vec<String>,
    /// Of this plugin only
    #[arg(long, add = ArgValueCandidates::new(complete::plugins))]
    pub(crate) plugin: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub(crate) limit: u32,
}

/// What to connect; secrets come by prompt, file or standard input.
#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// The plugin
    #[arg(add = ArgValueCandidates::new(complete::plugins))]
    pub(crate) plugin: String,
    /// Which of its connections, where it has several
    #[arg(long, value_name = "NAME")]
    pub(crate) connection: Option<String>,
    /// Which account, if you connect several [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Set the credential that everybody shares; admins only
    #[arg(long)]
    pub(crate) platform: bool,
    /// A field that is no secret: NAME=VALUE; repeatable
    #[arg(long = "field", value_name = "NAME=VALUE")]
    pub(crate) fields: Vec<String>,
    /// Read a field from a file: NAME=FILE; repeatable
    #[arg(long = "secret-file", value_name = "NAME=FILE")]
    pub(crate) secret_files: Vec<String>,
    /// Read this field from standard input
    #[arg(long, value_name = "NAME")]
    pub(crate) secret_stdin: Option<String>,
    /// How long a replaced credential can be rolled back to: 0s to 7d [default: 24h]
    #[arg(long, value_name = "DURATION")]
    pub(crate) grace: Option<String>,
}

/// What to disconnect.
#[derive(Debug, Args)]
pub(crate) struct Disconnect {
    /// The plugin
    #[arg(add = ArgValueCandidates::new(complete::plugins))]
    pub(crate) plugin: String,
    /// Which of its connections
    #[arg(long, value_name = "NAME")]
    pub(crate) connection: Option<String>,
    /// Which account
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// The plugin's name once more, where nobody can be asked
    #[arg(long, value_name = "PLUGIN")]
    pub(crate) confirm: Option<String>,
}

/// What to approve: everything that differs, or some tools.
#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The plugin
    #[arg(add = ArgValueCandidates::new(complete::plugins))]
    pub(crate) plugin: String,
    /// Only this tool; repeatable
    #[arg(long = "tool", value_name = "TOOL")]
    pub(crate) tools: Vec<String>,
    /// Only show what differs
    #[arg(long, conflicts_with = "yes")]
    pub(crate) show: bool,
    /// Approve without being asked
    #[arg(long)]
    pub(crate) yes: bool,
}

/// A call of an operation.
#[derive(Debug, Args)]
pub(crate) struct Invoke {
    /// The plugin
    #[arg(add = ArgValueCandidates::new(complete::plugins))]
    pub(crate) plugin: String,
    /// The operation
    #[arg(add = ArgValueCandidates::new(complete::operations))]
    pub(crate) operation: String,
    /// Arguments as with --param: KEY=VALUE or KEY:=JSON
    #[arg(value_name = "ARGUMENT", add = ArgValueCompleter::new(complete::parameters))]
    pub(crate) arguments: Vec<String>,
    /// An argument, typed by the operation's schema: KEY=VALUE, repeated for arrays; or KEY:=JSON
    #[arg(
        short = 'p',
        long = "param",
        value_name = "KEY=VALUE",
        add = ArgValueCompleter::new(complete::parameters)
    )]
    pub(crate) params: Vec<String>,
    /// Arguments from a file with one JSON object, `-` for standard input; --param goes first
    #[arg(long, value_name = "FILE")]
    pub(crate) input_file: Option<PathBuf>,
    /// The request's body from a file, `-` for standard input, streamed as it is
    #[arg(
        long,
        value_name = "FILE",
        requires = "content_type",
        conflicts_with = "input_file"
    )]
    pub(crate) body_file: Option<PathBuf>,
    /// What the body is: text/csv
    #[arg(long, value_name = "TYPE", requires = "body_file")]
    pub(crate) content_type: Option<String>,
    /// Which connection
    #[arg(long, value_name = "NAME")]
    pub(crate) connection: Option<String>,
    /// Which account
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Go on where a page before ended
    #[arg(long, value_name = "TEXT")]
    pub(crate) continuation: Option<String>,
    /// Follow all pages
    #[arg(long, conflicts_with = "body_file")]
    pub(crate) all: bool,
    /// At most so many pages
    #[arg(long, value_name = "COUNT", default_value_t = 100, requires = "all")]
    pub(crate) max_pages: u32,
    /// Write the answer to a file
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    pub(crate) output_file: Option<PathBuf>,
}
