//! Operations: what a plugin offers, in a form that a hand-written manifest and an
//! OpenAPI document both fill.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::Value;
use url::Url;

use crate::name::{ConnectionName, OperationName};
use crate::schema::Schema;

/// One thing a plugin can do at its upstream.
#[derive(Clone, Debug)]
pub struct Operation {
    /// What callers say: the alias if there is one.
    pub name: OperationName,
    /// What the manifest or document calls it.
    pub source_name: String,
    /// A short title for people.
    pub title: Option<String>,
    /// What it does, for people and models.
    pub description: Option<String>,
    /// Words that group operations.
    pub tags: Vec<String>,
    /// The upstream advises against it.
    pub deprecated: bool,
    /// Changes nothing at the upstream, so GET may invoke it.
    pub read_only: bool,
    /// May destroy something; `None` where nobody says.
    pub destructive: Option<bool>,
    /// Repeating it changes nothing more; `None` where nobody says.
    pub idempotent: Option<bool>,
    /// The upstream's method.
    pub method: Method,
    /// The path template below the base URL: `/projects/{project}/issues`.
    pub path: String,
    /// A base URL other than the plugin's.
    pub base_url: Option<Url>,
    /// Parameters outside the body.
    pub parameters: Vec<Parameter>,
    /// Fixed headers sent with each request; never a credential.
    pub headers: Vec<(String, String)>,
    /// Fixed query parameters.
    pub query: Vec<(String, String)>,
    /// The request body, where there is one.
    pub body: Option<Body>,
    /// What is known of the answer.
    pub response: Response,
    /// Which of the plugin's connections fit.
    pub security: Security,
    /// How the next page is asked for.
    pub pagination: Option<Pagination>,
    /// Longest wait for the whole answer's head; the surface's default if `None`.
    pub timeout: Option<Duration>,
}

impl Operation {
    /// The GraphQL operation that it is; `None` for any other.
    pub fn graphql(&self) -> Option<&GraphQlOperation> {
        let media = self.body.as_ref()?.media.first()?;
        match &media.kind {
            MediaKind::GraphQl(operation) => Some(operation),
            _ => None,
        }
    }
}

/// Which of a plugin's connections an operation can be called with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Security {
    /// Any of them.
    #[default]
    Any,
    /// None is needed, and none is used.
    None,
    /// One of these, the default one first; never empty.
    OneOf(Vec<ConnectionName>),
}

/// Where a parameter stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Location {
    /// In the path template.
    Path,
    /// In the query.
    Query,
    /// A header.
    Header,
    /// A cookie.
    Cookie,
}

/// How a parameter's value becomes text (OpenAPI 3.1 §4.8.12.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// `a,b` in a path segment or header.
    Simple,
    /// `.a.b` in a path segment.
    Label,
    /// `;name=a` in a path segment.
    Matrix,
    /// `name=a&name=b` in a query or cookie.
    Form,
    /// `name=a%20b`.
    SpaceDelimited,
    /// `name=a|b`.
    PipeDelimited,
    /// `name[key]=value`.
    DeepObject,
}

/// One parameter of an operation.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the members of OpenAPI's parameter object"
)]
pub struct Parameter {
    /// What callers say (`x_…` where the upstream's name starts with `_`).
    pub name: String,
    /// What the upstream says.
    pub wire_name: String,
    /// Where it stands.
    pub location: Location,
    /// The call is refused without it.
    pub required: bool,
    /// The upstream advises against it.
    pub deprecated: bool,
    /// What it means.
    pub description: Option<String>,
    /// JSON Schema 2020-12 of its value.
    pub schema: Value,
    /// How its value becomes text.
    pub style: Style,
    /// Whether arrays and objects become several pairs.
    pub explode: bool,
    /// Leave RFC 3986 reserved characters as they are (query only).
    pub allow_reserved: bool,
    /// The value is serialised in this media type instead of by style.
    pub content_type: Option<String>,
    /// Sent when the caller gives none.
    pub default: Option<Value>,
}

/// The request body of an operation.
#[derive(Clone, Debug)]
pub struct Body {
    /// The call is refused without it.
    pub required: bool,
    /// What it means.
    pub description: Option<String>,
    /// The media types it can have; the first is used when the caller names none. Never empty.
    pub media: Vec<Media>,
}

/// One media type of a body.
#[derive(Clone, Debug)]
pub struct Media {
    /// The content type that is sent.
    pub content_type: String,
    /// How arguments become bytes.
    pub kind: MediaKind,
    /// JSON Schema 2020-12 of the value, if known.
    pub schema: Option<Schema>,
    /// Per-field encoding of form and multipart bodies.
    pub encoding: Vec<FieldEncoding>,
}

/// How arguments become a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MediaKind {
    /// `application/json` and `+json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`.
    Multipart,
    /// Anything else: text or bytes, streamed as they come.
    Raw,
    /// JSON around a GraphQL operation: the arguments are its variables, and never its text.
    GraphQl(Arc<GraphQlOperation>),
}

/// A GraphQL operation as it is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GraphQlOperation {
    /// The text of the operation and of the fragments it uses.
    pub query: String,
    /// Its name in that text.
    pub name: String,
}

/// How one field of a form or multipart body is written.
#[derive(Clone, Debug)]
pub struct FieldEncoding {
    /// The field.
    pub name: String,
    /// Its content type, for multipart.
    pub content_type: Option<String>,
    /// Its style, for forms.
    pub style: Style,
    /// Whether arrays and objects become several pairs.
    pub explode: bool,
}

/// What is known of an operation's answer.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// JSON Schema 2020-12 of a successful JSON answer.
    pub schema: Option<Schema>,
    /// What of the answer is passed on; all of it if `None`.
    pub mapping: Option<ResponseMapping>,
    /// Largest body passed on, in bytes; the surface's default if `None`.
    pub max_bytes: Option<u64>,
}

/// What of a JSON answer is passed on. The answer is read whole for it, up to the limit.
#[derive(Clone, Debug)]
pub struct ResponseMapping {
    /// JSON pointer (RFC 6901) to the part that is passed on; empty for the whole.
    pub pointer: String,
    /// Members to keep of the object, or of each object of the array, there; all if empty.
    pub select: Vec<String>,
}

/// How the next page is asked for.
#[derive(Clone, Debug)]
pub struct Pagination {
    /// Which of the four ways.
    pub style: PaginationStyle,
    /// JSON pointer to the array of results, to know that a page is empty.
    pub results_path: Option<String>,
    /// The parameter that sets the page size, by wire name, and the size asked for when the
    /// caller names none.
    pub page_size: Option<(String, u64)>,
    /// After how many pages in a row a continuation is refused; unbounded if `None`.
    pub max_pages: Option<u32>,
}

/// The four ways of pagination.
#[derive(Clone, Debug)]
pub enum PaginationStyle {
    /// The answer holds a cursor that goes into a query parameter.
    Cursor {
        /// Query parameter, by wire name.
        param: String,
        /// JSON pointer to the cursor in the answer.
        path: String,
    },
    /// Pages are numbered.
    Page {
        /// Query parameter, by wire name.
        param: String,
        /// The first page's number.
        start: u64,
    },
    /// Results are skipped.
    Offset {
        /// Query parameter, by wire name.
        param: String,
    },
    /// The `Link` header names the next page (RFC 8288).
    Link,
}
