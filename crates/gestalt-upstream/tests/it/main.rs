//! Calls through the guarded client to servers on loopback.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod arguments;
mod bodies;
mod compile;
mod exact;
mod fetch;
mod files;
mod graphql;
mod limits;
mod masking;
mod openapi;
mod paging;
mod path;
mod reach;
mod redirects;
mod replies;
mod round_trip;
mod server;
mod world;
