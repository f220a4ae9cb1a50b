//! `surfaces.graphql`: operations of a GraphQL schema, and of documents for it.

use gestalt_core::connection::ConnectionDefinition;
use gestalt_core::document::{GraphQlDocument, GraphQlSettings, ImportSettings};
use gestalt_gateway::documents::{self, Digest, Wanted};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::openapi::{Around, DocumentAt, Nothing, Read, credentials, import, laid_on, problem_of};
use crate::config::check::Checker;
use crate::config::decode::{Entries, Located};
use crate::config::documents::DocumentEntry;
use crate::config::report::Problem;
use crate::config::scalars::{Period, Size};
use crate::config::source::At;

/// Largest document of operations, in bytes.
const MOST_BYTES: usize = 1024 * 1024;
/// Most levels of fields that a selection is made of.
const MOST_DEPTH: u32 = 10;
/// Most fields that a selection is made of.
const MOST_FIELDS: u32 = 1_000;

/// Operations of a GraphQL schema, and of documents for it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::config) struct GraphQlEntry {
    /// The endpoint that every operation is sent to.
    url: Option<Located<String>>,
    /// The schema, in GraphQL's language or as the answer to an introspection: a path, an https
    /// URL, or that answer itself.
    schema: Option<Located<DocumentEntry>>,
    /// What the schema must be: `sha256:` and 64 hex digits. One by URL needs it, here or in the
    /// lock file.
    digest: Option<Located<String>>,
    /// Paths of documents whose named operations are offered.
    documents: Vec<Located<String>>,
    /// The same, written here.
    operations: Option<Located<String>>,
    /// Make an operation of each field of the root types too. True where there are no documents
    /// and no operations, unless set.
    generate: Option<bool>,
    /// Levels of fields that a generated operation asks for, 1 to 10. 2 unless set.
    max_depth: Option<Located<u32>>,
    /// Fields that a generated operation asks for, 1 to 1000. 100 unless set.
    max_fields: Option<Located<u32>>,
    /// Fixed headers of every operation; never a credential.
    headers: Entries<String>,
    /// Longest wait for the head of an answer.
    timeout: Option<Period>,
    /// Largest body of an answer.
    max_response_bytes: Option<Size>,
    /// A manifest names the schema; it names the documents.
    #[serde(skip)]
    #[schemars(skip)]
    by_manifest: (bool, bool),
}

impl GraphQlEntry {
    /// What the author ships, with what the operator writes laid on it.
    pub(super) fn merged(
        theirs: Option<&Located<Self>>,
        ours: Option<&Located<Self>>,
    ) -> Option<Located<Self>> {
        let author = theirs.map(|theirs| Located {
            value: Self {
                by_manifest: (true, true),
                ..theirs.value.clone()
            },
            at: theirs.at,
        });
        let (Some(base), Some(over)) = (&author, ours) else {
            return author.or_else(|| ours.cloned());
        };
        let (at, base, over) = (over.at, &base.value, &over.value);
        // A digest belongs to its document.
        let own = over.schema.is_some();
        let own_documents = !over.documents.is_empty();
        let digest = over.digest.clone();
        let value = Self {
            url: over.url.clone().or_else(|| base.url.clone()),
            schema: over.schema.clone().or_else(|| base.schema.clone()),
            digest: digest.or_else(|| base.digest.clone().filter(|_| !own)),
            documents: if own_documents {
                over.documents.clone()
            } else {
                base.documents.clone()
            },
            operations: over.operations.clone().or_else(|| base.operations.clone()),
            generate: over.generate.or(base.generate),
            max_depth: over.max_depth.or(base.max_depth),
            max_fields: over.max_fields.or(base.max_fields),
            headers: laid_on(&base.headers, &over.headers),
            timeout: over.timeout.or(base.timeout),
            max_response_bytes: over.max_response_bytes.or(base.max_response_bytes),
            by_manifest: (!own, !own_documents),
        };
        Some(Located { value, at })
    }

    /// Reads the schema and the documents.
    pub(super) fn read(
        &self,
        around: &Around<'_>,
        checker: &mut Checker<'_>,
    ) -> Result<Read, Nothing> {
        let (Some(written), Some(schema)) = (&self.url, &self.schema) else {
            let what = if self.url.is_none() {
                "`surfaces.graphql` needs a `url`"
            } else {
                "`surfaces.graphql` needs a `schema`"
            };
            let problem = Problem::new(what, around.at);
            checker.problem(problem.help(
                "`gestaltd plugin add --graphql https://…` asks the server for its schema and writes both",
            ));
            return Err(Nothing::Wrong);
        };
        for (header, _) in &self.headers.0 {
            checker.fixed_header(header);
        }
        let url = endpoint(written, checker).ok_or(Nothing::Wrong)?;
        let digest = match &self.digest {
            Some(written) => Some(checker.parse::<Digest>(written).ok_or(Nothing::Wrong)?),
            None => None,
        };
        let placed = DocumentAt {
            document: schema,
            digest,
            by_manifest: self.by_manifest.0,
            pinned_by: "plugin add --graphql",
        };
        let (source, document_url) = placed.source(checker)?;
        let graphql = self.settings(checker).ok_or(Nothing::Wrong)?;
        let wanted = self.wanted((url, document_url), graphql, around);
        import(&source, &wanted, schema.at, around, checker)
    }

    fn settings(&self, checker: &mut Checker<'_>) -> Option<GraphQlSettings> {
        let usual = GraphQlSettings::default();
        let depth = within(self.max_depth, usual.max_depth, 1..=MOST_DEPTH, checker);
        let fields = within(self.max_fields, usual.max_fields, 1..=MOST_FIELDS, checker);
        let documents = self.texts(checker);
        Some(GraphQlSettings {
            max_depth: depth?,
            max_fields: fields?,
            documents: documents?,
            generate: self
                .generate
                .unwrap_or_else(|| self.documents.is_empty() && self.operations.is_none()),
        })
    }

    /// The texts of all documents, those written here last.
    fn texts(&self, checker: &mut Checker<'_>) -> Option<Vec<GraphQlDocument>> {
        let mut all = Some(Vec::new());
        for place in &self.documents {
            let path = checker.sources.resolve(place.at, &place.value);
            let folder = self.by_manifest.1.then(|| checker.sources.folder(place.at));
            let text = documents::text(&path, folder.as_deref(), MOST_BYTES);
            let text = checker.take(text.map_err(|error| problem_of(&error, place.at)));
            match (&mut all, text) {
                (Some(list), Some(text)) => list.push(GraphQlDocument {
                    name: path.display().to_string(),
                    text,
                }),
                _ => all = None,
            }
        }
        if let (Some(list), Some(written)) = (&mut all, &self.operations) {
            let file = checker.sources.get(written.at.file());
            let name = file.map_or_else(String::new, |file| file.path.display().to_string());
            let text = file.map_or("", |file| file.text.as_str());
            let at = written.at.range().start;
            let before = text.get(..at).unwrap_or_default().matches('\n').count();
            // A block begins on the line after its sign. So lines are those of the config.
            let block = text
                .get(at..)
                .is_some_and(|rest| rest.starts_with(['|', '>']));
            let lines = "\n".repeat(before + usize::from(block));
            list.push(GraphQlDocument {
                name,
                text: lines + &written.value,
            });
        }
        all
    }

    fn wanted(
        &self,
        (url, document_url): (Url, Option<Url>),
        graphql: GraphQlSettings,
        around: &Around<'_>,
    ) -> Wanted {
        let headers = self.headers.0.iter();
        let connections: &[ConnectionDefinition] = around.connections.unwrap_or_default();
        Wanted {
            settings: ImportSettings {
                base_url: Some(url),
                document_url,
                graphql: Some(graphql),
                ..ImportSettings::default()
            },
            headers: headers
                .map(|(name, value)| (name.value.clone(), value.clone()))
                .collect(),
            timeout: self.timeout.map(|timeout| timeout.0),
            max_response_bytes: self.max_response_bytes.map(|size| size.0),
            connections: Some(connections.iter().map(|one| one.name.clone()).collect()),
            credentials: connections.iter().flat_map(credentials).collect(),
            plugin_base: around.base_url.cloned(),
        }
    }
}

/// A number within its bounds, or what is usual where none is given; `None` if it is not.
fn within(
    given: Option<Located<u32>>,
    usual: usize,
    bounds: std::ops::RangeInclusive<u32>,
    checker: &mut Checker<'_>,
) -> Option<usize> {
    let Some(given) = given else {
        return Some(usual);
    };
    if !bounds.contains(&given.value) {
        let what = format!(
            "expected a number from {} to {}",
            bounds.start(),
            bounds.end()
        );
        checker.problem(Problem::new(what, given.at));
        return None;
    }
    Some(given.value as usize)
}

/// An endpoint as it is written, with the `/` at its end: some servers know no other.
fn endpoint(written: &Located<String>, checker: &mut Checker<'_>) -> Option<Url> {
    let url: Url = checker.parse(written)?;
    let plain = url.username().is_empty() && url.password().is_none();
    let bare = url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || !plain || !bare {
        return refuse(written.at, checker);
    }
    Some(url)
}

fn refuse(at: At, checker: &mut Checker<'_>) -> Option<Url> {
    let what = "an endpoint has a host and a path, and no user, query or fragment";
    checker.problem(Problem::new(what, at).help("`https://api.example.com/graphql`"));
    None
}
