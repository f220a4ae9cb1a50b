//! What a child is refused (S54).

use std::net::UdpSocket;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio as Pipes;

use gestalt_core::Secret;
use gestalt_core::host::EgressRules;
use gestalt_upstream::{UpstreamError, sandbox_support};
use serde_json::json;
use tokio::net::TcpListener;

use super::watched::{Watched, command};
use super::world::Setting;
use crate::server::Server;
use crate::world::only;

#[tokio::test]
async fn s54_a_child_does_not_read_the_config_the_database_or_anything_else() {
    let setting = Setting::new();
    let database = setting.state().join("gestalt.db");
    std::fs::write(&database, "rows").unwrap();
    let beside = setting.folder.path().join("config.yaml");
    std::fs::write(&beside, "key").unwrap();
    let link = setting.folder.path().join("code/link");
    std::os::unix::fs::symlink(&database, link).unwrap();
    let world = setting.build();
    let client = world.client("ada").await;
    let folder = world.folder().display().to_string();
    for path in [
        format!("{folder}/state/gestalt.db"),
        format!("{folder}/config.yaml"),
        format!("{folder}/code/link"),
        format!("{folder}/code/../config.yaml"),
        "/etc/shadow".to_owned(),
        "/etc/passwd".to_owned(),
        "/proc/1/environ".to_owned(),
        "/proc/self/root/etc/shadow".to_owned(),
        "/proc/sys/kernel/hostname".to_owned(),
        "/dev/kmsg".to_owned(),
        "/sys/kernel/notes".to_owned(),
    ] {
        client.refused("read", json!([path])).await;
    }
    for path in [
        &*folder,
        &format!("{folder}/state"),
        "/",
        "/root",
        "/proc",
        "/tmp",
        "/dev",
    ] {
        client.refused("list", json!([path])).await;
    }
    for path in [
        format!("{folder}/code/server.py"),
        format!("{folder}/new"),
        format!("{folder}/state/gestalt.db"),
        "/tmp/new".to_owned(),
    ] {
        client.refused("write", json!([path, "text"])).await;
    }
}

#[tokio::test]
async fn s54_a_child_inherits_no_open_file_of_the_daemon() {
    let setting = Setting::new();
    let path = setting.state().join("gestalt.db");
    let open = std::fs::File::create(path).unwrap();
    let world = setting.build();
    let client = world.client("ada").await;
    let script = r#"for f in /proc/$PPID/fd/*; do readlink "$f" || true; done"#;
    let did = client.did("run", json!(["sh", "-c", script])).await;
    let files = did["value"].as_str().unwrap();
    assert!(files.contains("pipe:"), "{files}");
    assert!(!files.contains("gestalt.db"), "{files}");
    drop(open);
}

#[tokio::test]
async fn s54_a_child_does_not_read_the_memory_of_the_daemon_or_of_another_child() {
    let world = Setting::new().build();
    let (ada, eve) = (world.client("ada").await, world.client("eve").await);
    let pid = |did: serde_json::Value| did["value"].as_i64().unwrap();
    let others = [
        i64::from(std::process::id()),
        pid(eve.did("pid", json!([])).await),
        pid(ada.did("parent", json!([])).await),
    ];
    for other in others {
        for file in [
            "mem",
            "environ",
            "maps",
            "cmdline",
            "fd/0",
            "root/etc/hosts",
        ] {
            ada.refused("read", json!([format!("/proc/{other}/{file}")]))
                .await;
        }
        ada.refused("kill", json!([other, 0])).await;
        ada.refused("syscall", json!([libc::SYS_ptrace, 16, other, 0, 0]))
            .await;
        ada.refused(
            "syscall",
            json!([libc::SYS_process_vm_readv, other, 0, 0, 0, 0, 0]),
        )
        .await;
    }
    // It is whole nevertheless.
    assert_eq!(
        pid(ada.did("pid", json!([])).await),
        pid(ada.did("pid", json!([])).await)
    );
}

#[tokio::test]
async fn s54_a_child_connects_to_nothing_but_its_own_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let path = folder.path().join("socket");
    let unix = UnixListener::bind(&path).unwrap();
    let (mine, other) = (Setting::new(), Setting::new().build());
    let program = mine.settings.processes.program.clone();
    let mine = mine.build();
    let (ada, eve) = (mine.client("ada").await, other.client("eve").await);
    let proxy = |did: serde_json::Value| -> u16 {
        let url = did["value"]["http_proxy"].as_str().unwrap();
        url.rsplit_once(':').unwrap().1.parse().unwrap()
    };
    let foreign = proxy(eve.did("environment", json!([])).await);
    let own = proxy(ada.did("environment", json!([])).await);
    let connected = ada.did("connect", json!(["127.0.0.1", own])).await;
    assert_eq!(connected["value"], "connected");
    for port in [tcp.local_addr().unwrap().port(), foreign, 22, 80, 443] {
        ada.refused("connect", json!(["127.0.0.1", port])).await;
    }
    // The same port at another address: rules on ports would let it through.
    if sandbox_support(&program).unwrap().own_network {
        let _elsewhere = TcpListener::bind(("127.0.0.2", own)).await.unwrap();
        ada.refused("connect", json!(["127.0.0.2", own])).await;
    }
    let (inet, inet6, local, netlink, packet) = (
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_UNIX,
        libc::AF_NETLINK,
        libc::AF_PACKET,
    );
    for (family, kind, protocol) in [
        (inet, libc::SOCK_DGRAM, 0),
        (inet6, libc::SOCK_DGRAM, 0),
        (inet, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0),
        (inet, libc::SOCK_RAW, libc::IPPROTO_ICMP),
        (inet, libc::SOCK_STREAM, libc::IPPROTO_MPTCP),
        (inet, libc::SOCK_STREAM, libc::IPPROTO_SCTP),
        (local, libc::SOCK_STREAM, 0),
        (local, libc::SOCK_DGRAM, 0),
        (netlink, libc::SOCK_RAW, 0),
        (packet, libc::SOCK_RAW, 0),
        (libc::AF_VSOCK, libc::SOCK_STREAM, 0),
    ] {
        ada.refused("socket", json!([family, kind, protocol])).await;
    }
    let opened = ada.did("socket", json!([inet, libc::SOCK_STREAM, 0])).await;
    assert_eq!(opened["value"], "opened");
    drop((udp, unix));
}

#[tokio::test]
async fn s54_without_a_network_of_its_own_only_the_port_of_the_proxy_is_open() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut setting = Setting::new();
    // A socket's path must be short: the proxy has none here, and the child no own network.
    let deep = setting.state().join("d".repeat(100));
    setting.settings.processes.run_directory = deep;
    let world = setting.build();
    let client = world.client("ada").await;
    let variables = client.did("environment", json!([])).await;
    let url = variables["value"]["http_proxy"].as_str().unwrap();
    let own: u16 = url.rsplit_once(':').unwrap().1.parse().unwrap();
    let connected = client.did("connect", json!(["127.0.0.1", own])).await;
    assert_eq!(connected["value"], "connected");
    for port in [listener.local_addr().unwrap().port(), 22, 80, 443] {
        let did = client.did("connect", json!(["127.0.0.1", port])).await;
        assert_eq!(did["refused"], "PermissionError", "{port}");
    }
}

#[tokio::test]
async fn s54_a_child_makes_no_system_call_that_undoes_this() {
    let world = Setting::new().build();
    let client = world.client("ada").await;
    client.refused("setsid", json!([])).await;
    client.refused("setpgid", json!([])).await;
    for call in [
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_open_tree,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_kexec_load,
        libc::SYS_init_module,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_pidfd_getfd,
        libc::SYS_open_by_handle_at,
        libc::SYS_bind,
        libc::SYS_listen,
    ] {
        client
            .refused("syscall", json!([call, 0, 0, 0, 0, 0]))
            .await;
    }
    for flag in [libc::CLONE_NEWUSER, libc::CLONE_NEWNET, libc::CLONE_NEWNS] {
        client
            .refused("syscall", json!([libc::SYS_clone, flag, 0, 0, 0, 0]))
            .await;
    }
    let opens_fast = json!([libc::SYS_sendto, 0, 0, 0, libc::MSG_FASTOPEN, 0, 0]);
    client.refused("syscall", opens_fast).await;
    #[cfg(target_arch = "x86_64")]
    client
        .refused("syscall", json!([libc::SYS_unshare | 0x4000_0000, 0]))
        .await;
}

#[tokio::test]
async fn s54_nothing_of_a_child_outlives_its_host() {
    let setting = Setting::new();
    let pipes = setting.folder.path().join("pipes");
    std::fs::create_dir(&pipes).unwrap();
    let watched = Watched::make(&pipes);
    let gone = watched.opened();
    let program = &setting.settings.processes.program;
    let mut host = command(program)
        .arg("host")
        .arg(&setting.process.readable[0])
        .arg(setting.state())
        .arg(watched.path())
        .stdin(Pipes::null())
        .stdout(Pipes::piped())
        .spawn()
        .unwrap();
    let mut forked = String::new();
    let mut said = std::io::BufReader::new(host.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut said, &mut forked).unwrap();
    assert!(forked.contains(r#""value":3"#), "{forked}");
    assert!(!gone.is_finished());
    // Without a chance to end anything itself.
    host.kill().unwrap();
    host.wait().unwrap();
    gone.await.unwrap();
}

#[tokio::test]
async fn s54_a_folder_around_the_database_is_not_given_to_a_plugin() {
    let inside = |setting: &Setting| setting.state().join("inside");
    let around = |setting: &Setting| setting.folder.path().to_owned();
    for path in [inside, around, |_: &Setting| "/".into()] {
        for writable in [false, true] {
            let mut setting = Setting::new();
            let path = path(&setting);
            std::fs::create_dir_all(&path).unwrap();
            if writable {
                setting.process.writable.push(path);
            } else {
                setting.process.readable.push(path);
            }
            let world = setting.build();
            let error = world.stranger("ada").begin().await.unwrap_err();
            assert!(matches!(error, UpstreamError::Config { .. }), "{error}");
        }
    }
}

#[tokio::test]
async fn a_child_has_the_environment_that_it_is_given_and_no_other() {
    let mut setting = Setting::new();
    setting.process.environment = vec![
        ("TOKEN".to_owned(), "Bearer {token}".to_owned()),
        ("LD_LIBRARY_PATH".to_owned(), "/nowhere".to_owned()),
        ("LANG".to_owned(), "fr_FR.UTF-8".to_owned()),
    ];
    let world = setting.build();
    let mut client = world.stranger("ada");
    let token = Secret::new("correct-horse");
    client.authority.fields = vec![("token".to_owned(), token.clone())];
    client.begin().await.unwrap();
    let mut did = client.did("environment", json!([])).await;
    let variables = did["value"].as_object_mut().unwrap();
    assert_eq!(variables["TOKEN"], "Bearer correct-horse");
    assert_eq!(variables["LANG"], "fr_FR.UTF-8");
    let home = variables["HOME"].as_str().unwrap().to_owned();
    assert_eq!(variables["TMPDIR"], format!("{home}/tmp"));
    let mut names: Vec<_> = variables.keys().cloned().collect();
    names.retain(|name| name != "LC_CTYPE");
    names.sort_unstable();
    let expected = [
        "ALL_PROXY",
        "HOME",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "LANG",
        "LD_LIBRARY_PATH",
        "NODE_USE_ENV_PROXY",
        "NO_PROXY",
        "PATH",
        "TMPDIR",
        "TOKEN",
        "all_proxy",
        "http_proxy",
        "https_proxy",
        "no_proxy",
    ];
    assert_eq!(names, expected);
    // Its folder is its own to write, and where it works.
    assert_eq!(client.did("cwd", json!([])).await["value"], home);
    let wrote = client.did("write", json!(["note", "text"])).await;
    assert_eq!(wrote["value"], 4);
    assert!(mode(Path::new(&home)) == 0o700);
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn s39_what_a_child_says_of_its_credential_is_masked() {
    let mut setting = Setting::new();
    setting.process.environment = vec![("TOKEN".to_owned(), "{token}".to_owned())];
    let world = setting.build();
    let mut client = world.stranger("ada");
    let token = Secret::new("correct-horse");
    client.authority.fields = vec![("token".to_owned(), token.clone())];
    client.authority.injection.mask = vec![token];
    client.begin().await.unwrap();
    let did = client.did("environment", json!([])).await;
    assert_eq!(did["value"]["TOKEN"], "*************");
}

#[tokio::test]
async fn a_child_can_do_what_it_is_for() {
    let world = Setting::new().build();
    let client = world.client("ada").await;
    assert_eq!(client.did("threads", json!([])).await["value"], true);
    assert_eq!(
        client.did("limits", json!([])).await["value"],
        json!([1024, 1024])
    );
    let said = client
        .did("run", json!(["sh", "-c", "echo hello | tr a-z A-Z"]))
        .await;
    assert_eq!(said["value"], "HELLO\n");
    let own = client.did("read", json!(["/proc/self/status"])).await;
    assert!(own["value"].as_str().unwrap().contains("NoNewPrivs:\t1"));
}

#[tokio::test]
async fn a_child_reaches_by_its_proxy_what_the_rules_name() {
    let server =
        Server::start(|seen| crate::server::answer(200, &[], format!("at {}", seen.path))).await;
    let mut setting = Setting::new();
    setting.rules = EgressRules {
        allowed_hosts: vec![server.address.to_string().parse().unwrap()],
        ..only(server.address)
    };
    let world = setting.build();
    let client = world.client("ada").await;
    let did = client
        .did("get", json!([format!("{}/hello", server.url())]))
        .await;
    assert_eq!(did["value"], "at /hello");
    let did = client
        .did("get", json!(["http://169.254.169.254/latest"]))
        .await;
    assert_eq!(did["refused"], "HTTPError");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn what_the_kernel_offers_is_found_out() {
    let setting = Setting::new();
    let support = sandbox_support(&setting.settings.processes.program).unwrap();
    assert!(support.is_whole(), "{support:?}");
    assert!(support.missing().is_empty());
    let absent = sandbox_support(Path::new("/no/such/program"));
    assert!(absent.is_err());
}
