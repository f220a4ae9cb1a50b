//! Pagination: one page for a call, and what the next one is asked for with.
//!
//! A continuation is opaque to callers: base64url of a small JSON object that names its
//! operation and holds nothing but the place in the list. It is not signed; whoever makes
//! one up can do no more than by arguments, since it can set the paging parameter only, or
//! for links the operation's own query parameters and known paging words.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gestalt_core::operation::{Location, Pagination, PaginationStyle};
use http::header::LINK;
use http::{HeaderMap, Uri};
use serde::{Deserialize, Serialize};
use url::Url;

use super::compile::CompiledOperation;
use super::json;
use crate::UpstreamError;
use crate::call::{Injection, Stopped};
use crate::mask::Masker;

/// Longest continuation, in characters.
const LONGEST: usize = 8 * 1024;

/// Query parameters that a next link may bring although the operation does not declare them.
const PAGING_WORDS: &[&str] = &[
    "after",
    "before",
    "bookmark",
    "continuation",
    "continuation_token",
    "continuationtoken",
    "count",
    "cursor",
    "end",
    "from",
    "limit",
    "marker",
    "max_id",
    "next",
    "next_cursor",
    "next_page",
    "next_token",
    "nexttoken",
    "offset",
    "page",
    "page[after]",
    "page[cursor]",
    "page[number]",
    "page[offset]",
    "page[size]",
    "page_info",
    "page_number",
    "page_size",
    "page_token",
    "pagenumber",
    "pagesize",
    "pagetoken",
    "per_page",
    "perpage",
    "scroll",
    "since",
    "since_id",
    "size",
    "skip",
    "skiptoken",
    "$skip",
    "$skiptoken",
    "$top",
    "start",
    "start_after",
    "starting_after",
    "startat",
    "token",
    "top",
    "until",
];

/// A place in a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum Place {
    #[serde(rename = "c")]
    Cursor(String),
    #[serde(rename = "p")]
    Number(u64),
    #[serde(rename = "q")]
    Query(Vec<(String, String)>),
}

/// What a continuation holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Continuation {
    /// The operation's name.
    o: String,
    /// Pages before this one.
    n: u32,
    /// Where to continue.
    at: Place,
}

/// The page that a call asks for.
pub(crate) struct Paging {
    pages: u32,
    at: Option<Place>,
    param: Option<String>,
}

/// The next page, or why there is none.
pub(crate) type Next = Result<Place, Stopped>;

/// Reads which page a call asks for; `None` for an operation without pages.
///
/// # Errors
/// [`UpstreamError::Invalid`] for a continuation that is not this operation's.
pub(crate) fn paging(
    operation: &CompiledOperation,
    continuation: Option<&str>,
) -> Result<Option<Paging>, UpstreamError> {
    let Some(pagination) = &operation.definition().pagination else {
        return match continuation {
            Some(_) => Err(wrong("This operation does not answer in pages.")),
            None => Ok(None),
        };
    };
    let param = parameter(pagination).map(str::to_owned);
    let Some(text) = continuation else {
        let (pages, at) = (0, None);
        return Ok(Some(Paging { pages, at, param }));
    };
    let not_ours = || wrong("The continuation is not one of this operation.");
    if text.len() > LONGEST {
        return Err(not_ours());
    }
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| not_ours())?;
    let read: Continuation = serde_json::from_slice(&bytes).map_err(|_| not_ours())?;
    let fits = match (&pagination.style, &read.at) {
        (PaginationStyle::Cursor { .. }, Place::Cursor(_))
        | (PaginationStyle::Page { .. } | PaginationStyle::Offset { .. }, Place::Number(_)) => true,
        (PaginationStyle::Link, Place::Query(pairs)) => {
            pairs.iter().all(|(name, _)| may_page(operation, name))
        }
        _ => false,
    };
    if !fits || read.o != operation.definition().name.as_str() || read.n == 0 {
        return Err(not_ours());
    }
    Ok(Some(Paging {
        pages: read.n,
        at: Some(read.at),
        param,
    }))
}

fn wrong(message: &str) -> UpstreamError {
    UpstreamError::invalid("_continuation", message)
}

/// The query parameter that names the page, by wire name.
pub(crate) fn parameter(pagination: &Pagination) -> Option<&str> {
    match &pagination.style {
        PaginationStyle::Cursor { param, .. }
        | PaginationStyle::Page { param, .. }
        | PaginationStyle::Offset { param } => Some(param),
        PaginationStyle::Link => None,
    }
}

/// Says whether a next link may set a query parameter.
fn may_page(operation: &CompiledOperation, name: &str) -> bool {
    let definition = operation.definition();
    let fixed = definition.query.iter().any(|(fixed, _)| fixed == name);
    let mut targets = operation.targets.iter();
    let declared = targets.any(|t| t.location == Location::Query && t.is_named(name));
    !fixed && (declared || PAGING_WORDS.contains(&name.to_ascii_lowercase().as_str()))
}

impl Paging {
    /// Query parameters that name the page.
    pub(crate) fn query(&self) -> Option<Vec<(String, String)>> {
        match (self.at.as_ref()?, &self.param) {
            (Place::Query(pairs), _) => Some(pairs.clone()),
            (Place::Cursor(cursor), Some(param)) => Some(vec![(param.clone(), cursor.clone())]),
            (Place::Number(number), Some(param)) => Some(vec![(param.clone(), number.to_string())]),
            _ => None,
        }
    }

    /// Says whether those are all query parameters that the arguments would make.
    pub(crate) fn replaces_query(&self) -> bool {
        matches!(self.at, Some(Place::Query(_)))
    }

    /// What the next page is asked for with, after an answer.
    pub(crate) fn next(
        &self,
        operation: &CompiledOperation,
        found: Next,
    ) -> (Option<String>, Option<Stopped>) {
        let at = match found {
            Ok(at) if self.at.as_ref() == Some(&at) => {
                return (None, Some(Stopped::RepeatedCursor));
            }
            Ok(at) => at,
            Err(stopped) => return (None, Some(stopped)),
        };
        let pages = self.pages.saturating_add(1);
        let most = operation.definition().pagination.as_ref();
        let most = most.and_then(|pagination| pagination.max_pages);
        if most.is_some_and(|most| pages >= most) {
            return (None, Some(Stopped::MaxPages));
        }
        let continuation = Continuation {
            o: operation.definition().name.as_str().to_owned(),
            n: pages,
            at,
        };
        let text = serde_json::to_vec(&continuation).unwrap_or_default();
        let text = BASE64_URL_SAFE_NO_PAD.encode(text);
        if text.len() > LONGEST {
            return (None, Some(Stopped::ForeignLink));
        }
        (Some(text), None)
    }

    /// The next page by an answer's JSON, for every style but links.
    pub(crate) fn by_json(&self, pagination: &Pagination, text: &str) -> Next {
        let results = pagination.results_path.as_deref();
        let results = results.map(|path| json::pointer(text, path).and_then(json::items));
        let count = match &results {
            Some(None) => Some(0),
            Some(Some(items)) => Some(items.len() as u64),
            None => json::items(text).map(|items| items.len() as u64),
        };
        let empty = count == Some(0);
        match &pagination.style {
            PaginationStyle::Cursor { path, .. } => match json::pointer(text, path) {
                Some(cursor) => cursor_of(cursor).ok_or(Stopped::End),
                None => Err(Stopped::End),
            },
            _ if empty => Err(Stopped::EmptyPage),
            PaginationStyle::Page { start, .. } => {
                let now = self.number().unwrap_or(*start);
                count
                    .map(|_| Place::Number(now.saturating_add(1)))
                    .ok_or(Stopped::End)
            }
            PaginationStyle::Offset { .. } => {
                let now = self.number().unwrap_or(0);
                count
                    .map(|count| Place::Number(now.saturating_add(count)))
                    .ok_or(Stopped::End)
            }
            PaginationStyle::Link => Err(Stopped::End),
        }
    }

    fn number(&self) -> Option<u64> {
        match self.at {
            Some(Place::Number(number)) => Some(number),
            _ => None,
        }
    }
}

/// A cursor of a JSON value; `None` for one that says that there is no more.
fn cursor_of(text: &str) -> Option<Place> {
    let cursor = match text.as_bytes().first()? {
        b'"' => json::string(text)?.into_owned(),
        b'-' | b'0'..=b'9' => text.to_owned(),
        _ => return None,
    };
    (!cursor.is_empty()).then_some(Place::Cursor(cursor))
}

/// The next page by `Link` headers (RFC 8288): the query of a URL of the same origin and
/// path, without the credential.
pub(crate) fn by_link(
    operation: &CompiledOperation,
    headers: &HeaderMap,
    from: &Uri,
    injection: &Injection,
) -> Next {
    let mut links = headers.get_all(LINK).iter();
    let next = links.find_map(|value| next_link(value.to_str().ok()?));
    let link = next.ok_or(Stopped::End)?;
    let base = Url::parse(&from.to_string()).map_err(|_| Stopped::ForeignLink)?;
    let url = base.join(link).map_err(|_| Stopped::ForeignLink)?;
    if url.origin() != base.origin() || url.path() != base.path() {
        return Err(Stopped::ForeignLink);
    }
    let ours = |name: &str| {
        injection.query.iter().any(|(injected, _)| injected == name)
            || operation
                .definition()
                .query
                .iter()
                .any(|(fixed, _)| fixed == name)
    };
    let pairs = url.query_pairs().filter(|(name, _)| !ours(name));
    let pairs: Vec<(String, String)> = pairs
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let masker = Masker::new(injection);
    let foreign = pairs
        .iter()
        .any(|(name, value)| !may_page(operation, name) || masker.finds(value.as_bytes()));
    if foreign {
        return Err(Stopped::ForeignLink);
    }
    Ok(Place::Query(pairs))
}

/// The target of `rel="next"` in one `Link` header.
fn next_link(value: &str) -> Option<&str> {
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let (parameters, more) = split_unquoted(after);
        let is_next = parameters.split(';').any(|parameter| {
            let Some((name, value)) = parameter.split_once('=') else {
                return false;
            };
            let value = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel")
                && value
                    .split_ascii_whitespace()
                    .any(|rel| rel.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target);
        }
        rest = more;
    }
    None
}

/// Splits at the first comma outside quotes.
fn split_unquoted(text: &str) -> (&str, &str) {
    let mut quoted = false;
    let end = text.find(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    end.map_or((text, ""), |end| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found() {
        let github = r#"<https://a/x?page=1>; rel="prev", <https://a/x?page=3>; rel="next""#;
        assert_eq!(next_link(github), Some("https://a/x?page=3"));
        assert_eq!(
            next_link(r#"</x?q=a,b>; title="a, <b>"; rel=next"#),
            Some("/x?q=a,b")
        );
        assert_eq!(next_link(r#"</x>; rel="last next""#), Some("/x"));
        assert_eq!(next_link(r#"</x>; rel="nextish""#), None);
        assert_eq!(next_link("nonsense"), None);
    }

    #[test]
    fn cursors_that_say_no_more() {
        for text in ["null", "\"\"", "false", "{}", "[]"] {
            assert_eq!(cursor_of(text), None, "{text}");
        }
        assert_eq!(
            cursor_of("12345678901234567890123"),
            Some(Place::Cursor("12345678901234567890123".into()))
        );
    }
}
