//! The daemon: configuration, the HTTP door, the daemon's own pages, its commands.
//!
//! A door takes bytes in, hands typed requests to the gateway and turns what comes back into
//! HTTP. It never decides who may do what, and never touches a store, a key or an upstream:
//! its manifest names none of those rooms. Start reading at [`http`].

pub mod admin_socket;
pub mod commands;
pub mod config;
pub mod demo;
pub mod http;
pub mod mcp;
mod pages;
pub mod telemetry;
