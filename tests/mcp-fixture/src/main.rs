//! An MCP server for tests: what the official conformance suite calls for, in both eras.
//!
//! It is a peer, no part of what ships: the gateway is measured by what passes through it
//! unchanged. `mcp-fixture --port 0` serves streamable HTTP on loopback and prints where;
//! `mcp-fixture --stdio` serves one client on its standard streams. Start reading in
//! `fixture.rs`.

mod ask;
mod changes;
mod fixture;
mod input_required;
mod options;
mod prompts;
mod resources;
mod tasks;
mod tools;
mod transport;

use std::process::ExitCode;

use options::Options;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let served = if options.stdio {
        transport::stdio(options).await
    } else {
        transport::http(options).await
    };
    if let Err(why) = served {
        eprintln!("mcp-fixture: {why}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
