//! An answer's head, and its body as one message or a stream of them.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{StatusCode, response};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::super::envelope::{Envelope, Kind};
use super::super::exchange::{Answer, AnswerBody, Authority, Events};
use super::events::{Reading, Waiting};
use super::{EVENT_STREAM, Http, SESSION};
use crate::UpstreamError;
use crate::body::{self, Limits, read_whole};
use crate::egress::Arrived;
use crate::mask::{Masked, Masker};
use crate::rest::is_json_type;

/// Largest body read of an answer that is no success, in bytes.
const MAX_ERROR_BYTES: u64 = 1 << 20;

impl Http {
    /// Reads an answer; `waiting` is nothing where nothing was asked.
    pub(super) async fn read(
        &self,
        arrived: Arrived,
        authority: &Authority,
        waiting: Option<Waiting>,
    ) -> Result<Answer, UpstreamError> {
        let (head, body) = arrived.response.into_parts();
        let masker = Masker::new(&authority.injection);
        let session = head.headers.get(SESSION);
        let session = session.map(|value| masker.mask_header(value.clone()));
        let mut answer = Answer {
            status: head.status,
            session: session.and_then(|value| value.to_str().ok().map(str::to_owned)),
            body: AnswerBody::Empty,
        };
        if head.status == StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        if !head.status.is_success() {
            answer.body = self.read_error(&head, body, &masker).await?;
            return Ok(answer);
        }
        let Some(waiting) = waiting else {
            return Ok(answer);
        };
        if matches!(head.status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(answer);
        }
        let content_type = head.headers.get(CONTENT_TYPE);
        let content_type = content_type.map_or("", |value| value.to_str().unwrap_or("?"));
        if essence(content_type).eq_ignore_ascii_case(EVENT_STREAM) {
            let limits = Limits {
                bytes: self.settings.mcp.max_stream_bytes,
                idle: waiting.is_call().then_some(self.idle),
            };
            let body = body::open(&head.headers, body, limits)?;
            let body = Masked::new(body, masker);
            let reading = Reading::new(body, waiting, &self.settings.mcp);
            answer.body = AnswerBody::Events(Events::new(reading));
            return Ok(answer);
        }
        if !waiting.takes_message() || !(content_type.is_empty() || is_json_type(content_type)) {
            let shown: String = content_type.chars().take(80).collect();
            return Err(UpstreamError::answer(format!(
                "The MCP server answered with `{shown}`, which is nothing of MCP."
            )));
        }
        let limit = self.settings.mcp.max_message_bytes as u64;
        let bytes = self.whole(&head, body, limit).await?;
        let bytes = masker.mask(bytes);
        let said = Envelope::read(&bytes, self.settings.mcp.max_depth).map_err(not_mcp)?;
        if !said.is_response() {
            return Err(not_mcp("it is no response".to_owned()));
        }
        answer.body = AnswerBody::Message(bytes);
        Ok(answer)
    }

    /// The JSON-RPC error of an answer that is no success, if it is one.
    async fn read_error(
        &self,
        head: &response::Parts,
        body: Incoming,
        masker: &Masker,
    ) -> Result<AnswerBody, UpstreamError> {
        let content_type = head.headers.get(CONTENT_TYPE);
        if content_type.is_some_and(|value| !value.to_str().is_ok_and(is_json_type)) {
            return Ok(AnswerBody::Empty);
        }
        let bytes = self.whole(head, body, MAX_ERROR_BYTES).await?;
        let bytes = masker.mask(bytes);
        let said = Envelope::read(&bytes, self.settings.mcp.max_depth);
        if said.is_ok_and(|said| said.kind == Kind::Error) {
            return Ok(AnswerBody::Message(bytes));
        }
        Ok(AnswerBody::Empty)
    }

    async fn whole(
        &self,
        head: &response::Parts,
        body: Incoming,
        limit: u64,
    ) -> Result<Bytes, UpstreamError> {
        let limits = Limits {
            bytes: limit,
            idle: None,
        };
        let body = body::open(&head.headers, body, limits)?;
        let read = timeout(self.wait, read_whole(body, limit)).await;
        read.unwrap_or_else(|_| {
            Err(UpstreamError::Timeout {
                host: self.url.host_str().unwrap_or("The upstream").to_owned(),
                waited_for: "to send its whole answer",
                limit: self.wait,
            })
        })
    }
}

/// The error for what is no message.
pub(in crate::mcp) fn not_mcp(what: String) -> UpstreamError {
    UpstreamError::InvalidAnswer {
        message: "The MCP server answered with something that is no JSON-RPC message.".to_owned(),
        source: Some(what.into()),
    }
}

fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}
