//! `sandbox-exec`: the guardian of a child, and the process that becomes it.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitCode, ExitStatus};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, getppid, kill_current_process_group, pidfd_open,
    set_child_subreaper, set_parent_process_death_signal, setsid, wait,
};

use super::confine::{Confined, confine};
use super::instructions::{COMMAND, Instructions, PREFIX};
use super::make_undumpable;
use super::network::{self, Relay};
use super::support;
use crate::BoxError;

/// The work of `gestaltd sandbox-exec`, with the arguments after that word. Must be called
/// while the process has one thread.
///
/// It is for [`Processes`](super::Processes) only: what it takes may change with any version.
pub fn sandbox_exec(arguments: &[String]) -> ExitCode {
    let done = match arguments {
        [step, text] if step == "guard" => guard(text),
        [step, parent, text] if step == "become" => become_child(parent, text),
        [step] if step == "probe" => support::probe(),
        _ => Err("it is started by the daemon only".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("not started: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Says something to the daemon, which reads what a child writes to its standard error.
fn say(text: &str) {
    let mut line = format!("sandbox-exec: {text}\n").into_bytes();
    line.retain(|byte| *byte != 0);
    // Whoever would have read it is gone.
    let _ = std::io::stderr().write_all(&line);
}

/// Starts the child and stays until it or the daemon is gone; then ends the whole group, this
/// process with it. Nothing gets out of the group: the child may make no other.
fn guard(text: &str) -> Result<(), BoxError> {
    let instructions: Instructions = serde_json::from_str(text)?;
    // Where it is not granted, the rule on the proxy's port must do.
    let own_network = instructions.proxy_socket.is_some() && network::leave().is_ok();
    make_undumpable()?;
    setsid()?;
    // What the child leaves behind becomes ours, so that no zombie of it stays for init.
    set_child_subreaper(Some(getpid()))?;
    let daemon = follow(instructions.parent)?;
    let own = getpid().as_raw_nonzero().to_string();
    if let (true, Some(port), Some(socket)) = (
        own_network,
        instructions.proxy_port,
        &instructions.proxy_socket,
    ) {
        Relay::new(port, socket)?.start()?;
    }
    let mut command = command();
    let child = command.args([COMMAND, "become", &own, text]).spawn()?;
    drop(command);
    let child = Pid::from_child(&child);
    let watched = pidfd_open(child, PidfdFlags::empty())?;
    loop {
        let mut either = [
            PollFd::new(&daemon, PollFlags::IN),
            PollFd::new(&watched, PollFlags::IN),
        ];
        // The zombies of what the child left behind wait a minute at most.
        let _ = poll(
            &mut either,
            Some(&rustix::event::Timespec {
                tv_sec: 60,
                tv_nsec: 0,
            }),
        );
        let ended = reap(child);
        if let Some(status) = ended {
            say(&format!("ended: {status}"));
        }
        if ended.is_some() || !either[0].revents().is_empty() {
            kill_current_process_group(Signal::KILL)?;
        }
    }
}

/// Takes what ended, and says how the child did.
fn reap(child: Pid) -> Option<ExitStatus> {
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == child {
            return Some(ExitStatus::from_raw(status.as_raw()));
        }
    }
    None
}

/// Something that shows when the parent is gone.
fn follow(parent: i32) -> Result<OwnedFd, BoxError> {
    let parent = Pid::from_raw(parent).ok_or("no parent is named")?;
    let followed = pidfd_open(parent, PidfdFlags::empty())?;
    if getppid() == Some(parent) {
        Ok(followed)
    } else {
        Err("the daemon is gone".into())
    }
}

fn become_child(guardian: &str, text: &str) -> Result<(), BoxError> {
    let instructions: Instructions = serde_json::from_str(text)?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid().map(|parent| parent.as_raw_nonzero().to_string()) != Some(guardian.to_owned()) {
        return Err("the guardian is gone".into());
    }
    let _: Confined = confine(&instructions)?;
    #[expect(
        clippy::disallowed_methods,
        reason = "processes are started by this room"
    )]
    let mut command = Command::new(&instructions.command);
    command
        .args(&instructions.arguments)
        .current_dir(&instructions.directory)
        .env_clear()
        .envs(std::env::vars_os().filter_map(|(name, value)| Some((own_name(&name)?, value))));
    let error = command.exec();
    Err(format!("{}: {error}", instructions.command.display()).into())
}

/// A variable's name as the child is to see it, if it is for the child.
fn own_name(name: &OsString) -> Option<OsString> {
    let name = name.as_bytes().strip_prefix(PREFIX.as_bytes())?;
    Some(OsString::from_vec(name.to_vec()))
}

/// This very program, whatever was installed in its place meanwhile.
fn command() -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "processes are started by this room"
    )]
    Command::new("/proc/self/exe")
}
