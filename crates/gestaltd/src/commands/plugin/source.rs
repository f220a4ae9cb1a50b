//! Where a document is, and reading it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use gestalt_core::Clock;
use gestalt_core::document::{ImportSettings, Imported};
use gestalt_core::host::{AddressRange, EgressRules};
use gestalt_gateway::documents::{self, Digest, DocumentError, Documents, Wanted};
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
}

/// Reads a document; one by URL is fetched through the guarded client, which without TLS
/// reaches only the given address ranges.
///
/// # Errors
/// When it cannot be read, or nothing can be taken over from it.
pub(super) async fn read(
    place: &Place,
    base_url: Option<&Url>,
    ranges: &[AddressRange],
) -> Result<Document, Failure> {
    let settings = ImportSettings {
        base_url: base_url.cloned(),
        document_url: place.url().cloned(),
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
            let (url, bytes) = (url.clone(), fetch(url, ranges, limit as u64).await?);
            let digest = documents.keep(&bytes, None);
            let source = documents::Source::Url {
                url: url.clone(),
                digest,
            };
            (source, Some(Fetched { url, bytes, digest }))
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
