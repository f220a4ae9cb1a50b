//! `surfaces.graphql`, from the config to operations.

use super::documents::{Folder, names};

const SHOP: &str = "type Query { book(id: ID!): Book count: Int }\ntype Mutation { add(title: String!): Book }\ntype Book { id: ID! title: String }\n";

/// A plugin's lines for a surface.
fn of(surface: &str) -> String {
    format!("    surfaces:\n      graphql: {surface}\n")
}

fn shop(plugin: &str) -> Folder {
    let folder = Folder::new(plugin);
    folder.write("shop.graphql", SHOP);
    folder.write(
        "ops.graphql",
        "query FindBook($id: ID!) { book(id: $id) { title } }",
    );
    folder
}

const AT: &str = "url: \"https://shop.example.com/graphql\", schema: ./shop.graphql";

#[test]
fn what_is_no_schema_or_document_is_refused() {
    for (surface, expect) in [
        ("{}", "`surfaces.graphql` needs a `url`"),
        (
            "{ url: \"https://a.example.com\" }",
            "`surfaces.graphql` needs a `schema`",
        ),
        ("{ url: shop, schema: ./shop.graphql }", "relative URL"),
        (
            "{ url: \"https://a:b@c.example.com/x\", schema: ./shop.graphql }",
            "an endpoint has a host and a path",
        ),
        (
            "{ url: \"https://a.example.com/x?y=1\", schema: ./shop.graphql }",
            "an endpoint has a host and a path",
        ),
        (
            "{ url: \"https://a.example.com\", schema: ./none.graphql }",
            "cannot read the document",
        ),
        (
            "{ url: \"https://a.example.com\", schema: ./pets.yaml }",
            "cannot be imported: ",
        ),
        (
            "{ url: \"https://a.example.com\", schema: \"https://a.example.com/s\" }",
            "the document `https://a.example.com/s` is not pinned",
        ),
        (
            &format!("{{ {AT}, maxDepth: 0 }}"),
            "expected a number from 1 to 10",
        ),
        (
            &format!("{{ {AT}, maxFields: 1001 }}"),
            "expected a number from 1 to 1000",
        ),
        (
            &format!("{{ {AT}, documents: [./none.graphql] }}"),
            "cannot read the document",
        ),
        (
            &format!("{{ {AT}, operations: \"query A {{ x }}\" }}"),
            "does not have a field `x`",
        ),
        (
            &format!("{{ {AT}, headers: {{ Authorization: x }} }}"),
            "cannot be a fixed header",
        ),
        (&format!("{{ {AT}, document: x }}"), "document"),
    ] {
        let wrong = shop(&of(surface)).wrong();
        assert!(wrong.contains(expect), "{surface}\n{wrong}");
    }
}

#[test]
fn operations_that_are_written_here_are_wrong_at_their_line() {
    let surface = "\n        url: \"https://shop.example.com/graphql\"\n        schema: ./shop.graphql\n        \
        operations: |\n          query A {\n            nothing\n          }\n";
    let wrong = shop(&of(surface)).wrong();
    assert!(
        wrong.contains("config.yaml:10: type `Query` does not have a field `nothing`"),
        "{wrong}"
    );
}

#[test]
fn documents_are_offered_and_the_schema_besides_where_that_is_wanted() {
    let load = |surface: &str| {
        let folder = shop(&of(surface));
        let loaded = folder.load().unwrap();
        names(&loaded)
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(load(&format!("{{ {AT} }}")), ["book", "count", "add"]);
    let documents = "documents: [./ops.graphql]";
    assert_eq!(load(&format!("{{ {AT}, {documents} }}")), ["FindBook"]);
    assert_eq!(
        load(&format!(
            "{{ {AT}, {documents}, operations: \"query C {{ count }}\", generate: true }}"
        )),
        ["FindBook", "C", "book", "count", "add"]
    );
    assert!(load(&format!("{{ {AT}, generate: false }}")).is_empty());
}

#[test]
fn a_changed_document_is_read_again() {
    let folder = shop(&of(&format!("{{ {AT}, documents: [./ops.graphql] }}")));
    assert_eq!(names(&folder.load().unwrap()), ["FindBook"]);
    folder.write("ops.graphql", "query Other { count }");
    assert_eq!(names(&folder.load().unwrap()), ["Other"]);
    folder.write("shop.graphql", "type Query { other: Int }");
    assert!(folder.wrong().contains("does not have a field `count`"));
}

#[test]
fn it_stands_beside_other_surfaces_with_its_own_endpoint() {
    let plugin = format!(
        "    surfaces:\n      openapi: {{ document: ./pets.yaml }}\n      graphql: {{ {AT} }}\n"
    );
    let folder = shop(&plugin);
    let loaded = folder.load().unwrap();
    let plugin = &loaded.config().plugins[0];
    assert_eq!(plugin.base_url.as_str(), "https://pets.example.com/v1");
    let book = plugin
        .operations
        .iter()
        .find(|one| one.name.as_str() == "book")
        .unwrap();
    assert_eq!(
        book.base_url.as_ref().unwrap().as_str(),
        "https://shop.example.com/"
    );
    assert_eq!(book.path, "/graphql");
}

#[test]
fn a_manifests_documents_outside_its_folder_are_refused() {
    let folder = shop("    source: ./theirs/manifest.yaml\n");
    let manifest = |documents: &str| {
        let text = format!(
            "kind: plugin\nspec:\n  surfaces:\n    graphql:\n      url: https://shop.example.com/graphql\n      \
             schema: ./shop.graphql\n      documents: [{documents}]\n"
        );
        folder.write("theirs/manifest.yaml", &text);
    };
    folder.write("theirs/shop.graphql", SHOP);
    folder.write("theirs/ops.graphql", "query Mine { count }");
    manifest("../ops.graphql");
    assert!(folder.wrong().contains("lies outside the folder"));
    manifest("./ops.graphql");
    assert_eq!(names(&folder.load().unwrap()), ["Mine"]);
}
