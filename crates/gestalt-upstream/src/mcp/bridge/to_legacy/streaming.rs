//! An answer of a legacy server that streams, and a request that is given up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout_at};

use super::super::super::envelope::{self, Envelope, Kind};
use super::super::super::exchange::{AnswerBody, Event, Events, Listening};
use super::super::super::sessions::Session;
use super::super::Far;
use super::translate::Translate;
use crate::UpstreamError;

/// Wait before a stream is taken up again where the server names none, and the longest.
const RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(30);

/// A request that is not answered yet: it is cancelled when it is given up, since a legacy
/// server does not take a closed stream for that.
pub(super) struct UnderWay {
    pub(super) far: Arc<Far>,
    pub(super) session: Arc<Session>,
    /// JSON text.
    pub(super) id: String,
    /// It is answered, or never reached the server.
    pub(super) over: bool,
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
pub(in super::super) fn refuse(far: &Arc<Far>, session: &Arc<Session>, asked: &Envelope<'_>) {
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
pub(super) struct Streaming {
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
    pub(super) fn new(
        events: Events,
        translate: Translate,
        under_way: UnderWay,
        max_call: Duration,
    ) -> Self {
        Self {
            events,
            translate,
            under_way,
            until: Instant::now() + max_call,
            max_call,
            last_id: None,
            retry: RETRY,
            ready: VecDeque::new(),
        }
    }

    /// The events for the client, the answer as the last of them.
    pub(super) fn into_events(self) -> Events {
        Events::new(stream::unfold(Some(self), |streaming| async {
            let mut streaming = streaming?;
            match streaming.next().await {
                Ok(data) => {
                    let event = Event {
                        data,
                        ..Event::default()
                    };
                    let rest = (!streaming.under_way.over).then_some(streaming);
                    Some((Ok(event), rest))
                }
                Err(error) => Some((Err(error), None)),
            }
        }))
    }

    /// The next message for the client; the stream is taken up again where it ended too early.
    async fn next(&mut self) -> Result<Bytes, UpstreamError> {
        loop {
            if let Some(data) = self.ready.pop_front() {
                return Ok(data);
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
