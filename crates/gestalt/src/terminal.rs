//! The person at the terminal: messages, confirmations, the spinner.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::failure::Failure;
use crate::prompt;

/// What is a terminal here, and how much to say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    input: bool,
    output: bool,
    messages: Screen,
    talk: Talk,
}

/// What standard error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Screen {
    Elsewhere,
    Plain,
    Color,
}

/// How much to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Talk {
    Quiet,
    Normal,
    Verbose,
}

impl Terminal {
    /// Looks at the process's own streams.
    pub(crate) fn new(plain: bool, quiet: bool, verbose: bool) -> Self {
        let messages = match (io::stderr().is_terminal(), plain) {
            (false, _) => Screen::Elsewhere,
            (true, true) => Screen::Plain,
            (true, false) => Screen::Color,
        };
        let talk = match (quiet, verbose) {
            (true, _) => Talk::Quiet,
            (false, false) => Talk::Normal,
            (false, true) => Talk::Verbose,
        };
        Self {
            input: io::stdin().is_terminal(),
            output: io::stdout().is_terminal(),
            messages,
            talk,
        }
    }

    /// Data goes to a person's screen.
    pub(crate) fn shows_data(self) -> bool {
        self.output
    }

    /// Somebody can answer a prompt.
    pub(crate) fn can_ask(self) -> bool {
        self.input && self.messages != Screen::Elsewhere
    }

    /// Says something in passing.
    pub(crate) fn note(self, message: impl Display) {
        if self.talk != Talk::Quiet {
            Self::line(printable(&message.to_string()));
        }
    }

    /// Says what should not be missed, even when quiet.
    pub(crate) fn warn(self, message: impl Display) {
        let message = printable(&message.to_string());
        Self::line(format_args!("{} {message}", self.paint("33", "warning:")));
    }

    /// Says what only `-v` wants to know.
    pub(crate) fn detail(self, message: impl Display) {
        if self.talk == Talk::Verbose {
            Self::line(message);
        }
    }

    /// Says why a command failed.
    pub(crate) fn failure(self, failure: &Failure) {
        let lines = failure.lines();
        let mut lines = lines.iter();
        if let Some(first) = lines.next() {
            let first = printable(first);
            Self::line(format_args!("{} {first}", self.paint("1;31", "error:")));
        }
        for line in lines {
            Self::line(format_args!("  {}", printable(line)));
        }
    }

    fn paint(self, style: &str, text: &str) -> String {
        if self.messages == Screen::Color {
            format!("\x1b[{style}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// A message that nobody can read is no reason to fail.
    fn line(message: impl Display) {
        let _ = writeln!(io::stderr(), "{message}");
    }

    /// Waits, with a spinner on a terminal once it takes more than a moment.
    pub(crate) async fn waiting<F: Future>(self, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        if self.messages == Screen::Elsewhere || self.talk == Talk::Quiet {
            return future.await;
        }
        let moment = Duration::from_millis(300);
        if let Ok(output) = tokio::time::timeout(moment, &mut future).await {
            return output;
        }
        let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        spinner.enable_steady_tick(Duration::from_millis(100));
        let output = future.await;
        spinner.finish_and_clear();
        output
    }

    /// Has the person type a word before what cannot be undone; scripts give it by
    /// `--confirm`.
    ///
    /// # Errors
    /// When the word is another, or nobody can be asked.
    pub(crate) fn confirm(
        self,
        what: &str,
        word: &str,
        given: Option<&str>,
    ) -> Result<(), Failure> {
        let typed = match given {
            Some(given) => given.to_owned(),
            None if self.can_ask() => {
                self.note(format_args!("{what} This cannot be undone."));
                prompt::text(&format!("Type {word} to go on:"), "", "")?
            }
            None => {
                return Err(Failure::usage(
                    format!("{what} This cannot be undone, and nobody can be asked."),
                    format!("Add `--confirm {word}`."),
                ));
            }
        };
        if typed.trim() == word {
            return Ok(());
        }
        Err(Failure::usage(
            "The confirmation does not match; nothing was done.",
            format!("It must be `{word}`."),
        ))
    }
}

/// A text from elsewhere as it is safe to show: what steers a terminal becomes `�`.
pub(crate) fn printable(text: &str) -> String {
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if steers(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_not_printed() {
        assert_eq!(
            printable("a\x1b]0;x\x07b\nc\u{202e}\u{9b}"),
            "a\u{fffd}]0;x\u{fffd}b c\u{fffd}\u{fffd}"
        );
        assert_eq!(printable("Zoë 🦀"), "Zoë 🦀");
    }

    #[test]
    fn a_wrong_confirmation_does_nothing() {
        let terminal = Terminal {
            input: false,
            output: false,
            messages: Screen::Elsewhere,
            talk: Talk::Quiet,
        };
        assert_eq!(
            terminal
                .confirm("x", "demo", Some("dmeo"))
                .unwrap_err()
                .exit_code(),
            2
        );
        let missing = terminal.confirm("x", "demo", None).unwrap_err();
        assert!(missing.lines()[1].contains("--confirm demo"));
        assert!(terminal.confirm("x", "demo", Some("demo")).is_ok());
    }
}
