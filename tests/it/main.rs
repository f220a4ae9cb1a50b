//! End to end, one module a subject.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail, and may be asked for more by its environment"
)]

mod actions;
mod browser;
mod crash;
mod httpbin;
mod isolation;
mod local_login;
mod peers;
mod readme;
mod schemathesis;
mod walk;
