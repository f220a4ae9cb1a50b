//! The door over a real gateway, reached as a client reaches it: through its sockets.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it cannot have"
)]

mod admin_socket;
mod api;
mod connect_page;
mod connect_page_denials;
mod guard;
mod house;
mod invoke;
mod listeners;
mod login;
mod mcp;
mod plugin_command;
