//! Who may use whom: words, skills, rules, doors.

use super::Finding;
use crate::house::Package;

/// A room, what it may use, and what its tests may use besides.
struct Room {
    name: &'static str,
    may_use: &'static [&'static str],
    tests_may_use: &'static [&'static str],
}

const ROOMS: &[Room] = &[
    room("gestalt-core", &[], &[]),
    room("gestalt-api", &[], &[]),
    room("gestalt-vault", &["gestalt-core"], &[]),
    room("gestalt-store", &["gestalt-core"], &[]),
    room("gestalt-upstream", &["gestalt-core"], &[]),
    room(
        "gestalt-gateway",
        &[
            "gestalt-core",
            "gestalt-vault",
            "gestalt-store",
            "gestalt-upstream",
        ],
        &[],
    ),
    room(
        "gestaltd",
        &["gestalt-core", "gestalt-api", "gestalt-gateway"],
        &["gestalt-vault", "gestalt-store"],
    ),
    room("gestalt", &["gestalt-api"], &[]),
    // Beside the house: these ship nothing.
    room(
        "gestalt-e2e",
        &["gestalt-core", "gestalt-vault", "gestalt-store"],
        &[],
    ),
    room("gestalt-bench", &["gestalt-e2e", "gestalt-store"], &[]),
    room(
        "gestalt-fuzz",
        &[],
        &[
            "gestalt-core",
            "gestalt-vault",
            "gestalt-upstream",
            "gestaltd",
        ],
    ),
    room("mcp-fixture", &[], &[]),
    room("xtask", &[], &[]),
];

const fn room(
    name: &'static str,
    may_use: &'static [&'static str],
    tests_may_use: &'static [&'static str],
) -> Room {
    Room {
        name,
        may_use,
        tests_may_use,
    }
}

const WHY: &str = "a floor uses only floors below it, skills never use each other, \
                   doors never touch skills; the table is in xtask/src/tidy/arrows.rs";

pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let members: Vec<&Package> = packages.iter().filter(|package| package.member).collect();
    let ours = |name: &str| members.iter().any(|member| member.name == name);
    let mut findings = Vec::new();
    for member in &members {
        let Some(room) = ROOMS.iter().find(|room| room.name == member.name) else {
            findings.push(finding(member, "is a room the table does not know".into()));
            continue;
        };
        for used in member.uses.iter().filter(|used| ours(&used.name)) {
            let name = used.name.as_str();
            let allowed = room.may_use.contains(&name)
                || (used.dev && (room.tests_may_use.contains(&name) || name == room.name));
            if !allowed {
                findings.push(finding(member, format!("may not use {name}")));
            }
        }
    }
    findings
}

fn finding(member: &Package, what: String) -> Finding {
    Finding {
        rule: "arrows",
        place: member.name.clone(),
        what,
        why: WHY,
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::house::{Package, Use};

    fn member(name: &str, uses: &[(&str, bool)]) -> Package {
        Package {
            name: name.into(),
            member: true,
            uses: uses
                .iter()
                .map(|(name, dev)| Use {
                    name: (*name).into(),
                    dev: *dev,
                })
                .collect(),
            ..Package::default()
        }
    }

    #[test]
    fn a_door_that_touches_a_skill_is_found() {
        let packages = [
            member("gestaltd", &[("gestalt-vault", false)]),
            member("gestalt-vault", &[("gestalt-core", false)]),
            member("gestalt-core", &[]),
        ];
        let found = check(&packages);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].place, "gestaltd");
        assert_eq!(found[0].what, "may not use gestalt-vault");
    }

    #[test]
    fn a_skill_that_uses_a_skill_is_found_in_its_tests_too() {
        let packages = [
            member("gestalt-store", &[("gestalt-vault", true)]),
            member("gestalt-vault", &[]),
        ];
        assert_eq!(check(&packages).len(), 1);
    }

    #[test]
    fn a_room_without_a_place_in_the_house_is_found() {
        assert_eq!(check(&[member("gestalt-common", &[])]).len(), 1);
    }

    #[test]
    fn what_the_table_allows_passes() {
        let packages = [
            member(
                "gestaltd",
                &[("gestalt-gateway", false), ("gestalt-store", true)],
            ),
            member("gestalt-gateway", &[("gestalt-store", false)]),
            member("gestalt-store", &[("serde", false)]),
        ];
        assert_eq!(check(&packages), []);
    }
}
