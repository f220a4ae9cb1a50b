//! The gateway daemon.

use std::process::ExitCode;

use clap::Parser as _;
use gestaltd::commands::{Arguments, run};
use mimalloc::MiMalloc;

/// A call makes about a hundred small allocations that another thread often frees; this
/// allocator spends a third of what the system's does on them.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // It confines its thread, and must be the only one.
    if let Some(ended) = arguments.run_alone() {
        return ended;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => {
            eprintln!("gestaltd: the runtime does not start: {error}");
            ExitCode::FAILURE
        }
    }
}
