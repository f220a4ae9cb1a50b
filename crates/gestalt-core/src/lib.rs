//! The vocabulary of the gateway.
//!
//! Every other room speaks in these words: ids, subjects, connections, operations, host
//! patterns, secrets, clocks and refusals. The room holds no I/O, no async and no
//! configuration format; a value that exists here has already been checked.
//!
//! Start reading at [`operation`] and [`connection`], which say what a plugin is made of,
//! and at [`refusal`], which says how anything is refused.

pub mod clock;
pub mod connection;
pub mod document;
pub mod entropy;
pub mod host;
pub mod id;
pub mod identity;
pub mod mcp;
pub mod name;
pub mod operation;
pub mod plugin;
pub mod refusal;
pub mod schema;
pub mod secret;
pub mod subject;

pub use clock::{Clock, Timestamp};
pub use entropy::Entropy;
pub use refusal::{Code, Kind, Refusal};
pub use schema::Schema;
pub use secret::{Secret, SecretBytes};
pub use subject::Subject;
