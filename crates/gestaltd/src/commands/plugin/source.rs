//! Where a document is, and reading it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use gestalt_core::Clock;
use gestalt_core::document::{GraphQlSettings, ImportSettings, Imported};
use gestalt_core::host::{AddressRange, EgressRules};
use gestalt_gateway::documents::{self, Credential, Digest, DocumentError, Documents, Wanted};
use gestalt_gateway::settings::UpstreamSettings;
use url::Url;

use super::super::Failure;
use crate::config;

/// Where a document is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// In a file.
    File(PathBuf),
    /// At a URL.
    Url(Url),
}

impl Place {
    /// Reads what was given on the command line.
    ///
    /// # Errors
    /// When it is a URL that no document is fetched from.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        if !text.contains("://") {
            return Ok(Self::File(text.into()));
        }
        let url: Url = text
            .parse()
            .map_err(|error| Failure::new(format!("`{text}` is no URL: {error}")).code(2))?;
        if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
            return Err(
                Failure::new(format!("no document is fetched from `{text}`"))
                    .hint("Name a file, or a URL that begins with https://.")
                    .code(2),
            );
        }
        if !url.username().is_empty() || url.password().is_some() {
            // It would end in the config and in reports, which show URLs.
            return Err(
                Failure::new("a document's URL holds no user and no password")
                    .hint("Fetch the document yourself and name the file.")
                    .code(2),
            );
        }
        Ok(Self::Url(url))
    }

    /// What kind of document it is, by its name.
    pub(super) fn kind(&self) -> Kind {
        let path = match self {
            Self::File(path) => path.as_path(),
            Self::Url(_) => return Kind::OpenApi,
        };
        match path.extension().and_then(|end| end.to_str()) {
            Some("graphql" | "graphqls" | "gql") => Kind::GraphQl,
            _ => Kind::OpenApi,
        }
    }

    /// The URL, if it is one.
    pub(super) fn url(&self) -> Option<&Url> {
        match self {
            Self::File(_) => None,
            Self::Url(url) => Some(url),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

/// A document as it was read.
#[derive(Debug)]
pub(super) struct Document {
    /// What it offers.
    pub(super) imported: Arc<Imported>,
    /// What was fetched, if it was.
    pub(super) fetched: Option<Fetched>,
}

/// A document as it was at a URL.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) url: Url,
    pub(super) bytes: Bytes,
    /// What it is from now on.
    pub(super) digest: Digest,
    /// It is a server's answer to an introspection.
    pub(super) introspected: bool,
}

/// What kind of document it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    OpenApi,
    GraphQl,
}

/// How a document is read.
pub(super) struct Asking<'a> {
    pub(super) kind: Kind,
    pub(super) base_url: Option<&'a Url>,
    /// What may be reached without TLS.
    pub(super) ranges: &'a [AddressRange],
    /// What a GraphQL server is asked with.
    pub(super) credential: Option<Credential>,
}

/// Reads a document; one by URL is fetched through the guarded client, which without TLS
/// reaches only the given address ranges. A GraphQL server is asked for its schema.
///
/// # Errors
/// When it cannot be read, or nothing can be taken over from it.
pub(super) async fn read(place: &Place, asking: Asking<'_>) -> Result<Document, Failure> {
    let Asking {
        kind,
        base_url,
        ranges,
        credential,
    } = asking;
    let graphql = kind == Kind::GraphQl;
    // The endpoint that a schema is asked for is the one that is called, unless another is named.
    let base_url = base_url.or(place.url().filter(|_| graphql));
    let settings = ImportSettings {
        base_url: base_url.cloned(),
        document_url: place.url().cloned(),
        graphql: graphql.then(GraphQlSettings::default),
        ..ImportSettings::default()
    };
    let limit = settings.limits.max_bytes;
    let wanted = Wanted {
        settings,
        ..Wanted::default()
    };
    let documents = Documents::looking(config::to_json, Clock::System);
    let (source, fetched) = match place {
        Place::File(path) => {
            let file = documents::Source::File {
                path: path.clone(),
                digest: None,
                within: None,
            };
            (file, None)
        }
        Place::Url(url) => {
            let url = url.clone();
            let bytes = if graphql {
                introspect(&url, credential, ranges, limit as u64).await?
            } else {
                fetch(&url, ranges, limit as u64).await?
            };
            let digest = documents.keep(&bytes, None);
            let source = documents::Source::Url {
                url: url.clone(),
                digest,
            };
            let fetched = Fetched {
                url,
                bytes,
                digest,
                introspected: graphql,
            };
            (source, Some(fetched))
        }
    };
    let imported = documents.import(&source, &wanted, None);
    let imported = imported.map_err(|error| unread(&error))?;
    Ok(Document { imported, fetched })
}

/// Keeps what was fetched where a daemon looks for it.
pub(super) fn keep(bytes: &[u8], state_folder: &Path) {
    Documents::kept(config::to_json, Clock::System).keep(bytes, Some(state_folder));
}

async fn fetch(url: &Url, ranges: &[AddressRange], limit: u64) -> Result<Bytes, Failure> {
    let rules = EgressRules {
        allowed_ranges: ranges.to_vec(),
        ..EgressRules::default()
    };
    let fetched = documents::fetch(url, &rules, &UpstreamSettings::default(), limit).await;
    fetched.map_err(|error| {
        unread(&error).hint(if url.scheme() == "http" {
            "Use https; or, where the address may be reached without TLS, name it with --allow-cidr."
        } else {
            "Or fetch it yourself and name the file."
        })
    })
}

async fn introspect(
    url: &Url,
    credential: Option<Credential>,
    ranges: &[AddressRange],
    limit: u64,
) -> Result<Bytes, Failure> {
    let rules = EgressRules {
        allowed_ranges: ranges.to_vec(),
        ..EgressRules::default()
    };
    let asked = documents::introspect(url, credential, &rules, limit).await;
    asked.map_err(|error| {
        let told = std::error::Error::source(&error).map(ToString::to_string);
        let answered = |status: &str| told.as_ref().is_some_and(|told| told.contains(status));
        unread(&error).hint(if answered("401") || answered("403") {
            "It asks for a token: name the file of one with --token-file, or a file with the schema."
        } else if url.scheme() == "http" {
            "Use https; or, where the address may be reached without TLS, name it with --allow-cidr."
        } else {
            "Or ask it yourself and name the file with the schema."
        })
    })
}

fn unread(error: &DocumentError) -> Failure {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let text = next.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = next.source();
    }
    Failure::new(message)
}
