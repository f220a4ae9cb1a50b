//! Counts statements, in all and for one task.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

tokio::task_local! {
    /// The statements of the running task, where somebody counts them.
    static COUNTED: Cell<u64>;
}

/// Runs a future and counts the statements that it runs itself.
pub(crate) async fn counted<F: Future>(future: F) -> (F::Output, u64) {
    let counting = async {
        let output = future.await;
        (output, COUNTED.with(Cell::get))
    };
    COUNTED.scope(Cell::new(0), counting).await
}

/// Counts statements; the begin and end of a transaction are not counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter(Arc<AtomicU64>);

impl Counter {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        // Outside of `counted` nobody asks.
        let _ = COUNTED.try_with(|count| count.set(count.get() + 1));
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
