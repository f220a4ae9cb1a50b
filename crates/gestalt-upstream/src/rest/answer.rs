//! An upstream's answer, limited, decoded, masked, mapped.

use std::time::Duration;

use bytes::Bytes;
use gestalt_core::operation::{PaginationStyle, ResponseMapping};
use http::header::{
    CONTENT_DISPOSITION, CONTENT_LANGUAGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, LINK, LOCATION,
    RETRY_AFTER,
};
use http::{HeaderMap, HeaderName, Method, StatusCode, response};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::compile::CompiledOperation;
use super::json;
use super::page::{Paging, by_link};
use super::target::is_json_type;
use crate::body::{Answer, Limits, open, read_whole, small};
use crate::call::{Injection, Reply, ReplyBody, Stopped};
use crate::egress::Arrived;
use crate::mask::{Masked, Masker};
use crate::{Settings, UpstreamError};

/// Headers that are passed on, besides those of rate limits.
const PASSED: &[HeaderName] = &[
    CONTENT_TYPE,
    CONTENT_DISPOSITION,
    CONTENT_LANGUAGE,
    ETAG,
    LAST_MODIFIED,
    LINK,
    LOCATION,
    RETRY_AFTER,
];

/// What an answer is read with.
pub(crate) struct Answering<'a> {
    pub(crate) operation: &'a CompiledOperation,
    pub(crate) settings: &'a Settings,
    pub(crate) paging: Option<Paging>,
    pub(crate) injection: &'a Injection,
    /// Longest wait for a whole answer.
    pub(crate) limit: Duration,
}

impl Answering<'_> {
    /// Makes the reply.
    ///
    /// # Errors
    /// What is wrong with the answer; a stream that fails later says it itself.
    pub(crate) async fn finish(self, arrived: Arrived) -> Result<Reply, UpstreamError> {
        let Arrived { response, target } = arrived;
        let (head, body) = response.into_parts();
        let masker = Masker::new(self.injection);
        let mut reply = Reply {
            status: head.status,
            headers: passed(&head.headers, &masker),
            body: ReplyBody::Full(Bytes::new()),
            continuation: None,
            stopped: None,
        };
        let ok = head.status.is_success();
        let json = is_json(&head.headers);
        if let Some(paging) = &self.paging {
            if !ok || !(json || self.by_link()) {
                reply.stopped = Some(Stopped::NotAPage);
            } else if self.by_link() {
                let next = by_link(self.operation, &head.headers, &target, self.injection);
                (reply.continuation, reply.stopped) = paging.next(self.operation, next);
            }
        }
        if self.has_no_body(&head) {
            return Ok(reply);
        }
        let whole = ok && self.must_read(json);
        let answer = open(&head.headers, body, self.limits(whole))?;
        if whole {
            let bytes = masker.mask(self.read(answer).await?);
            reply.body = ReplyBody::Full(self.map(&bytes, &mut reply)?);
        } else if small(&answer) {
            let bytes = masker.mask(self.read(answer).await?);
            reply.body = ReplyBody::Full(bytes);
        } else if masker.is_empty() {
            reply.body = ReplyBody::Stream(answer.boxed_unsync());
        } else {
            reply.body = ReplyBody::Stream(Masked::new(answer, masker).boxed_unsync());
        }
        Ok(reply)
    }

    fn by_link(&self) -> bool {
        let pagination = self.operation.definition().pagination.as_ref();
        pagination.is_some_and(|p| matches!(p.style, PaginationStyle::Link))
    }

    fn has_no_body(&self, head: &response::Parts) -> bool {
        self.operation.definition().method == Method::HEAD
            || matches!(
                head.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            )
    }

    /// Says whether the answer must be read before it is passed on.
    ///
    /// A mapping may be there to keep something back, so what it cannot apply to is not
    /// passed on either.
    fn must_read(&self, json: bool) -> bool {
        let mapped = self.operation.definition().response.mapping.is_some();
        let paged = self.paging.is_some() && !self.by_link();
        mapped || (paged && json)
    }

    fn limits(&self, whole: bool) -> Limits {
        let own = self.operation.definition().response.max_bytes;
        let bytes = own.unwrap_or(self.settings.max_response_bytes);
        Limits {
            bytes: if whole {
                bytes.min(self.settings.max_buffered_bytes)
            } else {
                bytes
            },
            idle: (!whole).then_some(self.settings.idle_timeout),
        }
    }

    async fn read(&self, mut answer: Answer) -> Result<Bytes, UpstreamError> {
        if let Answer::Plain(body) = &mut answer {
            body.wait_without_limit();
        }
        // The body's own limit is lower or the same.
        let read = timeout(self.limit, read_whole(answer, u64::MAX)).await;
        read.unwrap_or_else(|_| {
            Err(UpstreamError::Timeout {
                host: "The upstream".to_owned(),
                waited_for: "to send its whole answer",
                limit: self.limit,
            })
        })
    }

    /// Maps a JSON answer and finds the next page in it.
    fn map(&self, bytes: &Bytes, reply: &mut Reply) -> Result<Bytes, UpstreamError> {
        let not_json = || UpstreamError::answer("The upstream's answer is not JSON.");
        let text = std::str::from_utf8(bytes).map_err(|_| not_json())?;
        let text = serde_json::from_str::<&serde_json::value::RawValue>(text)
            .map_err(|_| not_json())?
            .get();
        let definition = self.operation.definition();
        if let (Some(paging), Some(pagination), false) =
            (&self.paging, &definition.pagination, self.by_link())
        {
            let next = paging.by_json(pagination, text);
            (reply.continuation, reply.stopped) = paging.next(self.operation, next);
        }
        match &definition.response.mapping {
            Some(mapping) => mapped(mapping, text),
            None => Ok(bytes.clone()),
        }
    }
}

/// The headers that are passed on, masked.
fn passed(headers: &HeaderMap, masker: &Masker) -> HeaderMap {
    let mut out = HeaderMap::with_capacity(4);
    for (name, value) in headers {
        if PASSED.contains(name) || is_rate_limit(name.as_str()) {
            out.append(name.clone(), masker.mask_header(value.clone()));
        }
    }
    out
}

/// Says whether an answer is JSON, or does not say what it is.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE);
    content_type.is_none_or(|value| value.to_str().is_ok_and(is_json_type))
}

fn is_rate_limit(name: &str) -> bool {
    name.starts_with("ratelimit")
        || name.starts_with("x-ratelimit-")
        || name.starts_with("x-rate-limit-")
}

/// The part of an answer that a mapping names; values keep their exact text.
fn mapped(mapping: &ResponseMapping, text: &str) -> Result<Bytes, UpstreamError> {
    let part = json::pointer(text, &mapping.pointer).ok_or_else(|| {
        let pointer = &mapping.pointer;
        UpstreamError::answer(format!("The upstream's answer has nothing at `{pointer}`."))
    })?;
    if mapping.select.is_empty() {
        return Ok(Bytes::copy_from_slice(part.as_bytes()));
    }
    let mut out = String::with_capacity(part.len());
    if part.starts_with('[') {
        out.push('[');
        for (index, item) in json::items(part)
            .unwrap_or_default()
            .into_iter()
            .enumerate()
        {
            out.push_str(if index > 0 { "," } else { "" });
            select(&mut out, &mapping.select, item);
        }
        out.push(']');
    } else {
        select(&mut out, &mapping.select, part);
    }
    Ok(Bytes::from(out))
}

/// Keeps the named members of an object; anything else stays as it is.
fn select(out: &mut String, names: &[String], item: &str) {
    let Some(members) = item
        .starts_with('{')
        .then(|| json::members(item).ok())
        .flatten()
    else {
        out.push_str(item);
        return;
    };
    out.push('{');
    let mut first = true;
    for (name, value) in members {
        if names.iter().any(|wanted| *wanted == name) {
            out.push_str(if first { "" } else { "," });
            first = false;
            out.push_str(&json::quoted(&name));
            out.push(':');
            out.push_str(value);
        }
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pointer: &str, select: &[&str], text: &str, expect: &str) {
        let mapping = ResponseMapping {
            pointer: pointer.to_owned(),
            select: select.iter().map(|name| (*name).to_owned()).collect(),
        };
        assert_eq!(mapped(&mapping, text).unwrap(), expect.as_bytes());
    }

    #[test]
    fn mapping_keeps_exact_text() {
        let text = r#"{"data": [{"id": 12345678901234567890123, "x": 1.10, "y": [1 ,2]}, 7]}"#;
        check("/data/0/id", &[], text, "12345678901234567890123");
        check(
            "/data",
            &["y", "id"],
            text,
            r#"[{"id":12345678901234567890123,"y":[1 ,2]},7]"#,
        );
        check("", &["none"], text, "{}");
    }

    #[test]
    fn a_missing_part_is_an_invalid_answer() {
        let mapping = ResponseMapping {
            pointer: "/data".to_owned(),
            select: Vec::new(),
        };
        assert!(matches!(
            mapped(&mapping, "{}"),
            Err(UpstreamError::InvalidAnswer { .. })
        ));
    }
}
