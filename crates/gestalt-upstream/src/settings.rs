//! Limits of every outbound call.

use std::time::Duration;

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
        }
    }
}
