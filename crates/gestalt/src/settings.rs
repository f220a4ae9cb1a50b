//! The command line's own settings: profiles, each with a server and a format.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::credentials::pretty;
use crate::failure::Failure;
use crate::nearest::did_you_mean;
use crate::output::Format;
use crate::private_file;

/// The profile that is used if nobody names one.
pub(crate) const DEFAULT_PROFILE: &str = "default";

/// What can be set.
pub(crate) const KEYS: [&str; 3] = ["url", "output", "profile"];

/// The settings as the file has them.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Settings {
    /// The current profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) profile: Option<String>,
    /// All profiles.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// One profile.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Profile {
    /// Its server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// How lists and results are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Format>,
}

/// Where the settings are.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("config.json")
}

impl Settings {
    /// Reads the settings; a file that is not there has none.
    ///
    /// # Errors
    /// When the file cannot be read or holds what is no setting.
    pub(crate) fn read(folder: &Path) -> Result<Self, Failure> {
        let path = path(folder);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Failure::file("read", path)(error)),
        };
        serde_json::from_str(&text).map_err(|error| {
            Failure::general(
                format!("{} cannot be understood: {error}.", path.display()),
                "Mend it, or move it away and run `gestalt init`.",
            )
        })
    }

    /// Changes the file under a lock, so that two commands at once both count.
    ///
    /// # Errors
    /// As [`Settings::read`], the change's own, and when the file cannot be written.
    pub(crate) fn change(
        folder: &Path,
        change: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let _lock = private_file::lock(folder)?;
        let mut settings = Self::read(folder)?;
        change(&mut settings)?;
        let path = path(folder);
        private_file::replace(&path, &pretty(&settings, &path)?)
    }

    /// The value of a key in a profile.
    ///
    /// # Errors
    /// A usage error for an unknown key.
    pub(crate) fn get(&self, profile: &str, key: &str) -> Result<Option<String>, Failure> {
        let of = self.profiles.get(profile);
        match key {
            "url" => Ok(of.and_then(|profile| profile.url.clone())),
            "output" => Ok(of.and_then(|profile| Some(profile.output?.as_str().to_owned()))),
            "profile" => Ok(self.profile.clone()),
            _ => Err(unknown_key(key)),
        }
    }

    /// Sets a key in a profile, or clears it with `None`.
    ///
    /// # Errors
    /// A usage error for an unknown key or a value that it cannot have.
    pub(crate) fn set(
        &mut self,
        profile: &str,
        key: &str,
        value: Option<&str>,
    ) -> Result<(), Failure> {
        let of = self.profiles.entry(profile.to_owned()).or_default();
        match key {
            "url" => {
                let base = value.map(crate::base::Base::parse).transpose()?;
                of.url = base.map(|base| base.as_str().to_owned());
            }
            "output" => of.output = value.map(Format::parse).transpose()?,
            "profile" => {
                if let Some(name) = value {
                    check_profile(name)?;
                }
                self.profile = value.map(str::to_owned);
            }
            _ => return Err(unknown_key(key)),
        }
        self.profiles
            .retain(|_, profile| profile.url.is_some() || profile.output.is_some());
        Ok(())
    }
}

/// Profiles have short plain names.
///
/// # Errors
/// A usage error for any other.
pub(crate) fn check_profile(name: &str) -> Result<(), Failure> {
    let fine = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if fine {
        return Ok(());
    }
    Err(Failure::usage(
        "That is no name for a profile.",
        "Use letters, digits, `.`, `_` and `-`, up to 64.",
    ))
}

fn unknown_key(key: &str) -> Failure {
    Failure::usage(
        format!("There is no setting `{key}`."),
        did_you_mean(key, KEYS).unwrap_or_else(|| format!("There are: {}.", KEYS.join(", "))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_setting_is_refused() {
        let mut settings = Settings::default();
        let hint = |failure: Failure| failure.lines()[1].clone();
        assert_eq!(
            hint(settings.get("x", "ulr").unwrap_err()),
            "hint: Did you mean `url`?"
        );
        assert!(settings.set("x", "output", Some("xml")).is_err());
        assert!(settings.set("x", "url", Some("ftp://a")).is_err());
        assert!(settings.set("x", "profile", Some("a/b")).is_err());
    }

    #[test]
    fn settings_survive_a_round_trip() {
        let folder = tempfile::tempdir().unwrap();
        Settings::change(folder.path(), |settings| {
            settings.set("work", "url", Some("HTTPS://A.example/"))?;
            settings.set("work", "output", Some("json"))?;
            settings.set("work", "profile", Some("work"))
        })
        .unwrap();
        let settings = Settings::read(folder.path()).unwrap();
        let get = |key| settings.get("work", key).unwrap();
        assert_eq!(get("url").as_deref(), Some("https://a.example"));
        assert_eq!(get("output").as_deref(), Some("json"));
        assert_eq!(get("profile").as_deref(), Some("work"));
    }
}
