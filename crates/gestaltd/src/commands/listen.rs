//! Binding listeners, with messages that say what to do.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpListener;

use super::Failure;
use crate::config::Listen;

/// Binds a configured address; `localhost` means both loopback addresses, where there are both.
pub(crate) async fn bind(listen: &Listen, key: &str) -> Result<Vec<TcpListener>, Failure> {
    let first_of = addresses(listen).await.map_err(|error| {
        Failure::new(format!(
            "`{key}.host` is `{}`, which is no address of this machine: {error}",
            listen.host
        ))
    })?;
    let mut sockets: Vec<TcpListener> = Vec::new();
    for address in first_of {
        // The second address of a name takes the port that the first was given.
        let port = sockets
            .first()
            .and_then(|socket| socket.local_addr().ok())
            .map_or(listen.port, |bound| bound.port());
        match TcpListener::bind(SocketAddr::new(address, port)).await {
            Ok(socket) => sockets.push(socket),
            // A machine without IPv6 still serves `localhost`.
            Err(error) if !sockets.is_empty() && error.kind() != io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(refused(listen, key, address, &error)),
        }
    }
    if sockets.is_empty() {
        return Err(Failure::new(format!(
            "`{key}.host` is `{}`, which has no address",
            listen.host
        )));
    }
    Ok(sockets)
}

async fn addresses(listen: &Listen) -> io::Result<Vec<IpAddr>> {
    if let Ok(address) = listen.host.parse() {
        return Ok(vec![address]);
    }
    let mut found: Vec<IpAddr> = tokio::net::lookup_host((listen.host.as_str(), listen.port))
        .await?
        .map(|address| address.ip())
        .collect();
    found.sort_by_key(IpAddr::is_ipv6);
    found.dedup();
    Ok(found)
}

fn refused(listen: &Listen, key: &str, address: IpAddr, error: &io::Error) -> Failure {
    let at = SocketAddr::new(address, listen.port);
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            Failure::new(format!("the port {} is busy on {address}", listen.port)).hint(format!(
                "Stop the program that has it, or set `{key}.port` to another."
            ))
        }
        io::ErrorKind::PermissionDenied => {
            Failure::new(format!("this user may not listen on {at}")).hint(format!(
                "Ports below 1024 need a privilege; set `{key}.port` to 1024 or more."
            ))
        }
        _ => Failure::new(format!("cannot listen on {at}: {error}")),
    }
}
