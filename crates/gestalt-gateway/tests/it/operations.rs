//! Every operation of the gateway: what it needs, and how it is done.

use std::path::Path;

use gestalt_core::{Code, Refusal};
use gestalt_gateway::{
    AuditQuery, Bound, Caller, ExplainInput, Gateway, Offers, PageQuery, Permission, Relay, Sent,
    ToolApproval, ToolSearch, Used, VerifyInput,
};

use crate::clients::{AT_ONCE, Client, connect, token, words};
use crate::gateway::{Person, TestGateway};

/// What becomes of somebody with the permission who asks for another's thing.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Others {
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
        pub(crate) enum Op { $($op,)* }

        impl Op {
            pub(crate) const ALL: &[Self] = &[$(Self::$op,)*];

            /// Name, needed permission, others' things, refused to a token scoped to another plugin.
            pub(crate) const fn row(self) -> (&'static str, Option<Permission>, Others, bool) {
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
pub(crate) const ABSENT: Others = Refused(Code::NotFound);
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
    Tools, "tools", INVOKE, OwnOnly, true;
    FindTool, "find_tool", INVOKE, OwnOnly, true;
    GetTool, "get_tool", INVOKE, OwnOnly, true;
    SearchTools, "search_tools", INVOKE, OwnOnly, true;
    Invoke, "invoke", INVOKE, NOT_CONNECTED, true;
    IsMcp, "is_mcp", INVOKE, OwnOnly, true;
    McpPlugins, "mcp_plugins", None, OwnOnly, false;
    MayUse, "may_use", INVOKE, OwnOnly, true;
    Offers, "offers", INVOKE, OwnOnly, false;
    Relay, "relay", INVOKE, NOT_CONNECTED, true;
    Bind, "bind", None, OwnOnly, true;
    Unbind, "unbind", None, OwnOnly, false;
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
    RotateKey, "rotate_key", ADMIN, Shared, false;
    ListToolApprovals, "list_tool_approvals", ADMIN, Shared, false;
    ApproveTools, "approve_tools", ADMIN, Shared, false;
    RevokeTokens, "revoke_tokens", TOKENS, OwnOnly, false;
    RevokeSessions, "revoke_sessions", TOKENS, OwnOnly, false;
}

/// Bob's things, which others ask for.
pub(crate) struct Target {
    subject: String,
    pub(crate) token: String,
    session: String,
    pub(crate) connection: String,
}

impl Target {
    pub(crate) async fn of(test: &TestGateway, person: &Person) -> Self {
        let client = test.cookie(person);
        let caller = client.caller().await.unwrap();
        let connection = test.connect(person, "key-of-target", "target").await;
        let mut new = token("target");
        new.permissions = Some(words(&["tokens"]));
        // Replaced once, so that there is something to go back to.
        test.connect(person, "key-of-target", "target").await;
        Self {
            subject: person.subject(),
            token: client.make_token(&new).await.unwrap().0.id,
            session: test.gateway.me(&caller).unwrap().credential.unwrap(),
            connection,
        }
    }

    pub(crate) fn is_shown_in(&self, text: &str) -> bool {
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

fn no_pinned_server<T: std::fmt::Debug>(given: Result<T, Refusal>) -> Result<String, Refusal> {
    match given {
        Err(refusal) if refusal.code == Code::InvalidRequest => Ok(refusal.message),
        other => other.map(shown),
    }
}

fn shown<T: std::fmt::Debug>(given: T) -> String {
    format!("{given:?}")
}

/// Does an operation and shows what it gives.
pub(crate) async fn run(
    op: Op,
    client: &Client,
    target: &Target,
    folder: &Path,
) -> Result<String, Refusal> {
    if op == Op::Invoke {
        return client.call("echo").await;
    }
    let caller = client.caller().await?;
    if let Some(given) = run_on_others(op, &client.gateway, &caller, target).await {
        return given;
    }
    match run_on_servers(op, &client.gateway, &caller).await {
        Some(given) => given,
        None => run_on_own(op, &client.gateway, &caller, folder).await,
    }
}

/// Operations on MCP servers. `tracker` is none: to be told so is beyond the permission.
async fn run_on_servers(
    op: Op,
    gateway: &Gateway,
    caller: &Caller,
) -> Option<Result<String, Refusal>> {
    let (bound, tracker) = (Bound::Session, Some("tracker"));
    let used = Used::Tool("echo".to_owned());
    Some(match op {
        Op::IsMcp => gateway.is_mcp(caller, "tracker").map(shown),
        Op::McpPlugins => Ok(shown(gateway.mcp_plugins(caller))),
        Op::MayUse if gateway.may_use(caller, "tracker", &used) => Ok(String::new()),
        Op::MayUse => Err(Refusal::new(Code::InsufficientScope, "It says no.")),
        Op::Offers => {
            let offers = gateway.offers(caller, None, Offers::Prompts);
            offers.await.map(shown)
        }
        Op::Relay => {
            let end = Relay {
                plugin: "tracker".to_owned(),
                used,
                connection: None,
                instance: None,
                capabilities: "{}".to_owned(),
                sent: Sent::End {
                    session: String::new(),
                },
            };
            match gateway.relay(caller.clone(), end).await {
                Err(refusal) if refusal.code == Code::Internal => Ok(refusal.message),
                other => other.map(|answer| answer.status.to_string()),
            }
        }
        Op::Bind => gateway.bind(caller, bound, tracker, b"text").map(shown),
        Op::Unbind => Ok(shown(gateway.unbind(caller, bound, tracker, "text"))),
        Op::ListToolApprovals => {
            no_pinned_server(gateway.list_tool_approvals(caller, "tracker").await)
        }
        Op::ApproveTools => {
            let approval = ToolApproval {
                tool: "echo".to_owned(),
                digest: String::new(),
            };
            let approved = gateway.approve_tools(caller, "tracker", vec![approval]);
            no_pinned_server(approved.await)
        }
        _ => return None,
    })
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
        Op::Tools => gateway.tools(caller, Some("tracker")).await.map(shown),
        Op::FindTool => gateway
            .find_tool(caller, Some("tracker"), "echo")
            .await
            .map(shown),
        Op::GetTool => gateway
            .get_tool(caller, Some("tracker"), "echo")
            .await
            .map(shown),
        Op::SearchTools => {
            let search = ToolSearch {
                query: "echo",
                plugin: Some("tracker"),
                limit: 10,
            };
            let found = gateway.search_tools(caller, None, search);
            found.await.map(shown)
        }
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
        Op::RotateKey => gateway.rotate_key(caller, "identity_jwt").await.map(shown),
        Op::RevokeTokens => gateway.revoke_tokens(caller).await.map(shown),
        Op::RevokeSessions => gateway.revoke_sessions(caller, true).await.map(shown),
        other => panic!("{other:?} is not run"),
    }
}
