//! Limits of every outbound call.

use std::time::Duration;

use crate::ProcessSettings;

/// Limits of every outbound call. An operation may name its own answer's limit and time-out.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Longest wait for name resolution and the TCP connection together.
    pub connect_timeout: Duration,
    /// Longest wait for an answer's head, and for a whole answer that must be read first.
    pub request_timeout: Duration,
    /// Longest wait between two pieces of a body.
    pub idle_timeout: Duration,
    /// Largest request body, in bytes.
    pub max_request_bytes: u64,
    /// Largest answer that streams through, in bytes after decoding.
    pub max_response_bytes: u64,
    /// Largest answer that must be read whole (response mapping, pagination), in bytes after
    /// decoding.
    pub max_buffered_bytes: u64,
    /// Most redirects followed in one call.
    pub max_redirects: u32,
    /// What we call ourselves.
    pub user_agent: String,
    /// Limits of MCP servers.
    pub mcp: McpLimits,
    /// Child processes.
    pub processes: ProcessSettings,
}

/// Limits of what MCP servers answer, and of what is kept for them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct McpLimits {
    /// Largest message, in bytes after decoding, whether it comes as a whole body or as an
    /// event.
    pub max_message_bytes: usize,
    /// Largest stream of events, in bytes after decoding.
    pub max_stream_bytes: u64,
    /// Deepest nesting of a message.
    pub max_depth: usize,
    /// Longest time for the answer to one request, however lively its stream is.
    pub max_call: Duration,
    /// Longest life of a stream that notifications are listened to on. Its end is no error:
    /// a client opens it again.
    pub max_listen: Duration,
    /// Most entries of one kind (tools, resources, templates, prompts) in a listing.
    pub max_list_items: usize,
    /// Most pages of one kind in a listing.
    pub max_list_pages: usize,
    /// Most bytes of all entries of a listing.
    pub max_list_bytes: usize,
    /// Most sessions kept at one server for clients that know no sessions. The one unused for
    /// longest makes room.
    pub max_sessions: usize,
    /// A session kept so ends when it was not used for this long.
    pub session_idle: Duration,
}

impl Default for McpLimits {
    fn default() -> Self {
        Self {
            max_message_bytes: 16 << 20,
            max_stream_bytes: 256 << 20,
            max_depth: 128,
            max_call: Duration::from_mins(15),
            max_listen: Duration::from_hours(1),
            max_list_items: 10_000,
            max_list_pages: 500,
            max_list_bytes: 32 << 20,
            max_sessions: 1000,
            session_idle: Duration::from_mins(10),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_mins(1),
            max_request_bytes: 100 << 20,
            max_response_bytes: 2 << 30,
            max_buffered_bytes: 16 << 20,
            max_redirects: 5,
            user_agent: concat!("gestalt/", env!("CARGO_PKG_VERSION")).to_owned(),
            mcp: McpLimits::default(),
            processes: ProcessSettings::default(),
        }
    }
}
