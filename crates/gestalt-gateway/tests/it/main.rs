//! The gateway as its doors see it: an in-process gateway on SQLite, a peer on loopback, a
//! clock moved by hand. Denials stand before successes; nothing sleeps.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod authenticate;
mod clients;
mod gateway;
mod peer;
mod plugins;
