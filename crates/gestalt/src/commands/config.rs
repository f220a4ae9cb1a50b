//! `gestalt config`: this program's own settings.

use crate::args::Config;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, table};
use crate::settings::{self, KEYS, Settings};

pub(super) fn run(context: &Context, args: &Config) -> Result<(), Failure> {
    let profile = context.profile.as_str();
    match args {
        Config::Get { key } => match context.settings.get(profile, key)? {
            Some(value) => output::write(format!("{value}\n").as_bytes()),
            None => Err(Failure::general(
                format!("`{key}` is not set."),
                format!("Set it with `gestalt config set {key} VALUE`."),
            )),
        },
        Config::Set { key, value } => Settings::change(context.folder()?, |settings| {
            settings.set(profile, key, Some(value))
        }),
        Config::Unset { key } => Settings::change(context.folder()?, |settings| {
            settings.set(profile, key, None)
        }),
        Config::List => list(context),
        Config::Path => {
            let path = settings::path(context.folder()?);
            output::write(format!("{}\n", path.display()).as_bytes())
        }
    }
}

fn list(context: &Context) -> Result<(), Failure> {
    let settings = &context.settings;
    let mut rows = Vec::new();
    for name in settings.profiles.keys() {
        for key in KEYS.into_iter().filter(|key| *key != "profile") {
            if let Some(value) = settings.get(name, key)? {
                rows.push(vec![name.clone(), key.to_owned(), value]);
            }
        }
    }
    let header = context
        .output
        .headers()
        .then_some(["PROFILE", "KEY", "VALUE"].as_slice());
    context
        .output
        .text_or(&table::columns(header, rows), settings)
}
