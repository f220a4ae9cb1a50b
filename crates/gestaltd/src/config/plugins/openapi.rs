//! `surfaces.openapi`: operations of a document.

use std::path::Path;
use std::sync::Arc;

use gestalt_core::connection::ConnectionDefinition;
use gestalt_core::document::{ImportSettings, Imported};
use gestalt_core::host::EgressRules;
use gestalt_core::operation::Location;
use gestalt_gateway::documents::{Digest, DocumentError, Source, Wanted};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::surfaces::written_base_url;
use crate::config::check::Checker;
use crate::config::decode::{Entries, Located};
use crate::config::documents::{DocumentEntry, DocumentReport, ToFetch, inline_text, pinned};
use crate::config::report::Problem;
use crate::config::scalars::{Period, Size};
use crate::config::source::At;

/// Operations of an OpenAPI document.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::config) struct OpenApiEntry {
    /// A path, an https URL, or the document itself.
    document: Option<Located<DocumentEntry>>,
    /// What the document must be: `sha256:` and 64 hex digits. One by URL needs it, here or in
    /// the lock file.
    digest: Option<Located<String>>,
    /// The URL that paths are below, instead of the document's servers.
    base_url: Option<Located<String>>,
    /// Values of the variables of the document's servers.
    variables: Entries<String>,
    /// Fixed headers of every operation; never a credential.
    headers: Entries<String>,
    /// Longest wait for the head of an answer.
    timeout: Option<Period>,
    /// Largest body of an answer.
    max_response_bytes: Option<Size>,
    /// A manifest names the document.
    #[serde(skip)]
    #[schemars(skip)]
    by_manifest: bool,
}

/// What the plugin around the surface says.
pub(super) struct Around<'a> {
    /// The surface's own place.
    pub(super) at: At,
    /// The connections that are there instead of the document's, if any are.
    pub(super) connections: Option<&'a [ConnectionDefinition]>,
    /// What it may reach.
    pub(super) egress: &'a EgressRules,
    /// The base URL of the operations that are written out beside.
    pub(super) base_url: Option<&'a Url>,
}

/// What a document gave, and what it is called.
pub(super) struct Read {
    pub(super) document: String,
    location: String,
    pub(super) imported: Arc<Imported>,
}

impl Read {
    /// What there is to say about it.
    pub(super) fn report(
        self,
        plugin: &str,
        offered: usize,
        egress: &EgressRules,
    ) -> DocumentReport {
        let closed = |host: &&String| !permits(egress, host);
        DocumentReport {
            plugin: plugin.to_owned(),
            name: self.document,
            location: self.location,
            offered,
            closed_hosts: self.imported.hosts.iter().filter(closed).cloned().collect(),
            imported: self.imported,
        }
    }
}

/// Whether the rules permit a host, given as `host` or `host:port`.
fn permits(egress: &EgressRules, host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !name.ends_with(':') => (name, port.parse().unwrap_or(443)),
        _ => (host, 443),
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    egress.allow_public
        || egress
            .allowed_hosts
            .iter()
            .any(|pattern| pattern.matches(name, port))
}

/// Why a document gave nothing.
pub(super) enum Nothing {
    /// It is wrong, and has been reported.
    Wrong,
    /// It is not here; what it would offer is not known.
    NotHere,
}

impl OpenApiEntry {
    /// What the author ships, with what the operator writes laid on it.
    pub(super) fn merged(
        theirs: Option<&Located<Self>>,
        ours: Option<&Located<Self>>,
    ) -> Option<Located<Self>> {
        let author = theirs.map(|theirs| Located {
            value: Self {
                by_manifest: true,
                ..theirs.value.clone()
            },
            at: theirs.at,
        });
        let (Some(base), Some(over)) = (&author, ours) else {
            return author.or_else(|| ours.cloned());
        };
        let (at, base, over) = (over.at, &base.value, &over.value);
        // A digest belongs to its document.
        let own = over.document.is_some();
        let digest = over.digest.clone();
        let value = Self {
            document: over.document.clone().or_else(|| base.document.clone()),
            digest: digest.or_else(|| base.digest.clone().filter(|_| !own)),
            by_manifest: !own,
            base_url: over.base_url.clone().or_else(|| base.base_url.clone()),
            variables: laid_on(&base.variables, &over.variables),
            headers: laid_on(&base.headers, &over.headers),
            timeout: over.timeout.or(base.timeout),
            max_response_bytes: over.max_response_bytes.or(base.max_response_bytes),
        };
        Some(Located { value, at })
    }

    /// Reads the document.
    pub(super) fn read(
        &self,
        around: &Around<'_>,
        checker: &mut Checker<'_>,
    ) -> Result<Read, Nothing> {
        let Some(document) = &self.document else {
            let problem = Problem::new("`surfaces.openapi` needs a `document`", around.at);
            checker.problem(problem.help("a path, an https URL, or the document itself"));
            return Err(Nothing::Wrong);
        };
        for (header, _) in &self.headers.0 {
            checker.fixed_header(header);
        }
        let base_url = match &self.base_url {
            Some(written) => Some(written_base_url(written, checker).ok_or(Nothing::Wrong)?),
            None => None,
        };
        let digest = match &self.digest {
            Some(written) => Some(checker.parse::<Digest>(written).ok_or(Nothing::Wrong)?),
            None => None,
        };
        let placed = DocumentAt {
            document,
            digest,
            by_manifest: self.by_manifest,
            pinned_by: "plugin add --openapi",
        };
        let (source, document_url) = placed.source(checker)?;
        let wanted = self.wanted(base_url, document_url, around);
        import(&source, &wanted, document.at, around, checker)
    }

    fn wanted(
        &self,
        base_url: Option<Url>,
        document_url: Option<Url>,
        around: &Around<'_>,
    ) -> Wanted {
        let pairs = |entries: &Entries<String>| -> Vec<(String, String)> {
            entries
                .0
                .iter()
                .map(|(name, value)| (name.value.clone(), value.clone()))
                .collect()
        };
        let connections = around.connections;
        Wanted {
            settings: ImportSettings {
                base_url,
                document_url,
                variables: pairs(&self.variables).into_iter().collect(),
                ..ImportSettings::default()
            },
            headers: pairs(&self.headers),
            timeout: self.timeout.map(|timeout| timeout.0),
            max_response_bytes: self.max_response_bytes.map(|size| size.0),
            connections: connections.map(|all| all.iter().map(|one| one.name.clone()).collect()),
            credentials: connections
                .unwrap_or_default()
                .iter()
                .flat_map(credentials)
                .collect(),
            plugin_base: around.base_url.cloned(),
        }
    }
}

/// A document as the config names it.
pub(super) struct DocumentAt<'a> {
    pub(super) document: &'a Located<DocumentEntry>,
    pub(super) digest: Option<Digest>,
    /// A manifest names it.
    pub(super) by_manifest: bool,
    /// The command of `gestaltd` that shows it and pins it.
    pub(super) pinned_by: &'static str,
}

impl DocumentAt<'_> {
    /// Where the document is, and the URL that it is fetched from.
    pub(super) fn source(
        &self,
        checker: &mut Checker<'_>,
    ) -> Result<(Source, Option<Url>), Nothing> {
        let (document, digest) = (self.document, self.digest);
        let place = match &document.value {
            DocumentEntry::Inline(tree) => {
                let file = checker.sources.get(document.at.file());
                let name = file.map_or_else(String::new, |file| file.path.display().to_string());
                let text = inline_text(tree, document.at, checker.sources);
                let text = text.into_bytes().into();
                return Ok((Source::Inline { name, text }, None));
            }
            DocumentEntry::Place(place) => place,
        };
        if !place.contains("://") {
            let path = checker.sources.resolve(document.at, place);
            let within = self
                .by_manifest
                .then(|| checker.sources.folder(document.at));
            let source = Source::File {
                path,
                digest,
                within,
            };
            return Ok((source, None));
        }
        let url = document_url(place, document.at, checker).ok_or(Nothing::Wrong)?;
        let digest = match digest {
            Some(digest) => digest,
            None => self.pin_of(&url, checker)?,
        };
        Ok((
            Source::Url {
                url: url.clone(),
                digest,
            },
            Some(url),
        ))
    }

    /// The digest in the lock file beside the file that names the document, or beside the config.
    fn pin_of(&self, url: &Url, checker: &mut Checker<'_>) -> Result<Digest, Nothing> {
        let at = self.document.at;
        let mut folders = vec![
            checker.sources.folder(at),
            checker.sources.folder(checker.root.at),
        ];
        folders.dedup();
        for folder in folders {
            match pinned(&folder, url, checker.sources) {
                Ok(Some(digest)) => return Ok(digest),
                Ok(None) => {}
                Err(problem) => {
                    checker.problem(problem);
                    return Err(Nothing::Wrong);
                }
            }
        }
        let problem = Problem::new(format!("the document `{url}` is not pinned"), at);
        checker.problem(problem.label("it could change without notice").help(format!(
        "`gestaltd {} {url}` shows what it offers and pins it; or write its `digest: sha256:…` beside it",
        self.pinned_by
    )));
        Err(Nothing::Wrong)
    }
}

/// What a document offers, or a report of why it does not.
pub(super) fn import(
    source: &Source,
    wanted: &Wanted,
    at: At,
    around: &Around<'_>,
    checker: &mut Checker<'_>,
) -> Result<Read, Nothing> {
    let beside = checker.state_folder.clone();
    let documents = checker.documents;
    match documents.import(source, wanted, beside.as_deref()) {
        Ok(imported) => Ok(Read {
            document: shown(source),
            location: checker.sources.line(around.at),
            imported,
        }),
        Err(DocumentError::NotKept { url, digest }) => {
            let why = documents.failure(digest);
            let why = why.unwrap_or_else(|| "it has not been fetched yet".to_owned());
            checker.missing(
                Problem::new(format!("the document `{url}` is not here: {why}"), at).help(
                    "`gestaltd validate` and `gestaltd serve` fetch it from its own host, by https",
                ),
            );
            checker.not_here(ToFetch {
                url,
                digest,
                egress: around.egress.clone(),
                beside,
            });
            Err(Nothing::NotHere)
        }
        Err(error) => {
            checker.problem(problem_of(&error, at));
            Err(Nothing::Wrong)
        }
    }
}

pub(super) fn credentials(
    connection: &ConnectionDefinition,
) -> impl Iterator<Item = (Location, String)> {
    let mapping = &connection.mapping;
    let headers = mapping.headers.iter();
    let query = mapping.query.iter();
    headers
        .map(|(name, _)| (Location::Header, name.clone()))
        .chain(query.map(|(name, _)| (Location::Query, name.clone())))
}

pub(super) fn laid_on(base: &Entries<String>, over: &Entries<String>) -> Entries<String> {
    let kept = base.0.iter().filter(|(name, _)| {
        let same = |(other, _): &(Located<String>, String)| other.value == name.value;
        !over.0.iter().any(same)
    });
    Entries(kept.chain(&over.0).cloned().collect())
}

fn document_url(text: &str, at: At, checker: &mut Checker<'_>) -> Option<Url> {
    let bad = |why: &str| {
        Problem::new(format!("the document's URL {why}"), at)
            .help("it looks like `https://api.example.com/openapi.json`")
    };
    let url = match Url::parse(text) {
        Err(error) => Err(bad(&format!("is none: {error}"))),
        Ok(url) if !matches!(url.scheme(), "http" | "https") || url.host().is_none() => {
            Err(bad("must begin with `https://`"))
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Err(bad("must not hold a user name or password"))
        }
        Ok(url) => Ok(url),
    };
    checker.take(url)
}

pub(super) fn problem_of(error: &DocumentError, at: At) -> Problem {
    let problem = Problem::new(error.to_string(), at);
    match error {
        DocumentError::Outside { .. } => problem.help(
            "a manifest's document lies in the manifest's folder; links out of it are not followed",
        ),
        DocumentError::Pinned { .. } => problem
            .label("another document than the pinned one")
            .help("if the change is wanted, write the new digest"),
        _ => problem,
    }
}

/// What reports call a document.
fn shown(source: &Source) -> String {
    match source {
        Source::File { path, .. } => Path::display(path).to_string(),
        Source::Inline { name, .. } => name.clone(),
        Source::Url { url, .. } => url.to_string(),
    }
}
