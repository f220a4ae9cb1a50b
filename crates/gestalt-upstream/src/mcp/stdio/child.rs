//! One child: lines to it, lines from it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use gestalt_core::name::PluginName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, sleep, timeout};

use super::calls::{Askable, Calls, Done, Inbox, Numbered};
use super::wire::{Envelope, rewrite};
use crate::UpstreamError;
use crate::mask::Masker;
use crate::process::{Handle, Process, Running};

/// Bytes of messages that nobody waits for, after which a child waits for a moment.
const WASTE: usize = 64 << 10;
/// For how long.
const PAUSE: Duration = Duration::from_millis(50);
/// Lines on a child's output that are no messages, after which it is ended.
const MAX_GARBAGE: u32 = 16;

/// A child that speaks the protocol. Dropping it ends its process.
pub(super) struct Child {
    shared: Arc<Shared>,
    process: Process,
    plugin: PluginName,
    /// What `initialize` was answered with: its `result`.
    pub(super) hello: OnceLock<Bytes>,
    asked_at: Mutex<Instant>,
    /// It is being asked whether it lives.
    doubted: AtomicBool,
    stopping: AtomicBool,
}

/// What the child and its reader and writer share.
struct Shared {
    calls: Calls,
    input: Mutex<Option<UnboundedSender<Bytes>>>,
    queued: AtomicUsize,
    /// Messages that came.
    heard: AtomicU64,
    /// Longest message, and most bytes that wait to be written.
    limit: usize,
}

/// What a child is made of.
pub(super) struct Made<'a> {
    pub(super) plugin: &'a PluginName,
    pub(super) running: Running,
    pub(super) masker: Masker,
    pub(super) askable: Askable,
    /// Longest message in bytes.
    pub(super) limit: usize,
    /// Given back when the process has ended.
    pub(super) permit: OwnedSemaphorePermit,
}

impl Child {
    pub(super) fn new(made: Made<'_>) -> Self {
        let Running {
            input,
            output,
            process,
        } = made.running;
        let (send, receive) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            calls: Calls::new(made.limit, made.askable),
            input: Mutex::new(Some(send)),
            queued: AtomicUsize::new(0),
            heard: AtomicU64::new(0),
            limit: made.limit,
        });
        tokio::spawn(write(Arc::clone(&shared), receive, input));
        let reader = Reader {
            shared: Arc::clone(&shared),
            masker: made.masker,
            process: process.handle(),
            plugin: made.plugin.clone(),
            _permit: made.permit,
        };
        tokio::spawn(reader.read(output));
        Self {
            shared,
            process,
            plugin: made.plugin.clone(),
            hello: OnceLock::new(),
            asked_at: Mutex::new(Instant::now()),
            doubted: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }
    }

    /// Whether it cannot be asked any more.
    pub(super) fn is_gone(&self) -> bool {
        self.stopping.load(Ordering::Acquire) || self.shared.calls.gone().is_some()
    }

    /// Whether it was ended by us, for no fault of its own.
    pub(super) fn was_stopped(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(super) fn calls(&self) -> &Calls {
        &self.shared.calls
    }

    /// The error for whom it can no longer answer.
    pub(super) fn lost(&self) -> UpstreamError {
        let reason = self.shared.calls.gone();
        lost(&self.plugin, reason.as_deref().unwrap_or("stopped"))
    }

    /// When it was last asked anything.
    pub(super) fn asked_at(&self) -> Instant {
        *self.asked_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        *self.asked_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Writes one message.
    pub(super) fn tell(&self, line: Bytes) -> Result<(), UpstreamError> {
        self.touch();
        self.shared.write(line, &self.plugin)
    }

    /// Sends a client's request. What comes of it is in the inbox, until the guard is dropped.
    pub(super) fn ask(
        self: &Arc<Self>,
        message: &Bytes,
        envelope: &Envelope<'_>,
        session: Option<&str>,
    ) -> Result<(Guard, Inbox), UpstreamError> {
        let numbered = self.shared.calls.number(message, envelope, session);
        let Numbered {
            number,
            line,
            inbox,
        } = numbered.map_err(|reason| lost(&self.plugin, &reason))?;
        let guard = Guard {
            child: Arc::clone(self),
            number,
        };
        self.tell(line)?;
        Ok((guard, inbox))
    }

    /// Makes a request of our own and waits for the answer: a whole message.
    pub(super) async fn ask_ourselves(
        self: &Arc<Self>,
        method: &str,
        params: &str,
        limit: Duration,
    ) -> Result<Bytes, UpstreamError> {
        let text = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"{method}","params":{params}}}"#);
        let message = Bytes::from(text);
        let envelope =
            Envelope::parse(&message).map_err(|error| UpstreamError::Internal(error.into()))?;
        let (_guard, mut inbox) = self.ask(&message, &envelope, None)?;
        let answered = timeout(limit, async {
            while let Some(told) = inbox.next().await {
                if told.last {
                    return Ok(told.message);
                }
            }
            Err(self.lost())
        });
        answered.await.unwrap_or_else(|_| Err(self.late(limit)))
    }

    /// The error for a child that takes too long.
    pub(super) fn late(&self, limit: Duration) -> UpstreamError {
        UpstreamError::Timeout {
            host: format!("The process of {}", self.plugin),
            waited_for: "to answer",
            limit,
        }
    }

    /// Asks a child that did not answer in time whether it lives, and ends it if it says
    /// nothing at all for as long again.
    pub(super) fn doubt(self: &Arc<Self>, limit: Duration) {
        if self.doubted.swap(true, Ordering::AcqRel) {
            return;
        }
        let child = Arc::clone(self);
        tokio::spawn(async move {
            let before = child.shared.heard.load(Ordering::Acquire);
            // Any answer will do, an error as well.
            let _ = child.ask_ourselves("ping", "{}", limit).await;
            if child.shared.heard.load(Ordering::Acquire) == before {
                tracing::warn!(plugin = %child.plugin, "process: says nothing any more, ended");
                child.shared.calls.end("it said nothing any more".into());
                child.process.kill();
            }
            child.doubted.store(false, Ordering::Release);
        });
    }

    /// Ends it: its input is closed, and what is left of it after a while is killed.
    pub(super) async fn stop(&self, grace: Duration) {
        self.stopping.store(true, Ordering::Release);
        self.shared.close();
        if timeout(grace, self.process.ended()).await.is_err() {
            self.process.kill();
            self.process.ended().await;
        }
    }

    /// Waits until its process and all that it started are gone.
    pub(super) async fn ended(&self) {
        self.process.ended().await;
    }

    /// The same, without keeping the child.
    pub(super) fn end(&self) -> impl Future<Output = ()> + use<> {
        let process = self.process.handle();
        async move {
            process.ended().await;
        }
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        self.process.kill();
    }
}

fn lost(plugin: &PluginName, reason: &str) -> UpstreamError {
    // Why one was not started names folders of this machine, which are for the log.
    if reason.starts_with("not started") {
        let what = format!("The process of {plugin} could not be started; the log says why.");
        return UpstreamError::process(what);
    }
    UpstreamError::process(format!("The process of {plugin} ended ({reason})."))
}

/// A request under way; dropping this gives it up.
pub(super) struct Guard {
    pub(super) child: Arc<Child>,
    number: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        for line in self.child.shared.calls.give_up(self.number) {
            // A child that is gone need not know.
            let _ = self.child.shared.write(line, &self.child.plugin);
        }
    }
}

impl Shared {
    fn write(&self, line: Bytes, plugin: &PluginName) -> Result<(), UpstreamError> {
        let cost = line.len() + 1;
        let before = self.queued.fetch_add(cost, Ordering::AcqRel);
        if before > 0 && before + cost > self.limit {
            self.queued.fetch_sub(cost, Ordering::AcqRel);
            return Err(UpstreamError::process(format!(
                "The process of {plugin} does not take what it is sent."
            )));
        }
        let input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = input.as_ref().is_some_and(|input| input.send(line).is_ok());
        if sent {
            Ok(())
        } else {
            let reason = self.calls.gone();
            Err(lost(plugin, reason.as_deref().unwrap_or("stopped")))
        }
    }

    fn close(&self) {
        *self.input.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

async fn write(shared: Arc<Shared>, mut lines: UnboundedReceiver<Bytes>, mut input: ChildStdin) {
    while let Some(line) = lines.recv().await {
        let written = async {
            input.write_all(&line).await?;
            input.write_all(b"\n").await
        };
        // A child that closed its input may still end well.
        if written.await.is_err() {
            break;
        }
        shared.queued.fetch_sub(line.len() + 1, Ordering::AcqRel);
    }
}

/// Reads a child's output to its end.
struct Reader {
    shared: Arc<Shared>,
    masker: Masker,
    process: Handle,
    plugin: PluginName,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    async fn read(self, mut output: ChildStdout) {
        let fault = self.messages(&mut output).await;
        self.process.kill();
        let ended = self.process.ended().await;
        let reason = fault.map_or(ended.0, Into::into);
        tracing::info!(plugin = %self.plugin, "process: ended ({reason})");
        self.shared.calls.end(reason);
        self.shared.close();
    }

    /// Hands on every message; says what is wrong with the last one, if anything.
    async fn messages(&self, output: &mut ChildStdout) -> Option<&'static str> {
        let mut buffer = BytesMut::new();
        let (mut searched, mut wasted, mut garbage) = (0, 0, 0);
        loop {
            while let Some(end) = memchr::memchr(b'\n', &buffer[searched..]) {
                let line = buffer.split_to(searched + end + 1).freeze();
                searched = 0;
                let bytes = line.len();
                match self.message(&line) {
                    Done::Taken | Done::Reply(_) | Done::TooSlow(_) => {}
                    Done::Wasted => wasted += bytes,
                    Done::Garbage => {
                        wasted += bytes;
                        garbage += 1;
                    }
                }
                if garbage > MAX_GARBAGE {
                    return Some("it writes to its output what is no message");
                }
                if wasted > WASTE {
                    wasted = 0;
                    sleep(PAUSE).await;
                }
            }
            searched = buffer.len();
            if buffer.len() > self.shared.limit {
                return Some("a message of it is larger than the limit");
            }
            buffer.reserve(8 << 10);
            match output.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    fn message(&self, line: &Bytes) -> Done {
        let line = trimmed(line);
        if line.is_empty() {
            return Done::Wasted;
        }
        self.shared.heard.fetch_add(1, Ordering::AcqRel);
        let done = self.shared.calls.take(&self.masker.mask(line));
        match &done {
            Done::Reply(reply) => {
                // If it does not read, it does not get answers.
                let _ = self.shared.write(rewrite(reply, Vec::new()), &self.plugin);
            }
            Done::TooSlow(number) => {
                for line in self.shared.calls.give_up(*number) {
                    let _ = self.shared.write(line, &self.plugin);
                }
            }
            Done::Garbage => {
                tracing::warn!(plugin = %self.plugin, "process: writes to its output what is no message");
            }
            Done::Taken | Done::Wasted => {}
        }
        done
    }
}

fn trimmed(line: &Bytes) -> Bytes {
    let text = line.trim_ascii();
    line.slice_ref(text)
}
