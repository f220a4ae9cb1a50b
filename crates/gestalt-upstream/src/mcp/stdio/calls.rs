//! Which requests of clients are under way at a child, and which of its own it waits for.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::wire::{Edit, Envelope, Params, ours, quoted, rewrite};

/// Most requests of a child that are waiting for their answer.
const MAX_ASKED: usize = 64;
/// What a message costs besides its bytes.
const PER_MESSAGE: usize = 128;

/// Where messages of a child go.
pub(super) struct Calls {
    state: Mutex<State>,
    /// Most bytes that wait for one reader.
    limit: usize,
    /// What may be asked of the client.
    askable: Askable,
}

/// What may be asked of the client.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Askable {
    /// What its capabilities say; the child was told of them.
    Client,
    /// Nothing: whom would a child ask that serves everybody?
    Nobody,
}

#[derive(Default)]
struct State {
    last: u64,
    under_way: BTreeMap<u64, UnderWay>,
    /// The child's own requests by the text of their ids, and which request they came with.
    asked: HashMap<String, Asked>,
    streams: Vec<(String, Outbox)>,
    gone: Option<Arc<str>>,
}

/// A request of a client.
struct UnderWay {
    /// Its id, as the client has it.
    id: String,
    /// By what the client wants to be told of progress.
    token: Option<String>,
    session: Option<String>,
    /// A subscription: other messages than its own do not belong to it.
    lasting: bool,
    out: Outbox,
}

struct Asked {
    call: u64,
    session: Option<String>,
}

/// A message for a client.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) message: Bytes,
    /// It is the response.
    pub(super) last: bool,
}

/// One end of a queue whose bytes are counted.
struct Outbox {
    send: UnboundedSender<Told>,
    queued: Arc<AtomicUsize>,
}

/// The other end.
pub(super) struct Inbox {
    receive: UnboundedReceiver<Told>,
    queued: Arc<AtomicUsize>,
}

impl Inbox {
    /// The next message; `None` when there will be no more.
    pub(super) async fn next(&mut self) -> Option<Told> {
        let told = self.receive.recv().await?;
        let cost = told.message.len() + PER_MESSAGE;
        self.queued.fetch_sub(cost, Ordering::Relaxed);
        Some(told)
    }
}

fn queue() -> (Outbox, Inbox) {
    let (send, receive) = mpsc::unbounded_channel();
    let queued = Arc::new(AtomicUsize::new(0));
    let out = Outbox {
        send,
        queued: Arc::clone(&queued),
    };
    (out, Inbox { receive, queued })
}

impl Outbox {
    /// Hands a message on, unless too much is waiting already or nobody waits for it.
    fn push(&self, message: Bytes, last: bool, limit: usize) -> bool {
        let cost = message.len() + PER_MESSAGE;
        let before = self.queued.fetch_add(cost, Ordering::Relaxed);
        (before == 0 || before + cost <= limit) && self.send.send(Told { message, last }).is_ok()
    }
}

/// What is to be done after a message of a child was looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// Nothing more.
    Taken,
    /// Nobody waited for it.
    Wasted,
    /// A line goes back to the child.
    Reply(Bytes),
    /// A client does not take its messages: its request is given up.
    TooSlow(u64),
    /// It is no message.
    Garbage,
}

/// A request as it goes to the child.
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) line: Bytes,
    pub(super) inbox: Inbox,
}

impl Calls {
    pub(super) fn new(limit: usize, askable: Askable) -> Self {
        Self {
            state: Mutex::default(),
            limit,
            askable,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a request a number of its own; why not, if the child is gone.
    pub(super) fn number(
        &self,
        message: &Bytes,
        envelope: &Envelope<'_>,
        session: Option<&str>,
    ) -> Result<Numbered, Arc<str>> {
        let mut state = self.state();
        if let Some(reason) = &state.gone {
            return Err(Arc::clone(reason));
        }
        state.last += 1;
        let number = state.last;
        let token = envelope.params().meta().progress;
        let mut edits = Vec::new();
        edits.extend(envelope.id.map(|id| Edit(id, number.to_string())));
        edits.extend(token.map(|token| Edit(token, number.to_string())));
        let (out, inbox) = queue();
        let under_way = UnderWay {
            id: envelope.id.map_or("null", |id| id.get()).to_owned(),
            token: token.map(|token| token.get().to_owned()),
            session: session.map(ToOwned::to_owned),
            lasting: envelope.method.as_deref() == Some("subscriptions/listen"),
            out,
        };
        state.under_way.insert(number, under_way);
        drop(state);
        Ok(Numbered {
            number,
            line: rewrite(message, edits),
            inbox,
        })
    }

    /// Gives a request up. What is to be said to the child, if it is still under way.
    pub(super) fn give_up(&self, number: u64) -> Vec<Bytes> {
        let mut state = self.state();
        if state.under_way.remove(&number).is_none() {
            return Vec::new();
        }
        let mut lines = vec![Bytes::from(format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{number},"reason":"The caller gave it up."}}}}"#
        ))];
        state.asked.retain(|id, asked| {
            let stays = asked.call != number;
            if !stays {
                lines.push(refuse(id, "The caller gave it up."));
            }
            stays
        });
        lines
    }

    /// A client's `notifications/cancelled`, as the child must have it; `None` if what it is
    /// about is over.
    pub(super) fn cancelled(
        &self,
        message: &Bytes,
        params: &Params<'_>,
        session: Option<&str>,
    ) -> Option<Bytes> {
        let request = params.request?;
        let state = self.state();
        let (number, _) = state
            .under_way
            .iter()
            .find(|(_, call)| call.id == request.get() && call.session.as_deref() == session)?;
        Some(rewrite(message, vec![Edit(request, number.to_string())]))
    }

    /// Takes a client's answer to what the child asked; `false` if the child did not ask it.
    pub(super) fn answered(&self, id: &str, session: Option<&str>) -> bool {
        let mut state = self.state();
        let asked = state.asked.get(id);
        let known = asked.is_some_and(|asked| asked.session.as_deref() == session);
        if known {
            state.asked.remove(id);
        }
        known
    }

    /// What the child says of itself, for a session.
    pub(super) fn stream(&self, session: &str) -> Inbox {
        let (out, inbox) = queue();
        let mut state = self.state();
        state.streams.retain(|(_, out)| !out.send.is_closed());
        if state.gone.is_none() {
            state.streams.push((session.to_owned(), out));
        }
        inbox
    }

    /// Ends the streams of a session.
    pub(super) fn end_streams(&self, session: &str) {
        self.state().streams.retain(|(of, _)| of != session);
    }

    /// Says whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.state().under_way.is_empty()
    }

    /// Nothing more comes: everybody who waits is told so.
    pub(super) fn end(&self, reason: Arc<str>) {
        let mut state = self.state();
        state.gone.get_or_insert(reason);
        state.under_way.clear();
        state.streams.clear();
        state.asked.clear();
    }

    /// Why nothing more comes.
    pub(super) fn gone(&self) -> Option<Arc<str>> {
        self.state().gone.clone()
    }

    /// Hands one message of the child to whom it is for.
    pub(super) fn take(&self, message: &Bytes) -> Done {
        let Ok(envelope) = Envelope::parse(message) else {
            return Done::Garbage;
        };
        match (&envelope.method, envelope.id) {
            (None, Some(_)) => self.respond(message, &envelope),
            (Some(method), Some(id)) if method == "ping" => Done::Reply(Bytes::from(format!(
                r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#,
                id.get()
            ))),
            (Some(_), Some(id)) => self.ask(message, id.get()),
            (Some(method), None) => self.notify(message, method, &envelope.params()),
            (None, None) => Done::Garbage,
        }
    }

    fn respond(&self, message: &Bytes, envelope: &Envelope<'_>) -> Done {
        let mut state = self.state();
        let call = ours(envelope.id).and_then(|number| state.under_way.remove(&number));
        drop(state);
        let (Some(call), Some(id)) = (call, envelope.id) else {
            return Done::Wasted;
        };
        let message = rewrite(message, vec![Edit(id, call.id)]);
        // The answer itself is never too much: the line's length is limited.
        let sent = call.out.push(message, true, usize::MAX);
        if sent { Done::Taken } else { Done::Wasted }
    }

    /// The child asks; the newest request under way is whose client is asked.
    fn ask(&self, message: &Bytes, id: &str) -> Done {
        let mut state = self.state();
        let newest = state.under_way.iter().rev().find(|(_, call)| !call.lasting);
        let Some((number, call)) = newest.filter(|_| self.askable == Askable::Client) else {
            return Done::Reply(refuse(id, "There is nobody to ask."));
        };
        if state.asked.len() >= MAX_ASKED {
            return Done::Reply(refuse(id, "Too many questions are waiting."));
        }
        let number = *number;
        if !call
            .out
            .push(rewrite(message, Vec::new()), false, self.limit)
        {
            return Done::TooSlow(number);
        }
        let session = call.session.clone();
        let asked = Asked {
            call: number,
            session,
        };
        state.asked.insert(id.to_owned(), asked);
        Done::Taken
    }

    fn notify(&self, message: &Bytes, method: &str, params: &Params<'_>) -> Done {
        let subscription = params.meta().subscription;
        let mut state = self.state();
        let (number, edit) = if method == "notifications/progress" {
            let Some(number) = ours(params.progress) else {
                return Done::Wasted;
            };
            let token = state
                .under_way
                .get(&number)
                .and_then(|call| call.token.clone());
            (Some(number), params.progress.zip(token))
        } else if method == "notifications/cancelled" {
            let asked = params.request.and_then(|id| state.asked.remove(id.get()));
            (asked.map(|asked| asked.call), None)
        } else if let Some(number) = ours(subscription) {
            let id = state.under_way.get(&number).map(|call| call.id.clone());
            (Some(number), subscription.zip(id))
        } else {
            let mut others = state.under_way.iter().filter(|(_, call)| !call.lasting);
            let only = others.next().filter(|_| others.next().is_none());
            let Some((number, _)) = only else {
                return self.broadcast(&mut state, message, method);
            };
            (Some(*number), None)
        };
        let Some((number, call)) =
            number.and_then(|number| Some((number, state.under_way.get(&number)?)))
        else {
            return Done::Wasted;
        };
        let edits = edit
            .map(|(part, text)| Edit(part, text))
            .into_iter()
            .collect();
        if call.out.push(rewrite(message, edits), false, self.limit) {
            Done::Taken
        } else {
            Done::TooSlow(number)
        }
    }

    fn broadcast(&self, state: &mut State, message: &Bytes, method: &str) -> Done {
        // What a child of many says of its work may be about any of them.
        let for_all = method.ends_with("/list_changed") || method.ends_with("/updated");
        if self.askable == Askable::Nobody && !for_all {
            return Done::Wasted;
        }
        let before = state.streams.len();
        // Who does not read loses the stream, not messages in its midst.
        state
            .streams
            .retain(|(_, out)| out.push(rewrite(message, Vec::new()), false, self.limit));
        if before == 0 {
            Done::Wasted
        } else {
            Done::Taken
        }
    }
}

/// An error in answer to a child's request.
fn refuse(id: &str, why: &str) -> Bytes {
    let why = quoted(why);
    Bytes::from(format!(
        r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":{why}}}}}"#
    ))
}

#[cfg(test)]
mod tests;
