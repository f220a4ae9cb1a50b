//! The conductor's command line.

use crate::Result;

pub(crate) const USAGE: &str = "\
What a call costs, beside a plain proxy, on loopback.

Usage: cargo xtask bench [--profile dist] [OPTIONS]

  --scenario NAME  calls: CPU and latency of a call at 1, 8 and 32 connections
                   plugins: start and memory with 1, 10 and 100 plugins
                   list: a list of 1,000 tools beside a static answer of its size,
                   of operations and of an MCP server
                   mcp-relay: a tool of an MCP server, in both eras
                   sessions: memory with 10,000 sessions of the older era
                   documents: load of vendors' OpenAPI documents (400 MB from npm)
                   search: how well operations are found (the same 400 MB)
                   many: CPU and memory with 100,000 users, tokens and
                   connections, called at random (minutes of preparation)
                   repeatable; calls, plugins and list unless named
  --quick          fewer rounds, for a first look
  --json           figures for a program";

const SCENARIOS: &[&str] = &[
    "calls",
    "plugins",
    "list",
    "mcp-relay",
    "sessions",
    "documents",
    "search",
    "many",
];

/// What to measure and how long.
#[derive(Debug, Default)]
pub(crate) struct Options {
    scenarios: Vec<String>,
    pub(crate) quick: bool,
    pub(crate) json: bool,
}

impl Options {
    /// Whether a scenario is to run.
    pub(crate) fn wants(&self, scenario: &str) -> bool {
        if self.scenarios.is_empty() {
            return ["calls", "plugins", "list"].contains(&scenario);
        }
        self.scenarios.iter().any(|wanted| wanted == scenario)
    }

    /// How many rounds a figure is the median of.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 3 } else { 11 }
    }
}

/// Reads the command line; `None` asks for the usage.
///
/// # Errors
///
/// When a word is not understood.
pub(crate) fn parse(arguments: &[String]) -> Result<Option<Options>> {
    let mut options = Options::default();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--scenario" => {
                let name = words.next().ok_or("--scenario needs a name")?;
                if !SCENARIOS.contains(&name.as_str()) {
                    return Err(format!("There is no scenario `{name}`.\n\n{USAGE}").into());
                }
                options.scenarios.push(name.clone());
            }
            "--quick" => options.quick = true,
            "--json" => options.json = true,
            "--help" | "-h" => return Ok(None),
            other => return Err(format!("`{other}` is not understood.\n\n{USAGE}").into()),
        }
    }
    Ok(Some(options))
}

/// The value after `name` among a part's arguments.
///
/// # Errors
///
/// When it is absent.
pub(crate) fn value<'a>(arguments: &'a [String], name: &str) -> Result<&'a str> {
    let at = arguments.iter().position(|word| word == name);
    let value = at.and_then(|at| arguments.get(at + 1));
    Ok(value.ok_or_else(|| format!("{name} is missing"))?)
}

#[cfg(test)]
mod tests {
    use super::{parse, value};

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(parse(&words("--fast")).is_err());
        assert!(parse(&words("--scenario")).is_err());
        assert!(parse(&words("--scenario everything")).is_err());
        assert!(value(&words("--to"), "--to").is_err());
    }

    #[test]
    fn without_a_name_the_short_scenarios_run() {
        let all = parse(&words("--json")).unwrap().unwrap();
        assert!(all.wants("calls") && all.wants("plugins") && all.json);
        assert!(!all.wants("many"));
        let one = parse(&words("--scenario plugins")).unwrap().unwrap();
        assert!(!one.wants("calls"));
    }
}
