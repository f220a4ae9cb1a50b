//! Why nothing can be taken over.

/// Nothing can be taken over from a schema and its documents.
#[derive(Debug, thiserror::Error)]
pub enum GraphQlError {
    /// The schema or a document is larger than the limit.
    #[error("`{file}` is larger than {limit} bytes")]
    TooLarge {
        /// Its name.
        file: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// There are more operations than the limit.
    #[error("there are more than {limit} operations")]
    TooManyOperations {
        /// The limit.
        limit: usize,
    },
    /// It is neither a schema nor the answer to an introspection, or a document that is not
    /// valid for its schema.
    #[error("{file}{}: {message}", at(*line))]
    Invalid {
        /// Its name.
        file: String,
        /// The line, counted from one; 0 where there is none to name.
        line: u64,
        /// What is wrong.
        message: String,
    },
}

fn at(line: u64) -> String {
    if line == 0 {
        String::new()
    } else {
        format!(":{line}")
    }
}
