//! The layer of the config that adds a plugin: its text, and writing it.

use std::fmt::Write as _;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use gestalt_core::document::Imported;
use gestalt_core::host::{AddressRange, HostPattern};
use gestalt_core::name::PluginName;
use gestalt_gateway::documents::Digest;
use url::Url;

use super::super::Failure;
use super::columns::line;
use super::source::{Kind, Place};

/// What a layer says.
pub(super) struct Layer<'a> {
    pub(super) name: &'a PluginName,
    pub(super) place: &'a Place,
    pub(super) imported: &'a Imported,
    pub(super) base_url: Option<&'a Url>,
    pub(super) hosts: &'a [HostPattern],
    pub(super) ranges: &'a [AddressRange],
    pub(super) kind: Kind,
    /// Where a schema is kept that a server was asked for.
    pub(super) kept: Option<Kept>,
    /// A bearer token is what the server asks for.
    pub(super) bearer: bool,
}

/// A schema that is kept beside its layer.
pub(super) struct Kept {
    pub(super) file: PathBuf,
    pub(super) name: String,
    pub(super) digest: Digest,
}

impl Layer<'_> {
    /// The text of a layer that is written to `file`. Of the document's own words only its
    /// title is in it, in a comment: a document grants itself nothing.
    ///
    /// # Errors
    /// When the document's path cannot be written down.
    pub(super) fn text(&self, file: &Path) -> Result<String, Failure> {
        let nameless = match self.kind {
            Kind::OpenApi => "A document",
            Kind::GraphQl => "A schema",
        };
        let title = self.imported.title.as_deref().unwrap_or(nameless);
        let version = self.imported.version.as_deref().unwrap_or_default();
        let mut text = format!(
            "# {}, added by `gestaltd plugin add`.\nplugins:\n  {}:\n    surfaces:\n",
            line(format!("{title} {version}").trim(), 100),
            self.name,
        );
        match self.kind {
            Kind::OpenApi => self.openapi(file, &mut text)?,
            Kind::GraphQl => self.graphql(file, &mut text)?,
        }
        text.push_str(&self.egress());
        let example = self.imported.operations.first();
        let example = example.map_or("getThing", |operation| operation.name.as_str());
        let _infallible = writeln!(
            text,
            "    # To offer some of the operations only, name them:\n    # allowedOperations: {{ {example}: {{}} }}"
        );
        Ok(text)
    }

    fn openapi(&self, file: &Path, text: &mut String) -> Result<(), Failure> {
        let document = scalar(&document(self.place, file)?);
        let _infallible = writeln!(text, "      openapi:\n        document: {document}");
        if let Some(url) = self.base_url {
            let url = scalar(url.as_str().trim_end_matches('/'));
            let _infallible = writeln!(text, "        baseUrl: {url}");
        }
        Ok(())
    }

    fn graphql(&self, file: &Path, text: &mut String) -> Result<(), Failure> {
        let url = self.base_url.or(self.place.url());
        let url = scalar(url.map_or("", Url::as_str));
        let _infallible = writeln!(text, "      graphql:\n        url: {url}");
        if let Some(kept) = &self.kept {
            let _infallible = writeln!(
                text,
                "        schema: {}\n        digest: {}",
                scalar(&format!("./{}", kept.name)),
                kept.digest
            );
        } else {
            let schema = scalar(&document(self.place, file)?);
            let _infallible = writeln!(text, "        schema: {schema}");
        }
        text.push_str("        # To offer operations of your own instead of one for each field:\n");
        text.push_str("        # documents: [./operations.graphql]\n");
        if self.bearer {
            text.push_str("    connections:\n      default: { auth: { type: bearer } }\n");
        } else {
            text.push_str("    # A schema does not say how to authenticate. With a token:\n");
            text.push_str("    # connections: { default: { auth: { type: bearer } } }\n");
        }
        Ok(())
    }

    fn egress(&self) -> String {
        let list = |items: Vec<String>| {
            let items: Vec<String> = items.iter().map(|item| scalar(item)).collect();
            items.join(", ")
        };
        let hosts: Vec<String> = self.hosts.iter().map(ToString::to_string).collect();
        let ranges: Vec<String> = self.ranges.iter().map(ToString::to_string).collect();
        let mut text = String::new();
        if !hosts.is_empty() || !ranges.is_empty() {
            text.push_str("    egress:\n");
        }
        if !hosts.is_empty() {
            let _infallible = writeln!(text, "      allowedHosts: [{}]", list(hosts));
        }
        if !ranges.is_empty() {
            let _infallible = writeln!(text, "      allowedCidrs: [{}]", list(ranges));
        }
        text
    }
}

/// A text as a YAML scalar that is this text whatever is in it.
fn scalar(text: &str) -> String {
    let literal = text.replace("${", "$${");
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "./_-".contains(letter);
    let begins =
        literal.starts_with(|letter: char| letter.is_ascii_alphabetic() || "./".contains(letter));
    let url = literal.split_once("://").is_some_and(|(scheme, rest)| {
        matches!(scheme, "http" | "https")
            && rest.chars().all(|letter| plain(letter) || letter == ':')
            && !rest.ends_with(':')
    });
    if url || (begins && literal.contains(['.', '/']) && literal.chars().all(plain)) {
        literal
    } else {
        // A JSON string is a YAML scalar.
        serde_json::Value::String(literal).to_string()
    }
}

/// The document as the layer names it: relative where it lies with the layer, else absolute.
fn document(place: &Place, file: &Path) -> Result<String, Failure> {
    let path = match place {
        Place::Url(url) => return Ok(url.to_string()),
        Place::File(path) => path,
    };
    let unreadable =
        |error: io::Error| Failure::new(format!("cannot find `{}`: {error}", path.display()));
    let document = path.canonicalize().map_err(unreadable)?;
    let folder = folder(file).canonicalize().ok();
    let relative = folder.and_then(|folder| {
        let rest = document.strip_prefix(folder).ok()?;
        Some(Path::new(".").join(rest))
    });
    let shown = relative.unwrap_or(document);
    shown.to_str().map(ToOwned::to_owned).ok_or_else(|| {
        Failure::new(format!(
            "the path `{}` is not UTF-8, so that no config can name it",
            shown.display()
        ))
    })
}

fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes the folder of a layer where it is missing.
///
/// # Errors
/// When it cannot be made.
pub(super) fn make_folder(file: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder(file));
    made.map_err(|error| unwritten(file, &error))
}

/// Takes a layer away that was just written.
///
/// # Errors
/// When it stays.
pub(super) fn remove(file: &Path) -> Result<(), Failure> {
    std::fs::remove_file(file).map_err(|error| unwritten(file, &error))
}

/// Writes a layer.
///
/// # Errors
/// When the file is there already and may not be replaced, or cannot be written.
pub(super) fn write(file: &Path, text: &str, replace: bool) -> Result<(), Failure> {
    let written = (|| {
        if !replace {
            return fill(file, text);
        }
        // Whole or not at all: a daemon may read it at any time.
        let draft = draft(file);
        let _stale = std::fs::remove_file(&draft);
        fill(&draft, text)?;
        std::fs::rename(&draft, file)
    })();
    written.map_err(|error: io::Error| match error.kind() {
        ErrorKind::AlreadyExists => taken(file),
        _ => unwritten(file, &error),
    })
}

fn unwritten(file: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot write {}: {error}", file.display()))
        .hint("Name another file with --out.")
}

/// That a file is there already.
pub(super) fn taken(file: &Path) -> Failure {
    Failure::new(format!(
        "{} exists already; nothing was changed",
        file.display()
    ))
    .hint("--force replaces it, --out names another file, --name another plugin.")
    .code(2)
}

fn fill(file: &Path, text: &str) -> io::Result<()> {
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()
}

fn draft(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // Not a name that the folder's reader takes for a layer.
    file.with_file_name(format!(".{name}.{}.new", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_is_its_text_whatever_is_in_it() {
        for plain in [
            "./petstore.yaml",
            "/srv/apis/pet_store-2.json",
            "https://a.example.com:8443/x.json",
        ] {
            assert_eq!(scalar(plain), plain);
        }
        assert_eq!(scalar("./a b.yaml"), r#""./a b.yaml""#);
        assert_eq!(scalar("./${HOME}.yaml"), r#""./$${HOME}.yaml""#);
        assert_eq!(scalar("https://a/?x=1#y"), r#""https://a/?x=1#y""#);
        assert_eq!(scalar("true"), r#""true""#);
        assert_eq!(scalar("a: b\nc"), r#""a: b\nc""#);
        assert_eq!(scalar("*.example.com"), r#""*.example.com""#);
        assert_eq!(scalar("127.0.0.1/32:9000"), r#""127.0.0.1/32:9000""#);
    }

    #[test]
    fn a_file_that_is_there_is_left_unless_it_may_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/pets.yaml");
        make_folder(&file).unwrap();
        write(&file, "a", false).unwrap();
        let refused = write(&file, "b", false).unwrap_err().to_string();
        assert!(
            refused.contains("exists already; nothing was changed"),
            "{refused}"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "a");
        write(&file, "b", true).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "b");
        let files = std::fs::read_dir(file.parent().unwrap()).unwrap().count();
        assert_eq!(files, 1);
    }
}
