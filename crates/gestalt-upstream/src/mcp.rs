//! MCP servers as upstreams: one message goes out in the era that the server speaks, and what
//! comes back is told as the client's era has it.
//!
//! Only the envelope of a message is read here; results, schemas, annotations and every member
//! that is not known pass as the text they were. The specification's two eras, and what has
//! no equivalent across them, are described in `docs/mcp-eras.md`.
//!
//! Start reading at [`exchange`], which says what goes out and what comes back, then at
//! [`Server::send`].

mod about;
mod ask;
mod bridge;
pub mod envelope;
pub mod exchange;
mod http;
mod listing;
mod parameters;
mod probe;
mod server;
mod sessions;
pub mod sse;
pub mod stdio;
mod transport;
mod version;

pub use about::About;
pub use exchange::{
    Answer, AnswerBody, Authority, Era, Eras, Event, Events, Listening, Message, Whose,
};
pub use listing::{Listed, Listing};
pub use parameters::parameters;
pub use server::Server;
pub use stdio::Stdio;

/// Reads an entry of a list strictly: no key stands twice, nothing is nested too deeply.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn read_entry(json: &str) -> Result<serde_json::Value, String> {
    crate::rest::json::strict(json)
}
