//! `gestalt sessions`: browser sessions.

use gestalt_api::session::Session;
use gestalt_api::token::RevokedCount;

use crate::args::Sessions;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Listing;

pub(super) async fn run(context: &Context, args: Sessions) -> Result<(), Failure> {
    let server = context.server()?;
    match args {
        Sessions::List(paging) => {
            let list: Listing<Session> = server.list(&["sessions"], &[], &paging).await?;
            context.output.list(&list)
        }
        Sessions::Revoke { ids } => {
            for id in &ids {
                server.remove(&["sessions", id]).await?;
                context.terminal.note(format_args!("Ended {id}."));
            }
            Ok(())
        }
        Sessions::RevokeAll { others, confirm } => {
            let what = format!("Your sessions at {} end.", server.base().as_str());
            context
                .terminal
                .confirm(&what, "sessions", confirm.as_deref())?;
            let query: &[(&str, &str)] = if others { &[("others", "true")] } else { &[] };
            let count: RevokedCount = server.delete(&["sessions"], query).await?;
            context
                .terminal
                .note(format_args!("Ended {} sessions.", count.revoked));
            context.output.text_or("", &count)
        }
    }
}
