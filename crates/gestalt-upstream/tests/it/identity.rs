//! What says who calls: nobody else sets it, and it does not leave home.

use std::sync::Arc;

use gestalt_core::Secret;
use gestalt_core::host::{AddressRange, EgressRules};
use gestalt_core::identity::{IdentityField, IdentityForwarding};
use gestalt_core::operation::{Location, Operation};
use gestalt_core::plugin::Plugin;
use gestalt_upstream::{Resolver, Upstream, UpstreamError};
use http::{HeaderName, HeaderValue};

use crate::server::{Server, redirect};
use crate::world::{World, get, only, plugin, settings, text};

const USER: HeaderName = HeaderName::from_static("x-gestalt-user");

fn ada() -> Vec<(HeaderName, HeaderValue)> {
    vec![(USER, HeaderValue::from_static("ada"))]
}

fn compiles(plugin: &Plugin) -> Result<(), UpstreamError> {
    let upstream = Upstream::new(settings(), Resolver::System).unwrap();
    upstream.compile(plugin, None).map(drop)
}

/// Operations that would set a header, by an argument and always.
fn setting(name: &str) -> [Operation; 2] {
    let (mut by_argument, mut always) = (get("/a"), get("/a"));
    by_argument.parameters = vec![text(name, Location::Header)];
    always.headers = vec![(name.to_owned(), "eve".to_owned())];
    [by_argument, always]
}

#[test]
fn s36_an_operation_that_says_itself_who_calls_is_refused() {
    for name in ["X-Gestalt-User", "x-gestalt-teams", "X-GESTALT-anything"] {
        for operation in setting(name) {
            let made = plugin("https://example.com", EgressRules::default(), operation);
            let refused = compiles(&made);
            assert!(
                matches!(&refused, Err(UpstreamError::Config { .. })),
                "{name}: {refused:?}"
            );
        }
    }
}

#[test]
fn s36_so_is_one_that_sets_a_header_of_another_name_for_it_also_after_a_reload() {
    for operation in setting("X-Who") {
        let mut made = plugin("https://example.com", EgressRules::default(), operation);
        let upstream = Upstream::new(settings(), Resolver::System).unwrap();
        let before = upstream.compile(&made, None).unwrap();
        made.identity = Some(IdentityForwarding {
            headers: vec![(IdentityField::Teams, HeaderName::from_static("x-who"))],
            ..IdentityForwarding::default()
        });
        assert!(upstream.compile(&made, Some(&before)).is_err());
    }
}

#[tokio::test]
async fn s36_a_credential_of_its_name_does_not_go_before_it() {
    let server = Server::quiet().await;
    let mut world = World::new(&server, get("/a"));
    world.injection.headers = vec![(USER, Secret::new("eve"))];
    world.identity = ada();
    world.plain().await.unwrap();
    assert_eq!(server.only().header("x-gestalt-user"), Some("ada"));
}

#[tokio::test]
async fn s38_a_redirect_to_another_host_does_not_say_who_calls() {
    let other = Server::quiet().await;
    let to = other.url();
    let server = Server::start(move |_| redirect(302, &to)).await;
    let mut made = plugin(&server.url(), only(server.address), get("/from"));
    let range = AddressRange::exactly(other.address.ip(), other.address.port());
    made.egress.allowed_ranges.push(range);
    let host = format!("127.0.0.1:{}", other.address.port());
    made.egress.allowed_hosts.push(host.parse().unwrap());
    let mut world = World::with(settings(), Resolver::System, &made);
    world.identity = ada();
    world.plain().await.unwrap();
    assert_eq!(server.only().header("x-gestalt-user"), Some("ada"));
    assert_eq!(other.only().header("x-gestalt-user"), None);
}

#[tokio::test]
async fn what_says_who_calls_arrives_beside_the_operations_own_headers() {
    let server = Server::quiet().await;
    let mut operation = get("/a");
    operation.headers = vec![("X-Own".to_owned(), "1".to_owned())];
    let mut made = plugin(&server.url(), only(server.address), operation);
    Arc::make_mut(&mut made.operations[0]).parameters = vec![text("X-Given", Location::Header)];
    let mut world = World::with(settings(), Resolver::System, &made).with_key("key-1234567890");
    world.identity = ada();
    world.query(&[("X-Given", "2")]).await.unwrap();
    let seen = server.only();
    for (name, value) in [
        ("x-own", "1"),
        ("x-given", "2"),
        ("x-key", "key-1234567890"),
        ("x-gestalt-user", "ada"),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
}
