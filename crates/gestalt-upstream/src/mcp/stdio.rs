//! MCP over a child's standard input and output (specification, "Transports", stdio).
//!
//! Many clients share one child, and many requests of one client are under way at once. So
//! each request gets a number of ours on its way to the child, and its own id back on the way
//! to the client; the same holds for progress tokens. All else of a message stays the text it
//! was. In the legacy era the child is initialized once and each client gets a session of its
//! own here, which ends with the child.
//!
//! Start reading at [`Stdio::send`].

mod calls;
mod child;
mod pool;
mod sessions;
mod wire;

use std::fmt;
use std::future::Future as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gestalt_core::host::EgressRules;
use gestalt_core::mcp::McpProcess;
use gestalt_core::name::PluginName;
use http::StatusCode;
use tokio::time::timeout;

use self::calls::Inbox;
use self::child::{Child, Guard};
use self::pool::{Key, Pool};
use self::sessions::Sessions;
use self::wire::{Envelope, quoted, rewrite};
use super::exchange::{Answer, AnswerBody, Authority, Era, Event, Events, Message, Whose};
use crate::{Upstream, UpstreamError};

/// How long a child may take to say whether it knows the modern era.
const PROBE: Duration = Duration::from_secs(10);

/// An MCP server that is started here.
pub struct Stdio {
    pool: Arc<Pool>,
    sessions: Arc<Sessions>,
    timeout: Duration,
}

impl Stdio {
    /// Makes one; starts nothing yet. Children reach over the network what `rules` permit.
    pub fn new(
        upstream: &Upstream,
        plugin: &PluginName,
        process: &McpProcess,
        rules: &EgressRules,
        timeout: Option<Duration>,
    ) -> Self {
        let sessions = Arc::new(Sessions::default());
        let timeout = timeout.unwrap_or(upstream.settings().request_timeout);
        let pool = Pool::new(upstream, plugin, process, rules, Arc::clone(&sessions));
        Self {
            pool: Arc::new(pool),
            sessions,
            timeout,
        }
    }

    /// Sends one message. A session that is not known, or no longer, is answered with 404.
    ///
    /// A child that answers nothing to `server/discover`, or ends over it, is taken for one
    /// that does not know it.
    ///
    /// # Errors
    /// `Process` for a child that ended, `Timeout` for one that does not answer in time,
    /// `Invalid` for a body that is no message, and those of the start of a child.
    pub async fn send(
        &self,
        message: &Message,
        whose: &Whose,
        authority: &Authority,
    ) -> Result<Answer, UpstreamError> {
        let envelope = Envelope::parse(&message.body)
            .map_err(|error| UpstreamError::invalid("", format!("It is no message: {error}.")))?;
        let key = self.pool.key(whose, message.era);
        if message.era == Era::Modern && message.method == "server/discover" {
            return self.discover(message, &envelope, &key, authority).await;
        }
        let session = message.session.as_deref();
        let child = match session {
            Some(id) if message.era == Era::Legacy => match self.sessions.find(id, whose) {
                Some(child) => child,
                None => return Ok(answer(StatusCode::NOT_FOUND, AnswerBody::Empty)),
            },
            _ => self.pool.child(&key, authority).await?,
        };
        if message.era == Era::Legacy && message.method == "initialize" {
            return self.begin(message, &envelope, &child, whose);
        }
        match (envelope.id, message.method.as_str()) {
            (Some(_), "") => {
                let id = envelope.id.map_or("", |id| id.get());
                if child.calls().answered(id, session) {
                    child.tell(rewrite(&message.body, Vec::new()))?;
                }
                Ok(answer(StatusCode::ACCEPTED, AnswerBody::Empty))
            }
            (Some(_), _) => self.ask(message, &envelope, &child, self.timeout).await,
            // The child was told so by us.
            (None, "notifications/initialized") => {
                Ok(answer(StatusCode::ACCEPTED, AnswerBody::Empty))
            }
            (None, method) => {
                let line = if method == "notifications/cancelled" {
                    child
                        .calls()
                        .cancelled(&message.body, &envelope.params(), session)
                } else {
                    Some(rewrite(&message.body, Vec::new()))
                };
                if let Some(line) = line {
                    child.tell(line)?;
                }
                Ok(answer(StatusCode::ACCEPTED, AnswerBody::Empty))
            }
        }
    }

    /// What the child says unasked in a session of the legacy era, until it ends. 404 for a
    /// session that is not known.
    pub fn listen(&self, session: &str, whose: &Whose) -> Answer {
        let Some(child) = self.sessions.find(session, whose) else {
            return answer(StatusCode::NOT_FOUND, AnswerBody::Empty);
        };
        let mut inbox = child.calls().stream(session);
        // The stream does not keep the child.
        drop(child);
        let stream = futures_util::stream::poll_fn(move |context| {
            let next = std::pin::pin!(inbox.next());
            next.poll(context)
                .map(|told| told.map(|told| Ok(event(told.message))))
        });
        answer(StatusCode::OK, AnswerBody::Events(Events::new(stream)))
    }

    /// Ends a session of the legacy era; its child stays for others. 404 for a session that
    /// is not known.
    pub fn end(&self, session: &str, whose: &Whose) -> StatusCode {
        match self.sessions.end(session, whose) {
            Some(child) => {
                child.calls().end_streams(session);
                StatusCode::OK
            }
            None => StatusCode::NOT_FOUND,
        }
    }

    /// Answers a client's `initialize` with what the child answered ours.
    fn begin(
        &self,
        message: &Message,
        envelope: &Envelope<'_>,
        child: &Arc<Child>,
        whose: &Whose,
    ) -> Result<Answer, UpstreamError> {
        let (Some(hello), Some(id)) = (child.hello.get(), envelope.id) else {
            return Err(UpstreamError::invalid("", "`initialize` is a request."));
        };
        let session = self.sessions.begin(child, whose)?;
        let result = pool::in_version(hello, &message.version);
        let result = String::from_utf8_lossy(&result);
        let id = id.get();
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
        Ok(Answer {
            status: StatusCode::OK,
            session: Some(session),
            body: AnswerBody::Message(body.into()),
        })
    }

    async fn discover(
        &self,
        message: &Message,
        envelope: &Envelope<'_>,
        key: &Key,
        authority: &Authority,
    ) -> Result<Answer, UpstreamError> {
        let child = self.pool.child(key, authority).await?;
        let limit = self.timeout.min(PROBE);
        let found = self.ask(message, envelope, &child, limit).await;
        let unknown = match &found {
            Ok(Answer {
                body: AnswerBody::Message(body),
                ..
            }) => !wire::is_result(body),
            Err(UpstreamError::Timeout { .. } | UpstreamError::Process { .. }) => true,
            _ => false,
        };
        if unknown {
            // A child of the older era must not have been asked anything before `initialize`.
            self.pool.discard(key, &child);
        }
        match found {
            Err(UpstreamError::Timeout { .. } | UpstreamError::Process { .. }) => {
                let id = envelope.id.map_or("null", |id| id.get());
                let why = quoted("The process does not answer this.");
                let body = format!(
                    r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":{why}}}}}"#
                );
                Ok(answer(StatusCode::OK, AnswerBody::Message(body.into())))
            }
            other => other,
        }
    }

    /// Makes a request; one message if the response is the first that comes.
    async fn ask(
        &self,
        message: &Message,
        envelope: &Envelope<'_>,
        child: &Arc<Child>,
        limit: Duration,
    ) -> Result<Answer, UpstreamError> {
        let session = message.session.as_deref();
        let (guard, inbox) = child.ask(&message.body, envelope, session)?;
        let mut asking = Asking {
            guard,
            inbox,
            // A subscription says something when there is something to say.
            limit: (message.method != "subscriptions/listen").then_some(limit),
            ended: false,
        };
        let Some(first) = asking.next(limit).await? else {
            return Err(child.lost());
        };
        let body = if asking.ended {
            AnswerBody::Message(first)
        } else {
            let rest = futures_util::stream::unfold(asking, Asking::event);
            let first = futures_util::stream::once(std::future::ready(Ok(event(first))));
            AnswerBody::Events(Events::new(futures_util::StreamExt::chain(first, rest)))
        };
        Ok(answer(StatusCode::OK, body))
    }
}

impl fmt::Debug for Stdio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdio").finish_non_exhaustive()
    }
}

/// A request under way, and what comes of it.
struct Asking {
    guard: Guard,
    inbox: Inbox,
    /// Longest wait for the next message.
    limit: Option<Duration>,
    ended: bool,
}

impl Asking {
    /// The next message, until the response was given.
    async fn next(&mut self, limit: Duration) -> Result<Option<Bytes>, UpstreamError> {
        if self.ended {
            return Ok(None);
        }
        let Ok(told) = timeout(limit, self.inbox.next()).await else {
            self.ended = true;
            let child = Arc::clone(&self.guard.child);
            child.doubt(limit);
            return Err(child.late(limit));
        };
        if let Some(told) = told {
            self.ended = told.last;
            return Ok(Some(told.message));
        }
        self.ended = true;
        let child = &self.guard.child;
        Err(if child.calls().gone().is_some() {
            child.lost()
        } else {
            UpstreamError::answer(
                "The process sends more messages than are taken; the call was given up.",
            )
        })
    }

    async fn event(mut self) -> Option<(Result<Event, UpstreamError>, Self)> {
        let limit = self.limit.unwrap_or(Duration::MAX);
        match self.next(limit).await {
            Ok(message) => Some((Ok(event(message?)), self)),
            Err(error) => Some((Err(error), self)),
        }
    }
}

fn event(data: Bytes) -> Event {
    Event {
        data,
        ..Event::default()
    }
}

fn answer(status: StatusCode, body: AnswerBody) -> Answer {
    Answer {
        status,
        session: None,
        body,
    }
}
