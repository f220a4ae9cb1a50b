//! What the shell offers while a command is typed: asked of the server, quietly, within a
//! moment.

use std::ffi::OsStr;
use std::time::Duration;

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use clap_complete::CompletionCandidate;
use gestalt_api::connection::Connection;
use gestalt_api::token::Token;
use serde_json::Value;

use crate::args::{Cli, Global, Paging};
use crate::commands::lookup;
use crate::context::Context;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::invoke::schema::Schema;
use crate::output::Listing;
use crate::server::Server;

/// How long a person waits for a completion.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The plugins that the caller may use.
pub(crate) fn plugins() -> Vec<CompletionCandidate> {
    ask(async |server, _| {
        let list = lookup::plugins(server).await?;
        let each = list.items.into_iter();
        Ok(each
            .map(|item| candidate(item.name, item.description.or(Some(item.display_name))))
            .collect())
    })
}

/// The operations of the plugin that was typed before.
pub(crate) fn operations() -> Vec<CompletionCandidate> {
    ask(async |server, words| {
        let Some(plugin) = words.find("plugin") else {
            return Ok(Vec::new());
        };
        let list = lookup::operations(server, &plugin).await?;
        let each = list.items.into_iter();
        Ok(each
            .map(|item| candidate(item.name, item.title.or(item.description)))
            .collect())
    })
}

/// The parameters of the operation that was typed before, then their values.
pub(crate) fn parameters(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy().into_owned();
    ask(async |server, words| {
        let (Some(plugin), Some(name)) = (words.find("plugin"), words.find("operation")) else {
            return Ok(Vec::new());
        };
        let operation = lookup::operation(server, &plugin, &name).await?;
        let schema = Schema::new(&operation.input_schema);
        Ok(arguments(schema, &current))
    })
}

fn arguments(schema: Schema<'_>, current: &str) -> Vec<CompletionCandidate> {
    let offer = |(name, own): (&str, &Value)| -> Vec<CompletionCandidate> {
        let about = own.get("description").and_then(Value::as_str);
        let named = current.strip_prefix(name);
        if named.is_some_and(|rest| rest.starts_with('=')) {
            let values = schema.values(own).into_iter();
            values
                .map(|value| candidate(format!("{name}={value}"), None))
                .collect()
        } else {
            vec![candidate(format!("{name}="), about.map(str::to_owned))]
        }
    };
    schema
        .parameters()
        .flat_map(offer)
        .filter(|candidate| candidate.get_value().to_string_lossy().starts_with(current))
        .collect()
}

/// The caller's connections.
pub(crate) fn connections() -> Vec<CompletionCandidate> {
    ask(async |server, _| {
        let list: Listing<Connection> = server.list(&["connections"], &[], &page()).await?;
        let each = list.items.into_iter();
        Ok(each
            .map(|item| {
                candidate(
                    item.id,
                    Some(format!("{} {}", item.integration, item.instance)),
                )
            })
            .collect())
    })
}

/// The caller's tokens.
pub(crate) fn tokens() -> Vec<CompletionCandidate> {
    ask(async |server, _| {
        let list: Listing<Token> = server.list(&["tokens"], &[], &page()).await?;
        let each = list.items.into_iter();
        Ok(each
            .map(|item| candidate(item.id, Some(item.name)))
            .collect())
    })
}

fn page() -> Paging {
    Paging {
        limit: 100,
        cursor: None,
        all: false,
    }
}

fn candidate(value: String, help: Option<String>) -> CompletionCandidate {
    let help = help.map(|text| crate::terminal::printable(&text).into());
    CompletionCandidate::new(value).help(help)
}

/// The command line as far as it is typed.
struct Words(ArgMatches);

impl Words {
    fn read() -> Option<Self> {
        let typed = std::env::args_os().skip_while(|word| word != "--").skip(1);
        let command = Cli::command().ignore_errors(true);
        command.try_get_matches_from(typed).ok().map(Self)
    }

    /// A value of the innermost command.
    fn find(&self, name: &str) -> Option<String> {
        let mut at = &self.0;
        while let Some((_, next)) = at.subcommand() {
            at = next;
        }
        at.try_get_one::<String>(name).ok().flatten().cloned()
    }
}

/// Asks the server; whatever goes wrong, nothing is offered.
fn ask<F>(question: F) -> Vec<CompletionCandidate>
where
    F: AsyncFnOnce(&Server, &Words) -> Result<Vec<CompletionCandidate>, Failure>,
{
    let answer = || -> Option<Vec<CompletionCandidate>> {
        let words = Words::read()?;
        let mut global = Global::from_arg_matches(&words.0).ok()?;
        global.quiet = true;
        let context = Context::new(&global, Environment::read()).ok()?;
        let server = context.server().ok()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .ok()?;
        let asked = async { tokio::time::timeout(PATIENCE, question(&server, &words)).await };
        runtime.block_on(asked).ok()?.ok()
    };
    answer().unwrap_or_default()
}
