//! A network of the child's own, with nothing in it but its proxy.
//!
//! Rules on connections know ports and no addresses, so that without this a child could reach
//! any host at its proxy's port. Not every machine grants it: root may, and who may make a
//! user name space; containers often may not.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};
use rustix::process::{getegid, geteuid};
use rustix::thread::UnshareFlags;
use tokio::io::copy_bidirectional;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;

use crate::BoxError;

/// Most connections that are carried at the same time.
const MAX_CONNECTIONS: usize = 256;

/// Leaves the machine's network for one of its own, if the kernel grants that. Must be called
/// while the process has one thread, and before it is made undumpable.
pub(super) fn leave() -> Result<(), BoxError> {
    if separate(UnshareFlags::NEWNET).is_err() {
        let (user, group) = (geteuid().as_raw(), getegid().as_raw());
        separate(UnshareFlags::NEWUSER | UnshareFlags::NEWNET)?;
        // The same user as before, and no other (user_namespaces(7)).
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
        fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
    }
    raise_loopback()
}

fn separate(what: UnshareFlags) -> rustix::io::Result<()> {
    #[expect(
        deprecated,
        reason = "unsafe for tables of open files that threads share, which this leaves alone"
    )]
    rustix::thread::unshare(what)
}

/// Sets the loopback interface up (rtnetlink(7)): a new network has it down.
fn raise_loopback() -> Result<(), BoxError> {
    const LENGTH: u32 = 32;
    const NEW_LINK: u16 = 16;
    const REQUEST_AND_ACKNOWLEDGE: u16 = 1 | 4;
    const LOOPBACK: i32 = 1;
    const UP: u32 = 1;
    let mut message = Vec::with_capacity(LENGTH as usize);
    message.extend_from_slice(&LENGTH.to_ne_bytes());
    message.extend_from_slice(&NEW_LINK.to_ne_bytes());
    message.extend_from_slice(&REQUEST_AND_ACKNOWLEDGE.to_ne_bytes());
    // Sequence and sender, then the family and type of the interface: any.
    message.extend_from_slice(&[0; 12]);
    message.extend_from_slice(&LOOPBACK.to_ne_bytes());
    // The flags, and which of them to change.
    message.extend_from_slice(&UP.to_ne_bytes());
    message.extend_from_slice(&UP.to_ne_bytes());
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        // The protocol 0 is rtnetlink.
        None,
    )?;
    send(&socket, &message, SendFlags::empty())?;
    let mut answer = [0; 256];
    let (read, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
    // The acknowledgement holds an error's number after its header; zero is none.
    match answer[..read].get(16..20) {
        Some([0, 0, 0, 0]) => Ok(()),
        _ => Err("the loopback interface does not come up".into()),
    }
}

/// Carries connections to the proxy's port in this network to its socket outside.
pub(super) struct Relay {
    listener: TcpListener,
    socket: PathBuf,
}

impl Relay {
    /// Listens, so that the child can connect from its start on.
    pub(super) fn new(port: u16, socket: &Path) -> Result<Self, BoxError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            socket: socket.to_owned(),
        })
    }

    /// Carries on in a thread of its own until the process ends.
    pub(super) fn start(self) -> Result<(), BoxError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("relay".to_owned())
            .spawn(move || runtime.block_on(self.carry()))?;
        Ok(())
    }

    async fn carry(self) {
        let Ok(listener) = tokio::net::TcpListener::from_std(self.listener) else {
            return;
        };
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
            let Ok((mut from, _)) = listener.accept().await else {
                // Out of files: those that are open must end first.
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            };
            let socket = self.socket.clone();
            tokio::spawn(async move {
                if let Ok(mut to) = UnixStream::connect(socket).await {
                    // Either side may break off.
                    let _ = copy_bidirectional(&mut from, &mut to).await;
                }
                drop(permit);
            });
        }
    }
}
