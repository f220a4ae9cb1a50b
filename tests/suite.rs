//! MCP's official conformance suite: a run of it, and what passed.
//!
//! A server behind the gateway is to pass what it passes alone. [`run`] gives what one address
//! passes, [`recorded`] what the fixture passes directly, and [`PassSet::lost_in`] what is lost
//! between two.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::{cli, peers};

/// The requirement sets, each the era that its revision belongs to.
pub const REVISIONS: [&str; 2] = ["2025-11-25", "2026-07-28"];

/// Where the suite's package keeps what each revision requires.
const REQUIREMENTS: &str = "node_modules/@modelcontextprotocol/conformance/requirements";

/// The checks that passed, by scenario; a check is its id with its name, and how often it passed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PassSet {
    scenarios: BTreeMap<String, BTreeMap<String, u64>>,
}

/// What a run of the suite came to.
#[derive(Debug)]
pub struct Run {
    /// The checks that passed.
    pub passed: PassSet,
    /// The checks that failed, each as `scenario: check: why`.
    pub failed: Vec<String>,
    /// The scenarios that ran, in the order of their names.
    pub scenarios: Vec<String>,
    /// All that was printed.
    pub said: String,
}

/// A pass that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The scenario.
    pub scenario: String,
    /// The check: its id with its name.
    pub check: String,
    /// How often it should have passed.
    pub wanted: u64,
    /// How often it did.
    pub had: u64,
}

impl fmt::Display for Lost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scenario,
            check,
            wanted,
            had,
        } = self;
        write!(out, "{scenario}: {check} passed {had} times of {wanted}")
    }
}

/// Runs the suite with one revision's requirements against the server at `url`, which is the
/// whole address of its endpoint. The suite presents no credential: [`crate::bearer::proxy`]
/// adds one.
///
/// # Panics
///
/// When the suite is not installed, or runs nothing.
pub async fn run(url: &str, revision: &str) -> Run {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = peers::npm_tool("conformance");
    command
        .args(["server", "--url", url, "--requirements", revision])
        .arg("--output-dir")
        .arg(folder.path());
    let ran = cli::finish(command, None).await;
    let said = format!("{}{}", ran.out, ran.err);
    let mut run = Run {
        passed: PassSet::default(),
        failed: Vec::new(),
        scenarios: Vec::new(),
        said,
    };
    for (scenario, checks) in results(folder.path()) {
        run.read(&scenario, &checks);
        run.scenarios.push(scenario);
    }
    assert!(!run.scenarios.is_empty(), "nothing ran:\n{}", run.said);
    run.scenarios.sort();
    run
}

/// The scenarios that a revision requires of a server; what the suite runs besides is reported
/// and does not count.
///
/// # Panics
///
/// When the suite is not installed, or knows no such revision.
pub fn required(revision: &str) -> Vec<String> {
    let file = peers::npm().join(REQUIREMENTS);
    let file = file.join(format!("{revision}.yaml"));
    let text = fs::read_to_string(&file);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let section = text.split("\nserver:\n").nth(1).unwrap_or_default();
    let lines = section.lines().map(|line| line.strip_prefix("  - "));
    lines.map_while(|name| name.map(str::to_owned)).collect()
}

/// What the fixture passes directly, as `the_fixture_passes_the_official_suite_directly` holds it.
///
/// # Panics
///
/// When there is no record of the revision.
pub fn recorded(revision: &str) -> PassSet {
    let text = match revision {
        "2025-11-25" => include_str!("it/official_suite/2025-11-25.json"),
        "2026-07-28" => include_str!("it/official_suite/2026-07-28.json"),
        _ => panic!("nothing is recorded of {revision}"),
    };
    PassSet::parse(text)
}

impl PassSet {
    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Panics
    ///
    /// When it is nothing of the kind.
    pub fn parse(text: &str) -> Self {
        let read = serde_json::from_str::<Value>(text).expect("a record in JSON");
        let mut set = Self::default();
        for (scenario, checks) in read.as_object().expect("scenarios") {
            for (check, times) in checks.as_object().expect("checks") {
                set.add(scenario, check, times.as_u64().expect("a number"));
            }
        }
        set
    }

    /// The set as it is recorded.
    pub fn to_json(&self) -> String {
        format!("{:#}\n", json!(self.scenarios))
    }

    /// Adds passes of one check.
    pub fn add(&mut self, scenario: &str, check: &str, times: u64) {
        let checks = self.scenarios.entry(scenario.to_owned()).or_default();
        *checks.entry(check.to_owned()).or_default() += times;
    }

    /// The part of the set in these scenarios, such as the [`required`] ones.
    #[must_use]
    pub fn within(&self, scenarios: &[String]) -> Self {
        let mut part = self.clone();
        part.scenarios.retain(|name, _| scenarios.contains(name));
        part
    }

    /// How many checks passed in each scenario.
    pub fn counts(&self) -> BTreeMap<&str, u64> {
        let scenarios = self.scenarios.iter();
        scenarios
            .map(|(scenario, checks)| (scenario.as_str(), checks.values().sum()))
            .collect()
    }

    /// How many checks passed.
    pub fn total(&self) -> u64 {
        self.counts().values().sum()
    }

    /// What passes here and not there, or there less often.
    pub fn lost_in(&self, other: &Self) -> Vec<Lost> {
        let mut lost = Vec::new();
        for (scenario, checks) in &self.scenarios {
            for (check, &wanted) in checks {
                let there = other.scenarios.get(scenario);
                let had = there.and_then(|checks| checks.get(check));
                let had = had.copied().unwrap_or_default();
                if had < wanted {
                    lost.push(Lost {
                        scenario: scenario.clone(),
                        check: check.clone(),
                        wanted,
                        had,
                    });
                }
            }
        }
        lost
    }
}

impl Run {
    fn read(&mut self, scenario: &str, checks: &[Value]) {
        for check in checks {
            let word = |key: &str| check[key].as_str().unwrap_or_default();
            let named = format!("{} ({})", word("id"), word("name"));
            match word("status") {
                "SUCCESS" => self.passed.add(scenario, &named, 1),
                "FAILURE" | "WARNING" => {
                    let why = word("errorMessage");
                    self.failed.push(format!("{scenario}: {named}: {why}"));
                }
                // Remarks, and what the suite itself skips.
                _ => {}
            }
        }
    }

    /// Fails unless all passed that passes in `direct`, and names what did not: by scenario and
    /// check, then why.
    ///
    /// # Panics
    ///
    /// When something is missing.
    #[track_caller]
    pub fn passes_all_of(&self, direct: &PassSet) {
        let lost = direct.lost_in(&self.passed);
        let lines: Vec<String> = lost.iter().map(Lost::to_string).collect();
        assert!(
            lost.is_empty(),
            "{} checks are lost:\n{}\n\nwhat failed:\n{}\n\n{}",
            lost.len(),
            lines.join("\n"),
            self.failed.join("\n"),
            self.said
        );
    }
}

/// The checks of each scenario; its folder is named `server-SCENARIO-TIME`.
fn results(folder: &Path) -> Vec<(String, Vec<Value>)> {
    /// As in `-2026-07-28T01-22-31-304Z`.
    const TIME: usize = 25;
    let runs = fs::read_dir(folder).expect("the suite's results");
    let folders = runs.map(|run| run.expect("a readable folder").path());
    folders
        .map(|folder| {
            let name = folder.file_name().expect("a name").to_string_lossy();
            let name = name.strip_prefix("server-").unwrap_or(&name);
            let scenario = name[..name.len().saturating_sub(TIME)].to_owned();
            let checks = fs::read(folder.join("checks.json")).expect("the scenario's checks");
            let checks = serde_json::from_slice(&checks).expect("checks in JSON");
            (scenario, checks)
        })
        .collect()
}
