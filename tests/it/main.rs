//! End to end, one module a subject.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail, and may be asked for more by its environment"
)]

mod actions;
mod browser;
mod conformance;
mod graphql;
mod httpbin;
mod identity;
mod isolation;
mod lifecycle;
mod local_login;
mod mcp_clients;
mod mcp_fixture;
mod mcp_servers;
mod official_suite;
mod openapi_guide;
mod peers;
mod prism;
mod readme;
mod s23_secrets;
mod s50_kill;
mod schemathesis;
mod security_headers;
mod walk;
