//! What goes when a child does, and what it says meanwhile.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use gestalt_core::name::PluginName;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, ChildStderr};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::place::Place;
use super::run::Ended;
use super::said::{self, Said};
use crate::egress::Ticket;
use crate::mask::Masker;

/// The process group of a guardian; `None` once its number may be somebody else's.
pub(super) struct Group(Mutex<Option<Pid>>);

impl Group {
    pub(super) fn new(leader: Pid) -> Self {
        Self(Mutex::new(Some(leader)))
    }

    /// Ends all of it at once.
    pub(super) fn kill(&self) {
        let leader = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leader) = *leader {
            // Either may be gone already; before it leads a group, the guardian is alone.
            let _ = kill_process_group(leader, Signal::KILL);
            let _ = kill_process(leader, Signal::KILL);
        }
    }

    fn forget(&self) {
        let mut leader = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *leader = None;
    }
}

/// What goes when a child does.
pub(super) struct Life {
    pub(super) child: Child,
    pub(super) group: Arc<Group>,
    /// Its folder.
    pub(super) place: Option<Place>,
    /// Its room among all children.
    pub(super) _room: OwnedSemaphorePermit,
    pub(super) _ticket: Ticket,
}

impl Life {
    /// Waits for its end, clears up and tells.
    pub(super) async fn follow(
        mut self,
        followed: OwnedFd,
        log: Log,
        errors: ChildStderr,
        told: watch::Sender<Option<Ended>>,
    ) {
        let log = tokio::spawn(log.follow(errors));
        #[expect(
            deprecated,
            reason = "unsound for what does not own its descriptor only, and this one does"
        )]
        if let Ok(followed) = AsyncFd::with_interest(followed, Interest::READABLE) {
            // The guardian is dead then, but its number is still its own.
            let _ = followed.readable().await;
        }
        self.group.kill();
        self.group.forget();
        let status = self.child.wait().await;
        // Everything that could write there is dead.
        let said = log.await.ok().flatten();
        let reason = match (said, status) {
            (Some(said), _) => said,
            (None, Ok(status)) => status.to_string(),
            (None, Err(error)) => error.to_string(),
        };
        let place = self.place.take();
        let _ = tokio::task::spawn_blocking(move || drop(place)).await;
        let _ = told.send(Some(Ended(reason.into())));
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.group.kill();
    }
}

/// How our own program begins what it says.
const OURS: &str = "sandbox-exec: ";

/// Where a child's standard error goes.
pub(super) struct Log {
    pub(super) plugin: PluginName,
    pub(super) pid: i32,
    pub(super) masker: Masker,
}

impl Log {
    /// Logs everything; gives what our own program said first.
    async fn follow(self, errors: ChildStderr) -> Option<String> {
        let Self {
            plugin,
            pid,
            masker,
        } = self;
        let mut first = None;
        said::read(errors, &masker, |said| match said {
            Said::Line(line) => {
                if let Some(ours) = line.strip_prefix(OURS) {
                    let text = ours.strip_prefix("ended: ").unwrap_or(ours);
                    // Why it was not started says more than that it ended.
                    first.get_or_insert(text.to_owned());
                } else {
                    tracing::info!(%plugin, pid, "process: {line}");
                }
            }
            Said::Cut(line) => tracing::info!(%plugin, pid, "process: {line} [line cut]"),
            Said::Skipped(lines) => {
                tracing::warn!(%plugin, pid, lines, "process: too many lines, not logged");
            }
        })
        .await;
        first
    }
}
