//! A walk runs in the task that asked for it, which costs no task and no wake-up of its own;
//! what is begun is ended all the same, in a task of its own from where it is left.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use gestalt_core::Refusal;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

type Walk = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A walk, as long as somebody waits for its answer.
pub(super) struct Carried<'a, T> {
    walk: Option<Walk>,
    replied: oneshot::Receiver<Result<T, Refusal>>,
    tracker: &'a TaskTracker,
    /// Draining waits for this walk too, until it has ended or is handed over.
    _under_way: TaskTrackerToken,
}

impl<'a, T> Carried<'a, T> {
    pub(super) fn new(
        walk: Walk,
        replied: oneshot::Receiver<Result<T, Refusal>>,
        tracker: &'a TaskTracker,
    ) -> Self {
        Self {
            walk: Some(walk),
            replied,
            tracker,
            _under_way: tracker.token(),
        }
    }

    /// Lets what is left of the walk go on by itself: the rest of a streamed answer, or the
    /// outcome of a call whose caller is gone.
    fn hand_over(&mut self) {
        if let Some(walk) = self.walk.take()
            && let Ok(runtime) = Handle::try_current()
        {
            self.tracker.spawn_on(walk, &runtime);
        }
    }
}

impl<T> Future for Carried<'_, T> {
    type Output = Result<T, Refusal>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Taken out while it runs: a walk that panics is not run again.
        if let Some(mut walk) = self.walk.take()
            && walk.as_mut().poll(context).is_pending()
        {
            self.walk = Some(walk);
        }
        let replied = match Pin::new(&mut self.replied).poll(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(replied) => replied,
        };
        self.hand_over();
        Poll::Ready(replied.unwrap_or_else(|_| {
            Err(Refusal::internal(
                "the walk ended without an answer".to_owned(),
            ))
        }))
    }
}

/// The one thing that is done in a drop here: the walk itself goes on elsewhere, finds that
/// nobody waits, and writes its outcome in order.
impl<T> Drop for Carried<'_, T> {
    fn drop(&mut self) {
        self.hand_over();
    }
}
