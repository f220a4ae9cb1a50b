//! One closing line for many test programs.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::process::Result;

/// The sums of cargo's `test result` lines.
#[derive(Debug, Default)]
pub(super) struct Tally {
    programs: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
    broken: bool,
}

impl Tally {
    /// Runs `cargo test`, shows its output as it comes and adds it up.
    ///
    /// # Errors
    ///
    /// When it cannot be started or does not succeed.
    pub(super) fn run(&mut self, test: &mut Command) -> Result {
        let mut child = test.stdout(Stdio::piped()).spawn()?;
        if let Some(out) = child.stdout.take() {
            for line in BufReader::new(out).split(b'\n') {
                let line = String::from_utf8_lossy(&line?).into_owned();
                println!("{line}");
                self.read(&line);
            }
        }
        let status = child.wait()?;
        if status.success() {
            return Ok(());
        }
        self.broken = true;
        Err(format!("cargo test failed: {status}").into())
    }

    /// Whether any test program has reported.
    pub(super) fn counted(&self) -> bool {
        self.programs > 0
    }

    fn read(&mut self, line: &str) {
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        self.programs += 1;
        for part in counts.split("; ") {
            let (number, what) = part.split_once(' ').unwrap_or_default();
            let number: u64 = number.parse().unwrap_or_default();
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            programs,
            passed,
            failed,
            ignored,
            ..
        } = self;
        let word = if *failed > 0 || self.broken {
            "FAILED"
        } else {
            "ok"
        };
        write!(
            out,
            "test result: {word}. {passed} passed; {failed} failed; {ignored} ignored; in {programs} test programs"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn results_are_added_up_and_one_failure_fails_all() {
        let mut tally = Tally::default();
        tally.read("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        tally.read("test result: ok. 30 passed; 0 failed; 4 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        tally.read("test tidy::tests::tests_are_not_shipped ... ok");
        assert_eq!(
            tally.to_string(),
            "test result: FAILED. 31 passed; 2 failed; 4 ignored; in 2 test programs"
        );
    }
}
