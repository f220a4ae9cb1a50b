//! S27: every operation of the gateway × what a credential may do × whose thing it is. What
//! is not allowed here is refused; an operation without a row fails.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use gestalt_core::{Code, Refusal};
use gestalt_gateway::{
    AuditQuery, Caller, ExplainInput, Gateway, PageQuery, Permission, VerifyInput,
};

use crate::clients::{AT_ONCE, Client, code, connect, token, words};
use crate::gateway::{Person, TestGateway};

/// Public functions of `Gateway` that no caller is given to.
const WITHOUT_A_CALLER: [&str; 8] = [
    "open",
    "reload",
    "shutdown",
    "ready",
    "metrics_text",
    "login",
    "authenticate",
    "redeem_login_code",
];

/// What becomes of somebody with the permission who asks for another's thing.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Others {
    /// It is not there.
    Refused(Code),
    /// Nothing of another is named or shown.
    OwnOnly,
    /// It is an admin's, who may see it.
    Shared,
}
use Others::{OwnOnly, Refused, Shared};

macro_rules! operations {
    ($($op:ident, $name:literal, $needs:expr, $others:expr, $scoped:expr;)*) => {
        /// Each operation, and forms of one that need other permissions.
        #[derive(Clone, Copy, PartialEq, Debug)]
        enum Op { $($op,)* }

        impl Op {
            const ALL: &[Self] = &[$(Self::$op,)*];

            /// Name, needed permission, others' things, refused to a token scoped to another plugin.
            const fn row(self) -> (&'static str, Option<Permission>, Others, bool) {
                match self { $(Self::$op => ($name, $needs, $others, $scoped),)* }
            }
        }
    };
}

const INVOKE: Option<Permission> = Some(Permission::Invoke);
const CONNECT: Option<Permission> = Some(Permission::Connect);
const TOKENS: Option<Permission> = Some(Permission::Tokens);
const AUDIT: Option<Permission> = Some(Permission::Audit);
const ADMIN: Option<Permission> = Some(Permission::Admin);
const ABSENT: Others = Refused(Code::NotFound);
const NOT_CONNECTED: Others = Refused(Code::NotConnected);

operations! {
    Me, "me", None, OwnOnly, false;
    Logout, "logout", None, OwnOnly, false;
    ListIntegrations, "list_integrations", None, OwnOnly, false;
    GetIntegration, "get_integration", None, OwnOnly, true;
    ListOperations, "list_operations", None, OwnOnly, true;
    GetOperation, "get_operation", None, OwnOnly, true;
    Explain, "explain", None, OwnOnly, false;
    ExplainOther, "explain", ADMIN, Shared, false;
    Invoke, "invoke", INVOKE, NOT_CONNECTED, true;
    DisconnectIntegration, "disconnect_integration", CONNECT, NOT_CONNECTED, true;
    ConnectManual, "connect_manual", CONNECT, OwnOnly, true;
    ConnectPlatform, "connect_manual", ADMIN, Shared, true;
    ListConnections, "list_connections", CONNECT, OwnOnly, false;
    ListConnectionsOf, "list_connections", CONNECT, OwnOnly, true;
    GetConnection, "get_connection", CONNECT, ABSENT, true;
    CheckConnection, "check_connection", CONNECT, ABSENT, true;
    RollbackConnection, "rollback_connection", CONNECT, ABSENT, true;
    Disconnect, "disconnect", CONNECT, ABSENT, true;
    CreateToken, "create_token", TOKENS, OwnOnly, false;
    ListTokens, "list_tokens", TOKENS, OwnOnly, false;
    GetToken, "get_token", TOKENS, ABSENT, false;
    RotateToken, "rotate_token", TOKENS, ABSENT, false;
    RevokeToken, "revoke_token", TOKENS, ABSENT, false;
    ListSessions, "list_sessions", TOKENS, OwnOnly, false;
    RevokeSession, "revoke_session", TOKENS, ABSENT, false;
    QueryAudit, "query_audit", AUDIT, Refused(Code::Forbidden), false;
    ExportAudit, "export_audit", AUDIT, Refused(Code::Forbidden), false;
    VerifyAudit, "verify_audit", ADMIN, Shared, false;
    CreateLoginCode, "create_login_code", ADMIN, Shared, false;
    Backup, "backup", ADMIN, Shared, false;
    RevokeTokens, "revoke_tokens", TOKENS, OwnOnly, false;
    RevokeSessions, "revoke_sessions", TOKENS, OwnOnly, false;
}

/// Bob's things, which others ask for.
struct Target {
    subject: String,
    token: String,
    session: String,
    connection: String,
}

impl Target {
    async fn of(test: &TestGateway, person: &Person) -> Self {
        let client = test.cookie(person);
        let caller = client.caller().await.unwrap();
        let connection = test.connect(person, "key-of-target", "target").await;
        let mut new = token("target");
        new.permissions = words(&["tokens"]);
        // Replaced once, so that there is something to go back to.
        test.connect(person, "key-of-target", "target").await;
        Self {
            subject: person.subject(),
            token: client.make_token(&new).await.unwrap().0.id,
            session: test.gateway.me(&caller).unwrap().credential.unwrap(),
            connection,
        }
    }

    fn is_shown_in(&self, text: &str) -> bool {
        [&self.subject, &self.token, &self.session, &self.connection]
            .iter()
            .any(|id| text.contains(id.as_str()))
    }

    fn query(&self) -> AuditQuery {
        AuditQuery {
            subject: Some(self.subject.clone()),
            ..AuditQuery::default()
        }
    }
}

fn input(subject: Option<String>) -> ExplainInput {
    ExplainInput {
        integration: "tracker".to_owned(),
        operation: "echo".to_owned(),
        connection: None,
        instance: None,
        subject,
    }
}

fn shown<T: std::fmt::Debug>(given: T) -> String {
    format!("{given:?}")
}

/// Does an operation and shows what it gives.
async fn run(op: Op, client: &Client, target: &Target, folder: &Path) -> Result<String, Refusal> {
    if op == Op::Invoke {
        return client.call("echo").await;
    }
    let caller = client.caller().await?;
    match run_on_others(op, &client.gateway, &caller, target).await {
        Some(given) => given,
        None => run_on_own(op, &client.gateway, &caller, folder).await,
    }
}

/// Operations that are given the target; `None` for another one.
async fn run_on_others(
    op: Op,
    gateway: &Gateway,
    caller: &Caller,
    target: &Target,
) -> Option<Result<String, Refusal>> {
    let (page, connection) = (PageQuery::default(), target.connection.as_str());
    Some(match op {
        Op::GetToken => gateway.get_token(caller, &target.token).await.map(shown),
        Op::RotateToken => {
            let rotated = gateway.rotate_token(caller, &target.token, AT_ONCE).await;
            rotated.map(shown)
        }
        Op::RevokeToken => gateway.revoke_token(caller, &target.token).await.map(shown),
        Op::RevokeSession => gateway
            .revoke_session(caller, &target.session)
            .await
            .map(shown),
        Op::GetConnection => gateway.get_connection(caller, connection).await.map(shown),
        Op::CheckConnection => gateway
            .check_connection(caller, connection)
            .await
            .map(shown),
        Op::RollbackConnection => gateway
            .rollback_connection(caller, connection)
            .await
            .map(shown),
        Op::Disconnect => gateway.disconnect(caller, connection).await.map(shown),
        Op::ExplainOther => {
            let input = input(Some(target.subject.clone()));
            gateway.explain(caller, input).await.map(shown)
        }
        Op::QueryAudit => gateway
            .query_audit(caller, target.query(), page)
            .await
            .map(shown),
        Op::ExportAudit => gateway
            .export_audit(caller, target.query(), page)
            .await
            .map(shown),
        _ => return None,
    })
}

async fn run_on_own(
    op: Op,
    gateway: &Gateway,
    caller: &Caller,
    folder: &Path,
) -> Result<String, Refusal> {
    let page = PageQuery::default();
    match op {
        Op::Me => gateway.me(caller).map(shown),
        Op::Logout => gateway.logout(caller).await.map(shown),
        Op::ListIntegrations => gateway.list_integrations(caller).await.map(shown),
        Op::GetIntegration => gateway.get_integration(caller, "tracker").await.map(shown),
        Op::ListOperations => gateway.list_operations(caller, "tracker").await.map(shown),
        Op::GetOperation => gateway
            .get_operation(caller, "tracker", "echo")
            .await
            .map(shown),
        Op::Explain => gateway.explain(caller, input(None)).await.map(shown),
        Op::ConnectManual | Op::ConnectPlatform => {
            let mut request = connect("tracker", "key-of-target");
            request.instance = Some("another".to_owned());
            request.platform = op == Op::ConnectPlatform;
            gateway.connect_manual(caller, request).await.map(shown)
        }
        Op::ListConnections => gateway
            .list_connections(caller, None, page)
            .await
            .map(shown),
        Op::ListConnectionsOf => {
            let listed = gateway
                .list_connections(caller, Some("tracker"), page)
                .await;
            listed.map(shown)
        }
        Op::DisconnectIntegration => {
            let gone = gateway
                .disconnect_integration(caller, "tracker", None, None)
                .await;
            gone.map(shown)
        }
        Op::CreateToken => gateway.create_token(caller, token("new")).await.map(shown),
        Op::ListTokens => gateway.list_tokens(caller, page).await.map(shown),
        Op::ListSessions => gateway.list_sessions(caller, page).await.map(shown),
        Op::VerifyAudit => gateway
            .verify_audit(caller, VerifyInput::default())
            .await
            .map(shown),
        Op::CreateLoginCode => gateway.create_login_code(caller).await.map(shown),
        Op::Backup => gateway
            .backup(caller, &folder.join("backup"))
            .await
            .map(shown),
        Op::RevokeTokens => gateway.revoke_tokens(caller).await.map(shown),
        Op::RevokeSessions => gateway.revoke_sessions(caller, true).await.map(shown),
        other => panic!("{other:?} is not run"),
    }
}

/// A token with exactly these permissions.
async fn holding(test: &TestGateway, person: &Person, permissions: &[Permission]) -> Client {
    let mut new = token("exact");
    new.permissions = words(&permissions.iter().map(|p| p.as_str()).collect::<Vec<_>>());
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
    new.permissions = words(&["invoke", "connect", "tokens", "audit"]);
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
