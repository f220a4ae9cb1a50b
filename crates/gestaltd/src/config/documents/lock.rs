//! `gestalt.lock.yaml`: the digests of documents by URL, beside the config that names them.
//!
//! ```yaml
//! documents:
//!   "https://api.example.com/openapi.json": sha256:…
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use gestalt_gateway::documents::{BadDigest, Digest};
use serde::Deserialize;
use url::Url;

use crate::config::decode::{Entries, Located, decode};
use crate::config::parse::parse;
use crate::config::report::{ConfigError, Problem};
use crate::config::source::Sources;

/// The lock file's name.
pub const LOCK_FILE: &str = "gestalt.lock.yaml";

/// What the file says of itself.
const HEAD: &str =
    "# Digests of the documents that plugins are made of; `gestaltd plugin add` writes them.\n";

/// The lock file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It is not what it should be.
    #[error("the lock file does not hold: {0}")]
    Form(#[from] ConfigError),
    /// It cannot be written.
    #[error("cannot write `{path}`: {source}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl From<LockError> for String {
    fn from(error: LockError) -> Self {
        error.to_string()
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Lock {
    documents: Entries<Located<String>>,
}

/// The digest that the lock file of a folder has for a document; `None` without one.
pub(in crate::config) fn pinned(
    folder: &Path,
    url: &Url,
    sources: &mut Sources,
) -> Result<Option<Digest>, Problem> {
    let Some(lock) = read(folder, sources)? else {
        return Ok(None);
    };
    let found = lock
        .documents
        .0
        .into_iter()
        .find(|(known, _)| known.value.parse::<Url>().is_ok_and(|known| known == *url));
    let Some((_, digest)) = found else {
        return Ok(None);
    };
    digest
        .value
        .parse()
        .map(Some)
        .map_err(|error: BadDigest| Problem::new(error.to_string(), digest.at))
}

fn read(folder: &Path, sources: &mut Sources) -> Result<Option<Lock>, Problem> {
    let path = folder.join(LOCK_FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let what = format!("cannot read `{}`: {error}", path.display());
            return Err(Problem::unplaced(what));
        }
    };
    let file = sources.add(&path, text);
    let tree = parse(sources, file)?;
    decode(&tree).map(Some)
}

/// Pins a document in the lock file beside a config file; gives the lock file's path.
///
/// # Errors
/// [`LockError`]; a file that does not hold is left as it is.
pub fn pin(config: &Path, url: &Url, digest: Digest) -> Result<PathBuf, LockError> {
    let folder = config.parent().unwrap_or(Path::new(""));
    let mut sources = Sources::default();
    let lock = read(folder, &mut sources)
        .map_err(|problem| ConfigError::new(&sources, vec![problem]))?
        .unwrap_or_default();
    let mut all: BTreeMap<String, String> = lock
        .documents
        .0
        .into_iter()
        .map(|(url, digest)| (url.value, digest.value))
        .collect();
    all.insert(url.to_string(), digest.to_string());
    let mut text = format!("{HEAD}documents:\n");
    for (url, digest) in all {
        // A text in JSON is one in YAML.
        let quoted = serde_json::Value::String(url);
        let _infallible = writeln!(text, "  {quoted}: {digest}");
    }
    let path = folder.join(LOCK_FILE);
    let draft = path.with_extension("yaml.new");
    let written = std::fs::File::create(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| std::fs::rename(&draft, &path));
    match written {
        Ok(()) => Ok(path),
        Err(source) => Err(LockError::Write { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_that_does_not_hold_is_refused_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let url: Url = "https://example.com/api.json".parse().unwrap();
        for bad in ["documents: [", "docs: {}", "documents: 5"] {
            std::fs::write(folder.path().join(LOCK_FILE), bad).unwrap();
            assert!(pinned(folder.path(), &url, &mut Sources::default()).is_err());
            assert!(
                pin(&folder.path().join("config.yaml"), &url, Digest::of(b"")).is_err(),
                "{bad}"
            );
            let now = std::fs::read_to_string(folder.path().join(LOCK_FILE)).unwrap();
            assert_eq!(now, bad);
        }
        let text = format!("documents:\n  \"{url}\": sha256:12\n");
        std::fs::write(folder.path().join(LOCK_FILE), text).unwrap();
        assert!(pinned(folder.path(), &url, &mut Sources::default()).is_err());
    }

    #[test]
    fn what_is_pinned_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let find = |url: &Url| pinned(folder.path(), url, &mut Sources::default()).unwrap();
        let one: Url = "https://example.com/api.json?v=1".parse().unwrap();
        let two: Url = "https://example.com/api.json?v=2".parse().unwrap();
        assert_eq!(find(&one), None);
        pin(&folder.path().join("config.yaml"), &one, Digest::of(b"1")).unwrap();
        pin(&folder.path().join("config.yaml"), &two, Digest::of(b"2")).unwrap();
        pin(&folder.path().join("config.yaml"), &one, Digest::of(b"3")).unwrap();
        assert_eq!(find(&one), Some(Digest::of(b"3")));
        assert_eq!(find(&two), Some(Digest::of(b"2")));
    }
}
