//! `gestalt plugin`: what there is, and disconnecting.

mod approve;
mod difference;
mod parameters;

use gestalt_api::connection::Disconnected;
use gestalt_api::integration::{FoundOperation, Integration, Operation};

use crate::args::plugin::{Disconnect, Plugin, Search};
use crate::commands::{connect, lookup};
use crate::context::Context;
use crate::failure::Failure;
use crate::invoke;
use crate::output::{Format, Listing, Shown, table};

pub(super) async fn run(context: &Context, args: Plugin) -> Result<(), Failure> {
    match args {
        Plugin::List => list(context).await,
        Plugin::Describe {
            plugin,
            operation: None,
        } => describe(context, &plugin).await,
        Plugin::Describe {
            plugin,
            operation: Some(operation),
        } => describe_operation(context, &plugin, &operation).await,
        Plugin::Search(args) => search(context, &args).await,
        Plugin::Connect(args) => connect::run(context, args).await,
        Plugin::Disconnect(args) => disconnect(context, args).await,
        Plugin::Approve(args) => approve::run(context, args).await,
        Plugin::Invoke(args) => invoke::run(context, args).await,
    }
}

async fn list(context: &Context) -> Result<(), Failure> {
    let server = context.server()?;
    let list: Listing<Integration> = lookup::plugins(&server).await?;
    if list.items.is_empty() {
        context
            .terminal
            .note("There are no plugins that you may use.");
    }
    context.output.list(&list)
}

async fn describe(context: &Context, name: &str) -> Result<(), Failure> {
    let server = context.server()?;
    let plugin = lookup::plugin(&server, name).await?;
    if context.output.format() != Format::Table {
        return context.output.one(&plugin);
    }
    let operations = lookup::operations(&server, name).await?;
    let rows: Vec<Vec<String>> = operations.items.iter().map(Shown::row).collect();
    let mut text = table::pairs(plugin.details());
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&table::columns(Some(Operation::HEADER), rows));
    }
    context.output.text_or(&text, &plugin)
}

async fn describe_operation(context: &Context, plugin: &str, name: &str) -> Result<(), Failure> {
    let server = context.server()?;
    let operation = lookup::operation(&server, plugin, name).await?;
    if context.output.format() == Format::Name {
        return context.output.one(&operation);
    }
    let mut text = table::pairs(operation.details());
    let table = parameters::shown(&operation.input_schema);
    if !table.is_empty() {
        text.push('\n');
        text.push_str(&table);
    }
    context.output.text_or(&text, &operation)
}

async fn search(context: &Context, args: &Search) -> Result<(), Failure> {
    let server = context.server()?;
    let (words, limit) = (args.words.join(" "), args.limit.to_string());
    let mut query = vec![("query", words.as_str()), ("limit", limit.as_str())];
    query.extend(args.plugin.as_deref().map(|name| ("integration", name)));
    let found: Listing<FoundOperation> = match (server.get(&["search"], &query).await, &args.plugin)
    {
        (Err(failure), Some(name)) => return Err(lookup::plugin_hint(&server, name, failure).await),
        (found, _) => found?,
    };
    if found.items.is_empty() {
        context.terminal.note("Nothing fits. Try other words.");
    }
    context.output.list(&found)
}

async fn disconnect(context: &Context, args: Disconnect) -> Result<(), Failure> {
    let server = context.server()?;
    let name = args.plugin.as_str();
    let what = format!("Your account at `{name}` and its credential are removed.");
    context
        .terminal
        .confirm(&what, name, args.confirm.as_deref())?;
    let mut query = Vec::new();
    query.extend(args.connection.as_deref().map(|name| ("connection", name)));
    query.extend(args.instance.as_deref().map(|name| ("instance", name)));
    let gone: Disconnected = match server.delete(&["integrations", name], &query).await {
        Err(failure) => return Err(lookup::plugin_hint(&server, name, failure).await),
        gone => gone?,
    };
    show_gone(context, &gone)
}

/// Says what is gone, here and at the upstream.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn show_gone(context: &Context, gone: &Disconnected) -> Result<(), Failure> {
    let upstream = match gone.upstream.as_str() {
        "revoked" => "The upstream revoked the credential.",
        "failed" => "The upstream did not revoke the credential: revoke it there.",
        _ => "If the credential should stop working, revoke it at the upstream.",
    };
    context
        .terminal
        .note(format_args!("Disconnected. {upstream}"));
    let rows = gone.disconnected.iter().map(|id| vec![id.clone()]);
    let ids = table::columns(None, rows.collect());
    context.output.text_or(&ids, gone)
}
