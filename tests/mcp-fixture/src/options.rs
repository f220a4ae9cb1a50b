//! The command line.

use std::time::Duration;

const USAGE: &str = "\
An MCP server for tests.

Usage: mcp-fixture [--port N | --stdio] [OPTIONS]

  --port N       serve streamable HTTP on this loopback port (0: a free one)
  --stdio        serve one client on the standard streams
  --big-list N   add N tools, tool_0001 and so on
  --page-size N  answer tools/list in pages of N
  --slow MS      wait so many milliseconds before each tools/call
  --fault KIND   at each tools/call: `hang` (never answer), `exit` (end the process),
                 `flood` (write a mebibyte to stderr, then answer)
  --era ERA      speak `modern` (2026-07-28) or `legacy` (older versions) alone";

/// How to serve.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) stdio: bool,
    pub(crate) big_list: usize,
    pub(crate) page_size: Option<usize>,
    pub(crate) slow: Duration,
    pub(crate) fault: Option<Fault>,
    /// Both where none is named.
    pub(crate) era: Option<Era>,
}

/// What goes wrong at each call of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Hang,
    Exit,
    Flood,
}

/// One of the protocol's two eras.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    Modern,
    Legacy,
}

impl Options {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    ///
    /// What is wrong with them, and the usage.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = words;
        while let Some(word) = words.next() {
            if word == "--stdio" {
                options.stdio = true;
                continue;
            }
            if word == "--help" {
                return Err(USAGE.to_owned());
            }
            let value = words.next();
            let value = value.ok_or_else(|| wrong(&word, "stands alone or is unknown"))?;
            let number = || value.parse().map_err(|_| wrong(&word, "needs a number"));
            match word.as_str() {
                "--port" => {
                    let port = value.parse();
                    options.port = port.map_err(|_| wrong(&word, "needs a port"))?;
                }
                "--big-list" => options.big_list = number()?,
                "--page-size" => options.page_size = Some(number()?.max(1)),
                "--slow" => {
                    let millis = value.parse().map(Duration::from_millis);
                    options.slow = millis.map_err(|_| wrong(&word, "needs milliseconds"))?;
                }
                "--fault" => options.fault = Some(fault(&value)?),
                "--era" => options.era = Some(era(&value)?),
                _ => return Err(wrong(&word, "is unknown")),
            }
        }
        Ok(options)
    }
}

fn fault(name: &str) -> Result<Fault, String> {
    match name {
        "hang" => Ok(Fault::Hang),
        "exit" => Ok(Fault::Exit),
        "flood" => Ok(Fault::Flood),
        _ => Err(wrong("--fault", "is hang, exit or flood")),
    }
}

fn era(name: &str) -> Result<Era, String> {
    match name {
        "modern" => Ok(Era::Modern),
        "legacy" => Ok(Era::Legacy),
        _ => Err(wrong("--era", "is modern or legacy")),
    }
}

fn wrong(word: &str, why: &str) -> String {
    format!("`{word}` {why}.\n\n{USAGE}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Era, Fault, Options};

    fn parsed(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in [
            "--port",
            "--port x",
            "--fault burn",
            "--era old",
            "serve",
            "--loud 1",
        ] {
            assert!(parsed(line).unwrap_err().contains("Usage"), "{line}");
        }
    }

    #[test]
    fn every_option_is_read() {
        let line = "--stdio --big-list 1000 --page-size 0 --slow 5 --fault hang --era legacy";
        let options = parsed(line);
        let expected = Options {
            port: 0,
            stdio: true,
            big_list: 1000,
            page_size: Some(1),
            slow: Duration::from_millis(5),
            fault: Some(Fault::Hang),
            era: Some(Era::Legacy),
        };
        assert_eq!(options.unwrap(), expected);
        assert_eq!(parsed("--port 8080").unwrap().port, 8080);
    }
}
