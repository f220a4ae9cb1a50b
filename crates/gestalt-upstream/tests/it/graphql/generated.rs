//! Operations that are made of a schema.

use std::fmt::Write as _;

use gestalt_core::document::GraphQlSettings;
use serde_json::{Value, json};

use super::{SHOP, find, findings, generated, input, query, refusal, settings, take};

#[test]
fn a_schema_that_is_not_valid_is_refused_with_its_line() {
    let refused = |schema: &str| refusal(schema, &settings(&[]));
    insta::assert_snapshot!(
        refused("type Query {\n  a: Nothing\n}"),
        @"schema.graphql:2: cannot find type `Nothing` in this document"
    );
    assert!(refused("type Query {").starts_with("schema.graphql:1: syntax error"));
    assert!(refused("").starts_with("schema.graphql"));
    assert!(refused("{ a }").contains("is no answer to an introspection"));
}

#[test]
fn every_field_of_the_root_types_is_an_operation() {
    let imported = generated(SHOP);
    let shown: Vec<String> = imported
        .operations
        .iter()
        .map(|one| format!("{} {}", one.name, query(one)))
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
    insta::assert_snapshot!(findings(&imported).join("\n"), @"note: schema.graphql:0 -: subscriptions are answers without an end; none is imported");
    let count = find(&imported, "count");
    assert!(count.deprecated && count.read_only);
    assert_eq!(
        count.description.as_deref(),
        Some("Deprecated: Use `books`.")
    );
    assert_eq!(imported.description.as_deref(), Some("A shop."));
}

#[test]
fn arguments_are_typed_by_the_schema() {
    let imported = generated(SHOP);
    insta::assert_json_snapshot!("search", input(find(&imported, "search")));
    insta::assert_json_snapshot!("add_book", input(find(&imported, "addBook")));
    let book = input(find(&imported, "book"));
    assert_eq!(book["required"], json!(["id"]));
    assert_eq!(book["properties"]["edition"]["default"], 1);
}

#[test]
fn a_selection_has_the_depth_and_the_fields_that_are_asked_for() {
    let with = |max_depth, max_fields| {
        let mut settings = settings(&[]);
        settings.graphql = Some(GraphQlSettings {
            max_depth,
            max_fields,
            ..GraphQlSettings::default()
        });
        take(SHOP, &settings).unwrap()
    };
    let book = |max_depth, max_fields| {
        let text = query(find(&with(max_depth, max_fields), "book")).to_owned();
        text.split_once(") { ")
            .unwrap()
            .1
            .split_once(") ")
            .unwrap()
            .1
            .to_owned()
    };
    assert_eq!(book(1, 100), "{ id title state price } }");
    assert_eq!(
        book(2, 100),
        "{ id title state price author { id name } } }"
    );
    assert_eq!(
        book(3, 100),
        "{ id title state price author { id name home { town } } } }"
    );
    assert_eq!(
        book(9, 100),
        "{ id title state price author { id name home { town country { name code } } } } }"
    );
    assert_eq!(book(9, 5), "{ id title state price author { id } } }");
    assert_eq!(book(2, 1), "{ id } }");
    let told = findings(&with(2, 1));
    assert!(
        told.iter().any(|one| one.contains("the first 1 fields")),
        "{told:?}"
    );
}

#[test]
fn of_a_type_that_is_one_of_many_only_what_they_share_is_asked_for() {
    let mut schema = "type Query { node: Node } interface Node { id: ID! }".to_owned();
    for index in 0..13 {
        let _ = write!(
            schema,
            " type T{index} implements Node {{ id: ID! n{index}: Int }}"
        );
    }
    let imported = generated(&schema);
    assert_eq!(
        query(&imported.operations[0]),
        "query node { node { __typename id } }"
    );
    assert!(findings(&imported)[0].contains("`Node` is one of many types"));
}

#[test]
fn the_answer_to_an_introspection_is_the_same_schema() {
    let introspected = include_str!("introspection.json");
    let from_language = generated(
        "type Query { \"Two \\\"words\\\".\" a(b: B! = {c: [X]}, d: Int): [E!]! @deprecated(reason: \"Old.\") } input B { c: [E] } enum E { X Y }",
    );
    let read = generated(introspected);
    for (one, other) in read.operations.iter().zip(&from_language.operations) {
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }
    assert_eq!(read.operations.len(), 1);
}

#[test]
fn what_stands_twice_is_left_out_and_told() {
    let imported = generated("type Query {\n  a: Int\n  a: String\n}");
    assert_eq!(imported.operations.len(), 1);
    assert_eq!(
        findings(&imported),
        [
            "changed: schema.graphql:3 -: duplicate definitions for the `a` field of object type `Query`; it is left out"
        ]
    );
}

#[test]
fn directives_that_nobody_defines_are_no_fault() {
    let imported = generated(
        "type Query @aws { a(b: I @x): A @y(z: 1) } type A @key(fields: \"a\") { a: E } enum E @e { X @f } \
         input I @g { c: Int @h } scalar S @i union U @j = A extend type A @shareable { b: Int }",
    );
    assert_eq!(
        query(&imported.operations[0]),
        "query a($b: I) { a(b: $b) { a b } }"
    );
}

#[test]
fn two_roots_with_one_field_are_two_operations() {
    let schema = "type Query { run: Int } type Mutation { run: Int _run: Int }";
    let imported = generated(schema);
    let names: Vec<Value> = imported
        .operations
        .iter()
        .map(|one| one.name.as_str().into())
        .collect();
    assert_eq!(names, ["run", "run_2", "run_3"]);
    assert_eq!(query(&imported.operations[1]), "mutation run { run }");
}
