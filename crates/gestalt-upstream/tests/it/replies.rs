//! What of an answer is passed on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gestalt_core::operation::ResponseMapping;
use gestalt_upstream::{ReplyBody, Resolver, UpstreamError};
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::server::{Server, answer, json};
use crate::world::{World, get, only, operation, plugin, settings, whole_text};

#[tokio::test]
async fn headers_beyond_the_list_are_not_passed() {
    let server = Server::start(|_| {
        let headers = [
            ("set-cookie", "a=b"),
            ("server", "x"),
            ("x-internal", "1"),
            ("content-type", "text/plain"),
            ("etag", "\"1\""),
            ("link", "</a>; rel=prev"),
            ("link", "</b>; rel=first"),
            ("retry-after", "5"),
            ("x-ratelimit-remaining", "7"),
            ("ratelimit", "x"),
        ];
        answer(429, &headers, "slow down")
    })
    .await;
    let reply = World::new(&server, get("/")).plain().await.unwrap();
    let mut names: Vec<_> = reply
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "content-type",
            "etag",
            "link",
            "link",
            "ratelimit",
            "retry-after",
            "x-ratelimit-remaining"
        ]
    );
    assert_eq!(reply.status.as_u16(), 429);
    assert!(matches!(reply.body, ReplyBody::Full(_)));
    assert_eq!(whole_text(reply).await, "slow down");
}

#[tokio::test]
async fn head_and_no_content_have_no_body() {
    let server = Server::start(|seen| match seen.method {
        Method::HEAD => answer(
            200,
            &[("etag", "\"1\""), ("content-encoding", "gzip")],
            "hidden",
        ),
        _ => answer(204, &[("content-encoding", "gzip")], ""),
    })
    .await;
    for method in [Method::HEAD, Method::DELETE] {
        let reply = World::new(&server, operation(method, "/"))
            .plain()
            .await
            .unwrap();
        assert!(matches!(&reply.body, ReplyBody::Full(bytes) if bytes.is_empty()));
    }
}

#[tokio::test]
async fn a_mapping_applies_to_a_good_answer_only() {
    let server = Server::start(|seen| match seen.query.as_str() {
        "ok=1" => json(r#"{"data": [{"id": 1.10, "secret": 2}], "more": true}"#),
        _ => answer(
            404,
            &[("content-type", "application/json")],
            r#"{"error": "no"}"#,
        ),
    })
    .await;
    let mapped = |ok: &str| {
        let mut operation = get("/");
        operation.query = vec![("ok".to_owned(), ok.to_owned())];
        operation.response.mapping = Some(ResponseMapping {
            pointer: "/data".to_owned(),
            select: vec!["id".to_owned()],
        });
        World::new(&server, operation)
    };
    assert_eq!(
        whole_text(mapped("0").plain().await.unwrap()).await,
        r#"{"error": "no"}"#
    );
    assert_eq!(
        whole_text(mapped("1").plain().await.unwrap()).await,
        r#"[{"id":1.10}]"#
    );
}

#[tokio::test]
async fn what_a_mapping_cannot_apply_to_is_not_passed() {
    let server =
        Server::start(|_| answer(200, &[("content-type", "text/html")], "<all of it>")).await;
    let mut operation = get("/");
    operation.response.mapping = Some(ResponseMapping {
        pointer: "/data".to_owned(),
        select: Vec::new(),
    });
    let result = World::new(&server, operation).plain().await;
    assert!(
        matches!(result, Err(UpstreamError::InvalidAnswer { .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn tls_is_spoken_to_https_upstreams() {
    let server = Server::quiet().await;
    let base = server.url().replace("http:", "https:");
    let plugin = plugin(&base, only(server.address), get("/"));
    let result = World::with(settings(), Resolver::System, &plugin)
        .plain()
        .await;
    assert!(
        matches!(result, Err(UpstreamError::Unreachable { .. })),
        "{result:?}"
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_plugin_compiled_again_keeps_its_connections() {
    let server = Server::quiet().await;
    let mut plugin = plugin(&server.url(), only(server.address), get("/"));
    let upstream = gestalt_upstream::Upstream::new(settings(), Resolver::System).unwrap();
    let first = upstream.compile(&plugin, None).unwrap();
    assert!(
        first
            .egress()
            .shares_connections(upstream.compile(&plugin, None).unwrap().egress())
    );
    plugin.egress.allow_public = true;
    assert!(
        !first
            .egress()
            .shares_connections(upstream.compile(&plugin, None).unwrap().egress())
    );
}

#[tokio::test]
async fn fixed_headers_are_sent() {
    let server = Server::quiet().await;
    let mut operation = get("/");
    operation.headers = vec![("Accept".to_owned(), "application/vnd.x+json".to_owned())];
    World::new(&server, operation).plain().await.unwrap();
    let seen = server.only();
    assert_eq!(seen.header("accept"), Some("application/vnd.x+json"));
    assert!(
        seen.header("user-agent")
            .is_some_and(|agent| agent.starts_with("gestalt/"))
    );
    assert_eq!(
        seen.header("host"),
        Some(server.address.to_string().as_str())
    );
}

#[tokio::test]
async fn interim_answers_are_skipped_and_a_dead_connection_is_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            assert!(read > 0);
            let head =
                b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(head).await.unwrap();
        }
    });
    let plugin = plugin(&format!("http://{address}"), only(address), get("/"));
    let world = World::with(settings(), Resolver::System, &plugin);
    for _ in 0..5 {
        assert_eq!(whole_text(world.plain().await.unwrap()).await, "ok");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn what_is_not_http_is_an_invalid_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"220 mail.example.com ESMTP\r\n").await;
        }
    });
    let plugin = plugin(&format!("http://{address}"), only(address), get("/"));
    let result = World::with(settings(), Resolver::System, &plugin)
        .plain()
        .await;
    assert!(
        matches!(result, Err(UpstreamError::InvalidAnswer { .. })),
        "{result:?}"
    );
}
