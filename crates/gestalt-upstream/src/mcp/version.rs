//! The protocol's versions, and what requests of the modern era say of themselves.

/// The version of the modern era.
pub(crate) const MODERN: &str = "2026-07-28";

/// The versions of the legacy era, newest first.
pub(crate) const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// Members of `_meta` that only the modern era has.
pub(crate) const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// The client's name.
pub(crate) const META_CLIENT: &str = "io.modelcontextprotocol/clientInfo";
/// What the client can be asked.
pub(crate) const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// From which level on log messages are sent.
pub(crate) const META_LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// The server's name, in a result.
pub(crate) const META_SERVER: &str = "io.modelcontextprotocol/serverInfo";
/// Which subscription a notification belongs to.
pub(crate) const META_SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// The protocol's own error codes of the modern era: header mismatch, missing client
/// capability, unsupported version (2026-07-28 basic §Error Codes).
pub(crate) const MODERN_CODES: [i64; 3] = [-32020, -32021, -32022];

/// What we call ourselves, as JSON text.
pub(crate) const CLIENT: &str = concat!(
    r#"{"name":"gestalt","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}"#
);

/// `_meta` of a request of our own, as JSON text.
pub(crate) fn meta(capabilities: &str) -> String {
    format!(
        r#"{{"{META_VERSION}":"{MODERN}","{META_CLIENT}":{CLIENT},"{META_CAPABILITIES}":{capabilities}}}"#
    )
}
