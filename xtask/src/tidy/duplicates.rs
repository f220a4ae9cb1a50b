//! Packages that are built in more than one version: a capped list.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::house::Package;

/// Package, how many versions at most, and who keeps the older one.
const CAPS: &[(&str, usize, &str)] = &[
    ("base64", 2, "sqlx and hyper-util are on 0.22"),
    ("bit-set", 2, "jsonschema's fancy-regex"),
    ("bit-vec", 2, "jsonschema's fancy-regex"),
    ("bitflags", 2, "apollo-compiler's ariadne"),
    ("block-buffer", 2, "sqlx's digest 0.10"),
    ("cpufeatures", 2, "sqlx's sha2 0.10"),
    ("crypto-common", 2, "sqlx's digest 0.10"),
    ("digest", 2, "sqlx is on RustCrypto 0.10, argon2 on 0.11"),
    (
        "getrandom",
        3,
        "proptest's rand 0.9; the oldest only on other systems",
    ),
    ("hashbrown", 3, "sqlx; apollo-parser's rowan"),
    ("proc-macro-crate", 2, "bolero"),
    ("r-efi", 2, "getrandom 0.3, only on other systems"),
    ("rand", 2, "proptest is on 0.9"),
    ("rand_core", 2, "proptest is on 0.9"),
    ("rustc-hash", 2, "apollo-parser's rowan"),
    ("sha2", 2, "sqlx is on 0.10"),
    ("syn", 2, "derive crates are moving to 3"),
    ("toml_datetime", 2, "bolero's proc-macro-crate"),
    ("toml_edit", 2, "bolero's proc-macro-crate"),
    ("unicode-width", 2, "miette is on 0.1"),
    ("windows-sys", 3, "only on other systems"),
    ("windows-targets", 2, "only on other systems"),
    ("windows_aarch64_gnullvm", 2, "only on other systems"),
    ("windows_aarch64_msvc", 2, "only on other systems"),
    ("windows_i686_gnu", 2, "only on other systems"),
    ("windows_i686_msvc", 2, "only on other systems"),
    ("windows_x86_64_gnu", 2, "only on other systems"),
    ("windows_x86_64_gnullvm", 2, "only on other systems"),
    ("windows_x86_64_msvc", 2, "only on other systems"),
    ("winnow", 2, "bolero's proc-macro-crate"),
];

const WHY: &str = "every further version is built, shipped and audited again; raise the cap in \
                   xtask/src/tidy/duplicates.rs only with a reason, and lower it when one is gone";

pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    check_against(packages, CAPS)
}

fn check_against(packages: &[Package], caps: &[(&str, usize, &str)]) -> Vec<Finding> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        let known = versions.entry(&package.name).or_default();
        known.insert(&package.version);
    }
    let cap_of = |name: &str| {
        let cap = caps.iter().find(|(known, ..)| *known == name);
        cap.map_or(1, |(_, count, _)| *count)
    };
    let excess = versions.iter().filter_map(|(name, known)| {
        let (count, cap) = (known.len(), cap_of(name));
        let listed: Vec<&str> = known.iter().copied().collect();
        (count > cap).then(|| finding(name, format!("{} (cap {cap})", listed.join(", "))))
    });
    let stale = caps.iter().filter_map(|(name, cap, _)| {
        let count = versions.get(name).map_or(0, BTreeSet::len);
        (count < *cap).then(|| finding(name, format!("has {count} versions, its cap is {cap}")))
    });
    excess.chain(stale).collect()
}

fn finding(name: &str, what: String) -> Finding {
    Finding {
        rule: "duplicates",
        place: name.to_owned(),
        what,
        why: WHY,
    }
}

#[cfg(test)]
mod tests {
    use super::check_against;
    use crate::house::Package;

    fn package(name: &str, version: &str) -> Package {
        Package {
            name: name.into(),
            version: version.into(),
            ..Package::default()
        }
    }

    #[test]
    fn a_second_version_without_a_reason_is_found() {
        let found = check_against(&[package("http", "0.2.1"), package("http", "1.0.0")], &[]);
        assert_eq!(found[0].what, "0.2.1, 1.0.0 (cap 1)");
    }

    #[test]
    fn a_cap_that_is_no_longer_needed_is_found() {
        let found = check_against(&[package("http", "1.0.0")], &[("http", 2, "once")]);
        assert_eq!(found[0].what, "has 1 versions, its cap is 2");
    }

    #[test]
    fn a_reasoned_duplicate_passes() {
        let packages = [package("http", "0.2.1"), package("http", "1.0.0")];
        assert_eq!(check_against(&packages, &[("http", 2, "reason")]), []);
    }
}
