//! MCP servers as children.

mod confined;
mod faults;
mod peers;
mod protocol;
mod watched;
mod world;
