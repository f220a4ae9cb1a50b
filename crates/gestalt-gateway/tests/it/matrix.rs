//! S27: every operation of the gateway × what a credential may do × whose thing it is. What
//! is not allowed here is refused; an operation without a row fails.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use gestalt_core::Code;
use gestalt_gateway::Permission;

use crate::clients::{Client, code, token, words};
use crate::gateway::{Person, TestGateway};
use crate::operations::Others::{OwnOnly, Refused, Shared};
use crate::operations::{ABSENT, Op, Target, run};

/// Public functions of `Gateway` that no caller is given to.
const WITHOUT_A_CALLER: [&str; 10] = [
    "open",
    "prepare_search",
    "reload",
    "shutdown",
    "ready",
    "metrics_text",
    "published_keys",
    "login",
    "authenticate",
    "redeem_login_code",
];

/// A token with exactly these permissions.
async fn holding(test: &TestGateway, person: &Person, permissions: &[Permission]) -> Client {
    let mut new = token("exact");
    new.permissions = Some(words(
        &permissions.iter().map(|p| p.as_str()).collect::<Vec<_>>(),
    ));
    let made = test.cookie(person).make_token(&new).await.unwrap();
    test.bearer(&made.1)
}

async fn either() -> TestGateway {
    TestGateway::with(|setup, _| {
        let connection = &mut setup.catalogue.plugins[0].connections[0];
        connection.mode = gestalt_core::connection::Mode::Either;
    })
    .await
}

#[test]
fn s27_every_operation_of_the_gateway_has_a_row() {
    let mut found = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                operations_in(&std::fs::read_to_string(path).unwrap(), &mut found);
            }
        }
    }
    let rows = Op::ALL.iter().map(|op| op.row().0.to_owned());
    let known: BTreeSet<String> = rows.chain(WITHOUT_A_CALLER.map(str::to_owned)).collect();
    assert_eq!(found, known);
}

/// Names the public functions of `impl Gateway` blocks.
fn operations_in(source: &str, found: &mut BTreeSet<String>) {
    let blocks = source.split("\nimpl Gateway {\n").skip(1);
    for block in blocks.map(|block| block.split("\n}\n").next().unwrap()) {
        for line in block.lines() {
            let name = line
                .strip_prefix("    pub async fn ")
                .or_else(|| line.strip_prefix("    pub fn "));
            found.extend(name.map(|name| name.split(['(', '<']).next().unwrap().to_owned()));
        }
    }
}

#[tokio::test]
async fn s27_what_a_credential_does_not_hold_is_refused() {
    let test = either().await;
    let bob = Target::of(&test, &test.bob).await;
    let nobody = test.nobody();
    let mut tokens = Vec::new();
    for held in Permission::ALL {
        tokens.push((held, holding(&test, &test.ada, &[held]).await));
    }
    let session = test.cookie(&test.bob);
    for op in Op::ALL {
        let (name, needs, _, _) = op.row();
        let refused = code(run(*op, &nobody, &bob, test.folder()).await);
        assert_eq!(refused, Code::Unauthenticated, "nobody does {name}");
        let Some(needs) = needs else { continue };
        for (held, client) in &tokens {
            if *held != needs {
                let refused = code(run(*op, client, &bob, test.folder()).await);
                assert_eq!(refused, Code::InsufficientScope, "{held:?} does {name}");
            }
        }
        if needs == Permission::Admin && *op != Op::ExplainOther {
            let refused = code(run(*op, &session, &bob, test.folder()).await);
            assert_eq!(refused, Code::Forbidden, "a user's session does {name}");
        }
    }
    intact(&test, &bob).await;
}

#[tokio::test]
async fn s27_a_token_scoped_to_another_plugin_reaches_nothing_of_this_one() {
    let test = either().await;
    let bob = Target::of(&test, &test.bob).await;
    let mut new = token("scoped");
    new.scopes = Some("other".to_owned());
    new.permissions = Some(words(&["invoke", "connect", "tokens", "audit"]));
    let client = test.bearer(&test.cookie(&test.bob).make_token(&new).await.unwrap().1);
    for op in Op::ALL.iter().filter(|op| op.row().3) {
        let refused = code(run(*op, &client, &bob, test.folder()).await);
        assert_eq!(refused, Code::InsufficientScope, "{op:?}");
    }
    let listed = run(Op::ListConnections, &client, &bob, test.folder()).await;
    assert!(!bob.is_shown_in(&listed.unwrap()));
    intact(&test, &bob).await;
}

#[tokio::test]
async fn s27_what_belongs_to_others_is_not_found() {
    let test = either().await;
    let bob = Target::of(&test, &test.bob).await;
    for op in Op::ALL {
        let (name, needs, others, _) = op.row();
        if others == Shared {
            continue;
        }
        let eve = holding(&test, &test.eve, &[needs.unwrap_or(Permission::Invoke)]).await;
        match (run(*op, &eve, &bob, test.folder()).await, others) {
            (Err(refusal), Refused(expected)) => assert_eq!(refusal.code, expected, "{name}"),
            (Ok(given), OwnOnly) => assert!(!bob.is_shown_in(&given), "{name}: {given}"),
            (outcome, _) => panic!("{name}: {outcome:?}"),
        }
        // Nor is an admin the owner.
        if others == ABSENT {
            let refused = run(*op, &test.cookie(&test.ada), &bob, test.folder()).await;
            assert_eq!(code(refused), Code::NotFound, "an admin does {name}");
        }
    }
    intact(&test, &bob).await;
}

#[tokio::test]
async fn s27_the_permission_is_enough_for_ones_own() {
    for op in Op::ALL {
        let (name, needs, others, _) = op.row();
        let test = either().await;
        let owner = if others == Shared {
            &test.ada
        } else {
            &test.bob
        };
        let own = Target::of(&test, owner).await;
        let permission = needs.unwrap_or(Permission::Audit);
        let client = holding(&test, owner, &[permission]).await;
        let done = run(*op, &client, &own, test.folder()).await;
        assert!(done.is_ok(), "{name}: {done:?}");
        test.gateway.shutdown(Duration::MAX).await;
    }
}

/// Nothing of the target was changed.
async fn intact(test: &TestGateway, target: &Target) {
    let bob = test.cookie(&test.bob);
    let caller = bob.caller().await.unwrap();
    let token = test
        .gateway
        .get_token(&caller, &target.token)
        .await
        .unwrap();
    assert_eq!((token.status, token.rotated_to), ("active", None));
    let connection = test
        .gateway
        .get_connection(&caller, &target.connection)
        .await
        .unwrap();
    assert_eq!(connection.state, "connected");
    assert!(connection.rollback_until.is_some());
    assert!(bob.call("echo").await.unwrap().contains("target"));
}
