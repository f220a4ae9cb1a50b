//! Tasks of the project: `cargo xtask run | test | tidy | bench`.
//!
//! `main.rs` picks the task; each task is a module of its name. `test` and
//! `tidy` are what a change is checked by, `run` and `bench` are for people.

use std::process::ExitCode;

mod bench;
mod house;
mod process;
mod run;
mod test;
mod tidy;

const USAGE: &str = "\
Tasks of the project.

Usage: cargo xtask <task>

  run [-- ARGS]        builds both programs and starts the daemon (ARGS go to gestaltd)
  test [--only STEP]…  everything the project is checked by; `test --list` names the steps
  tidy                 the rules of the house that no compiler knows
  bench [ARGS]         what a call costs, beside a plain proxy; `bench --help` says more";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let done = match task.as_str() {
        "run" => run::run(&rest),
        "test" => test::run(&rest),
        "tidy" => tidy::run(),
        "bench" => bench::run(&rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        "" => Err(USAGE.into()),
        other => Err(format!("There is no task `{other}`.\n\n{USAGE}").into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
