//! The rules of the house that no compiler knows.
//!
//! Each rule is a module with one `check` over plain data, and a test that
//! plants a violation. A finding says what is wrong, where, and why the rule
//! exists.

use std::fmt;
use std::path::Path;

use crate::house::{self, Package};
use crate::process::{self, Result};

mod arrows;
mod document;
mod duplicates;
mod fences;
mod files;
mod graph;
mod licences;
mod reserved;
mod words;

/// One breach of one rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) rule: &'static str,
    pub(crate) place: String,
    pub(crate) what: String,
    pub(crate) why: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rule,
            place,
            what,
            why,
        } = self;
        write!(out, "{place}: {what}\n    [{rule}] {why}")
    }
}

/// A file that git tracks, with its text.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Its path from the repository's root.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    /// The numbered lines before the unit tests at the foot of the file.
    pub(crate) fn own_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let foot = self.text.find("\n#[cfg(test)]\nmod ");
        let end = foot.map_or(self.text.len(), |at| at + 1);
        self.text[..end]
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// What its name ends in, without the dot.
    pub(crate) fn extension(&self) -> Option<&str> {
        Path::new(&self.path).extension()?.to_str()
    }

    /// Whether the file is Rust that ships, and no test.
    pub(crate) fn is_shipped_rust(&self) -> bool {
        let path = Path::new(&self.path);
        self.extension() == Some("rs")
            && path.file_name().is_some_and(|name| name != "tests.rs")
            && !path
                .components()
                .any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "benches")))
    }
}

/// Checks the repository and prints what it finds.
///
/// # Errors
///
/// When a rule is broken, or the repository cannot be read.
pub(crate) fn run() -> Result {
    let metadata = house::metadata()?;
    let packages = house::packages(&metadata);
    let files = tracked(&house::root())?;
    let mut findings = check(&packages, &files);
    findings.extend(graph::check(&house::root())?);
    for finding in &findings {
        eprintln!("{finding}");
    }
    if findings.is_empty() {
        println!(
            "tidy: {} packages and {} files keep the rules.",
            packages.len(),
            files.len()
        );
        Ok(())
    } else {
        Err(format!("tidy: {} breaches.", findings.len()).into())
    }
}

fn check(packages: &[Package], files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = arrows::check(packages);
    findings.extend(fences::check(packages));
    findings.extend(licences::check(packages));
    findings.extend(duplicates::check(packages));
    findings.extend(files::check(files));
    findings.extend(reserved::check(files));
    findings.extend(words::check(files));
    findings.extend(document::check(files));
    findings
}

/// Reads every text file that git tracks; one deleted but not yet committed,
/// and one that is no text, has nothing to check.
fn tracked(root: &Path) -> Result<Vec<SourceFile>> {
    // The folder may belong to somebody else, as in a container.
    let mut list = process::command("git", root);
    list.args(["-c", "safe.directory=*", "ls-files", "-z"]);
    let listed = process::capture(&mut list)?;
    if !listed.success {
        return Err(format!("git ls-files: {}", listed.err.trim()).into());
    }
    Ok(listed
        .out
        .split_terminator('\0')
        .filter_map(|path| {
            let text = std::fs::read_to_string(root.join(path)).ok()?;
            Some(SourceFile {
                path: path.to_owned(),
                text,
            })
        })
        .collect())
}

#[cfg(test)]
pub(crate) fn file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::file;

    #[test]
    fn unit_tests_at_the_foot_are_not_own_lines() {
        let foo = file("a.rs", "one\ntwo\n#[cfg(test)]\nmod tests {\n}\n");
        assert_eq!(foo.own_lines().count(), 2);
        let bar = file("a.rs", "one\n#[cfg(test)]\nfn helper() {}\ntwo\n");
        assert_eq!(bar.own_lines().count(), 4);
    }

    #[test]
    fn tests_are_not_shipped() {
        assert!(file("crates/x/src/a.rs", "").is_shipped_rust());
        assert!(!file("crates/x/src/a/tests.rs", "").is_shipped_rust());
        assert!(!file("crates/x/tests/it/a.rs", "").is_shipped_rust());
        assert!(!file("README.md", "").is_shipped_rust());
    }
}
