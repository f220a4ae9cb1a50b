//! Bytes both ways.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Bytes that are moved at once.
const PIECE: usize = 16 << 10;

/// Moves bytes both ways until both sides have ended, or neither has said anything for as long
/// as `idle`.
pub(super) async fn pipe(child: impl AsyncRead + AsyncWrite, host: TcpStream, idle: Duration) {
    let (child_in, child_out) = tokio::io::split(child);
    let (host_in, host_out) = host.into_split();
    let moved = AtomicU64::new(0);
    let both = async {
        tokio::join!(
            copy(child_in, host_out, &moved),
            copy(host_in, child_out, &moved)
        )
    };
    until_idle(both, idle, &moved).await;
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    moved: &AtomicU64,
) -> std::io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&piece[..read]).await?;
        moved.fetch_add(1, Ordering::Relaxed);
    }
}

async fn until_idle<T>(work: impl Future<Output = T>, limit: Duration, moved: &AtomicU64) {
    let mut work = pin!(work);
    let mut before = 0;
    while timeout(limit, work.as_mut()).await.is_err() {
        let now = moved.load(Ordering::Relaxed);
        if now == before {
            return;
        }
        before = now;
    }
}
