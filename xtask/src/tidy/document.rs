//! `ARCHITECTURE.md` names only what exists.

use std::collections::HashSet;

use super::{Finding, SourceFile};

const DOCUMENT: &str = "ARCHITECTURE.md";
const LIMIT: usize = 300;
const WHY: &str = "prose that no test reads grows wrong; correct the document or the name";

pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let Some(document) = files.iter().find(|file| file.path == DOCUMENT) else {
        return vec![finding(0, "is missing".into())];
    };
    let lines = document.text.lines().count();
    let mut findings = Vec::new();
    if lines > LIMIT {
        findings.push(finding(lines, format!("is longer than {LIMIT} lines")));
    }
    let known = Known::of(files);
    let mut fenced = false;
    for (index, line) in document.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let quoted = line.split('`').skip(1).step_by(2);
            let unknown = quoted.filter(|quote| known.refutes(quote));
            findings.extend(
                unknown.map(|quote| {
                    finding(index + 1, format!("names `{quote}`, which does not exist"))
                }),
            );
        }
    }
    findings
}

/// Everything a document can point at.
struct Known<'a> {
    paths: Vec<&'a str>,
    names: HashSet<&'a str>,
}

impl<'a> Known<'a> {
    fn of(files: &'a [SourceFile]) -> Self {
        let code = files.iter().filter(|file| file.extension() != Some("md"));
        Self {
            paths: files.iter().map(|file| file.path.as_str()).collect(),
            names: code
                .flat_map(|file| file.text.split(|at: char| !is_of_name(at)))
                .collect(),
        }
    }

    /// Whether the quote is a path or a name, and there is no such thing. What
    /// is neither (a command, a route, a media type) is not judged.
    fn refutes(&self, quote: &str) -> bool {
        if is_path(quote) {
            return !expand(quote).iter().all(|path| self.has_path(path));
        }
        let name = quote.trim_end_matches("()");
        let is_name = !name.is_empty()
            && name.chars().all(|at| is_of_name(at) || at == ':')
            && (name.contains("::") || name.trim_matches('_').contains('_'));
        is_name && !name.split("::").all(|part| self.names.contains(part))
    }

    /// A path may leave out the folders before it.
    fn has_path(&self, wanted: &str) -> bool {
        let wanted = wanted.trim_end_matches('/');
        self.paths.iter().any(|path| {
            path.match_indices(wanted).any(|(at, _)| {
                let starts = at == 0 || path[..at].ends_with('/');
                let rest = &path[at + wanted.len()..];
                starts && (rest.is_empty() || rest.starts_with('/'))
            })
        })
    }
}

fn is_of_name(at: char) -> bool {
    at.is_ascii_alphanumeric() || at == '_'
}

/// A file of ours, or a folder that starts where ours do.
fn is_path(quote: &str) -> bool {
    const FOLDERS: &[&str] = &[
        "crates", "tests", "bench", "fuzz", "xtask", "docs", "catalog", "deploy", "ui", "sdk",
        ".ci",
    ];
    const ENDINGS: &[&str] = &[".rs", ".toml", ".md", ".yaml", ".sql", ".json", ".html"];
    let plain = |at: char| is_of_name(at) || "/.-{},".contains(at);
    let first = quote.split('/').next().unwrap_or_default();
    !quote.is_empty()
        && !quote.starts_with(['/', '.', '~'])
        && quote.chars().all(plain)
        && ((quote.contains('/') && FOLDERS.contains(&first))
            || ENDINGS.iter().any(|ending| quote.ends_with(ending)))
}

/// Writes out `a/{b,c}.rs`; one pair of braces is enough for prose.
fn expand(quote: &str) -> Vec<String> {
    let parts = quote
        .split_once('{')
        .and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    match parts {
        Some((before, (choices, after))) => choices
            .split(',')
            .map(|choice| format!("{before}{choice}{after}"))
            .collect(),
        None => vec![quote.to_owned()],
    }
}

fn finding(line: usize, what: String) -> Finding {
    Finding {
        rule: "document",
        place: format!("{DOCUMENT}:{line}"),
        what,
        why: WHY,
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::file;

    fn found(text: &str) -> Vec<String> {
        let files = [
            file("ARCHITECTURE.md", text),
            file("crates/x/src/pipeline.rs", "fn walks_straight_down() {}"),
            file("crates/x/src/call/paging.rs", "struct Reply;"),
        ];
        check(&files).into_iter().map(|found| found.what).collect()
    }

    #[test]
    fn a_file_that_does_not_exist_is_found() {
        assert_eq!(
            found("See `crates/x/src/gone.rs`.\n"),
            ["names `crates/x/src/gone.rs`, which does not exist"]
        );
        assert_eq!(found("`call/{paging,gone}.rs`").len(), 1);
        assert_eq!(found("`peline.rs`").len(), 1);
    }

    #[test]
    fn a_name_that_does_not_exist_is_found() {
        assert_eq!(found("`walks_sideways`").len(), 1);
        assert_eq!(found("`Reply::gone`").len(), 1);
    }

    #[test]
    fn a_missing_document_is_found() {
        assert_eq!(check(&[])[0].what, "is missing");
    }

    #[test]
    fn what_exists_and_what_is_neither_path_nor_name_passes() {
        let text = "`crates/x/src/call/`, `src/pipeline.rs`, `walks_straight_down`, `Reply`,\n\
                    `application/json`, `/api/v1/tokens`, `cargo xtask tidy`, `~/.gestaltd/config.yaml`\n\
                    ```\n`gone.rs`\n```\n";
        assert_eq!(found(text), Vec::<String>::new());
    }
}
