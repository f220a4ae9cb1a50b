//! `gestaltd demo`: the demo's upstream alone, at an address of its own, to try plugins with.

use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use super::Failure;
use crate::demo;

/// Options of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The loopback port; 0 is a free one
    #[arg(long, default_value_t = 8081)]
    port: u16,
}

/// Serves until it is interrupted.
pub(super) async fn run(options: &Options) -> Result<(), Failure> {
    let refused = |error: std::io::Error| {
        Failure::new(format!("cannot listen on port {}: {error}", options.port))
            .hint("Name another with --port.")
    };
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await;
    let socket = socket.map_err(refused)?;
    let address = socket.local_addr().map_err(refused)?;
    let text = format!(
        "A notes API, in memory, on http://{address}\n  its document  http://{address}/openapi.json\n  its keys      any text of the form demo-…, with 12 characters or more\n"
    );
    // A reader of our output may be gone; the demo serves all the same.
    let _written = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
    let stop = async {
        // Without signals it runs until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    demo::serve(socket, stop)
        .await
        .map_err(|error| Failure::new(format!("the listener failed: {error}")))
}
