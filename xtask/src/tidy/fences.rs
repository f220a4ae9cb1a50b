//! Which room may name which dependency.

use super::Finding;
use crate::house::Package;

struct Fence {
    dependency: &'static str,
    rooms: &'static [&'static str],
    why: &'static str,
    /// Whether a room's tests are outside the fence (to play a peer).
    not_in_tests: bool,
}

const FENCES: &[Fence] = &[
    fence("sqlx", &["gestalt-store"], "only the store knows SQL"),
    fence("argon2", &["gestalt-vault"], "only the vault derives keys"),
    fence(
        "aws-lc-rs",
        &["gestalt-vault"],
        "only the vault seals, opens and signs",
    ),
    fence(
        "axum",
        &["gestaltd"],
        "only the daemon serves HTTP; the rules know no door",
    ),
    fence(
        "reqwest",
        &["gestalt"],
        "the daemon leaves the process by the guarded client only; reqwest is the command line's",
    ),
    fence(
        "hyper-rustls",
        &["gestalt-upstream"],
        "outbound TLS is the guarded client's",
    ),
    fence(
        "rustls",
        &["gestalt-upstream", "gestaltd"],
        "TLS ends at the listener and starts at the guarded client",
    ),
    fence_but_for_tests(
        "hyper",
        &[
            "gestalt-upstream",
            "gestaltd",
            "gestalt-bench",
            "gestalt-e2e",
            "mcp-fixture",
        ],
        "HTTP is spoken at the doors and by the guarded client",
    ),
    fence_but_for_tests(
        "hyper-util",
        &[
            "gestalt-upstream",
            "gestaltd",
            "gestalt-bench",
            "gestalt-e2e",
            "mcp-fixture",
        ],
        "HTTP is spoken at the doors and by the guarded client",
    ),
    fence(
        "apollo-compiler",
        &["gestalt-upstream"],
        "GraphQL is read where it is spoken",
    ),
    fence(
        "utoipa",
        &["gestalt-api", "gestaltd"],
        "the wire's shapes and its document have one home",
    ),
    fence(
        "serde-saphyr",
        &["gestaltd", "gestalt"],
        "only the doors read configuration files",
    ),
    fence(
        "clap",
        &["gestaltd", "gestalt"],
        "only programs have a command line",
    ),
    fence(
        "cedar-policy",
        &["gestalt-gateway"],
        "policy is decided by the rules only",
    ),
    fence(
        "rmcp",
        &["mcp-fixture", "gestalt-e2e"],
        "its types drop what they do not know: the SDK plays peers in tests, the relay is ours",
    ),
    fence(
        "landlock",
        &["gestalt-upstream"],
        "only the upstream's room starts and confines processes",
    ),
    fence(
        "seccompiler",
        &["gestalt-upstream"],
        "only the upstream's room starts and confines processes",
    ),
    fence(
        "rustix",
        &["gestalt-upstream"],
        "only the upstream's room starts and confines processes",
    ),
    fence(
        "libc",
        &["gestalt-upstream"],
        "only the upstream's room starts and confines processes",
    ),
    fence("openssl", &[], "one TLS stack: rustls"),
    fence("native-tls", &[], "one TLS stack: rustls"),
    fence("ring", &[], "one source of cryptography: aws-lc-rs"),
    fence("serde_yaml", &[], "unmaintained; serde-saphyr gives spans"),
    fence(
        "async-trait",
        &[],
        "concrete over abstract; async functions in traits are stable",
    ),
    fence("lazy_static", &[], "std::sync::LazyLock"),
    fence("once_cell", &[], "std::sync::OnceLock and LazyLock"),
    fence(
        "anyhow",
        &["xtask"],
        "one error enum per crate, each variant with its source",
    ),
];

const fn fence(
    dependency: &'static str,
    rooms: &'static [&'static str],
    why: &'static str,
) -> Fence {
    Fence {
        dependency,
        rooms,
        why,
        not_in_tests: false,
    }
}

const fn fence_but_for_tests(
    dependency: &'static str,
    rooms: &'static [&'static str],
    why: &'static str,
) -> Fence {
    Fence {
        not_in_tests: true,
        ..fence(dependency, rooms, why)
    }
}

pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in packages.iter().filter(|package| package.member) {
        for used in &member.uses {
            let breached = FENCES.iter().find(|fence| {
                fence.dependency == used.name
                    && !fence.rooms.contains(&member.name.as_str())
                    && !(used.dev && fence.not_in_tests)
            });
            if let Some(fence) = breached {
                findings.push(Finding {
                    rule: "fences",
                    place: member.name.clone(),
                    what: format!("may not depend on {}", used.name),
                    why: fence.why,
                });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::house::{Package, Use};

    fn member(name: &str, used: &str) -> Package {
        Package {
            name: name.into(),
            member: true,
            uses: vec![Use {
                name: used.into(),
                dev: false,
            }],
            ..Package::default()
        }
    }

    #[test]
    fn sql_outside_the_store_is_found() {
        let found = check(&[member("gestalt-gateway", "sqlx")]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].what, "may not depend on sqlx");
        assert_eq!(found[0].why, "only the store knows SQL");
    }

    #[test]
    fn a_peer_in_a_test_may_speak_http_but_no_sql() {
        let mut tested = member("gestalt", "hyper");
        assert_eq!(check(std::slice::from_ref(&tested)).len(), 1);
        tested.uses[0].dev = true;
        assert_eq!(check(std::slice::from_ref(&tested)), []);
        tested.uses[0].name = "sqlx".into();
        assert_eq!(check(&[tested]).len(), 1);
    }

    #[test]
    fn the_sdk_of_mcp_is_for_peers_in_tests() {
        assert_eq!(check(&[member("gestaltd", "rmcp")]).len(), 1);
        assert_eq!(check(&[member("gestalt-upstream", "rmcp")]).len(), 1);
        assert_eq!(check(&[member("mcp-fixture", "rmcp")]), []);
    }

    #[test]
    fn openssl_is_found_anywhere() {
        assert_eq!(check(&[member("gestalt-store", "openssl")]).len(), 1);
    }

    #[test]
    fn the_owner_passes_and_so_do_others_packages() {
        let foreign = Package {
            member: false,
            ..member("sqlx-sqlite", "sqlx")
        };
        assert_eq!(check(&[member("gestalt-store", "sqlx"), foreign]), []);
    }
}
