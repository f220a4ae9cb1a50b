//! A modern client of a legacy server: its requests are made in a session of ours, in which
//! the server may ask nothing.

mod streaming;
mod translate;

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::super::about::About;
use super::super::envelope::{self, Envelope, Object, member};
use super::super::exchange::{Answer, AnswerBody, Era, Message};
use super::super::sessions::Sessions;
use super::super::version::{
    META_CAPABILITIES, META_CLIENT, META_LOG_LEVEL, META_SERVER, META_VERSION, MODERN,
};
use super::{Far, subscribe, taken, unknown_method};
use crate::UpstreamError;
use crate::rest::json;

pub(super) use self::streaming::refuse;
use self::streaming::{Streaming, UnderWay};
use self::translate::{LEVELS, Translate};

/// Methods of the legacy era that the modern one does not have.
const UNKNOWN: [&str; 5] = [
    "initialize",
    "ping",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
];

/// A legacy server for a modern client.
pub(crate) struct Bridge<'a> {
    pub(crate) far: Arc<Far>,
    pub(crate) sessions: &'a Sessions,
    /// How long a list is taken for fresh.
    pub(crate) list_ttl: Duration,
    /// Longest time for the answer to one request.
    pub(crate) max_call: Duration,
}

impl Bridge<'_> {
    /// Sends one message of a modern client.
    ///
    /// # Errors
    /// What keeps it from being sent, and what is wrong with the answer.
    pub(crate) async fn send(&self, message: Message) -> Result<Answer, UpstreamError> {
        let Some(id) = message.id.clone() else {
            return Ok(taken());
        };
        let unauthorized = |error| match error {
            UpstreamError::Unauthorized => Ok(Answer::of(StatusCode::UNAUTHORIZED)),
            error => Err(error),
        };
        match &*message.method {
            "" => Ok(taken()),
            method if UNKNOWN.contains(&method) || method.starts_with("tasks/") => {
                Ok(unknown_method(&message, StatusCode::NOT_FOUND))
            }
            "server/discover" => match self.sessions.get(&self.far.asking()).await {
                Ok(session) => Ok(Answer::message(self.discovered(&session.about, &id))),
                Err(error) => unauthorized(error),
            },
            "subscriptions/listen" => match self.sessions.get(&self.far.asking()).await {
                Ok(session) => subscribe::open(&self.far, session, &message, &id).await,
                Err(error) => unauthorized(error),
            },
            _ => self.forward(message, id).await.or_else(unauthorized),
        }
    }

    /// The answer to `server/discover`.
    fn discovered(&self, about: &About, id: &str) -> String {
        let mut versions = vec![json::quoted(MODERN)];
        versions.extend(about.versions.iter().map(|version| json::quoted(version)));
        let mut capabilities = Object::read(about.capabilities.get()).unwrap_or_default();
        capabilities.remove("tasks");
        let mut result = Object::default();
        result.set("resultType", "\"complete\"");
        result.set("supportedVersions", format!("[{}]", versions.join(",")));
        result.set("capabilities", capabilities.to_text());
        if let Some(text) = &about.instructions {
            result.set("instructions", json::quoted(text));
        }
        result.set("ttlMs", self.list_ttl.as_millis().to_string());
        result.set("cacheScope", "\"private\"");
        if let Some(server) = &about.server {
            result.set("_meta", format!("{{\"{META_SERVER}\":{}}}", server.get()));
        }
        envelope::result(id, &result.to_text())
    }

    /// Makes a request in the caller's session, in a new one if the server no longer knows it.
    async fn forward(&self, message: Message, id: String) -> Result<Answer, UpstreamError> {
        let mut again = true;
        loop {
            let session = self.sessions.get(&self.far.asking()).await?;
            let ours = session.next_id();
            let Some((body, log)) = legacy_body(&message, &ours) else {
                let text = "The parameters must be an object.";
                return Ok(Answer::message(envelope::error(&id, -32602, text)));
            };
            let request = Message {
                era: Era::Legacy,
                version: session.version.clone(),
                body: body.into(),
                id: Some(ours.clone()),
                session: session.id.clone(),
                name: None,
                parameters: Vec::new(),
                method: message.method.clone(),
            };
            let mut under_way = UnderWay {
                far: Arc::clone(&self.far),
                session: Arc::clone(&session),
                id: ours,
                over: false,
            };
            let far = &self.far;
            let answer = far
                .transport
                .send(request, &far.whose, &far.authority)
                .await;
            under_way.over = match &answer {
                Ok(answer) => !matches!(answer.body, AnswerBody::Events(_)),
                Err(_) => false,
            };
            let answer = answer?;
            if session.is_gone(answer.status) && again {
                again = false;
                self.sessions.forget(&far.whose, &session);
                continue;
            }
            let translate = Translate {
                id,
                method: message.method,
                log,
                list_ttl: self.list_ttl,
                max_depth: far.max_depth,
            };
            return self.told(answer, translate, under_way);
        }
    }

    /// The answer as a modern client knows it.
    fn told(
        &self,
        answer: Answer,
        translate: Translate,
        under_way: UnderWay,
    ) -> Result<Answer, UpstreamError> {
        Ok(match answer.body {
            AnswerBody::Empty => Answer {
                session: None,
                ..answer
            },
            AnswerBody::Message(bytes) => {
                let bytes = translate.message(&bytes).ok_or_else(no_object)?;
                let code = Envelope::read(&bytes, translate.max_depth)
                    .ok()
                    .and_then(|m| m.code());
                Answer {
                    // A method that is not known has a status of its own.
                    status: match code {
                        Some(-32601) => StatusCode::NOT_FOUND,
                        _ => StatusCode::OK,
                    },
                    session: None,
                    body: AnswerBody::Message(bytes),
                }
            }
            AnswerBody::Events(events) => {
                let streaming = Streaming::new(events, translate, under_way, self.max_call);
                Answer {
                    status: answer.status,
                    session: None,
                    body: AnswerBody::Events(streaming.into_events()),
                }
            }
        })
    }
}

/// The error for a result that is none of MCP's.
fn no_object() -> UpstreamError {
    UpstreamError::answer("The MCP server's result is no object.")
}

/// The request as a legacy server knows it, and from which level on log messages are wanted.
fn legacy_body(message: &Message, id: &str) -> Option<(String, Option<usize>)> {
    let mut whole = Object::read(std::str::from_utf8(&message.body).ok()?)?;
    let params = whole.get("params").unwrap_or("{}").to_owned();
    let mut params = Object::read(&params)?;
    let meta = params.get("_meta").unwrap_or("{}").to_owned();
    let mut meta = Object::read(&meta)?;
    let level = meta.get(META_LOG_LEVEL).and_then(json::string);
    let log = level.and_then(|level| LEVELS.iter().position(|known| *known == level));
    for modern in [META_VERSION, META_CLIENT, META_CAPABILITIES, META_LOG_LEVEL] {
        meta.remove(modern);
    }
    if meta.is_empty() {
        params.remove("_meta");
    } else {
        params.set("_meta", meta.to_text());
    }
    whole.set("id", id.to_owned());
    whole.set("params", params.to_text());
    Some((whole.to_text(), log))
}

/// Says whether a capability says of itself that it has something.
pub(super) fn has(about: &About, capability: &str, what: &str) -> bool {
    about
        .capability(capability)
        .and_then(|object| member(object, what))
        == Some("true")
}
