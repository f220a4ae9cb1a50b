//! `gestalt connections`: stored connections.

use gestalt_api::connection::{Connection, Disconnected};
use serde_json::json;

use crate::args::Connections;
use crate::commands::plugin::show_gone;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Listing;

pub(super) async fn run(context: &Context, args: Connections) -> Result<(), Failure> {
    let server = context.server()?;
    match args {
        Connections::List { plugin, paging } => {
            let filter: Vec<(&str, &str)> = plugin
                .as_deref()
                .map(|name| ("integration", name))
                .into_iter()
                .collect();
            let list: Listing<Connection> = server.list(&["connections"], &filter, &paging).await?;
            if list.items.is_empty() {
                context
                    .terminal
                    .note("Nothing is connected; `gestalt plugin connect PLUGIN` does.");
            }
            context.output.list(&list)
        }
        Connections::Status { id } => show(context, &server.get(&["connections", &id], &[]).await?),
        Connections::Check { id } => {
            let connection: Connection = server
                .post(&["connections", &id, "check"], &json!({}))
                .await?;
            show(context, &connection)?;
            healthy(&connection)
        }
        Connections::Rollback { id } => {
            let connection: Connection = server
                .post(&["connections", &id, "rollback"], &json!({}))
                .await?;
            context
                .terminal
                .note("The credential before the last one is in use again.");
            show(context, &connection)
        }
        Connections::Disconnect { id, confirm } => {
            let what = format!("The connection {id} and its credential are removed.");
            context.terminal.confirm(&what, &id, confirm.as_deref())?;
            let gone: Disconnected = server.delete(&["connections", &id], &[]).await?;
            show_gone(context, &gone)
        }
    }
}

fn show(context: &Context, connection: &Connection) -> Result<(), Failure> {
    for warning in &connection.warnings {
        context.terminal.warn(warning);
    }
    context.output.one(connection)
}

/// A check that finds a connection unusable is not a success.
fn healthy(connection: &Connection) -> Result<(), Failure> {
    if matches!(connection.state.as_str(), "connected" | "degraded") {
        return Ok(());
    }
    Err(Failure::Disconnected {
        state: connection.state.clone(),
        hint: format!(
            "Connect again: `gestalt plugin connect {}`.",
            connection.integration
        ),
    })
}
