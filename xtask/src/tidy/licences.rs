//! Licences of everything we build on.

use super::Finding;
use crate::house::Package;

/// Permissive licences; the same list stands in `deny.toml`.
const ALLOWED: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

const WHY: &str = "what we ship is Apache-2.0 and stays free to use: permissive licences only";

pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    packages
        .iter()
        .filter_map(|package| {
            let what = match &package.license {
                None => "names no licence".to_owned(),
                Some(text) if permits(text) => return None,
                Some(text) => format!("has the licence {text}"),
            };
            Some(Finding {
                rule: "licences",
                place: format!("{} {}", package.name, package.version),
                what,
                why: WHY,
            })
        })
        .collect()
}

/// Whether the expression can be met by allowed licences alone. Anything that
/// does not parse is not permitted.
fn permits(expression: &str) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest) == Some(true) && rest.is_empty()
}

fn either(words: &mut &[&str]) -> Option<bool> {
    let mut met = both(words)?;
    while take(words, "OR") {
        met |= both(words)?;
    }
    Some(met)
}

fn both(words: &mut &[&str]) -> Option<bool> {
    let mut met = term(words)?;
    while take(words, "AND") {
        met &= term(words)?;
    }
    Some(met)
}

fn term(words: &mut &[&str]) -> Option<bool> {
    if take(words, "(") {
        let met = either(words)?;
        return take(words, ")").then_some(met);
    }
    let (name, after) = words.split_first()?;
    *words = after;
    if take(words, "WITH") {
        let (exception, after) = words.split_first()?;
        *words = after;
        return Some(ALLOWED.contains(&format!("{name} WITH {exception}").as_str()));
    }
    Some(ALLOWED.contains(name))
}

fn take(words: &mut &[&str], word: &str) -> bool {
    match words.split_first() {
        Some((first, rest)) if *first == word => {
            *words = rest;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{check, permits};
    use crate::house::Package;

    #[test]
    fn a_copyleft_licence_is_found() {
        let package = Package {
            name: "x".into(),
            license: Some("GPL-3.0-only".into()),
            ..Package::default()
        };
        assert_eq!(check(&[package])[0].what, "has the licence GPL-3.0-only");
    }

    #[test]
    fn a_missing_licence_is_found() {
        assert_eq!(check(&[Package::default()])[0].what, "names no licence");
    }

    #[test]
    fn an_expression_is_met_by_allowed_licences_alone() {
        assert!(permits("MIT"));
        assert!(permits("MIT/Apache-2.0"));
        assert!(permits("MIT OR Apache-2.0 OR LGPL-2.1-or-later"));
        assert!(permits("(GPL-2.0-only OR MIT) AND BSD-3-Clause"));
        assert!(permits("Apache-2.0 WITH LLVM-exception"));
        assert!(!permits("MIT AND GPL-2.0-only"));
        assert!(!permits("MIT WITH LLVM-exception"));
        assert!(!permits("(MIT"));
        assert!(!permits("MIT Apache-2.0"));
        assert!(!permits(""));
    }
}
