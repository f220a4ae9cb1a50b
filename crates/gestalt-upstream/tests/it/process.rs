//! MCP servers as children.

mod confined;
mod faults;
mod peers;
mod protocol;
mod server;
mod watched;
mod world;
