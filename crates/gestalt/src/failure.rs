//! Everything that can go wrong, with its exit code and what to do about it.

use std::io;
use std::path::PathBuf;

use gestalt_api::problem::Problem;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line asks for what cannot be.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Anything that has no code of its own.
    #[error("{message}")]
    General {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A connection that its upstream no longer takes.
    #[error("The connection cannot be used: {state}.")]
    Disconnected {
        /// The state it is in.
        state: String,
        /// What to do.
        hint: String,
    },
    /// The gateway refuses.
    #[error("{}", .problem.detail.as_deref().unwrap_or(&.problem.title))]
    Refused {
        /// Its problem document; the link is absolute.
        problem: Box<Problem>,
        /// When to try again, as the server says it.
        retry_after: Option<String>,
    },
    /// The upstream answered with an error, whose body is on stdout.
    #[error("The upstream answered with status {status}.")]
    Upstream {
        /// Its HTTP status.
        status: u16,
        /// The request's id.
        request: Option<String>,
    },
    /// No connection to the server.
    #[error("No connection to {server}.")]
    Unreachable {
        /// Its URL.
        server: String,
        /// It would run on this machine.
        loopback: bool,
        /// Why.
        source: reqwest::Error,
    },
    /// The server took too long.
    #[error("{server} did not answer in time.")]
    Timeout {
        /// Its URL.
        server: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The server answers with what a gateway does not say.
    #[error("{server} does not answer like a gateway: {message}.")]
    Answer {
        /// Its URL.
        server: String,
        /// What it said, without a full stop.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A file cannot be read or written.
    #[error("Cannot {action} {}.", .path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Standard output cannot be written.
    #[error("Cannot write to standard output.")]
    Output(#[from] io::Error),
    /// The person stopped it.
    #[error("Interrupted.")]
    Interrupted,
}

/// The exit codes, as `gestalt help exit-codes` explains them.
pub(crate) mod exit {
    /// Anything without a code of its own.
    pub(crate) const GENERAL: u8 = 1;
    /// The command line or the request is at fault.
    pub(crate) const USAGE: u8 = 2;
    /// Log in first.
    pub(crate) const LOGIN: u8 = 4;
    /// Connect, or choose a connection, first.
    pub(crate) const NOT_CONNECTED: u8 = 5;
    /// Not permitted.
    pub(crate) const DENIED: u8 = 6;
    /// The upstream failed.
    pub(crate) const UPSTREAM: u8 = 7;
    /// A time-out or a rate limit.
    pub(crate) const LIMITED: u8 = 8;
    /// Interrupted.
    pub(crate) const INTERRUPTED: u8 = 130;
}

impl Failure {
    /// A usage error.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// A usage error whose hint may be absent.
    pub(crate) fn usage_maybe(message: impl Into<String>, hint: Option<String>) -> Self {
        Self::Usage {
            message: message.into(),
            hint,
        }
    }

    /// A failure without a code of its own.
    pub(crate) fn general(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::General {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// Makes a file failure out of an I/O error.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }

    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage { .. } => exit::USAGE,
            Self::Refused { problem, .. } => of_code(&problem.code, problem.status),
            Self::Disconnected { .. } => exit::NOT_CONNECTED,
            Self::Upstream { .. } => exit::UPSTREAM,
            Self::Timeout { .. } => exit::LIMITED,
            Self::Interrupted => exit::INTERRUPTED,
            // Whoever read our output has enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::General { .. }
            | Self::Unreachable { .. }
            | Self::Answer { .. }
            | Self::File { .. }
            | Self::Output(_) => exit::GENERAL,
        }
    }

    /// What, why and what to do: a line each, the first without its `error:`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.to_string()];
        let mut add = |label: &str, text: Option<&str>| {
            lines.extend(text.map(|text| format!("{label}: {text}")));
        };
        match self {
            Self::Usage { hint, .. } | Self::General { hint, .. } | Self::Answer { hint, .. } => {
                add("hint", hint.as_deref());
            }
            Self::Refused {
                problem,
                retry_after,
            } => {
                add(
                    "hint",
                    problem.hint.as_deref().or_else(|| hint_of(&problem.code)),
                );
                let choices = problem.choices.join(", ");
                add(
                    "choices",
                    Some(choices.as_str()).filter(|text| !text.is_empty()),
                );
                add("see", problem.link.as_deref());
                add("retry after", retry_after.as_deref());
                add(
                    "request",
                    Some(problem.request_id.as_str()).filter(|id| !id.is_empty()),
                );
            }
            Self::Disconnected { hint, .. } => add("hint", Some(hint)),
            Self::Upstream { request, .. } => add("request", request.as_deref()),
            Self::Unreachable {
                loopback, source, ..
            } => {
                add("cause", Some(&innermost(source)));
                add("hint", Some(start_hint(*loopback, source)));
            }
            Self::Timeout { source, .. } => add("cause", Some(&innermost(source))),
            Self::File { source, .. } | Self::Output(source) => {
                add("cause", Some(&source.to_string()));
            }
            Self::Interrupted => {}
        }
        lines
    }
}

/// Only what refuses connections on this machine is likely to be not started yet.
fn start_hint(loopback: bool, error: &(dyn std::error::Error + 'static)) -> &'static str {
    let refused = causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::ConnectionRefused);
    if loopback && refused {
        "Start the server with `gestaltd`, or name another with --url."
    } else {
        "Check the URL (`gestalt config get url`, or --url), and that a gateway serves it."
    }
}

fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// The last cause of an error; the ones above it only say that there was one.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    causes(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// What to do where the server has not said it.
fn hint_of(code: &str) -> Option<&'static str> {
    Some(match code {
        "unauthenticated" | "token_expired" | "token_revoked" => {
            "Run `gestalt auth login`, or set GESTALT_TOKEN."
        }
        "forbidden" | "insufficient_scope" => "`gestalt explain PLUGIN OPERATION` says which rule.",
        "instance_selection_required" => "Name one with --instance.",
        "connection_selection_required" => "Name one with --connection.",
        "not_connected" | "reconnect_required" => "Run `gestalt plugin connect PLUGIN`.",
        "admin_configuration_required" => {
            "An admin sets the shared credential with `gestalt plugin connect PLUGIN --platform`."
        }
        _ => return None,
    })
}

/// The contract's table; a code that it does not have goes by the HTTP status.
pub(crate) fn of_code(code: &str, status: u16) -> u8 {
    match code {
        "invalid_request" | "too_large" => exit::USAGE,
        "unauthenticated" | "token_expired" | "token_revoked" => exit::LOGIN,
        "forbidden" | "insufficient_scope" => exit::DENIED,
        "instance_selection_required"
        | "connection_selection_required"
        | "not_connected"
        | "reconnect_required"
        | "admin_configuration_required" => exit::NOT_CONNECTED,
        "rate_limited" | "upstream_timeout" => exit::LIMITED,
        "upstream_unreachable" | "upstream_invalid" | "egress_denied" | "response_too_large" => {
            exit::UPSTREAM
        }
        "not_found" | "unavailable" | "audit_unavailable" | "overloaded" | "internal" => {
            exit::GENERAL
        }
        _ => match status {
            400 | 413 | 422 => exit::USAGE,
            401 => exit::LOGIN,
            403 => exit::DENIED,
            409 | 412 => exit::NOT_CONNECTED,
            429 | 504 => exit::LIMITED,
            502 => exit::UPSTREAM,
            _ => exit::GENERAL,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_the_exit_code_of_the_contract() {
        let table = [
            ("invalid_request", 400, 2),
            ("unauthenticated", 401, 4),
            ("token_expired", 401, 4),
            ("token_revoked", 401, 4),
            ("forbidden", 403, 6),
            ("insufficient_scope", 403, 6),
            ("not_found", 404, 1),
            ("instance_selection_required", 409, 5),
            ("connection_selection_required", 409, 5),
            ("not_connected", 412, 5),
            ("reconnect_required", 412, 5),
            ("admin_configuration_required", 412, 5),
            ("too_large", 413, 2),
            ("rate_limited", 429, 8),
            ("upstream_unreachable", 502, 7),
            ("upstream_invalid", 502, 7),
            ("egress_denied", 403, 7),
            ("response_too_large", 502, 7),
            ("upstream_timeout", 504, 8),
            ("unavailable", 503, 1),
            ("audit_unavailable", 503, 1),
            ("overloaded", 503, 1),
            ("internal", 500, 1),
        ];
        for (code, status, expect) in table {
            assert_eq!(of_code(code, status), expect, "{code}");
        }
    }

    #[test]
    fn a_code_of_a_newer_server_goes_by_its_status() {
        for (status, expect) in [
            (400, 2),
            (401, 4),
            (403, 6),
            (409, 5),
            (429, 8),
            (502, 7),
            (500, 1),
        ] {
            assert_eq!(of_code("brand_new", status), expect, "{status}");
        }
    }

    #[test]
    fn a_reader_that_closed_our_output_is_no_failure() {
        let closed = Failure::Output(io::ErrorKind::BrokenPipe.into());
        assert_eq!(closed.exit_code(), 0);
    }
}
