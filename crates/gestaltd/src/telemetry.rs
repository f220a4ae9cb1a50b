//! The log: text for a person at a terminal, JSON Lines for whatever collects it.
//!
//! No secret reaches it: requests are logged without query and headers, refusals by code
//! with the chain of causes that only the log may show.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;
use tracing_subscriber::util::TryInitError;

/// The log cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("`{filter}` is not a log filter")]
    Filter {
        /// As it was given.
        filter: String,
        /// Why not.
        source: tracing_subscriber::filter::ParseError,
    },
    /// A log runs already in this process.
    #[error("the log runs already")]
    Running(#[from] TryInitError),
}

/// Starts the log on stderr. The filter has the form of `RUST_LOG`: `info`,
/// `info,gestaltd::http=debug`.
///
/// # Errors
/// When the filter does not parse, or a log runs already.
pub fn start(filter: &str) -> Result<(), TelemetryError> {
    use tracing_subscriber::util::SubscriberInitExt as _;
    let wrong = |source| TelemetryError::Filter {
        filter: filter.to_owned(),
        source,
    };
    // Parameters of a DSN that the driver does not know would be logged with their values.
    let dsn: Directive = "sqlx_postgres::options=error".parse().map_err(wrong)?;
    let parsed = EnvFilter::try_new(filter)
        .map_err(wrong)?
        .add_directive(dsn);
    let log = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        // Whoever read the log may be gone; that must not stop whoever writes it.
        .log_internal_errors(false)
        .with_writer(io::stderr);
    if io::stderr().is_terminal() {
        log.with_target(false).finish().try_init()?;
    } else {
        log.json().flatten_event(true).finish().try_init()?;
    }
    Ok(())
}
