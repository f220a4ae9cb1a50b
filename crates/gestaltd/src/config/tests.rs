//! The loader as a whole; each part has its own tests beside it.

mod accepted;
mod documents;
mod graphql;
mod identity;
mod refused;
mod resolved;
mod schema;

use std::path::Path;

use super::{Builtins, ConfigError, Environment, Loaded, load_texts};

/// A root key of no importance.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Loads texts as files of these names in the present folder.
fn texts(texts: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let texts: Vec<(&Path, &str)> = texts
        .iter()
        .map(|(name, text)| (Path::new(*name), *text))
        .collect();
    load_texts(
        &texts,
        &Environment::fixed(variables.iter().copied()),
        Builtins::default(),
    )
}

/// The report on one file, as a terminal shows it.
fn report(text: &str) -> String {
    match texts(&[("config.yaml", text)], &[]) {
        Ok(_) => panic!("the config is accepted"),
        Err(error) => error.render(false),
    }
}
