//! Requests of our own, and the answers to them as a whole.

use bytes::Bytes;
use futures_util::StreamExt;
use http::StatusCode;

use super::envelope::{self, Envelope, Kind};
use super::exchange::{Answer, AnswerBody, Authority, Era, Message, Whose};
use super::transport::Transport;
use super::version::{MODERN, meta};
use crate::UpstreamError;
use crate::rest::json;

/// The id of our own requests where each has a stream of its own.
const ID: &str = "\"gestalt\"";

/// Asks one server on behalf of one caller.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) transport: &'a Transport,
    pub(crate) whose: &'a Whose,
    pub(crate) authority: &'a Authority,
    pub(crate) max_depth: usize,
}

/// What a request of our own was answered with.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) session: Option<String>,
    /// The message; nothing where the answer was none of the protocol.
    pub(crate) message: Option<Bytes>,
}

/// The session that a request of the legacy era is made in.
#[derive(Clone, Copy)]
pub(crate) struct Within<'a> {
    pub(crate) session: Option<&'a str>,
    pub(crate) version: &'a str,
    /// JSON text.
    pub(crate) id: &'a str,
}

impl Asking<'_> {
    /// Asks in the modern era; `members` are those of the parameters, as JSON text.
    pub(crate) async fn modern(
        &self,
        method: &str,
        members: &[(&str, &str)],
    ) -> Result<Response, UpstreamError> {
        let answer = self.modern_answer(method, members).await?;
        self.whole(answer).await
    }

    /// Asks in the modern era, and does not wait for a stream to end.
    pub(crate) async fn modern_answer(
        &self,
        method: &str,
        members: &[(&str, &str)],
    ) -> Result<Answer, UpstreamError> {
        let mut params = format!("{{\"_meta\":{}", meta("{}"));
        for (name, value) in members {
            params.push(',');
            params.push_str(&json::quoted(name));
            params.push(':');
            params.push_str(value);
        }
        params.push('}');
        let message = Message {
            era: Era::Modern,
            version: MODERN.to_owned(),
            method: method.to_owned(),
            id: Some(ID.to_owned()),
            name: None,
            body: envelope::request(ID, method, &params).into(),
            session: None,
            parameters: Vec::new(),
        };
        self.transport
            .send(message, self.whose, self.authority)
            .await
    }

    /// Asks in the legacy era; `params` is JSON text.
    pub(crate) async fn legacy(
        &self,
        within: Within<'_>,
        method: &str,
        params: &str,
    ) -> Result<Response, UpstreamError> {
        let message = Message {
            era: Era::Legacy,
            version: within.version.to_owned(),
            method: method.to_owned(),
            id: Some(within.id.to_owned()),
            name: None,
            body: envelope::request(within.id, method, params).into(),
            session: within.session.map(str::to_owned),
            parameters: Vec::new(),
        };
        let answer = self
            .transport
            .send(message, self.whose, self.authority)
            .await?;
        self.whole(answer).await
    }

    /// Tells in the legacy era; `body` is a whole message that wants no answer.
    pub(crate) async fn tell(&self, within: Within<'_>, body: String) -> Result<(), UpstreamError> {
        let read = Envelope::read(body.as_bytes(), self.max_depth).ok();
        let method = read.and_then(|read| read.method.map(std::borrow::Cow::into_owned));
        let message = Message {
            era: Era::Legacy,
            version: within.version.to_owned(),
            method: method.unwrap_or_default(),
            id: None,
            name: None,
            body: body.into(),
            session: within.session.map(str::to_owned),
            parameters: Vec::new(),
        };
        let answer = self
            .transport
            .send(message, self.whose, self.authority)
            .await?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(self.transport.refused(answer.status))
    }

    /// Waits for the response, passing over what comes before it.
    async fn whole(&self, answer: Answer) -> Result<Response, UpstreamError> {
        let mut response = Response {
            status: answer.status,
            session: answer.session,
            message: None,
        };
        match answer.body {
            AnswerBody::Empty => {}
            AnswerBody::Message(bytes) => response.message = Some(bytes),
            AnswerBody::Events(mut events) => {
                while let Some(event) = events.next().await {
                    let data = event?.data;
                    let read = Envelope::read(&data, self.max_depth);
                    if read.is_ok_and(|message| message.is_response()) {
                        response.message = Some(data);
                        break;
                    }
                }
            }
        }
        Ok(response)
    }

    /// The result of a response, as JSON text.
    ///
    /// # Errors
    /// If it is an error, or none of the protocol; 401 is [`UpstreamError::Unauthorized`].
    pub(crate) fn result(&self, response: &Response) -> Result<String, UpstreamError> {
        if response.status == StatusCode::UNAUTHORIZED {
            return Err(UpstreamError::Unauthorized);
        }
        let Some(bytes) = &response.message else {
            if response.status.is_success() {
                return Err(UpstreamError::answer("The MCP server gave no answer."));
            }
            return Err(self.transport.refused(response.status));
        };
        let message = Envelope::read(bytes, self.max_depth).map_err(super::http::not_mcp)?;
        match (message.kind, message.said) {
            (Kind::Result, Some(result)) => Ok(result.to_owned()),
            (Kind::Error, Some(error)) => {
                let text = envelope::text_member(error, "message").unwrap_or_default();
                let text: String = text.chars().take(300).collect();
                let code = message.code().unwrap_or(0);
                let message = format!("The MCP server answered with the error {code}: {text}");
                Err(UpstreamError::answer(message))
            }
            _ => Err(UpstreamError::answer("The MCP server gave no answer.")),
        }
    }
}
