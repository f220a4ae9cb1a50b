//! Questions to the person; asked only where [`Terminal::can_ask`] holds.
//!
//! [`Terminal::can_ask`]: crate::terminal::Terminal::can_ask

use inquire::{InquireError, Password, PasswordDisplayMode, Select, Text};

use crate::failure::Failure;

/// Asks for a text; `initial` is what an empty answer means.
///
/// # Errors
/// When the person stops.
pub(crate) fn text(label: &str, help: &str, initial: &str) -> Result<String, Failure> {
    let mut prompt = Text::new(label);
    if !help.is_empty() {
        prompt = prompt.with_help_message(help);
    }
    if !initial.is_empty() {
        prompt = prompt.with_default(initial);
    }
    prompt.prompt().map_err(stopped)
}

/// Asks for a secret, which is not shown.
///
/// # Errors
/// When the person stops.
pub(crate) fn secret(label: &str, help: &str) -> Result<String, Failure> {
    let mut prompt = Password::new(label)
        .without_confirmation()
        .with_display_mode(PasswordDisplayMode::Hidden);
    if !help.is_empty() {
        prompt = prompt.with_help_message(help);
    }
    prompt.prompt().map_err(stopped)
}

/// Lets the person choose one.
///
/// # Errors
/// When the person stops.
pub(crate) fn choice(label: &str, options: Vec<String>) -> Result<String, Failure> {
    Select::new(label, options).prompt().map_err(stopped)
}

fn stopped(error: InquireError) -> Failure {
    match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => {
            Failure::Interrupted
        }
        other => Failure::general(
            format!("Cannot ask: {other}."),
            "Give the answer by a flag; --help names them.",
        ),
    }
}
