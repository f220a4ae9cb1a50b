//! Words that must not stand in a tracked file.

use super::{Finding, SourceFile};

struct Banned {
    word: &'static str,
    why: &'static str,
    /// Files where it cannot be avoided.
    except: &'static [&'static str],
}

const MACHINE: &str = "a path of one machine means nothing on another";
const HOST: &str = "where packages come from is the machine's setting, so that a mirror can serve \
                    them; name the tool or the package instead";
const LOCKS: &[&str] = &["Cargo.lock", "package-lock.json"];

// Put together here, so that this file does not break its own rule.
const BANNED: &[Banned] = &[
    banned(concat!("/wo", "rk/"), MACHINE, &[]),
    banned(concat!("/ro", "ot/"), MACHINE, &[]),
    banned(concat!("crates", ".io"), HOST, LOCKS),
    banned(concat!("pypi", ".org"), HOST, LOCKS),
    banned(concat!("python", "hosted.org"), HOST, LOCKS),
    banned(concat!("npm", "js.org"), HOST, LOCKS),
    banned(concat!("npm", "js.com"), HOST, LOCKS),
    banned(concat!("proxy.gol", "ang.org"), HOST, LOCKS),
];

const fn banned(word: &'static str, why: &'static str, except: &'static [&'static str]) -> Banned {
    Banned { word, why, except }
}

pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        for banned in BANNED {
            if banned.except.contains(&name) {
                continue;
            }
            let said = file
                .text
                .lines()
                .position(|line| stands_in(line, banned.word));
            if let Some(index) = said {
                findings.push(Finding {
                    rule: "words",
                    place: format!("{}:{}", file.path, index + 1),
                    what: format!("says `{}`", banned.word),
                    why: banned.why,
                });
            }
        }
    }
    findings
}

/// A path counts where it starts; a name counts anywhere.
fn stands_in(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !word.starts_with('/')
            || !before.is_some_and(|before| before.is_alphanumeric() || "._-/})".contains(before))
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::file;

    #[test]
    fn a_path_of_one_machine_is_found() {
        let text = concat!("fine\nsee /wo", "rk/main/notes\n");
        let found = check(&[file("README.md", text)]);
        assert_eq!(found[0].place, "README.md:2");
        let inside = concat!("https://example.com/wo", "rk/x and net", "/wo", "rk/y\n");
        assert_eq!(check(&[file("README.md", inside)]), []);
    }

    #[test]
    fn the_name_of_a_registry_is_found_but_for_lock_files() {
        let text = concat!("see https://crates", ".io/x\n");
        assert_eq!(check(&[file("docs/a.md", text)]).len(), 1);
        assert_eq!(check(&[file("ui/package-lock.json", text)]), []);
    }
}
