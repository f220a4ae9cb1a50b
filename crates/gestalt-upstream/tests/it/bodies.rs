//! Request bodies of every kind.

use bytes::Bytes;
use gestalt_core::operation::{Body, Location, MediaKind, Operation};
use gestalt_upstream::{Arguments, RequestBody, Resolver, Settings, UpstreamError};
use serde_json::json;

use crate::server::Server;
use crate::world::{
    Given, World, body, is_invalid, only, parameter, pieces, plugin, post, settings, text,
};

fn with(body: Body) -> Operation {
    let mut operation = post("/projects/{project}/issues");
    operation.parameters = vec![text("project", Location::Path)];
    operation.body = Some(body);
    operation
}

fn issue() -> serde_json::Value {
    json!({
        "type": "object",
        "required": ["title"],
        "properties": {
            "title": { "type": "string" },
            "weight": { "type": "number" },
            "meta": { "type": "object" },
            "_id": { "type": "integer" },
        },
    })
}

#[tokio::test]
async fn fields_of_a_body_join_the_parameters() {
    let server = Server::quiet().await;
    let world = World::new(
        &server,
        with(body("application/json", MediaKind::Json, Some(issue()))),
    );
    is_invalid(&world.json(r#"{"project": "p"}"#).await, "title");
    is_invalid(
        &world.json(r#"{"project": "p", "title": 5}"#).await,
        "title",
    );
    is_invalid(
        &world
            .json(r#"{"project": "p", "title": "t", "_id": 5}"#)
            .await,
        "_id",
    );
    is_invalid(
        &world
            .json(r#"{"project": "p", "title": "t", "meta": {"a": 1, "a": 2}}"#)
            .await,
        "meta",
    );
    let text = r#"{"weight": 12345678901234567890.10, "project": "p", "title": "caf\u00e9", "x_id": 12345678901234567890123, "meta": { "a" : 1.0 }}"#;
    world.json(text).await.unwrap();
    let seen = server.only();
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.path, "/projects/p/issues");
    assert_eq!(
        seen.text(),
        r#"{"title":"caf\u00e9","weight":12345678901234567890.10,"meta":{ "a" : 1.0 },"_id":12345678901234567890123}"#
    );
    assert_eq!(world.schema()["required"], json!(["project", "title"]));
    assert_eq!(world.schema()["additionalProperties"], json!(false));
}

#[tokio::test]
async fn a_body_that_shares_a_name_stands_under_body() {
    let server = Server::quiet().await;
    let mut schema = issue();
    schema["properties"]["project"] = json!({ "type": "string" });
    let world = World::new(
        &server,
        with(body("application/json", MediaKind::Json, Some(schema))),
    );
    is_invalid(
        &world.json(r#"{"project": "p", "title": "t"}"#).await,
        "title",
    );
    is_invalid(&world.json(r#"{"project": "p", "body": {}}"#).await, "body");
    world
        .json(r#"{"project": "p", "body": {"title": "t", "project": "q"}}"#)
        .await
        .unwrap();
    assert_eq!(server.only().text(), r#"{"title": "t", "project": "q"}"#);
}

#[tokio::test]
async fn what_is_checked_is_what_is_sent() {
    let server = Server::quiet().await;
    let schema = json!({
        "type": "object",
        "properties": { "admin": { "const": false } },
        "additionalProperties": true,
    });
    let mut operation = post("/");
    operation.body = Some(body("application/json", MediaKind::Json, Some(schema)));
    let world = World::new(&server, operation);
    is_invalid(
        &world.json(r#"{"body": {"admin": true}}"#).await,
        "body/admin",
    );
    // Read as `serde_json::Value`, this would be what the key holds.
    let text =
        r#"{"body": {"$serde_json::private::RawValue": "{\"admin\":false}", "admin": true}}"#;
    is_invalid(&world.json(text).await, "body/admin");
    let text = r#"{"body": {"$serde_json::private::RawValue": "{\"admin\":false}"}}"#;
    world.json(text).await.unwrap();
    assert_eq!(
        server.only().text(),
        r#"{"$serde_json::private::RawValue": "{\"admin\":false}"}"#
    );
}

#[tokio::test]
async fn rules_of_the_whole_body_hold() {
    let server = Server::quiet().await;
    let schema = json!({
        "type": "object",
        "properties": { "a": { "$ref": "#/$defs/n" }, "b": { "type": "integer" } },
        "dependentRequired": { "a": ["b"] },
        "$defs": { "n": { "type": "integer", "minimum": 3 } },
    });
    let mut operation = post("/");
    operation.body = Some(body("application/json", MediaKind::Json, Some(schema)));
    let world = World::new(&server, operation);
    is_invalid(&world.json(r#"{"a": 1, "b": 1}"#).await, "a");
    is_invalid(&world.json(r#"{"a": 5}"#).await, "");
    world.query(&[("a", "5"), ("b", "1")]).await.unwrap();
    assert_eq!(server.only().text(), r#"{"a":5,"b":1}"#);
}

#[tokio::test]
async fn an_optional_body_may_be_absent() {
    let server = Server::quiet().await;
    let mut optional = body("application/json", MediaKind::Json, Some(issue()));
    optional.required = false;
    let world = World::new(&server, with(optional));
    is_invalid(
        &world.json(r#"{"project": "p", "weight": 1}"#).await,
        "title",
    );
    world.json(r#"{"project": "p"}"#).await.unwrap();
    let seen = server.only();
    assert_eq!((seen.text(), seen.header("content-type")), ("", None));
}

#[tokio::test]
async fn form_fields_arrive() {
    let server = Server::quiet().await;
    let schema = json!({ "type": "object", "properties": {
        "a": { "type": "string" }, "n": { "type": "integer" },
        "list": { "type": "array", "items": { "type": "string" } }, "o": { "type": "object" },
    }});
    let mut operation = post("/");
    operation.body = Some(body(
        "application/x-www-form-urlencoded",
        MediaKind::Form,
        Some(schema),
    ));
    let world = World::new(&server, operation);
    world
        .json(r#"{"a": "x&n=1 +é", "n": 5, "list": ["1", "2"], "o": {"k": 1.0}}"#)
        .await
        .unwrap();
    let seen = server.only();
    let pairs: Vec<_> = url::form_urlencoded::parse(&seen.body).collect();
    let expect = [
        ("a", "x&n=1 +é"),
        ("n", "5"),
        ("list", "1"),
        ("list", "2"),
        ("o", r#"{"k":1.0}"#),
    ];
    assert_eq!(pairs, expect.map(|(n, v)| (n.into(), v.into())));
}

fn stream(content_type: &str, length: Option<u64>, total: usize) -> Given<'static> {
    let mut left = total;
    let stream = pieces(move || {
        let size = left.min(1000);
        left -= size;
        (size > 0).then(|| Bytes::from(vec![b'x'; size]))
    });
    Given {
        arguments: Arguments::Query(vec![("name".to_owned(), "n".to_owned())]),
        body: Some(RequestBody {
            content_type: content_type.to_owned(),
            length,
            stream,
        }),
        ..Given::default()
    }
}

fn upload() -> Operation {
    let mut operation = post("/");
    operation.parameters = vec![parameter(
        "name",
        Location::Query,
        json!({ "type": "string" }),
    )];
    operation.body = Some(body("image/*", MediaKind::Raw, None));
    operation
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let server = Server::quiet().await;
    let world = World::new(&server, upload());
    is_invalid(&world.call(stream("text/html", None, 10)).await, "body");
    let mut twice = stream("image/png", None, 10);
    twice.arguments = Arguments::Json(serde_json::from_str(r#"{"body": "x"}"#).unwrap());
    is_invalid(&world.call(twice).await, "body");
    is_invalid(&world.query(&[("name", "n")]).await, "body");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_streamed_body_arrives_with_its_length_or_in_chunks() {
    let server = Server::quiet().await;
    let world = World::new(&server, upload());
    world
        .call(stream("image/png; q=1", Some(2500), 2500))
        .await
        .unwrap();
    world.call(stream("image/png", None, 2500)).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].header("content-length"), Some("2500"));
    assert_eq!(seen[0].header("content-type"), Some("image/png; q=1"));
    assert_eq!(seen[1].header("transfer-encoding"), Some("chunked"));
    assert!(
        seen.iter()
            .all(|seen| seen.body.len() == 2500 && seen.query == "name=n")
    );
}

#[tokio::test]
async fn a_request_body_past_the_limit_is_too_large() {
    let server = Server::quiet().await;
    let settings = Settings {
        max_request_bytes: 2000,
        ..settings()
    };
    let plugin = plugin(&server.url(), only(server.address), upload());
    let world = World::with(settings, Resolver::System, &plugin);
    for length in [Some(2500), None] {
        let result = world.call(stream("image/png", length, 2500)).await;
        assert!(
            matches!(result, Err(UpstreamError::TooLarge { limit: 2000 })),
            "{result:?}"
        );
    }
    let long = format!(r#"{{"body": "{}"}}"#, "x".repeat(3000));
    assert!(matches!(
        world.json(&long).await,
        Err(UpstreamError::TooLarge { .. })
    ));
    assert!(world.call(stream("image/png", None, 2000)).await.is_ok());
}
