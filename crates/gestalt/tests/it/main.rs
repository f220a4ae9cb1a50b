//! The real program against a server with scripted answers, on loopback.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail, and starts the program it tests"
)]

mod approve;
mod audit;
mod auth;
mod completion;
mod config;
mod connect;
mod fake;
mod fixtures;
mod invoke;
mod lists;
mod program;
mod refusals;
mod search;
mod tokens;
