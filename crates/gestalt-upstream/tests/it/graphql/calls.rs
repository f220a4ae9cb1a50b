//! Calls: what is given arrives as variables, and what comes back is passed on as it is.

use gestalt_core::operation::Operation;
use gestalt_upstream::RequestBody;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{SHOP, find, generated, query, written};
use crate::server::{self, Server};
use crate::world::{Given, World, is_invalid, pieces, whole_text};

/// An operation at a test's server.
fn here(server: &Server, operation: &Operation) -> World {
    let mut operation = operation.clone();
    operation.name = "run".parse().unwrap();
    operation.base_url = None;
    World::new(server, operation)
}

#[tokio::test]
async fn what_does_not_fit_the_schema_is_refused_before_anything_is_sent() {
    let server = Server::quiet().await;
    let imported = generated(SHOP);
    let search = here(&server, find(&imported, "search"));
    for (arguments, field) in [
        (json!({}), "text"),
        (json!({ "text": 5 }), "text"),
        (json!({ "text": null }), "text"),
        (json!({ "text": "a", "kinds": ["PEN"] }), "kinds/0"),
        (json!({ "text": "a", "kinds": "BOOK" }), "kinds"),
        (json!({ "text": "a", "filter": { "nothing": 1 } }), "filter"),
        (
            json!({ "text": "a", "filter": { "any": [{ "not": 7 }] } }),
            "filter/any/0/not",
        ),
        (json!({ "text": "a", "query": "{ x }" }), "query"),
        (
            json!({ "text": "a", "operationName": "x" }),
            "operationName",
        ),
        (json!({ "text": "a", "body": {} }), "body"),
    ] {
        is_invalid(&search.json(&arguments.to_string()).await, field);
    }
    let add = here(&server, find(&imported, "addBook"));
    for (arguments, field) in [
        (json!({ "input": {} }), "input"),
        (
            json!({ "input": { "title": "a", "author": {} } }),
            "input/author",
        ),
        (
            json!({ "input": { "title": "a", "author": { "id": "1", "name": "b" } } }),
            "input/author",
        ),
        (
            json!({ "input": { "title": "a", "tags": ["b"] } }),
            "input/tags/0",
        ),
    ] {
        is_invalid(&add.json(&arguments.to_string()).await, field);
    }
    let book = here(&server, find(&imported, "book"));
    let large = r#"{"id":"1","edition":2147483648}"#;
    is_invalid(&book.json(large).await, "edition");
    let body = RequestBody {
        content_type: "application/graphql".to_owned(),
        length: None,
        stream: pieces(|| None),
    };
    let given = Given {
        body: Some(body),
        ..Given::default()
    };
    is_invalid(&book.call(given).await, "body");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn s36_a_string_arrives_as_a_value_whatever_is_in_it() {
    let server = Server::quiet().await;
    let operation = written(
        "query Find($text: String!, $_kinds: [Kind!]) { search(text: $text, kinds: $_kinds) { __typename } }",
    );
    let operation = find(&operation, "Find");
    let world = here(&server, operation);
    let text = "\") { id } } query Other { count } # $text {\n\\";
    let arguments = json!({ "text": text, "x_kinds": ["BOOK"] });
    world.json(&arguments.to_string()).await.unwrap();
    let seen = server.only();
    let sent: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(
        sent,
        json!({
            "query": query(operation),
            "operationName": "Find",
            "variables": { "text": text, "_kinds": ["BOOK"] },
        })
    );
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(
        seen.header("accept"),
        Some("application/graphql-response+json, application/json;q=0.9")
    );
}

#[tokio::test]
async fn an_operation_without_variables_is_sent_with_none() {
    let server = Server::quiet().await;
    let world = here(&server, find(&generated(SHOP), "count"));
    world.plain().await.unwrap();
    world.query(&[]).await.unwrap();
    for seen in server.seen() {
        assert_eq!(
            seen.text(),
            r#"{"query":"query count { count }","operationName":"count","variables":{}}"#
        );
        assert_eq!(
            (seen.method, &*seen.path),
            (http::Method::POST, "/api/graphql/")
        );
    }
}

#[tokio::test]
async fn texts_of_a_query_are_typed_by_the_schema() {
    let server = Server::quiet().await;
    let world = here(&server, find(&generated(SHOP), "book"));
    let pairs = [("id", "007"), ("edition", "2")];
    world.query(&pairs).await.unwrap();
    let sent: Value = serde_json::from_slice(&server.only().body).unwrap();
    assert_eq!(sent["variables"], json!({ "id": "007", "edition": 2 }));
}

#[tokio::test]
async fn data_beside_errors_is_passed_on_as_it_came() {
    let body = r#"{"data":{"book":{"id":"1","price":1.10}} , "errors":[{"message":"No price.","x":1}],"extensions":{}}"#;
    let server = Server::start(move |_| server::json(body)).await;
    let world = here(&server, find(&generated(SHOP), "book"));
    let reply = world.json(r#"{"id":"1"}"#).await.unwrap();
    assert_eq!(reply.status.as_u16(), 200);
    assert_eq!(whole_text(reply).await, body);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn s36_no_argument_changes_the_text(given in prop::collection::vec((".*", "\\PC*"), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::quiet().await;
            let imported = written(
                "query Find($text: String!, $id: ID!) { search(text: $text) { __typename } node(id: $id) { id } }",
            );
            let operation = find(&imported, "Find");
            let world = here(&server, operation);
            for (text, id) in &given {
                let arguments = json!({ "id": id, "text": text });
                world.json(&arguments.to_string()).await.unwrap();
                let sent: Value = serde_json::from_slice(&server.seen().pop().unwrap().body).unwrap();
                prop_assert_eq!(&sent["query"], &json!(query(operation)));
                prop_assert_eq!(&sent["operationName"], &json!("Find"));
                prop_assert_eq!(&sent["variables"], &arguments);
                prop_assert_eq!(sent.as_object().unwrap().len(), 3);
            }
            Ok(())
        })?;
    }
}
