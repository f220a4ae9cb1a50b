//! GraphQL schemas become operations.
//!
//! [`import`] reads a schema, in GraphQL's own language or as the answer to an introspection,
//! and documents with operations. Each named operation of a document becomes an operation, and,
//! where that is wanted, each field of the root types becomes one with a selection that is
//! made here. It makes no request and opens no file. An operation's text is fixed when it is
//! read: what a caller gives travels beside it, as its variables.

mod answers;
mod error;
mod inputs;
mod introspection;
mod kinds;
mod operations;
mod schema;
mod selection;
mod texts;

use gestalt_core::document::{DocumentText, ImportSettings, Imported};

pub use error::GraphQlError;
pub use introspection::QUERY as INTROSPECTION;

use operations::Reading;

/// Reads a schema, and the documents of its settings.
///
/// # Errors
/// [`GraphQlError`], if the schema or a document as a whole cannot be read: too large, too
/// deep, not valid, or more operations than the limit.
pub fn import(text: &DocumentText, settings: &ImportSettings) -> Result<Imported, GraphQlError> {
    let read = schema::read(text, &settings.limits)?;
    let wanted = settings.graphql.clone().unwrap_or_default();
    let mut reading = Reading::new(&read, settings, &wanted);
    for document in &wanted.documents {
        reading.document(document)?;
    }
    if wanted.generate {
        reading.root_fields()?;
    }
    Ok(reading.finish())
}
