//! How often a child is started again that keeps failing.

use std::time::Duration;

use tokio::time::Instant;

/// A child that lived for this long did not fail to start.
const SETTLED: Duration = Duration::from_mins(1);
/// Longest wait between two starts of a child that keeps failing.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// How often in a row it failed, and until when it is left alone.
#[derive(Default)]
pub(super) struct Failures {
    count: u32,
    until: Option<Instant>,
}

impl Failures {
    /// Notes one: the first is followed by a start at once, further ones by 1, 2, 4… seconds.
    pub(super) fn note(&mut self, lived: Duration, now: Instant) {
        self.count = if lived >= SETTLED { 1 } else { self.count + 1 };
        let wait = match self.count {
            0 | 1 => Duration::ZERO,
            count => Duration::from_secs(1 << (count - 2).min(16)).min(MAX_WAIT),
        };
        self.until = Some(now + wait);
    }

    /// Whether another one soon would be one in a row.
    pub(super) fn count_still(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until + SETTLED)
    }

    /// How long it is still left alone.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_keeps_failing_is_started_less_and_less_often() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..10 {
            failures.note(Duration::ZERO, now);
            waits.push(failures.wait(now).unwrap_or_default().as_secs());
        }
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        failures.note(SETTLED, now);
        assert_eq!(failures.wait(now), None);
    }
}
