//! Words that only some modules of a room may say.
//!
//! A check of the text, not of the types: a name that stands in the code of
//! another module, outside comments and unit tests, is a finding.

use super::{Finding, SourceFile};

struct Reserved {
    /// The room's sources.
    room: &'static str,
    word: &'static str,
    /// Modules that may say it: `a` means `a.rs` and all of `a/`.
    only: &'static [&'static str],
    why: &'static str,
}

const RESERVED: &[Reserved] = &[
    Reserved {
        room: "crates/gestalt-gateway/src/",
        word: "Upstream",
        only: &["call", "resolve", "operations/connect", "catalogue", "open"],
        why: "leaving the process belongs to the steps that hold a permit (`open` wires it, \
              `catalogue` compiles plugins with it and calls nobody)",
    },
    Reserved {
        room: "crates/gestalt-gateway/src/",
        word: "unseal",
        only: &["resolve", "operations/keys"],
        why: "a seal is opened in one step of the walk and by the rotation of keys",
    },
];

pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for reserved in RESERVED {
        for file in files.iter().filter(|file| file.is_shipped_rust()) {
            let Some(inside) = file.path.strip_prefix(reserved.room) else {
                continue;
            };
            if reserved.only.iter().any(|module| is_of(inside, module)) {
                continue;
            }
            let said = file.own_lines().find(|(_, line)| says(line, reserved.word));
            if let Some((number, _)) = said {
                findings.push(Finding {
                    rule: "reserved",
                    place: format!("{}:{number}", file.path),
                    what: format!(
                        "says `{}`, which belongs to {}",
                        reserved.word,
                        reserved.only.join(", ")
                    ),
                    why: reserved.why,
                });
            }
        }
    }
    findings
}

fn is_of(path: &str, module: &str) -> bool {
    path.strip_prefix(module)
        .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn says(line: &str, word: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.split(|at: char| !at.is_alphanumeric() && at != '_')
        .any(|name| name == word)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::file;

    #[test]
    fn an_upstream_outside_its_steps_is_found() {
        let text = "use gestalt_core::Subject;\nuse gestalt_upstream::Upstream;\n";
        let found = check(&[file("crates/gestalt-gateway/src/authorize.rs", text)]);
        assert_eq!(found[0].place, "crates/gestalt-gateway/src/authorize.rs:2");
    }

    #[test]
    fn opening_a_seal_elsewhere_is_found() {
        let text = "let plain = keyring.unseal(&place, key, bytes)?;\n";
        let elsewhere = file("crates/gestalt-gateway/src/operations/tokens.rs", text);
        assert_eq!(check(&[elsewhere]).len(), 1);
        let resolve = file("crates/gestalt-gateway/src/resolve/open.rs", text);
        assert_eq!(check(&[resolve]), []);
    }

    #[test]
    fn other_names_comments_and_tests_pass() {
        let text = "// Upstream\nuse gestalt_upstream::UpstreamError;\n\
                    \n#[cfg(test)]\nmod tests {\n    use gestalt_upstream::Upstream;\n}\n";
        assert_eq!(
            check(&[file("crates/gestalt-gateway/src/audit.rs", text)]),
            []
        );
        let other_room = file("crates/gestalt-upstream/src/lib.rs", "struct Upstream;\n");
        assert_eq!(check(&[other_room]), []);
    }
}
