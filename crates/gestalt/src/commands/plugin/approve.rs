//! `gestalt plugin approve`: what an MCP server lists besides what was approved, and letting
//! it through.

use gestalt_api::approval::{ApproveTools, ApprovedTools, ToolApproval, ToolDifference};

use super::difference;
use crate::args::plugin::Approve;
use crate::commands::lookup;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Format, Listing};
use crate::prompt;

/// Shows what differs, asks, and approves what was shown.
///
/// # Errors
/// The gateway's refusal, also where something has changed since it was shown; a usage error
/// where nobody can be asked.
pub(super) async fn run(context: &Context, args: Approve) -> Result<(), Failure> {
    let server = context.server()?;
    let route = ["integrations", args.plugin.as_str(), "approvals"];
    let mut list: Listing<ToolDifference> = match server.get(&route, &[]).await {
        Err(failure) => return Err(lookup::plugin_hint(&server, &args.plugin, failure).await),
        found => found?,
    };
    if !args.tools.is_empty() {
        list.items.retain(|item| args.tools.contains(&item.tool));
    }
    let text: String = list.items.iter().map(difference::shown).collect();
    if list.items.is_empty() {
        context.terminal.note("Nothing waits for an approval.");
    }
    if args.show {
        return context.output.text_or(&text, &list);
    }
    let asked = if list.items.is_empty() {
        ApprovedTools {
            approved: Vec::new(),
            forgotten: Vec::new(),
        }
    } else {
        show_and_ask(context, &args, &list.items, &text)?;
        let tools = list.items.into_iter().map(|item| ToolApproval {
            tool: item.tool,
            digest: item.digest,
        });
        let request = ApproveTools {
            tools: tools.collect(),
        };
        server.post(&route, &request).await?
    };
    for (names, what) in [
        (&asked.approved, "Approved"),
        (&asked.forgotten, "No longer approved"),
    ] {
        if !names.is_empty() {
            let names = names.join(", ");
            context.terminal.note(format_args!("{what}: {names}."));
        }
    }
    context.output.text_or("", &asked)
}

/// Shows what differs and has the person agree, unless they did beforehand.
fn show_and_ask(
    context: &Context,
    args: &Approve,
    items: &[ToolDifference],
    text: &str,
) -> Result<(), Failure> {
    if context.output.format() == Format::Table {
        context.output.text_or(text, &())?;
    } else if !args.yes {
        for line in text.lines() {
            context.terminal.note(line);
        }
    }
    if args.yes {
        return Ok(());
    }
    if !context.terminal.can_ask() {
        return Err(Failure::usage(
            "Nothing was approved: nobody can be asked.",
            "Look at what `--show` shows, then add `--yes`.",
        ));
    }
    let what = match items {
        [one] => format!("Approve `{}`? Type yes:", difference::visible(&one.tool)),
        many => format!("Approve these {} changes? Type yes:", many.len()),
    };
    if prompt::text(&what, "", "")?.trim() == "yes" {
        return Ok(());
    }
    Err(Failure::usage("Nothing was approved.", "It takes a `yes`."))
}
