//! Listeners and connections: bounded in number, in size and in time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Door;
use super::guard::Guard;

/// What a listener is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// API and pages.
    Public,
    /// Health, metrics and the admin API.
    Management,
}

/// An open socket and what it is for.
#[derive(Debug)]
pub struct Listener {
    /// The socket, bound.
    pub socket: TcpListener,
    /// What it is for.
    pub role: Role,
}

/// Serves until `stop` is cancelled, then lets requests under way end, until `cut` is
/// cancelled too.
///
/// # Errors
/// When a listener has no address. What goes wrong with one connection ends that one only.
pub async fn serve(
    door: Door,
    listeners: Vec<Listener>,
    stop: CancellationToken,
    cut: CancellationToken,
) -> io::Result<()> {
    let mut open = tokio::task::JoinSet::new();
    for Listener { socket, role } in listeners {
        let guard = Guard::new(door.clone(), role);
        open.spawn(listen(
            guard,
            socket,
            *door.limits(),
            stop.clone(),
            cut.clone(),
        ));
    }
    while let Some(ended) = open.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(())
}

async fn listen(
    guard: Guard,
    socket: TcpListener,
    limits: super::Limits,
    stop: CancellationToken,
    cut: CancellationToken,
) -> io::Result<()> {
    socket.local_addr()?;
    let graceful = GracefulShutdown::new();
    let seats = Arc::new(Semaphore::new(limits.max_connections));
    let server = server(&limits);
    loop {
        let accepted = async {
            let seat = Arc::clone(&seats).acquire_owned().await;
            (seat, socket.accept().await)
        };
        let (seat, accepted) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accepted => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: connections that end give some back.
                tracing::warn!(%error, "no connection accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(local) = prepare(&stream) else {
            continue;
        };
        let guard = guard.clone();
        let service = service_fn(move |request| {
            let guard = guard.clone();
            async move { guard.answer(request, peer, local).await }
        });
        let connection = server.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        let cut = cut.clone();
        tokio::spawn(async move {
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::trace!(%error, %peer, "connection ended");
                },
                () = cut.cancelled() => {}
            }
            drop(seat);
        });
    }
    drop(socket);
    tokio::select! {
        biased;
        () = graceful.shutdown() => {}
        () = cut.cancelled() => tracing::warn!("requests still under way were cut"),
    }
    Ok(())
}

fn server(limits: &super::Limits) -> http1::Builder {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_header_size(limits.max_head_bytes);
    server
}

/// Small answers leave at once.
fn prepare(stream: &TcpStream) -> io::Result<SocketAddr> {
    stream.set_nodelay(true)?;
    stream.local_addr()
}
