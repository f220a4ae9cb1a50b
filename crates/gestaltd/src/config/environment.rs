//! The environment; the only place that reads it.

use std::collections::BTreeMap;
use std::path::Path;

use gestalt_core::Secret;

use super::report::Problem;

/// Where variables come from.
#[derive(Clone, Debug, Default)]
pub enum Environment {
    /// The variables of this process.
    #[default]
    Process,
    /// Variables by hand, for tests.
    Fixed(BTreeMap<String, String>),
}

impl Environment {
    /// A fixed environment.
    pub fn fixed<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self::Fixed(variables.into_iter().map(owned).collect())
    }

    /// The value of one variable; `None` if it is not set or not UTF-8.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the door that the environment comes through"
    )]
    pub fn get(&self, name: &str) -> Option<String> {
        match self {
            Self::Process => std::env::var(name).ok(),
            Self::Fixed(variables) => variables.get(name).cloned(),
        }
    }

    /// The variable, or what the file holds that `NAME_FILE` names.
    pub(super) fn find(&self, name: &str) -> Result<Option<Secret>, Problem> {
        if let Some(value) = self.get(name) {
            return Ok(Some(Secret::new(value)));
        }
        match self.get(&format!("{name}_FILE")) {
            Some(path) => read_secret(Path::new(&path)).map(Some),
            None => Ok(None),
        }
    }
}

/// What a file holds, without the line break at its end.
pub(super) fn read_secret(path: &Path) -> Result<Secret, Problem> {
    let text = std::fs::read_to_string(path)
        .map(Secret::new)
        .map_err(|error| Problem::unplaced(format!("cannot read `{}`: {error}", path.display())))?;
    let trimmed = text.expose().strip_suffix('\n').unwrap_or(text.expose());
    Ok(Secret::new(trimmed.strip_suffix('\r').unwrap_or(trimmed)))
}
