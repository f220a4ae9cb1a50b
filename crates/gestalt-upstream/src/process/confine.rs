//! Gives up what a child must not have. It runs in the process that becomes the child, which
//! has one thread.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort,
    PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, Scope,
    path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use super::ProcessLimits;
use super::filter;
use super::instructions::Instructions;
use crate::BoxError;

/// What every child may read, and execute from: libraries and programs of the system.
const SYSTEM: &[&str] = &["/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin"];

/// What every child may read: certificates, how names are resolved, the time zone, and what
/// run times look at when they start, which tells of the machine but of no other process.
const READABLE: &[&str] = &[
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/localtime",
    "/etc/timezone",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/version",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
];

/// The interface from which on everything below is there: files, connections, signals.
const WHOLE: ABI = ABI::V6;
/// The newest one whose rights are taken away where the kernel knows them.
const NEWEST: ABI = ABI::V7;

/// What a process was confined by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Confined {
    /// The kernel's interface for rules on files and connections; 0 is none.
    pub(super) landlock: u8,
    pub(super) system_calls: bool,
    /// Whether it has a network of its own, as the guardian sees to.
    pub(super) own_network: bool,
}

impl Confined {
    pub(super) fn wholly(self) -> bool {
        self.system_calls && i32::from(self.landlock) >= WHOLE as i32
    }
}

/// Gives up, for this process and all it will start, what the instructions do not grant.
pub(super) fn confine(instructions: &Instructions) -> Result<Confined, BoxError> {
    limit(instructions.limits)?;
    rustix::thread::set_no_new_privs(true)?;
    let status = files_and_connections(instructions)?;
    let landlock = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => u8::try_from(effective_abi as i32)?,
        _ => 0,
    };
    // The last one: it refuses nothing that the above need, but may one day.
    let mut system_calls = true;
    for program in filter::programs()? {
        system_calls &= seccompiler::apply_filter(&program).is_ok();
    }
    let confined = Confined {
        landlock,
        system_calls,
        own_network: false,
    };
    if instructions.required && !confined.wholly() {
        return Err("the kernel cannot confine it, and the plugin requires it".into());
    }
    Ok(confined)
}

fn limit(limits: ProcessLimits) -> Result<(), BoxError> {
    let wanted = [
        (Resource::Core, Some(0)),
        (Resource::Nofile, Some(limits.open_files)),
        (Resource::Nproc, limits.processes),
        (Resource::As, limits.memory),
        (Resource::Fsize, limits.file_bytes),
    ];
    for (resource, value) in wanted {
        let Some(value) = value else { continue };
        // What is lower already stays so.
        let now = rustix::process::getrlimit(resource).maximum;
        let value = Some(now.map_or(value, |now| now.min(value)));
        setrlimit(
            resource,
            Rlimit {
                current: value,
                maximum: value,
            },
        )?;
    }
    Ok(())
}

fn files_and_connections(instructions: &Instructions) -> Result<RestrictionStatus, BoxError> {
    let all = AccessFs::from_all(NEWEST);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let run = AccessFs::from_read(NEWEST);
    let null = AccessFs::ReadFile | AccessFs::WriteFile;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, run))?
        .add_rules(path_beneath_rules(READABLE, read))?
        .add_rules(path_beneath_rules(["/dev/null"], null))?
        .add_rule(granted(&instructions.command, run)?)?
        .add_rule(granted(&instructions.private, all)?)?;
    for path in &instructions.readable {
        rules = rules.add_rule(granted(path, run)?)?;
    }
    for path in &instructions.writable {
        rules = rules.add_rule(granted(path, all)?)?;
    }
    if let Some(port) = instructions.proxy_port {
        rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
    }
    Ok(rules.restrict_self()?)
}

/// What was asked for by name must be there, while what systems have varies.
fn granted(path: &Path, access: BitFlags<AccessFs>) -> Result<PathBeneath<PathFd>, BoxError> {
    let found = PathFd::new(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let access = if path.is_dir() {
        access
    } else {
        access & AccessFs::from_file(NEWEST)
    };
    Ok(PathBeneath::new(found, access))
}

/// What every child may read, for the check that none of it is protected.
pub(super) fn readable_by_all() -> impl Iterator<Item = PathBuf> {
    SYSTEM.iter().chain(READABLE).map(PathBuf::from)
}
