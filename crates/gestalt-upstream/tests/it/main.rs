//! Calls through the guarded client to servers on loopback.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod arguments;
mod bodies;
mod compile;
mod exact;
mod fetch;
mod files;
mod graphql;
mod identity;
mod limits;
mod masking;
mod mcp;
mod openapi;
mod paging;
mod path;
mod process;
mod reach;
mod redirects;
mod replies;
mod round_trip;
mod server;
mod world;
