//! Documents that describe an upstream, and what is read out of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::connection::ConnectionDefinition;
use crate::operation::Operation;

/// The text of a document or of a part of it.
#[derive(Clone)]
pub struct DocumentText {
    /// What reports call it: the name of its file.
    pub name: String,
    /// JSON in UTF-8. What was written in YAML has been turned into JSON line by line.
    pub text: Arc<[u8]>,
}

impl fmt::Debug for DocumentText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.text.len())
    }
}

/// How a document is read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ImportSettings {
    /// The base URL that the operator wrote; it goes before the document's servers.
    pub base_url: Option<Url>,
    /// Where the document came from; servers without a host are relative to it.
    pub document_url: Option<Url>,
    /// Values of the variables of the document's servers.
    pub variables: BTreeMap<String, String>,
    /// How a GraphQL schema becomes operations; `None` for an OpenAPI document. The base URL is
    /// its endpoint then.
    pub graphql: Option<GraphQlSettings>,
    /// Bounds.
    pub limits: ImportLimits,
}

/// How a GraphQL schema becomes operations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GraphQlSettings {
    /// Texts whose named operations are offered.
    pub documents: Vec<GraphQlDocument>,
    /// Make an operation of each field of the root types.
    pub generate: bool,
    /// Levels of fields that a generated selection has; scalars alone are one.
    pub max_depth: usize,
    /// Fields that a generated selection has.
    pub max_fields: usize,
}

impl Default for GraphQlSettings {
    fn default() -> Self {
        Self {
            documents: Vec::new(),
            generate: true,
            max_depth: 2,
            max_fields: 100,
        }
    }
}

/// A text with operations of GraphQL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GraphQlDocument {
    /// What reports call it: the name of its file.
    pub name: String,
    /// The text.
    pub text: String,
}

/// Bounds of what is read out of a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportLimits {
    /// All texts of a document together, in bytes.
    pub max_bytes: usize,
    /// Operations of a document; a document with more is refused.
    pub max_operations: usize,
    /// Arrays and objects within each other; a text with more is refused.
    pub max_depth: usize,
    /// Input schema of an operation, in bytes of JSON; a larger one is trimmed by rule.
    pub max_input_schema_bytes: usize,
    /// Output schema of an operation, in bytes of JSON; a larger one is trimmed by rule.
    pub max_output_schema_bytes: usize,
    /// Description of an operation, in characters; a longer one ends with `…`.
    pub max_description_chars: usize,
    /// Description of a parameter or a member, in characters; a longer one ends with `…`.
    pub max_member_description_chars: usize,
    /// References followed for one schema.
    pub max_references: usize,
    /// Findings that are told one by one; the rest are counted.
    pub max_findings: usize,
}

impl Default for ImportLimits {
    fn default() -> Self {
        Self {
            max_bytes: 64 * 1024 * 1024,
            max_operations: 20_000,
            max_depth: 100,
            max_input_schema_bytes: 32 * 1024,
            max_output_schema_bytes: 16 * 1024,
            max_description_chars: 1_000,
            max_member_description_chars: 300,
            max_references: 1_000,
            max_findings: 1_000,
        }
    }
}

/// What a document offers.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// What the document calls the upstream.
    pub title: Option<String>,
    /// The upstream's version, as the document has it.
    pub version: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The version of the document's own form: `3.1.0`.
    pub specification: String,
    /// The URL that paths are below; `None` where neither document nor operator names one.
    pub base_url: Option<Url>,
    /// The document's servers, with their variables filled in.
    pub servers: Vec<String>,
    /// What it offers.
    pub operations: Vec<Arc<Operation>>,
    /// The ways to authenticate that its security schemes describe, the default one first.
    pub connections: Vec<ConnectionDefinition>,
    /// Hosts other than the base URL's that operations reach, with their ports.
    pub hosts: Vec<String>,
    /// What could not be taken over, or not as it is.
    pub findings: Vec<Finding>,
    /// Findings beyond the limit, which are only counted.
    pub more_findings: u64,
}

/// Something in a document that could not be taken over, or not as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What became of it.
    pub severity: Severity,
    /// The document's name.
    pub file: String,
    /// Its line, counted from one; 0 where there is none to name.
    pub line: u64,
    /// JSON pointer (RFC 6901) to the place.
    pub place: String,
    /// The operation it is about: `GET /pets`.
    pub operation: Option<String>,
    /// What is the matter.
    pub message: String,
}

/// What became of a place in a document that could not be taken over as it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// It is not there.
    Skipped,
    /// It is there with something left out or made different.
    Changed,
    /// It is there; there is something to know about it.
    Note,
}

impl Severity {
    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Changed => "changed",
            Self::Note => "note",
        }
    }
}
