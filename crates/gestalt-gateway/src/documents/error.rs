//! Why a document cannot be taken.

use url::Url;

use super::Digest;

/// A document cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It cannot be read.
    #[error("cannot read the document `{name}`: {source}")]
    Unreadable {
        /// Which.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is larger than the limit, or what it refers to is.
    #[error("the document `{name}` is larger than {limit} bytes")]
    TooLarge {
        /// Which.
        name: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// It lies outside the folder that it must lie in, possibly by a link.
    #[error("the document `{name}` lies outside the folder that it may lie in")]
    Outside {
        /// Which.
        name: String,
    },
    /// It is neither JSON nor YAML.
    #[error("the document `{name}` cannot be read: {message}")]
    Form {
        /// Which.
        name: String,
        /// Why.
        message: String,
    },
    /// It is not the one that the pin names.
    #[error("the document `{name}` is pinned to {pinned}, and is {seen}")]
    Pinned {
        /// Which.
        name: String,
        /// What it must be.
        pinned: Digest,
        /// What it is.
        seen: Digest,
    },
    /// It has not been fetched.
    #[error("the document {url} ({digest}) is not kept here")]
    NotKept {
        /// Where it is.
        url: Url,
        /// What it must be.
        digest: Digest,
    },
    /// It cannot be fetched.
    #[error("the document {url} cannot be fetched: {source}")]
    Fetch {
        /// Where it is.
        url: Url,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing can be taken over from it.
    #[error("the document `{name}` cannot be imported: {message}")]
    Import {
        /// Which.
        name: String,
        /// Why.
        message: String,
    },
}
