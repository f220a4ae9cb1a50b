//! `gestalt init`: which gateway to use.

use gestalt_api::me::Me;

use crate::base::Base;
use crate::context::{Context, Origin};
use crate::failure::Failure;
use crate::prompt;
use crate::secret::Secret;
use crate::server::Server;
use crate::settings::Settings;

/// Asks for the server's URL where nobody gave one, checks that a gateway answers there,
/// and makes it the profile's.
///
/// # Errors
/// When no gateway answers; nothing is stored then.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let folder = context.folder()?;
    let base = if context.url_is_given() || !context.terminal.can_ask() {
        context.base()?
    } else {
        let initial = context.base()?;
        Base::parse(&prompt::text("The gateway's URL:", "", initial.as_str())?)?
    };
    let next = match context.credential(&base)? {
        Origin::Environment(token) => check(context, &base, Some(&token)).await?,
        Origin::File(stored) => check(context, &base, Some(&stored.token)).await?,
        Origin::Nowhere => check(context, &base, None).await?,
    };
    let profile = context.profile.clone();
    Settings::change(folder, |settings| {
        settings.set(&profile, "url", Some(base.as_str()))?;
        settings.set(&profile, "profile", Some(&profile))
    })?;
    let terminal = context.terminal;
    terminal.note(format_args!(
        "Profile `{profile}` now uses {}.",
        base.as_str()
    ));
    terminal.note(format_args!("Next: {next}"));
    Ok(())
}

/// Makes sure that a gateway answers, and says what to do next.
async fn check(
    context: &Context,
    base: &Base,
    token: Option<&Secret>,
) -> Result<&'static str, Failure> {
    let server = Server::new(base.clone(), token, context.terminal)?;
    match server.get::<Me>(&["me"], &[]).await {
        Ok(_) => Ok("gestalt plugin list"),
        Err(Failure::Refused { problem, .. }) if problem.status == 401 => Ok("gestalt auth login"),
        Err(failure) => Err(failure),
    }
}
