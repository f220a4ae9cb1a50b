//! Arguments: what is refused, and how they arrive.

use gestalt_core::operation::{Location, Style};
use gestalt_upstream::UpstreamError;
use serde_json::json;

use crate::server::Server;
use crate::world::{World, get, is_invalid, parameter, post, text};

#[tokio::test]
async fn an_undeclared_parameter_is_refused_with_the_nearest_name() {
    let server = Server::quiet().await;
    let mut operation = get("/");
    operation.parameters = vec![text("project", Location::Query)];
    let world = World::new(&server, operation);
    for result in [
        world.query(&[("projcet", "x")]).await,
        world.json(r#"{"projcet": "x"}"#).await,
    ] {
        let Err(UpstreamError::Invalid { field, nearest, .. }) = result else {
            unreachable!("{result:?}");
        };
        assert_eq!(
            (field.as_str(), nearest.as_deref()),
            ("projcet", Some("project"))
        );
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_missing_or_wrong_parameter_is_named() {
    let server = Server::quiet().await;
    let mut operation = get("/{id}");
    let mut limit = parameter(
        "limit",
        Location::Query,
        json!({ "type": "integer", "maximum": 100 }),
    );
    limit.required = true;
    operation.parameters = vec![text("id", Location::Path), limit];
    let world = World::new(&server, operation);
    is_invalid(&world.query(&[("limit", "5")]).await, "id");
    is_invalid(&world.query(&[("id", "a")]).await, "limit");
    is_invalid(
        &world.query(&[("id", "a"), ("limit", "many")]).await,
        "limit",
    );
    is_invalid(
        &world.query(&[("id", "a"), ("limit", "101")]).await,
        "limit",
    );
    is_invalid(
        &world
            .query(&[("id", "a"), ("id", "b"), ("limit", "1")])
            .await,
        "id",
    );
    is_invalid(&world.json(r#"{"id": "a", "limit": "5"}"#).await, "limit");
    is_invalid(&world.json(r#"{"id": 5, "limit": 5}"#).await, "id");
    is_invalid(&world.json(r#"{"id": null, "limit": 5}"#).await, "id");
    is_invalid(
        &world.json(r#"{"id": "a", "limit": 5, "limit": 6}"#).await,
        "",
    );
    assert!(server.seen().is_empty());
    assert!(world.query(&[("id", "a"), ("limit", "5")]).await.is_ok());
}

#[tokio::test]
async fn styles_arrive_as_openapi_says() {
    let server = Server::quiet().await;
    let mut operation = get("/{path}");
    let list = json!({ "type": "array", "items": { "type": "integer" } });
    let object = json!({ "type": "object" });
    let make = |name: &str, style, explode, schema: &serde_json::Value| {
        let mut made = parameter(name, Location::Query, schema.clone());
        (made.style, made.explode) = (style, explode);
        made
    };
    let mut path = parameter("path", Location::Path, list.clone());
    path.style = Style::Matrix;
    let mut raw = parameter("raw", Location::Query, json!({}));
    raw.content_type = Some("application/json".to_owned());
    operation.parameters = vec![
        path,
        make("many", Style::Form, true, &list),
        make("joined", Style::Form, false, &list),
        make("piped", Style::PipeDelimited, false, &list),
        make("deep", Style::DeepObject, true, &object),
        raw,
    ];
    let world = World::new(&server, operation);
    let arguments = r#"{"path":[1,2],"many":[1,2],"joined":[1,2],"piped":[1,2],
        "deep":{"a":{"b":1.10}},"raw":{"x": 1.0}}"#;
    world.json(arguments).await.unwrap();
    let seen = server.only();
    assert_eq!(seen.path, "/;path=1,2");
    assert_eq!(
        seen.query,
        "many=1&many=2&joined=1,2&piped=1%7C2&deep%5Ba%5D%5Bb%5D=1.10&raw=%7B%22x%22%3A1.0%7D"
    );
}

#[tokio::test]
async fn defaults_are_sent_and_nulls_are_not() {
    let server = Server::quiet().await;
    let mut operation = get("/");
    let mut sort = text("sort", Location::Query);
    sort.default = Some(json!("newest"));
    let nullable = json!({ "type": ["string", "null"] });
    operation.parameters = vec![sort, parameter("q", Location::Query, nullable)];
    let world = World::new(&server, operation);
    world.json(r#"{"q": null}"#).await.unwrap();
    assert_eq!(server.only().query, "sort=newest");
}

#[tokio::test]
async fn the_wire_name_is_used_upstream() {
    let server = Server::quiet().await;
    let mut operation = get("/");
    let mut hidden = text("x_debug", Location::Query);
    hidden.wire_name = "_debug".to_owned();
    operation.parameters = vec![hidden];
    let world = World::new(&server, operation);
    is_invalid(&world.query(&[("_debug", "1")]).await, "_debug");
    world.query(&[("x_debug", "1")]).await.unwrap();
    assert_eq!(server.only().query, "_debug=1");
}

#[tokio::test]
async fn an_operation_without_a_body_takes_none() {
    let server = Server::quiet().await;
    let world = World::new(&server, post("/"));
    is_invalid(&world.json(r#"{"body": {}}"#).await, "body");
    world.plain().await.unwrap();
    assert_eq!(server.only().header("content-length"), Some("0"));
}

#[tokio::test]
async fn definitions_that_cannot_be_used_are_refused() {
    let server = Server::quiet().await;
    let upstream = gestalt_upstream::Upstream::new(
        crate::world::settings(),
        gestalt_upstream::Resolver::System,
    )
    .unwrap();
    let broken = |change: &dyn Fn(&mut gestalt_core::operation::Operation)| {
        let mut operation = get("/");
        change(&mut operation);
        let plugin =
            crate::world::plugin(&server.url(), crate::world::only(server.address), operation);
        matches!(
            upstream.compile(&plugin, None),
            Err(UpstreamError::Config { .. })
        )
    };
    assert!(broken(&|o| o.path = "/../x".to_owned()));
    assert!(broken(&|o| o.path = "/{missing}".to_owned()));
    assert!(broken(
        &|o| o.parameters = vec![text("unused", Location::Path)]
    ));
    assert!(broken(
        &|o| o.parameters = vec![text("Authorization", Location::Header)]
    ));
    assert!(broken(
        &|o| o.parameters = vec![text("a", Location::Query), text("a", Location::Query)]
    ));
    assert!(broken(&|o| o.parameters = vec![parameter(
        "a",
        Location::Query,
        json!({ "type": "strnig" })
    )]));
    assert!(broken(
        &|o| o.headers = vec![("Host".to_owned(), "evil".to_owned())]
    ));
    assert!(broken(
        &|o| o.headers = vec![("X-A".to_owned(), "a\r\nb".to_owned())]
    ));
    assert!(!broken(&|_| ()));
}
