//! A modern client of a legacy server: its requests are made in a session of ours, in which
//! the server may ask nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use http::StatusCode;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout_at};

use super::super::about::About;
use super::super::envelope::{self, Envelope, Kind, Object, member, text_member};
use super::super::exchange::{Answer, AnswerBody, Era, Event, Events, Listening, Message};
use super::super::sessions::{Session, Sessions};
use super::super::version::{
    META_CAPABILITIES, META_CLIENT, META_LOG_LEVEL, META_SERVER, META_VERSION, MODERN,
};
use super::{Far, subscribe, taken, unknown_method};
use crate::UpstreamError;
use crate::rest::json;

/// Methods of the legacy era that the modern one does not have.
const UNKNOWN: [&str; 5] = [
    "initialize",
    "ping",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
];

/// Methods whose results say how long they are fresh (2026-07-28 server §Caching).
const CACHEABLE: [&str; 5] = [
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
];

/// Levels of log messages, the least severe first (RFC 5424 §6.2.1).
const LEVELS: [&str; 8] = [
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
];

/// Wait before a stream is taken up again where the server names none, and the longest.
const RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(30);

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
                let streaming = Streaming {
                    events,
                    translate,
                    under_way,
                    until: Instant::now() + self.max_call,
                    max_call: self.max_call,
                    last_id: None,
                    retry: RETRY,
                    ready: VecDeque::new(),
                };
                let events = stream::unfold(Some(streaming), |streaming| async {
                    let mut streaming = streaming?;
                    match streaming.next().await {
                        Ok(Some(data)) => {
                            let event = Event {
                                data,
                                ..Event::default()
                            };
                            let rest = (!streaming.under_way.over).then_some(streaming);
                            Some((Ok(event), rest))
                        }
                        Ok(None) => None,
                        Err(error) => Some((Err(error), None)),
                    }
                });
                Answer {
                    status: answer.status,
                    session: None,
                    body: AnswerBody::Events(Events::new(events)),
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

/// A request that is not answered yet: it is cancelled when it is given up, since a legacy
/// server does not take a closed stream for that.
struct UnderWay {
    far: Arc<Far>,
    session: Arc<Session>,
    id: String,
    over: bool,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let (false, Ok(runtime)) = (self.over, Handle::try_current()) else {
            return;
        };
        let (far, session) = (Arc::clone(&self.far), Arc::clone(&self.session));
        let id = &self.id;
        let body = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
        );
        runtime.spawn(async move {
            let _ = far.asking().tell(session.within("0"), body).await;
        });
    }
}

/// Refuses what a server asks although the client can be asked nothing; a ping is answered.
pub(super) fn refuse(far: &Arc<Far>, session: &Arc<Session>, asked: &Envelope<'_>) {
    let Some(id) = asked.id else {
        return;
    };
    let body = match asked.method.as_deref() {
        Some("ping") => envelope::result(id, "{}"),
        _ => envelope::error(id, -32601, "This client can be asked nothing."),
    };
    let (far, session) = (Arc::clone(far), Arc::clone(session));
    tokio::spawn(async move {
        let _ = far.asking().tell(session.within("0"), body).await;
    });
}

/// An answer that streams.
struct Streaming {
    events: Events,
    translate: Translate,
    under_way: UnderWay,
    /// When it is given up.
    until: Instant,
    max_call: Duration,
    last_id: Option<String>,
    retry: Duration,
    ready: VecDeque<Bytes>,
}

impl Streaming {
    /// The next message for the client; the stream is taken up again where it ended too early.
    async fn next(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        loop {
            if let Some(data) = self.ready.pop_front() {
                return Ok(Some(data));
            }
            let Ok(event) = timeout_at(self.until, self.events.next()).await else {
                return Err(UpstreamError::Timeout {
                    host: "The upstream".to_owned(),
                    waited_for: "to answer",
                    limit: self.max_call,
                });
            };
            match event {
                Some(event) => self.take(event?),
                None => self.resume().await?,
            }
        }
    }

    fn take(&mut self, event: Event) {
        self.last_id = event.id.or(self.last_id.take());
        if let Some(retry) = event.retry {
            self.retry = Duration::from_millis(retry).min(MAX_RETRY);
        }
        let Ok(message) = Envelope::read(&event.data, self.translate.max_depth) else {
            return;
        };
        if message.kind == Kind::Request {
            refuse(&self.under_way.far, &self.under_way.session, &message);
            return;
        }
        if message.is_response() {
            if message.id != Some(&*self.under_way.id) {
                return;
            }
            self.under_way.over = true;
        }
        self.ready.extend(self.translate.message(&event.data));
    }

    /// Takes the stream up again (2025-11-25 transports §Resumability and Redelivery).
    async fn resume(&mut self) -> Result<(), UpstreamError> {
        let ended = || UpstreamError::answer("The MCP server ended its stream without an answer.");
        if self.last_id.is_none() {
            return Err(ended());
        }
        sleep(self.retry.max(Duration::from_millis(10))).await;
        if Instant::now() >= self.until {
            return Err(ended());
        }
        let UnderWay { far, session, .. } = &self.under_way;
        let listening = Listening {
            session: session.id.clone(),
            last_event_id: self.last_id.clone(),
            version: session.version.clone(),
        };
        let answer = far
            .transport
            .listen(&listening, &far.whose, &far.authority)
            .await?;
        match answer.body {
            AnswerBody::Events(events) => self.events = events,
            _ => return Err(ended()),
        }
        Ok(())
    }
}

/// Tells a modern client what a legacy server answers.
struct Translate {
    /// The client's id.
    id: String,
    method: String,
    /// The least severe level of log messages that the client wants.
    log: Option<usize>,
    list_ttl: Duration,
    max_depth: usize,
}

impl Translate {
    /// One message; nothing for what the client did not ask for.
    fn message(&self, bytes: &Bytes) -> Option<Bytes> {
        let message = Envelope::read(bytes, self.max_depth).ok()?;
        match message.kind {
            Kind::Result => self.result(bytes, message.said?),
            Kind::Error => self.error(bytes, &message),
            Kind::Notification => self.wants(&message).then(|| bytes.clone()),
            Kind::Request => None,
        }
    }

    /// A notification of the request itself, and none about anything else.
    fn wants(&self, message: &Envelope<'_>) -> bool {
        match message.method.as_deref() {
            Some("notifications/message") => {
                let params = message.params.unwrap_or_default();
                let level = text_member(params, "level");
                let level = LEVELS
                    .iter()
                    .position(|known| level.as_deref() == Some(*known));
                self.log
                    .is_some_and(|wanted| level.is_some_and(|level| level >= wanted))
            }
            Some("notifications/progress") => true,
            _ => false,
        }
    }

    fn result(&self, bytes: &Bytes, result: &str) -> Option<Bytes> {
        let mut result = Object::read(result)?;
        result.set("resultType", "\"complete\"");
        if CACHEABLE.contains(&&*self.method) {
            let ttl = match &*self.method {
                "resources/read" => 0,
                _ => self.list_ttl.as_millis(),
            };
            result.set_default("ttlMs", ttl.to_string());
            result.set_default("cacheScope", "\"private\"");
        }
        let mut whole = Object::read(std::str::from_utf8(bytes).ok()?)?;
        whole.set("id", &*self.id);
        whole.set("result", result.to_text());
        Some(whole.to_text().into())
    }

    /// A resource that is not there has no code of its own in the modern era.
    fn error(&self, bytes: &Bytes, message: &Envelope<'_>) -> Option<Bytes> {
        let mut whole = Object::read(std::str::from_utf8(bytes).ok()?)?;
        whole.set("id", &*self.id);
        if message.code() == Some(-32002) {
            let mut error = Object::read(message.said?)?;
            error.set("code", "-32602");
            whole.set("error", error.to_text());
        }
        Some(whole.to_text().into())
    }
}

/// Says whether a capability says of itself that it has something.
pub(super) fn has(about: &About, capability: &str, what: &str) -> bool {
    about
        .capability(capability)
        .and_then(|object| member(object, what))
        == Some("true")
}
