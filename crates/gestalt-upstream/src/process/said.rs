//! What a child writes to its standard error, line by line, within bounds.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, sleep};

use crate::mask::Masker;

/// Longest line that is logged, in bytes.
const MAX_LINE: usize = 4 << 10;
/// Lines that may come at once.
const BURST: u32 = 100;
/// Time for one more line.
const EVERY: Duration = Duration::from_millis(100);
/// Bytes read at once.
const PIECE: usize = 64 << 10;
/// How long nothing is read after a piece of a flood, so that it costs next to nothing; the
/// child waits meanwhile.
const PAUSE: Duration = Duration::from_millis(10);

/// One thing to log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A line, without what no log should hold.
    Line(String),
    /// A longer line than is logged: its beginning.
    Cut(String),
    /// So many lines were not logged, there were too many.
    Skipped(u64),
}

/// Reads to the end and hands on what is to be logged.
pub(super) async fn read(
    mut from: impl AsyncRead + Unpin,
    masker: &Masker,
    mut log: impl FnMut(Said),
) {
    let mut budget = Budget::new();
    let (mut line, mut too_long, mut skipped) = (BytesMut::new(), false, 0u64);
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece).await.unwrap_or(0);
        let mut flooded = false;
        for part in piece[..read].split_inclusive(|byte| *byte == b'\n') {
            let ends = part.ends_with(b"\n");
            // A secret that lies across the cut must still be recognised: more is kept.
            let room = (2 * MAX_LINE).saturating_sub(line.len());
            line.extend_from_slice(&part[..part.len().min(room)]);
            too_long |= part.len() > room;
            if !ends {
                continue;
            }
            if budget.take() {
                if skipped > 0 {
                    log(Said::Skipped(std::mem::take(&mut skipped)));
                }
                log(say(line.split().freeze(), too_long, masker));
            } else {
                skipped += 1;
                flooded = true;
            }
            line.clear();
            too_long = false;
        }
        if read == 0 {
            break;
        }
        if flooded || too_long {
            sleep(PAUSE).await;
        }
    }
    if !line.is_empty() {
        log(say(line.freeze(), too_long, masker));
    }
    if skipped > 0 {
        log(Said::Skipped(skipped));
    }
}

fn say(line: Bytes, too_long: bool, masker: &Masker) -> Said {
    let line = masker.mask(line);
    let kept = &line[..line.len().min(MAX_LINE)];
    let text = String::from_utf8_lossy(kept);
    let text = text
        .trim_end()
        .replace(|character: char| character.is_control(), " ");
    if too_long || line.len() > MAX_LINE {
        Said::Cut(text)
    } else {
        Said::Line(text)
    }
}

/// How many lines may still be logged.
struct Budget {
    left: u32,
    since: Instant,
}

impl Budget {
    fn new() -> Self {
        Self {
            left: BURST,
            since: Instant::now(),
        }
    }

    fn take(&mut self) -> bool {
        let now = Instant::now();
        let more = now.duration_since(self.since).as_millis() / EVERY.as_millis();
        if let Ok(more @ 1..) = u32::try_from(more) {
            self.left = self.left.saturating_add(more).min(BURST);
            self.since = now;
        }
        let some = self.left > 0;
        self.left -= u32::from(some);
        some
    }
}

#[cfg(test)]
mod tests;
