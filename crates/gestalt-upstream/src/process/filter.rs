//! Which system calls a child is refused.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};

use crate::BoxError;

/// Refused whatever the arguments are.
const REFUSED: &[i64] = &[
    // Leaving the process group, by which everything of a child is ended.
    libc::SYS_setsid,
    libc::SYS_setpgid,
    // Other processes' memory.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    // Another view of the machine.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    // The kernel itself.
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    // Keys of the session.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Requests that this filter would not see.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // A child serves its input and output only.
    libc::SYS_bind,
    libc::SYS_listen,
];

/// Kinds of sockets that are no streams: datagrams, raw ones and what is built on them.
const NO_STREAMS: [i32; 6] = [
    libc::SOCK_DGRAM,
    libc::SOCK_RAW,
    libc::SOCK_RDM,
    libc::SOCK_SEQPACKET,
    libc::SOCK_DCCP,
    10, // SOCK_PACKET
];

/// Name spaces that a new process could be in.
const NAME_SPACES: [i32; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// The filters, in the order in which they are installed.
///
/// Sockets are streams of TCP only: the rules on connections know no other protocol, and a
/// socket with a path would reach the daemon's own and those of the machine. (Pairs of
/// sockets within a child are another call, and stay.)
pub(super) fn programs() -> Result<[BpfProgram; 2], BoxError> {
    // glibc uses the older call then, whose flags can be looked at.
    let newer = [(libc::SYS_clone3, Vec::new())].into_iter().collect();
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> =
        REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    let clone = NAME_SPACES.iter().map(|flag| all([has(0, *flag)?]));
    refused.insert(libc::SYS_clone, clone.collect::<Result<_, _>>()?);
    let mut socket = vec![
        all([not(0, libc::AF_INET)?, not(0, libc::AF_INET6)?])?,
        all([not(2, 0)?, not(2, libc::IPPROTO_TCP)?])?,
    ];
    for kind in NO_STREAMS {
        socket.push(all([is(1, SeccompCmpOp::MaskedEq(15), kind)?])?);
    }
    refused.insert(libc::SYS_socket, socket);
    // It connects without being asked whether it may.
    for (call, argument) in [
        (libc::SYS_sendto, 3),
        (libc::SYS_sendmsg, 2),
        (libc::SYS_sendmmsg, 3),
    ] {
        refused.insert(call, vec![all([has(argument, libc::MSG_FASTOPEN)?])?]);
    }
    #[cfg(target_arch = "x86_64")]
    add_x32(&mut refused);
    let without = u32::try_from(libc::ENOSYS)?;
    let forbidden = u32::try_from(libc::EPERM)?;
    Ok([compile(newer, without)?, compile(refused, forbidden)?])
}

/// The same calls by the numbers of the x32 interface, which the filter takes for the same
/// machine; those that have a number of their own there are refused whatever the arguments.
#[cfg(target_arch = "x86_64")]
fn add_x32(refused: &mut BTreeMap<i64, Vec<SeccompRule>>) {
    const X32: i64 = 0x4000_0000;
    let same: Vec<_> = refused
        .iter()
        .map(|(call, rules)| (call | X32, rules.clone()))
        .collect();
    refused.extend(same);
    refused.insert(libc::SYS_clone3 | X32, Vec::new());
    // ptrace, kexec_load, sendmsg, sendmmsg, process_vm_readv and process_vm_writev.
    for own in [521, 528, 518, 538, 539, 540] {
        refused.insert(own | X32, Vec::new());
    }
}

fn compile(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: u32) -> Result<BpfProgram, BoxError> {
    let machine = std::env::consts::ARCH.try_into()?;
    let action = SeccompAction::Errno(errno);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, machine)?;
    Ok(filter.try_into()?)
}

type Condition = Result<SeccompCondition, BoxError>;

fn all<const N: usize>(conditions: [SeccompCondition; N]) -> Result<SeccompRule, BoxError> {
    Ok(SeccompRule::new(conditions.into())?)
}

fn is(argument: u8, operation: SeccompCmpOp, value: i32) -> Condition {
    let value = u64::from(value.cast_unsigned());
    Ok(SeccompCondition::new(argument, Dword, operation, value)?)
}

fn not(argument: u8, value: i32) -> Condition {
    is(argument, SeccompCmpOp::Ne, value)
}

fn has(argument: u8, flag: i32) -> Condition {
    let mask = u64::from(flag.cast_unsigned());
    is(argument, SeccompCmpOp::MaskedEq(mask), flag)
}
