//! Stored API tokens, each bound to the server that issued it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::Base;
use crate::failure::Failure;
use crate::private_file;
use crate::secret::Secret;

/// The file of stored tokens.
#[derive(Debug)]
pub(crate) struct Credentials {
    path: PathBuf,
}

/// What is stored for one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Stored {
    /// The token itself.
    pub(crate) token: Secret,
    /// Its id at the server: `tok_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// Whose it is.
    pub(crate) subject: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Content {
    /// By the server's URL in its one spelling; nothing else leads to a token.
    servers: BTreeMap<String, Stored>,
}

impl Credentials {
    /// The file in the command line's own folder.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self {
            path: folder.join("credentials.json"),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The token that this very server issued.
    ///
    /// # Errors
    /// When others can read the file, or it is damaged.
    pub(crate) fn find(&self, server: &Base) -> Result<Option<Stored>, Failure> {
        Ok(self.read()?.servers.remove(server.as_str()))
    }

    /// Stores the token that this server issued, in place of the one before.
    ///
    /// # Errors
    /// As [`Credentials::find`], and when the file cannot be written.
    pub(crate) fn put(&self, server: &Base, stored: Stored) -> Result<(), Failure> {
        self.change(|content| {
            content.servers.insert(server.as_str().to_owned(), stored);
        })
    }

    /// Forgets this server's token.
    ///
    /// # Errors
    /// As [`Credentials::put`].
    pub(crate) fn forget(&self, server: &Base) -> Result<(), Failure> {
        self.change(|content| {
            content.servers.remove(server.as_str());
        })
    }

    fn change(&self, change: impl FnOnce(&mut Content)) -> Result<(), Failure> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let _lock = private_file::lock(folder)?;
        let mut content = self.read()?;
        change(&mut content);
        private_file::replace(&self.path, &pretty(&content, &self.path)?)
    }

    fn read(&self) -> Result<Content, Failure> {
        let Some(text) = private_file::read(&self.path)? else {
            return Ok(Content::default());
        };
        // The parser's own message could repeat a piece of a token.
        serde_json::from_str(&text).map_err(|error| {
            Failure::general(
                format!(
                    "{} is damaged at line {}.",
                    self.path.display(),
                    error.line()
                ),
                "Move it away and log in again with `gestalt auth login`.",
            )
        })
    }
}

/// JSON as people read it.
///
/// # Errors
/// Never in practice: all our files are texts and maps.
pub(crate) fn pretty(value: &impl Serialize, path: &Path) -> Result<String, Failure> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::file("write", path)(error.into()))?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(token: &str) -> Stored {
        Stored {
            token: Secret::new(token),
            id: None,
            subject: "user:usr_1".into(),
        }
    }

    #[test]
    fn a_token_is_found_for_no_server_but_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = Credentials::in_folder(folder.path());
        let home = Base::parse("https://a.example").unwrap();
        file.put(&home, stored("gst_api_one")).unwrap();
        for other in [
            "http://a.example",
            "https://a.example:8443",
            "https://a.example.org",
            "https://b.a.example",
            "https://a.example/x",
        ] {
            let other = Base::parse(other).unwrap();
            assert!(file.find(&other).unwrap().is_none(), "{other:?}");
        }
        let same = Base::parse("https://A.EXAMPLE:443/").unwrap();
        assert_eq!(
            file.find(&same).unwrap().unwrap().token.expose(),
            "gst_api_one"
        );
    }

    #[test]
    fn a_forgotten_token_is_gone_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let file = Credentials::in_folder(folder.path());
        let [a, b] = ["https://a.example", "https://b.example"].map(|u| Base::parse(u).unwrap());
        file.put(&a, stored("gst_api_a")).unwrap();
        file.put(&b, stored("gst_api_b")).unwrap();
        file.forget(&a).unwrap();
        assert!(file.find(&a).unwrap().is_none());
        assert!(file.find(&b).unwrap().is_some());
        assert!(
            !std::fs::read_to_string(file.path())
                .unwrap()
                .contains("gst_api_a")
        );
    }

    #[test]
    fn a_damaged_file_is_named_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let file = Credentials::in_folder(folder.path());
        private_file::replace(file.path(), "{\"servers\": \"gst_api_x\"}").unwrap();
        let base = Base::parse("https://a.example").unwrap();
        let text = file.find(&base).unwrap_err().lines().join("\n");
        assert!(text.contains("credentials.json is damaged"), "{text}");
        assert!(!text.contains("gst_api_x"), "{text}");
        assert!(!format!("{:?}", stored("gst_api_x")).contains("gst_api_x"));
    }
}
