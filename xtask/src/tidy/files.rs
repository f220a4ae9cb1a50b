//! Names and lengths of Rust files.

use std::path::Path;

use super::{Finding, SourceFile};

/// Lines without tests above which a file is to be split soon.
const LONG: usize = 400;
/// Lines without tests that no file may pass.
const TOO_LONG: usize = 600;

/// Words that say nothing of what a module is for.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "manager", "service", "misc",
];

pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        findings.extend(name(file));
        findings.extend(length(file));
    }
    findings
}

fn name(file: &SourceFile) -> Option<Finding> {
    let path = Path::new(&file.path);
    if path.extension()? != "rs" {
        return None;
    }
    let stem = path.file_stem()?.to_str()?;
    let (what, why) = if stem == "mod" {
        (
            "is named mod.rs",
            "`foo.rs` beside `foo/`: a tab's title then says what it shows",
        )
    } else if EMPTY_NAMES.contains(&stem) {
        (
            "is named after nothing",
            "a module is a noun for a thing or a verb for a step; these names collect what has no home",
        )
    } else {
        return None;
    };
    Some(finding("names", file, what.to_owned(), why))
}

fn length(file: &SourceFile) -> Option<Finding> {
    if !file.is_shipped_rust() {
        return None;
    }
    let lines = file.own_lines().count();
    if lines > LONG && lines <= TOO_LONG {
        println!(
            "{}: {lines} lines without tests; split it before it passes {TOO_LONG}.",
            file.path
        );
    }
    (lines > TOO_LONG).then(|| {
        finding(
            "length",
            file,
            format!("has {lines} lines without tests, more than {TOO_LONG}"),
            "one idea per file; split it by what it does",
        )
    })
}

fn finding(rule: &'static str, file: &SourceFile, what: String, why: &'static str) -> Finding {
    Finding {
        rule,
        place: file.path.clone(),
        what,
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::file;

    #[test]
    fn a_mod_rs_is_found() {
        let found = check(&[file("crates/x/src/foo/mod.rs", "")]);
        assert_eq!(found[0].rule, "names");
    }

    #[test]
    fn a_module_named_after_nothing_is_found() {
        assert_eq!(check(&[file("crates/x/src/utils.rs", "")]).len(), 1);
        assert_eq!(check(&[file("crates/x/src/utils.txt", "")]), []);
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let long = "line\n".repeat(601);
        let found = check(&[file("crates/x/src/a.rs", &long)]);
        assert_eq!(found[0].rule, "length");
        let tested = format!("line\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert_eq!(check(&[file("crates/x/src/a.rs", &tested)]), []);
        assert_eq!(check(&[file("crates/x/tests/it/a.rs", &long)]), []);
    }
}
