//! The declarative REST surface: arguments become a request, an answer becomes a reply.
//!
//! What can be decided without a call is decided by [`CompiledPlugin`]; a call then reads
//! the arguments ([`request`]), and the answer is limited, masked and mapped ([`answer`]).

mod answer;
mod bodies;
mod compile;
mod input;
pub(crate) mod json;
mod page;
mod pairs;
mod request;
mod schema;
mod style;
mod surface;
mod target;
mod template;

pub(crate) use answer::Answering;
pub use compile::{CompiledOperation, CompiledPlugin};
pub(crate) use page::paging;
pub(crate) use request::Preparing;
pub(crate) use schema::check_syntax;
pub(crate) use target::{header_name, is_json_type};
