//! What the environment says, read once.
#![expect(
    clippy::disallowed_methods,
    reason = "the one file of the command line that reads the environment"
)]

use std::ffi::OsString;
use std::path::PathBuf;

use crate::secret::Secret;

/// The variables that matter here.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    /// `GESTALT_TOKEN`: used instead of any stored token.
    pub(crate) token: Option<Secret>,
    /// `GESTALT_URL`: the server.
    pub(crate) url: Option<String>,
    /// `GESTALT_PROFILE`: the profile.
    pub(crate) profile: Option<String>,
    /// `$XDG_CONFIG_HOME/gestalt` or `~/.config/gestalt`.
    pub(crate) folder: Option<PathBuf>,
    /// `NO_COLOR` is set, or the terminal is `dumb`.
    pub(crate) plain: bool,
}

impl Environment {
    /// Reads the process's environment. Empty variables count as absent.
    pub(crate) fn read() -> Self {
        Self {
            token: text("GESTALT_TOKEN")
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty())
                .map(Secret::new),
            url: text("GESTALT_URL"),
            profile: text("GESTALT_PROFILE"),
            folder: folder(),
            plain: set("NO_COLOR").is_some() || text("TERM").as_deref() == Some("dumb"),
        }
    }
}

fn set(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn text(name: &str) -> Option<String> {
    set(name)?.into_string().ok()
}

/// A relative `XDG_CONFIG_HOME` is ignored, as the specification asks.
fn folder() -> Option<PathBuf> {
    let base = set("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(set("HOME")?).join(".config")))?;
    Some(base.join("gestalt"))
}
