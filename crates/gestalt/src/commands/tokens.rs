//! `gestalt tokens`: API tokens. A new one's value is the only thing on standard output,
//! so that `TOKEN=$(gestalt tokens create ci)` works.

use gestalt_api::token::{CreateToken as Create, CreatedToken, RevokedCount, RotateToken, Token};

use crate::args::{CreateToken, Tokens};
use crate::context::{Context, Origin};
use crate::credentials::Stored;
use crate::failure::Failure;
use crate::output::Listing;
use crate::secret::Secret;
use crate::server::Server;
use crate::terminal::printable;

pub(super) async fn run(context: &Context, args: Tokens) -> Result<(), Failure> {
    let server = context.server()?;
    match args {
        Tokens::Create(args) => {
            let made: CreatedToken = server.post(&["tokens"], &request(args)).await?;
            show_made(context, &made)
        }
        Tokens::List(paging) => {
            let list: Listing<Token> = server.list(&["tokens"], &[], &paging).await?;
            context.output.list(&list)
        }
        Tokens::Get { id } => {
            let token: Token = server.get(&["tokens", &id], &[]).await?;
            context.output.one(&token)
        }
        Tokens::Revoke { ids } => revoke(context, &server, &ids).await,
        Tokens::Rotate { id, grace } => {
            let made: CreatedToken = server
                .post(&["tokens", &id, "rotate"], &RotateToken { grace })
                .await?;
            replace_stored(context, &server, &id, &made)?;
            show_made(context, &made)
        }
        Tokens::RevokeAll { confirm } => {
            let what = format!(
                "All your tokens at {} stop working.",
                server.base().as_str()
            );
            context
                .terminal
                .confirm(&what, "tokens", confirm.as_deref())?;
            let count: RevokedCount = server.delete(&["tokens"], &[]).await?;
            context
                .terminal
                .note(format_args!("Revoked {} tokens.", count.revoked));
            context.output.text_or("", &count)
        }
    }
}

fn request(args: CreateToken) -> Create {
    let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
    Create {
        name: args.name,
        scopes: some(args.scopes).map(|scopes| scopes.join(" ")),
        permissions: some(args.permissions),
        expires_in: args.expires_in,
        cidrs: some(args.cidrs),
    }
}

fn show_made(context: &Context, made: &CreatedToken) -> Result<(), Failure> {
    context.terminal.note(format_args!(
        "Token {} ({}), until {}. It is shown this once:",
        made.details.name, made.details.id, made.details.expires_at
    ));
    context
        .output
        .text_or(&format!("{}\n", printable(&made.token)), made)
}

async fn revoke(context: &Context, server: &Server, ids: &[String]) -> Result<(), Failure> {
    for id in ids {
        server.remove(&["tokens", id]).await?;
        context.terminal.note(format_args!("Revoked {id}."));
        if stored(context, server, id)?.is_some() {
            context.credentials()?.forget(server.base())?;
            context
                .terminal
                .note("It was the one that this program used, and is forgotten.");
        }
    }
    Ok(())
}

/// Puts a rotated token in the place of the one that this program uses.
fn replace_stored(
    context: &Context,
    server: &Server,
    old: &str,
    made: &CreatedToken,
) -> Result<(), Failure> {
    let Some(stored) = stored(context, server, old)? else {
        return Ok(());
    };
    let renewed = Stored {
        token: Secret::new(made.token.as_str()),
        id: Some(made.details.id.clone()),
        subject: stored.subject,
    };
    context.credentials()?.put(server.base(), renewed)?;
    context
        .terminal
        .note("It was the one that this program used; the new one is stored.");
    Ok(())
}

/// What is stored for the server, if it is the token of this id.
fn stored(context: &Context, server: &Server, id: &str) -> Result<Option<Stored>, Failure> {
    Ok(match context.credential(server.base())? {
        Origin::File(stored) if stored.id.as_deref() == Some(id) => Some(stored),
        _ => None,
    })
}
