//! GraphQL schemas become operations.

mod calls;
mod documents;
mod generated;
mod hostile;
mod random;

use gestalt_core::document::{
    DocumentText, GraphQlDocument, GraphQlSettings, ImportSettings, Imported,
};
use gestalt_core::operation::Operation;
use gestalt_upstream::graphql::{GraphQlError, import};
use serde_json::Value;

/// A shop with everything that a schema can have.
const SHOP: &str = r#"
"""A shop."""
schema { query: Query mutation: Mutation subscription: Subscription }
directive @cost(weight: Int) on FIELD_DEFINITION
type Query {
  "One book."
  book("Its id." id: ID!, edition: Int = 1): Book @cost(weight: 5)
  search(text: String!, kinds: [Kind!], filter: Filter): [Hit!]!
  node(id: ID!): Node
  books(first: Int, after: String): BookConnection!
  count: Int! @deprecated(reason: "Use `books`.")
}
type Mutation {
  "Adds a book."
  addBook(input: AddBook!): AddBookPayload
}
type Subscription { added: Book }
interface Node { id: ID! }
type Book implements Node @key(fields: "id") {
  id: ID!
  title: String!
  price: Money
  state: State!
  author: Author!
  cover(size: Int!): String
  old: String @deprecated
  reviews(first: Int): [Review!]
  sequel: Book
}
type Author implements Node { id: ID!  name: String  books: [Book!]!  home: Address }
type Address { town: String!  country: Country }
type Country { code: String!  name: String! }
type Review { stars: Int! }
type Disc implements Node { id: ID!  title: String  state: Int  minutes: Float! }
union Hit = Book | Disc
type BookConnection { nodes: [Book]  edges: [BookEdge]  pageInfo: PageInfo!  total: Int! }
type BookEdge { cursor: String!  node: Book }
type PageInfo { endCursor: String  hasNextPage: Boolean! }
type AddBookPayload { book: Book  problems: [String!]! }
enum Kind { BOOK DISC }
enum State { NEW USED }
"An amount with its currency."
scalar Money
scalar DateTime
input Filter { after: DateTime  price: Range  not: Filter  any: [Filter!] }
input Range { from: Money  to: Money }
input AddBook {
  "What it is called."
  title: String!
  state: State! = NEW
  author: AuthorInput
  tags: [[String!]]
}
input AuthorInput @oneOf { id: ID  name: String }
"#;

fn text(name: &str, text: impl Into<Vec<u8>>) -> DocumentText {
    DocumentText {
        name: name.to_owned(),
        text: text.into().into(),
    }
}

/// Settings for an endpoint and documents; without any, operations are made of the schema.
fn settings(documents: &[&str]) -> ImportSettings {
    let list = documents.iter().enumerate();
    let list = list.map(|(index, text)| GraphQlDocument {
        name: format!("{index}.graphql"),
        text: (*text).to_owned(),
    });
    ImportSettings {
        base_url: Some("https://shop.example.com/api/graphql/".parse().unwrap()),
        graphql: Some(GraphQlSettings {
            documents: list.collect(),
            generate: documents.is_empty(),
            ..GraphQlSettings::default()
        }),
        ..ImportSettings::default()
    }
}

fn take(schema: &str, settings: &ImportSettings) -> Result<Imported, GraphQlError> {
    import(&text("schema.graphql", schema), settings)
}

fn generated(schema: &str) -> Imported {
    take(schema, &settings(&[])).unwrap()
}

fn written(document: &str) -> Imported {
    take(SHOP, &settings(&[document])).unwrap()
}

fn refusal(schema: &str, settings: &ImportSettings) -> String {
    take(schema, settings).map(|_| ()).unwrap_err().to_string()
}

fn find<'i>(imported: &'i Imported, name: &str) -> &'i Operation {
    let mut all = imported.operations.iter();
    all.find(|one| one.name.as_str() == name).unwrap()
}

fn query(operation: &Operation) -> &str {
    &operation.graphql().unwrap().query
}

fn input(operation: &Operation) -> Value {
    let media = &operation.body.as_ref().unwrap().media[0];
    media.schema.as_ref().unwrap().value()
}

fn findings(imported: &Imported) -> Vec<String> {
    let shown = imported.findings.iter().map(|finding| {
        let about = finding.operation.as_deref().unwrap_or("-");
        format!(
            "{}: {}:{} {about}: {}",
            finding.severity.as_str(),
            finding.file,
            finding.line,
            finding.message
        )
    });
    shown.collect()
}
