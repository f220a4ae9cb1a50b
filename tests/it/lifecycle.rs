//! The daemon's own life: starting, reloading, operating, ending, and being restored.

use gestalt_e2e::daemon::Start;
use gestalt_e2e::{Daemon, Echo};

mod operate;
mod reload;
mod restore;
mod start;
mod stop;

/// A daemon of `echo` whose one user logs in.
async fn with_login(echo: &Echo) -> Daemon {
    let more = "providers: { authentication: { local: {} } }\n\
                audit: { checkpoint: { file: checkpoints.jsonl } }\n";
    Daemon::start(&echo.config(more)).await
}

/// One file of configuration and no variables.
fn of(config: &str) -> Start {
    Start {
        config: vec![config.to_owned()],
        ..Start::default()
    }
}
