//! News of a call under way, for a client that gave a token for it: at intervals, and as an
//! answer's bytes arrive.
//!
//! A call that ends before there is any news is answered as if nobody had asked. Otherwise
//! the answer is a stream that owns the call: a client that closes it ends the call.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::answer::event;
use super::frame::Id;

/// How much of an answer has arrived.
pub(super) struct Arrived {
    bytes: AtomicU64,
    /// How many more are news.
    step: u64,
    news: AtomicBool,
}

impl Arrived {
    pub(super) fn new(step: u64) -> Self {
        Self {
            bytes: AtomicU64::new(0),
            step: step.max(1),
            news: AtomicBool::new(false),
        }
    }

    pub(super) fn add(&self, bytes: usize) {
        let bytes = bytes as u64;
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before / self.step != (before + bytes) / self.step {
            self.news.store(true, Ordering::Relaxed);
        }
    }
}

/// Says how a call is going.
pub(super) struct Reporter {
    token: String,
    begun: Instant,
    ticks: Interval,
    arrived: Arc<Arrived>,
    /// Grows with each report, as the protocol wants it; of what, it does not say.
    reports: u64,
}

impl Reporter {
    pub(super) fn new(token: Id<'_>, interval: Duration, arrived: Arc<Arrived>) -> Self {
        let begun = Instant::now();
        let interval = interval.max(Duration::from_millis(1));
        let mut ticks = interval_at(begun + interval, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            token: token.json().to_owned(),
            begun,
            ticks,
            arrived,
            reports: 0,
        }
    }

    /// Waits for the call's end, or for the first news of it.
    pub(super) async fn first<T>(
        mut self,
        call: &mut (impl Future<Output = T> + Unpin),
    ) -> Result<T, Self> {
        tokio::select! {
            biased;
            ended = call => Ok(ended),
            () = poll_fn(|context| self.poll_news(context)) => Err(self),
        }
    }

    /// Whether there is news. What arrives does so in the task that asks, so nobody has to
    /// wake it for that.
    fn poll_news(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.arrived.news.swap(false, Ordering::Relaxed) {
            self.ticks.reset();
            return Poll::Ready(());
        }
        self.ticks.poll_tick(context).map(|_| ())
    }

    fn report(&mut self) -> Bytes {
        self.reports += 1;
        let seconds = self.begun.elapsed().as_secs();
        let arrived = self.arrived.bytes.load(Ordering::Relaxed);
        let message = match arrived {
            0 => format!("waiting for the upstream, {seconds} s"),
            bytes => format!("{bytes} bytes received, {seconds} s"),
        };
        let (token, reports) = (&self.token, self.reports);
        event(&format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{reports},"message":"{message}"}}}}"#
        ))
    }

    /// The stream: a report now, more while `last` is not there, then `last`.
    pub(super) fn body(self, last: impl Future<Output = String> + Send + 'static) -> Body {
        let events = Events {
            reporter: self,
            due: true,
            last: Some(Box::pin(last)),
        };
        Body::new(events)
    }
}

struct Events {
    reporter: Reporter,
    due: bool,
    last: Option<Pin<Box<dyn Future<Output = String> + Send>>>,
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        let Some(last) = &mut this.last else {
            return Poll::Ready(None);
        };
        if std::mem::take(&mut this.due) {
            return Poll::Ready(Some(Ok(Frame::data(this.reporter.report()))));
        }
        if let Poll::Ready(message) = last.as_mut().poll(context) {
            this.last = None;
            return Poll::Ready(Some(Ok(Frame::data(event(&message)))));
        }
        match this.reporter.poll_news(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(Some(Ok(Frame::data(this.reporter.report())))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.last.is_none()
    }
}
