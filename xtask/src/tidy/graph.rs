//! What must not be in the resolved graph at all.
//!
//! `Cargo.lock` names optional edges that are never enabled (rustls-webpki
//! lists `ring`), so cargo is asked who really uses a package.

use std::path::Path;

use super::Finding;
use crate::process::{self, Result, Written};

const FORBIDDEN: &[(&str, &str)] = &[
    ("openssl", "one TLS stack: rustls"),
    ("openssl-sys", "one TLS stack: rustls"),
    ("native-tls", "one TLS stack: rustls"),
    ("ring", "one source of cryptography: aws-lc-rs"),
];

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (package, why) in FORBIDDEN {
        let mut tree = process::cargo(root);
        tree.args(["tree", "--workspace", "--edges", "all", "--target", "all"]);
        tree.args(["--invert", package]);
        findings.extend(judge(package, why, &process::capture(&mut tree)?)?);
    }
    Ok(findings)
}

/// Reads cargo's answer: absent, present but never enabled, or used.
fn judge(package: &str, why: &'static str, answer: &Written) -> Result<Option<Finding>> {
    if !answer.success {
        return if answer.err.contains("did not match any packages") {
            Ok(None)
        } else {
            Err(format!("cargo tree: {}", answer.err.trim()).into())
        };
    }
    let users: Vec<&str> = answer.out.lines().take(6).collect();
    Ok((!users.is_empty()).then(|| Finding {
        rule: "graph",
        place: "Cargo.lock".into(),
        what: format!("{package} is built:\n        {}", users.join("\n        ")),
        why,
    }))
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::process::Written;

    fn answer(success: bool, out: &str, err: &str) -> Written {
        Written {
            success,
            out: out.into(),
            err: err.into(),
        }
    }

    #[test]
    fn a_used_package_is_found_with_its_user() {
        let tree = answer(true, "ring v0.17.14\n└── rustls v0.23.46\n", "");
        let found = judge("ring", "why", &tree).unwrap().unwrap();
        assert!(found.what.contains("rustls v0.23.46"), "{found}");
    }

    #[test]
    fn an_optional_edge_that_is_never_enabled_passes() {
        let tree = answer(true, "", "warning: nothing to print.\n");
        assert_eq!(judge("ring", "why", &tree).unwrap(), None);
    }

    #[test]
    fn an_absent_package_passes_and_another_error_does_not() {
        let absent = answer(
            false,
            "",
            "error: package ID specification `ring` did not match any packages",
        );
        assert_eq!(judge("ring", "why", &absent).unwrap(), None);
        assert!(judge("ring", "why", &answer(false, "", "error: no such file")).is_err());
    }
}
