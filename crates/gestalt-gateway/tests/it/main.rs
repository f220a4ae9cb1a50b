//! The gateway as its doors see it: an in-process gateway on SQLite, a peer on loopback, a
//! clock moved by hand. Denials stand before successes; nothing sleeps.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod approvals;
mod authenticate;
mod child;
mod clients;
mod connections;
mod credentials;
mod ends;
mod explain;
mod floods;
mod gateway;
mod identity;
mod isolation;
mod login;
mod matrix;
mod mcp_server;
mod operations;
mod peer;
mod plugins;
mod reload;
mod seals;
mod search;
mod security;
mod tamper;
mod tokens;
mod tools;
mod trail;
mod warm;
