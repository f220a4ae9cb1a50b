//! `gestalt auth`: a token, bound to the server that issued it.

use std::path::Path;

use gestalt_api::me::Me;

use crate::args::{Auth, Login};
use crate::base::Base;
use crate::context::{Context, Origin};
use crate::credentials::Stored;
use crate::failure::Failure;
use crate::input;
use crate::output::{Format, Shown, table};
use crate::prompt;
use crate::secret::Secret;
use crate::server::Server;

pub(super) async fn run(context: &Context, args: Auth) -> Result<(), Failure> {
    match args {
        Auth::Login(args) => login(context, &args).await,
        Auth::Logout { revoke } => logout(context, revoke).await,
        Auth::Status => status(context).await,
    }
}

async fn login(context: &Context, args: &Login) -> Result<(), Failure> {
    let base = context.base()?;
    let token = match (args.token_stdin, &args.token_file) {
        (true, _) => input::secret(Path::new("-")).await?,
        (false, Some(path)) => input::secret(path).await?,
        (false, None) => {
            if needs_no_login(context, &base).await? {
                context.terminal.note(format_args!(
                    "No login is needed: {} takes everybody on its machine as one user.",
                    base.as_str()
                ));
                return Ok(());
            }
            prompt(context, &base)?
        }
    };
    let token = Secret::new(token.expose().trim());
    let me = check(context, &base, &token).await?;
    let file = context.credentials()?;
    file.put(
        &base,
        Stored {
            token,
            id: me.credential.clone(),
            subject: me.subject.clone(),
        },
    )?;
    context.terminal.note(format_args!(
        "Logged in to {} as {}. The token is in {} and goes to no other server.",
        base.as_str(),
        name(&me),
        file.path().display()
    ));
    Ok(())
}

fn prompt(context: &Context, base: &Base) -> Result<Secret, Failure> {
    if !context.terminal.can_ask() {
        return Err(Failure::usage(
            "Nobody can be asked for a token here.",
            "Use --token-stdin or --token-file FILE, or set GESTALT_TOKEN.",
        ));
    }
    let help = format!("Log in at {}/ and make an API token there.", base.as_str());
    let text = prompt::secret("API token:", &help)?;
    if text.trim().is_empty() {
        return Err(Failure::usage("No token was given.", help));
    }
    Ok(Secret::new(text))
}

/// Asks the server who calls, with the token that is about to be stored.
async fn check(context: &Context, base: &Base, token: &Secret) -> Result<Me, Failure> {
    let server = Server::new(base.clone(), Some(token), context.terminal)?;
    server.get(&["me"], &[]).await
}

/// Asks the server without a credential.
async fn needs_no_login(context: &Context, base: &Base) -> Result<bool, Failure> {
    let server = Server::new(base.clone(), None, context.terminal)?;
    match server.get::<Me>(&["me"], &[]).await {
        Ok(me) => Ok(me.login == "none"),
        Err(Failure::Refused { problem, .. }) if problem.status == 401 => Ok(false),
        Err(failure) => Err(failure),
    }
}

async fn logout(context: &Context, revoke: bool) -> Result<(), Failure> {
    let base = context.base()?;
    let file = context.credentials()?;
    let Some(stored) = file.find(&base)? else {
        context.terminal.note(format_args!(
            "There is no stored token for {}.",
            base.as_str()
        ));
        return Ok(());
    };
    if revoke {
        let server = Server::new(base.clone(), Some(&stored.token), context.terminal)?;
        let me: Me = server.get(&["me"], &[]).await?;
        let id = me.credential.unwrap_or_default();
        server.remove(&["tokens", &id]).await?;
    }
    file.forget(&base)?;
    context.terminal.note(format_args!(
        "Forgot the token for {}.{}",
        base.as_str(),
        if revoke {
            " It is revoked."
        } else {
            " It still works elsewhere; --revoke ends it."
        }
    ));
    Ok(())
}

async fn status(context: &Context) -> Result<(), Failure> {
    let server = context.server()?;
    let me: Me = server.get(&["me"], &[]).await?;
    let source = match context.credential(server.base())? {
        Origin::Environment(_) => "GESTALT_TOKEN".to_owned(),
        Origin::File(_) => context.credentials()?.path().display().to_string(),
        Origin::Nowhere => "none stored".to_owned(),
    };
    if context.output.format() == Format::Name {
        return context.output.one(&me);
    }
    let mut pairs = vec![
        ("Server", server.base().as_str().to_owned()),
        ("Profile", context.profile.clone()),
        ("Token from", source),
    ];
    pairs.extend(me.details());
    context.output.text_or(&table::pairs(pairs), &me)
}

fn name(me: &Me) -> &str {
    me.email.as_deref().unwrap_or(&me.subject)
}
