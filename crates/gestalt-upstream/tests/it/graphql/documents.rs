//! Operations that documents write.

use serde_json::json;

use super::{SHOP, find, findings, input, query, refusal, settings, written};

#[test]
fn a_document_that_is_not_valid_is_refused_with_its_line() {
    let refused = |document: &str| refusal(SHOP, &settings(&[document]));
    insta::assert_snapshot!(
        refused("query A {\n  book(id: \"1\") { id\n  nothing }\n}"),
        @"0.graphql:3: type `Book` does not have a field `nothing`"
    );
    insta::assert_snapshot!(
        refused("query A($id: Int!) {\n  book(id: $id) { id }\n}"),
        @"0.graphql:2: variable `$id` of type `Int!` cannot be used for argument `id` of type `ID!`"
    );
    assert!(refused("query A { book(id: 1) { id }").starts_with("0.graphql:1: syntax error"));
    assert_eq!(refused("{ count }"), "0.graphql: an operation has no name");
    let twice = "query A { count } query A { count }";
    assert!(refused(twice).contains("defined multiple times"));
    assert!(refused("type Query { a: Int }").contains("executable document must not contain"));
}

#[test]
fn a_subscription_is_left_out_and_told() {
    let imported = written("subscription Added { added { id } }\nquery Count { count }");
    assert_eq!(imported.operations.len(), 1);
    assert_eq!(
        findings(&imported),
        ["skipped: 0.graphql:1 subscription Added: a subscription has answers without an end"]
    );
}

#[test]
fn each_named_operation_is_one_with_the_fragments_it_uses() {
    let imported = written(
        "# Not about anything.\n\n# Finds a book,\n# and who wrote it.\n\
         query FindBook($id: ID!, $edition: Int = 2) {\n  book(id: $id, edition: $edition) { ...B }\n}\n\
         fragment B on Book { id author { ...A } }\nfragment A on Author { name }\n\
         fragment C on Disc { minutes }\n\
         mutation Add($title: String!, $tags: [[String!]]) {\n  \
         addBook(input: {title: $title, tags: $tags}) { problems }\n}\n\
         query Discs { search(text: \"x\") { ...C } }",
    );
    let find_book = find(&imported, "FindBook");
    insta::assert_snapshot!(query(find_book), @"query FindBook($id: ID!, $edition: Int = 2) { book(id: $id, edition: $edition) { ...B } } fragment B on Book { id author { ...A } } fragment A on Author { name }");
    assert_eq!(find_book.graphql().unwrap().name, "FindBook");
    let about = find_book.description.as_deref();
    assert_eq!(about, Some("Finds a book, and who wrote it."));
    assert!(find_book.read_only);
    assert_eq!(
        input(find_book),
        json!({
            "type": "object",
            "properties": {
                "id": { "type": "string", "description": "Its id." },
                "edition": {
                    "type": ["integer", "null"], "minimum": i32::MIN, "maximum": i32::MAX,
                    "default": 2,
                },
            },
            "required": ["id"],
            "additionalProperties": false,
        })
    );
    let add = find(&imported, "Add");
    assert!(!add.read_only && add.destructive.is_none());
    // The schema says what the one root field does.
    assert_eq!(add.description.as_deref(), Some("Adds a book."));
    let tags = &input(add)["properties"]["tags"];
    let inner = json!({ "type": ["array", "null"], "items": { "type": "string" } });
    assert_eq!(*tags, json!({ "type": ["array", "null"], "items": inner }));
    assert!(!query(find(&imported, "Discs")).contains("fragment B"));
    assert!(findings(&imported).is_empty(), "{:?}", findings(&imported));
}

#[test]
fn the_answer_is_what_is_selected_beside_errors() {
    let imported = written(
        "query Find { hits: search(text: \"a\") { __typename ... on Book { title author { name } } \
         ... on Disc { length: minutes } ...More } }\n\
         fragment More on Book { state author { id } }",
    );
    let schema = find(&imported, "Find").response.schema.as_ref().unwrap();
    insta::assert_json_snapshot!(schema.value());
}

#[test]
fn an_endpoint_keeps_its_path_to_the_last_slash() {
    let imported = written("query Count { count }");
    let count = find(&imported, "Count");
    assert_eq!(count.path, "/api/graphql/");
    assert_eq!(
        count.base_url.as_ref().unwrap().as_str(),
        "https://shop.example.com/"
    );
}
