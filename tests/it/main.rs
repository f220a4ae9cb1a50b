//! End to end, one module a subject.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail, and may be asked for more by its environment"
)]

mod actions;
mod browser;
mod httpbin;
mod isolation;
mod lifecycle;
mod local_login;
mod peers;
mod readme;
mod s23_secrets;
mod s50_kill;
mod schemathesis;
mod security_headers;
mod walk;
