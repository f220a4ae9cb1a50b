//! End to end: the real daemon, the real command line, real peers.
//!
//! Nothing here knows the inside of a room. A test starts [`Daemon`] with a
//! configuration, talks to it through [`Client`] or [`Cli`], and gives it
//! peers such as [`httpbin`](peers::httpbin). Every process ends with its
//! handle. Start reading in `daemon.rs`.
#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test stops at what it cannot have; it starts programs and opens connections as a user would"
)]

pub mod bearer;
pub mod cli;
pub mod client;
pub mod daemon;
pub mod echo;
pub mod mcp;
pub mod peers;
pub mod postgres;
pub mod program;
pub mod scripted;
pub mod seed;
pub mod served;
pub mod suite;

pub use cli::Cli;
pub use client::{Answer, Client};
pub use daemon::Daemon;
pub use echo::Echo;
pub use mcp::Mcp;
pub use postgres::Postgres;
pub use scripted::Scripted;
