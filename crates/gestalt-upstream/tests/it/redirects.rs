//! Redirects: followed, refused, passed, and never with the credential elsewhere.

use std::sync::Arc;

use gestalt_core::Secret;
use gestalt_core::host::AddressRange;
use gestalt_core::operation::{Location, MediaKind};
use gestalt_core::plugin::Plugin;
use gestalt_upstream::egress::Reason;
use gestalt_upstream::{Resolver, UpstreamError};
use http::Method;

use crate::server::{Server, json, redirect};
use crate::world::{World, body, get, only, operation, plugin, post, settings, text, whole_text};

const KEY: &str = "key-1234567890";

/// A server that redirects `/from` to a URL, and everything else is answered.
async fn redirecting(status: u16, to: String) -> Server {
    Server::start(move |seen| match seen.path.as_str() {
        "/from" => redirect(status, &to),
        _ => json("{}"),
    })
    .await
}

fn both(one: &Server, other: &Server) -> Plugin {
    let mut plugin = plugin(&one.url(), only(one.address), get("/from"));
    let range = AddressRange::exactly(other.address.ip(), other.address.port());
    plugin.egress.allowed_ranges.push(range);
    let host = format!("127.0.0.1:{}", other.address.port());
    plugin.egress.allowed_hosts.push(host.parse().unwrap());
    plugin
}

#[tokio::test]
async fn s35_redirects_to_special_addresses_are_refused() {
    for target in [
        "http://127.0.0.1:9/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/",
        "http://[64:ff9b::7f00:1]/",
        "http://100.64.0.1/",
        "http://localhost./",
        "//10.0.0.1/x",
    ] {
        let server = redirecting(302, target.to_owned()).await;
        let mut plugin = plugin(&server.url(), only(server.address), get("/from"));
        plugin.egress.allow_public = true;
        let world = World::with(settings(), Resolver::System, &plugin);
        let result = world.plain().await;
        assert!(
            matches!(&result, Err(UpstreamError::EgressDenied(d)) if matches!(d.reason, Reason::Address(_))),
            "{target}: {result:?}"
        );
    }
}

#[tokio::test]
async fn s38_a_redirect_to_a_host_that_is_not_allowed_is_refused() {
    let other = Server::quiet().await;
    let server = redirecting(302, other.url()).await;
    let result = World::new(&server, get("/from"))
        .with_key(KEY)
        .plain()
        .await;
    assert!(
        matches!(&result, Err(UpstreamError::EgressDenied(d)) if d.reason == Reason::Host),
        "{result:?}"
    );
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn s38_a_redirect_to_another_host_loses_every_credential() {
    let other = Server::quiet().await;
    let server = redirecting(302, format!("{}/to?api_key={KEY}&a=b", other.url())).await;
    let mut plugin = both(&server, &other);
    Arc::make_mut(&mut plugin.operations[0]).parameters = vec![text("session", Location::Cookie)];
    let mut world = World::with(settings(), Resolver::System, &plugin).with_key(KEY);
    world.injection.query = vec![("api_key".to_owned(), Secret::new(KEY))];
    world.injection.basic = Some((Secret::new("user"), Secret::new("password1")));
    world.query(&[("session", "s")]).await.unwrap();
    let first = server.only();
    assert_eq!(
        (first.header("x-key"), first.header("cookie")),
        (Some(KEY), Some("session=s"))
    );
    let arrived = other.only();
    assert_eq!(arrived.query, "a=b");
    for name in ["x-key", "authorization", "cookie"] {
        assert_eq!(arrived.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn s38_a_redirect_that_smuggles_the_credential_is_refused() {
    let other = Server::quiet().await;
    let server = redirecting(302, format!("{}/{KEY}", other.url())).await;
    let world = World::with(settings(), Resolver::System, &both(&server, &other)).with_key(KEY);
    let result = world.plain().await;
    assert!(
        matches!(&result, Err(UpstreamError::EgressDenied(d)) if d.reason == Reason::Credential),
        "{result:?}"
    );
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn s38_a_credential_does_not_come_back_on_the_way_home() {
    let home = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let way = std::sync::Arc::clone(&home);
    let other =
        Server::start(move |_| redirect(302, &format!("{}/back", way.get().unwrap()))).await;
    let server = redirecting(302, other.url()).await;
    home.set(server.url()).unwrap();
    let world = World::with(settings(), Resolver::System, &both(&server, &other)).with_key(KEY);
    world.plain().await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (seen[0].header("x-key"), seen[1].header("x-key")),
        (Some(KEY), None)
    );
}

#[tokio::test]
async fn a_url_with_user_information_or_another_scheme_is_refused() {
    for target in [
        "http://user:pass@127.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
    ] {
        let server = redirecting(302, target.to_owned()).await;
        let result = World::new(&server, get("/from")).plain().await;
        assert!(
            matches!(result, Err(UpstreamError::EgressDenied(_))),
            "{target}: {result:?}"
        );
    }
}

#[tokio::test]
async fn endless_redirects_end() {
    let server = Server::start(|_| redirect(302, "/again")).await;
    let result = World::new(&server, get("/")).plain().await;
    assert!(
        matches!(result, Err(UpstreamError::InvalidAnswer { .. })),
        "{result:?}"
    );
    assert_eq!(server.seen().len(), 6);
}

#[tokio::test]
async fn a_redirect_on_the_same_origin_keeps_the_credential() {
    for status in [301, 302, 303, 307, 308] {
        let server = redirecting(status, "/to?x=1#part".to_owned()).await;
        let mut world = World::new(&server, get("/from")).with_key(KEY);
        world.injection.query = vec![("api_key".to_owned(), Secret::new(KEY))];
        assert_eq!(whole_text(world.plain().await.unwrap()).await, "{}");
        let last = server.seen().pop().unwrap();
        assert_eq!(last.header("x-key"), Some(KEY), "{status}");
        assert_eq!(last.query, format!("x=1&api_key={KEY}"));
        assert_eq!(last.method, Method::GET);
    }
}

#[tokio::test]
async fn a_post_is_redirected_only_where_that_is_safe() {
    for (status, expect) in [
        (301, None),
        (302, None),
        (303, Some(("GET", ""))),
        (307, Some(("POST", r#"{"a":1}"#))),
    ] {
        let server = redirecting(status, "/to".to_owned()).await;
        let mut operation = post("/from");
        operation.body = Some(body("application/json", MediaKind::Json, None));
        let reply = World::new(&server, operation)
            .json(r#"{"body":{"a":1}}"#)
            .await
            .unwrap();
        let seen = server.seen();
        match expect {
            None => {
                assert_eq!(reply.status.as_u16(), status);
                assert_eq!(reply.headers["location"], "/to");
                assert_eq!(seen.len(), 1);
            }
            Some((method, text)) => {
                assert_eq!(seen.len(), 2);
                assert_eq!((seen[1].method.as_str(), seen[1].text()), (method, text));
                assert_eq!(seen[1].header("content-type").is_some(), method == "POST");
            }
        }
    }
}

#[tokio::test]
async fn a_head_stays_a_head() {
    let server = redirecting(303, "/to".to_owned()).await;
    let world = World::new(&server, operation(Method::HEAD, "/from"));
    world.plain().await.unwrap();
    assert_eq!(server.seen()[1].method, Method::HEAD);
}
