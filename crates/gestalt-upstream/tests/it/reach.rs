//! What may be reached.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gestalt_core::host::EgressRules;
use gestalt_upstream::egress::Reason;
use gestalt_upstream::{Resolver, UpstreamError};

use crate::server::{Server, answer};
use crate::world::{World, get, only, plugin, settings};

/// Addresses that a name server could answer with.
const SPECIAL: &[&str] = &[
    "127.0.0.1",
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "fc00::1",
    "fe80::1",
    "ff02::1",
];

fn public() -> EgressRules {
    EgressRules {
        allow_public: true,
        ..EgressRules::default()
    }
}

fn fixed(answers: Vec<IpAddr>) -> Resolver {
    Resolver::Fixed(Arc::new(move |_| answers.clone()))
}

#[track_caller]
fn is_address_denied<T: std::fmt::Debug>(result: &Result<T, UpstreamError>, what: &str) {
    match result {
        Err(UpstreamError::EgressDenied(denied)) => {
            assert!(
                matches!(denied.reason, Reason::Address(_)),
                "{what}: {denied:?}"
            );
        }
        other => unreachable!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn s35_address_literals_in_every_form_are_refused() {
    let server = Server::quiet().await;
    let port = server.address.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "100.64.0.1",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
    ] {
        let plugin = plugin(&format!("http://{host}:{port}"), public(), get("/"));
        let world = World::with(settings(), Resolver::System, &plugin);
        is_address_denied(&world.plain().await, host);
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn s35_names_of_this_machine_are_refused() {
    let server = Server::quiet().await;
    let port = server.address.port();
    for host in ["localhost", "localhost.", "LOCALHOST"] {
        let plugin = plugin(&format!("http://{host}:{port}"), public(), get("/"));
        let world = World::with(settings(), Resolver::System, &plugin);
        is_address_denied(&world.plain().await, host);
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn s35_names_with_special_addresses_are_refused() {
    for address in SPECIAL {
        let plugin = plugin("http://api.example.com", public(), get("/"));
        let resolver = fixed(vec![address.parse().unwrap()]);
        let world = World::with(settings(), resolver, &plugin);
        is_address_denied(&world.plain().await, address);
    }
}

#[tokio::test]
async fn s35_mixed_answers_are_refused_although_one_may_be_dialled() {
    let server = Server::quiet().await;
    let base = format!("http://api.example.com:{}", server.address.port());
    let permitted = server.address.ip();
    for other in ["10.0.0.1", "::1", "169.254.169.254"] {
        for answers in [
            [permitted, other.parse().unwrap()],
            [other.parse().unwrap(), permitted],
        ] {
            let plugin = plugin(&base, only(server.address), get("/"));
            let world = World::with(settings(), fixed(answers.to_vec()), &plugin);
            is_address_denied(&world.plain().await, other);
        }
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn s35_a_name_that_rebinds_is_dialled_where_it_was_checked() {
    let server = Server::start(|_| answer(200, &[("connection", "close")], "ok")).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let permitted = server.address.ip();
    // Every second answer is an address that is not permitted.
    let resolver = Resolver::Fixed(Arc::new(move |name| {
        assert_eq!(name, "rebind.example.com");
        match count.fetch_add(1, Ordering::SeqCst) % 2 {
            0 => vec![permitted],
            _ => vec!["127.0.0.9".parse().unwrap()],
        }
    }));
    let base = format!("http://rebind.example.com:{}", server.address.port());
    let plugin = plugin(&base, only(server.address), get("/"));
    let world = World::with(settings(), resolver, &plugin);
    assert!(world.plain().await.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    is_address_denied(&world.plain().await, "the second answer");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_range_permits_its_address_and_port_only() {
    let server = Server::quiet().await;
    let other = Server::quiet().await;
    let open = World::with(
        settings(),
        Resolver::System,
        &plugin(&server.url(), only(server.address), get("/")),
    );
    let shut = World::with(
        settings(),
        Resolver::System,
        &plugin(&other.url(), only(server.address), get("/")),
    );
    is_address_denied(&shut.plain().await, "another port");
    assert!(open.plain().await.is_ok());
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_host_beyond_the_base_url_needs_the_config() {
    let server = Server::quiet().await;
    let mut elsewhere = get("/");
    elsewhere.base_url = Some("https://files.example.com".parse().unwrap());
    let mut plugin = plugin(&server.url(), only(server.address), elsewhere);
    let upstream = gestalt_upstream::Upstream::new(settings(), Resolver::System).unwrap();
    let may = |plugin: &gestalt_core::plugin::Plugin| {
        let compiled = upstream.compile(plugin, None).unwrap();
        let may = compiled.check(compiled.operation("run").unwrap());
        may.is_ok()
    };
    assert!(!may(&plugin));
    plugin.egress.allowed_hosts = vec!["*.example.com".parse().unwrap()];
    assert!(may(&plugin));
}

#[tokio::test]
async fn explaining_makes_no_connection() {
    let server = Server::quiet().await;
    let world = World::new(&server, get("/"));
    let plugin = world.compiled();
    assert_eq!(plugin.check(plugin.operation("run").unwrap()), Ok(()));
    let check = |url: &str| plugin.egress().check(&url.parse().unwrap());
    assert_eq!(
        check("https://example.com/").unwrap_err().reason,
        Reason::Host
    );
    assert_eq!(
        check("http://u:p@127.0.0.1/").unwrap_err().reason,
        Reason::UserInfo
    );
    assert_eq!(
        check("ftp://127.0.0.1/").unwrap_err().reason,
        Reason::Scheme
    );
    let port = server.address.port();
    assert_eq!(
        check(&format!("https://127.0.0.1:{port}/"))
            .unwrap_err()
            .reason,
        Reason::Host
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let server = Server::quiet().await;
    let mut address = server.address;
    // Port 1 of loopback has no listener.
    address.set_port(1);
    let plugin = plugin("http://127.0.0.1:1", only(address), get("/"));
    let world = World::with(settings(), Resolver::System, &plugin);
    let result = world.plain().await;
    assert!(
        matches!(result, Err(UpstreamError::Unreachable { .. })),
        "{result:?}"
    );
    let nameless = fixed(Vec::new());
    let world = World::with(
        settings(),
        nameless,
        &crate::world::plugin("http://a.example", public(), get("/")),
    );
    let result = world.plain().await;
    assert!(
        matches!(result, Err(UpstreamError::Unreachable { .. })),
        "{result:?}"
    );
}
