//! Everything the project is checked by, step by step, on a bare machine.
#![expect(
    clippy::disallowed_methods,
    reason = "the time of a step is measured where it runs"
)]

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::house;
use crate::process::{self, Result};
use crate::tidy;

mod debian;
pub(crate) mod peers;
mod tally;

use tally::Tally;

const USAGE: &str = "\
Everything the project is checked by.

Usage: cargo xtask test [--only STEP]… [--list] [-- ARGS]

ARGS go to `cargo test` in the step `test`, as in
`cargo xtask test --only test -- --package gestalt-store leases`.";

/// What the steps share.
struct Bench {
    root: PathBuf,
    target: PathBuf,
    /// What follows `--` on the command line.
    arguments: Vec<String>,
    tally: Tally,
}

type Step = fn(&mut Bench) -> Result;

/// In order of what fails fastest; `build` builds once for all tests.
const STEPS: &[(&str, &str, Step)] = &[
    (
        "debian",
        "packages the tests need, installed where root",
        debian_step,
    ),
    ("fmt", "cargo fmt --check", fmt),
    ("tidy", "cargo xtask tidy", tidy_step),
    ("clippy", "cargo clippy, warnings denied", clippy),
    ("build", "programs and tests, once", build),
    (
        "peers",
        "peers of the end-to-end tests, from Python and npm",
        peers_step,
    ),
    ("test", "cargo test of the whole workspace", tests),
    (
        "fuzz",
        "documents, MCP messages and streams, at random for a minute each",
        fuzz,
    ),
];

struct Timed {
    name: &'static str,
    took: Duration,
    failed: bool,
}

/// Runs the steps and prints what each took.
///
/// # Errors
///
/// The first step that fails ends the run.
pub(crate) fn run(arguments: &[String]) -> Result {
    let Some(wanted) = parse(arguments)? else {
        return Ok(());
    };
    let mut bench = Bench {
        root: house::root(),
        target: house::target()?,
        arguments: wanted.rest,
        tally: Tally::default(),
    };
    let mut times = Vec::new();
    let mut outcome = Ok(());
    for (name, _, step) in STEPS {
        if !wanted.only.is_empty() && !wanted.only.iter().any(|only| only == name) {
            continue;
        }
        println!("\n── {name} ──");
        let start = Instant::now();
        outcome = step(&mut bench);
        times.push(Timed {
            name,
            took: start.elapsed(),
            failed: outcome.is_err(),
        });
        if outcome.is_err() {
            break;
        }
    }
    println!("\n{}", table(&times));
    if bench.tally.counted() {
        println!("\n{}", bench.tally);
    }
    outcome
}

/// What the command line asks for.
#[derive(Debug, Default)]
struct Wanted {
    only: Vec<String>,
    rest: Vec<String>,
}

fn parse(arguments: &[String]) -> Result<Option<Wanted>> {
    let mut wanted = Wanted::default();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--only" => {
                let name = words.next().ok_or("--only needs the name of a step")?;
                if !STEPS.iter().any(|(known, ..)| known == name) {
                    return Err(format!("There is no step `{name}`; --list names them.").into());
                }
                wanted.only.push(name.clone());
            }
            "--list" => {
                for (name, what, _) in STEPS {
                    println!("{name:8} {what}");
                }
                return Ok(None);
            }
            "--" => wanted.rest = words.by_ref().cloned().collect(),
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(None);
            }
            other => return Err(format!("`{other}` is not understood.\n\n{USAGE}").into()),
        }
    }
    Ok(Some(wanted))
}

fn table(times: &[Timed]) -> String {
    let mut lines = vec!["step          seconds".to_owned()];
    lines.extend(times.iter().map(|timed| {
        let mark = if timed.failed { "  failed" } else { "" };
        format!("{:12} {:8.1}{mark}", timed.name, timed.took.as_secs_f64())
    }));
    let total: Duration = times.iter().map(|timed| timed.took).sum();
    lines.push(format!("{:12} {:8.1}", "total", total.as_secs_f64()));
    lines.join("\n")
}

fn debian_step(_: &mut Bench) -> Result {
    debian::ensure()
}

fn fmt(bench: &mut Bench) -> Result {
    process::run(process::cargo(&bench.root).args(["fmt", "--all", "--check"]))
}

fn tidy_step(_: &mut Bench) -> Result {
    tidy::run()
}

fn clippy(bench: &mut Bench) -> Result {
    let mut clippy = process::cargo(&bench.root);
    clippy.args(["clippy", "--workspace", "--all-targets", "--locked"]);
    process::run(clippy.args(["--", "-D", "warnings"]))
}

fn build(bench: &mut Bench) -> Result {
    let mut build = process::cargo(&bench.root);
    process::run(build.args(["build", "--workspace", "--all-targets", "--locked"]))
}

fn peers_step(bench: &mut Bench) -> Result {
    peers::ensure(&bench.root, &bench.target)
}

fn tests(bench: &mut Bench) -> Result {
    let mut test = process::cargo(&bench.root);
    test.args(["test", "--locked", "--no-fail-fast"]);
    if !bench
        .arguments
        .iter()
        .any(|word| word == "--package" || word == "-p")
    {
        test.arg("--workspace");
    }
    test.args(&bench.arguments);
    bench.tally.run(seeded(&mut test))
}

/// What is read from anybody and is no small text: in the step `test` each runs for a second.
fn fuzz(bench: &mut Bench) -> Result {
    // The program of that step: built for its package alone it would be another.
    let mut built = process::cargo(&bench.root);
    built.args(["test", "--workspace", "--locked", "--no-run", "--quiet"]);
    let built = process::capture(built.arg("--message-format=json"))?;
    let program = built.out.lines().find_map(test_program);
    let program = program.ok_or_else(|| format!("no fuzz targets were built:\n{}", built.err))?;
    let mut test = process::command(program, &bench.root.join("fuzz"));
    test.args(["openapi::", "mcp::", "envelope::", "sse::"]);
    test.env("BOLERO_RANDOM_TEST_TIME_MS", "60000");
    test.env("BOLERO_RANDOM_ITERATIONS", u64::from(u32::MAX).to_string());
    bench.tally.run(seeded(&mut test))
}

/// The path of the fuzz targets' program, where a message of cargo tells it.
fn test_program(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_it = message["target"]["name"] == "gestalt_fuzz" && message["profile"]["test"] == true;
    is_it.then(|| message["executable"].as_str().map(PathBuf::from))?
}

/// The same inputs at each run, unless the environment says otherwise: a change is judged by
/// what it changes. Other seeds are for whoever looks for more.
fn seeded(test: &mut Command) -> &mut Command {
    for name in ["PROPTEST_RNG_SEED", "BOLERO_RANDOM_SEED"] {
        if process::setting(name).is_none() {
            test.env(name, "20260728");
        }
    }
    test
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Timed, parse, table};

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn an_unknown_step_and_an_unknown_word_are_refused() {
        assert!(parse(&words("--only everything")).is_err());
        assert!(parse(&words("--only")).is_err());
        assert!(parse(&words("--fast")).is_err());
    }

    #[test]
    fn steps_and_the_arguments_for_cargo_are_told_apart() {
        let wanted = parse(&words("--only fmt --only test -- -p xtask")).unwrap();
        let wanted = wanted.unwrap();
        assert_eq!(wanted.only, ["fmt", "test"]);
        assert_eq!(wanted.rest, ["-p", "xtask"]);
    }

    #[test]
    fn the_table_names_the_step_that_failed() {
        let times =
            [("fmt", 1, false), ("clippy", 61, true)].map(|(name, seconds, failed)| Timed {
                name,
                took: Duration::from_secs(seconds),
                failed,
            });
        let table = table(&times);
        assert!(table.contains("clippy           61.0  failed"), "{table}");
        assert!(table.ends_with("total            62.0"), "{table}");
    }
}
