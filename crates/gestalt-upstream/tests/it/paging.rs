//! Pagination: continuations, and why they end.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gestalt_core::Secret;
use gestalt_core::operation::{Location, Operation, Pagination, PaginationStyle};
use gestalt_upstream::{Arguments, Reply, Stopped, UpstreamError};

use crate::server::{Server, answer, json};
use crate::world::{Given, World, get, is_invalid, text};

fn paged(style: PaginationStyle) -> Operation {
    let mut operation = get("/items");
    operation.parameters = vec![text("q", Location::Query)];
    operation.pagination = Some(Pagination {
        style,
        results_path: Some("/items".to_owned()),
        page_size: None,
        max_pages: None,
    });
    operation
}

fn cursor() -> PaginationStyle {
    PaginationStyle::Cursor {
        param: "after".to_owned(),
        path: "/next".to_owned(),
    }
}

async fn page(world: &World, continuation: Option<&str>) -> Result<Reply, UpstreamError> {
    let arguments = Arguments::Query(vec![("q".to_owned(), "x".to_owned())]);
    world
        .call(Given {
            arguments,
            continuation,
            ..Given::default()
        })
        .await
}

/// Follows continuations; gives why they ended and the queries that arrived.
async fn walk(world: &World, server: &Server) -> (Option<Stopped>, Vec<String>) {
    let mut reply = page(world, None).await.unwrap();
    for _ in 0..10 {
        match reply.continuation.take() {
            Some(next) => reply = page(world, Some(&next)).await.unwrap(),
            None => break,
        }
    }
    let queries = server.seen().into_iter().map(|seen| seen.query).collect();
    (reply.stopped, queries)
}

#[tokio::test]
async fn cursors_are_followed_to_the_end() {
    let server = Server::start(|seen| match seen.query.as_str() {
        "q=x" => json(r#"{"items": [1], "next": "a b"}"#),
        "q=x&after=a%20b" => json(r#"{"items": [], "next": 12345678901234567890123}"#),
        _ => json(r#"{"items": [1], "next": null}"#),
    })
    .await;
    let (stopped, queries) = walk(&World::new(&server, paged(cursor())), &server).await;
    assert_eq!(stopped, Some(Stopped::End));
    assert_eq!(
        queries,
        [
            "q=x",
            "q=x&after=a%20b",
            "q=x&after=12345678901234567890123"
        ]
    );
}

#[tokio::test]
async fn a_repeated_cursor_ends() {
    let server = Server::start(|_| json(r#"{"items": [1], "next": "same"}"#)).await;
    let (stopped, queries) = walk(&World::new(&server, paged(cursor())), &server).await;
    assert_eq!((stopped, queries.len()), (Some(Stopped::RepeatedCursor), 2));
}

#[tokio::test]
async fn the_limit_of_pages_ends() {
    let server = Server::start(|seen| {
        json(&format!(
            r#"{{"items": [1], "next": "{}x"}}"#,
            seen.query.len()
        ))
    })
    .await;
    let mut operation = paged(cursor());
    if let Some(pagination) = &mut operation.pagination {
        pagination.max_pages = Some(3);
    }
    let (stopped, queries) = walk(&World::new(&server, operation), &server).await;
    assert_eq!((stopped, queries.len()), (Some(Stopped::MaxPages), 3));
}

#[tokio::test]
async fn pages_and_offsets_are_counted_to_the_empty_one() {
    for (style, expect) in [
        (
            PaginationStyle::Page {
                param: "page".to_owned(),
                start: 1,
            },
            ["q=x&size=2", "q=x&page=2&size=2", "q=x&page=3&size=2"],
        ),
        (
            PaginationStyle::Offset {
                param: "skip".to_owned(),
            },
            ["q=x&size=2", "q=x&skip=2&size=2", "q=x&skip=4&size=2"],
        ),
    ] {
        let server = Server::start(|seen| match seen.query.as_str() {
            query if query.contains("=3") || query.contains("=4") => json(r#"{"items": []}"#),
            _ => json(r#"{"items": [1, 2]}"#),
        })
        .await;
        let mut operation = paged(style);
        if let Some(pagination) = &mut operation.pagination {
            pagination.page_size = Some(("size".to_owned(), 2));
        }
        let (stopped, queries) = walk(&World::new(&server, operation), &server).await;
        assert_eq!(stopped, Some(Stopped::EmptyPage));
        assert_eq!(queries, expect);
    }
}

#[tokio::test]
async fn links_are_followed_without_the_credential_in_them() {
    let server = Server::start(|seen| {
        if seen.pairs().iter().any(|(name, _)| name == "page") {
            return answer(200, &[], "[]");
        }
        answer(
            200,
            &[(
                "link",
                "</items?q=x&page=2&api_key=secret-api-key>; rel=\"next\"",
            )],
            "[]",
        )
    })
    .await;
    let mut world = World::new(&server, paged(PaginationStyle::Link));
    world.injection.query = vec![("api_key".to_owned(), Secret::new("secret-api-key"))];
    world.injection.mask = vec![Secret::new("secret-api-key")];
    let first = page(&world, None).await.unwrap();
    assert!(!first.headers["link"].to_str().unwrap().contains("secret"));
    let next = first.continuation.unwrap();
    let open = BASE64_URL_SAFE_NO_PAD.decode(&next).unwrap();
    assert!(!String::from_utf8(open).unwrap().contains("secret"));
    let last = page(&world, Some(&next)).await.unwrap();
    assert_eq!(last.stopped, Some(Stopped::End));
    assert_eq!(server.seen()[1].query, "q=x&page=2&api_key=secret-api-key");
}

#[tokio::test]
async fn s36_a_link_out_of_the_operation_is_not_followed() {
    for link in [
        "</admin?page=2>; rel=next",
        "<https://evil.example.com/items?page=2>; rel=next",
        "</items/../admin?page=2>; rel=next",
        "<//evil.example.com/items>; rel=next",
        "</items?sudo=root>; rel=next",
    ] {
        let server = Server::start(move |_| answer(200, &[("link", link)], "[]")).await;
        let reply = page(&World::new(&server, paged(PaginationStyle::Link)), None)
            .await
            .unwrap();
        assert_eq!(
            (reply.continuation, reply.stopped),
            (None, Some(Stopped::ForeignLink)),
            "{link}"
        );
    }
}

#[tokio::test]
async fn s36_a_continuation_that_was_made_up_is_refused() {
    let server = Server::quiet().await;
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    for style in [cursor(), PaginationStyle::Link] {
        let world = World::new(&server, paged(style));
        for continuation in [
            "",
            "!!!",
            &encode("{}"),
            &encode(r#"{"o":"other","n":1,"at":{"c":"x"}}"#),
            &encode(r#"{"o":"run","n":1,"at":{"p":1}}"#),
            &encode(r#"{"o":"run","n":0,"at":{"c":"x"}}"#),
            &encode(r#"{"o":"run","n":1,"at":{"q":[["sudo","root"]]}}"#),
            &encode(r#"{"o":"run","n":1,"at":{"c":"x"},"url":"http://evil"}"#),
            &"A".repeat(10_000),
        ] {
            is_invalid(&page(&world, Some(continuation)).await, "_continuation");
        }
    }
    is_invalid(
        &World::new(&server, {
            let mut operation = get("/");
            operation.parameters = vec![text("q", Location::Query)];
            operation
        })
        .call(Given {
            continuation: Some("x"),
            ..Given::default()
        })
        .await,
        "_continuation",
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn an_error_is_no_page() {
    let server = Server::start(|_| answer(500, &[], "oops")).await;
    let reply = page(&World::new(&server, paged(cursor())), None)
        .await
        .unwrap();
    assert_eq!(
        (reply.continuation, reply.stopped),
        (None, Some(Stopped::NotAPage))
    );
}
