//! MCP servers on loopback, in both eras.

mod answers;
mod denials;
mod eras;
mod legacy_client;
mod modern_client;
mod world;
