//! MCP servers as children.

mod protocol;
mod world;
