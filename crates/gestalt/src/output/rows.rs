//! The API's shapes as rows and details.

use gestalt_api::audit::AuditRecord;
use gestalt_api::connection::Connection;
use gestalt_api::explain::ExplainStep;
use gestalt_api::integration::{FoundOperation, Integration, Operation};
use gestalt_api::me::Me;
use gestalt_api::session::Session;
use gestalt_api::token::Token;

/// How many members of an answer are named.
const MEMBERS: usize = 8;

/// Something that tables can show.
pub(crate) trait Shown {
    /// The columns' names.
    const HEADER: &'static [&'static str];

    /// One cell per column; an empty one is shown as `-`.
    fn row(&self) -> Vec<String>;

    /// What `-o name` prints.
    fn name(&self) -> String;

    /// Everything about it; what is empty is not shown.
    fn details(&self) -> Vec<(&'static str, String)>;
}

fn or_empty(text: Option<&String>) -> String {
    text.cloned().unwrap_or_default()
}

impl Shown for Integration {
    const HEADER: &'static [&'static str] =
        &["NAME", "STATUS", "OPERATIONS", "CONNECTED", "DESCRIPTION"];

    fn row(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.status.clone(),
            self.operations.to_string(),
            accounts(&self.connected),
            self.description
                .clone()
                .unwrap_or_else(|| self.display_name.clone()),
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let methods: Vec<String> = self
            .connections
            .iter()
            .map(|method| format!("{} ({}, {})", method.name, method.auth_type, method.mode))
            .collect();
        vec![
            ("Name", self.name.clone()),
            ("Title", self.display_name.clone()),
            ("Description", or_empty(self.description.as_ref())),
            ("Status", self.status.clone()),
            ("Connections", methods.join(", ")),
            ("Connected", accounts(&self.connected)),
            ("Operations", self.operations.to_string()),
        ]
    }
}

/// Accounts as people know them.
fn accounts(connected: &[Connection]) -> String {
    let names: Vec<String> = connected
        .iter()
        .map(|connection| match &connection.nickname {
            Some(nickname) if connection.instance == "default" => nickname.clone(),
            Some(nickname) => format!("{} ({nickname})", connection.instance),
            None => connection.instance.clone(),
        })
        .collect();
    names.join(", ")
}

impl Shown for FoundOperation {
    const HEADER: &'static [&'static str] = &["PLUGIN", "OPERATION", "CONNECTED", "DESCRIPTION"];

    fn row(&self) -> Vec<String> {
        vec![
            self.integration.clone(),
            self.operation.clone(),
            (if self.connected { "yes" } else { "no" }).to_owned(),
            self.title
                .clone()
                .unwrap_or_else(|| self.description.clone()),
        ]
    }

    fn name(&self) -> String {
        format!("{} {}", self.integration, self.operation)
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Plugin", self.integration.clone()),
            ("Operation", self.operation.clone()),
            ("Title", or_empty(self.title.as_ref())),
            ("Description", self.description.clone()),
            ("Tool", self.tool.clone()),
        ]
    }
}

impl Shown for Operation {
    const HEADER: &'static [&'static str] = &["OPERATION", "KIND", "DESCRIPTION"];

    fn row(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.kind().to_owned(),
            self.title
                .clone()
                .or_else(|| self.description.clone())
                .unwrap_or_default(),
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let yes = |is: bool, text: &str| if is { text.to_owned() } else { String::new() };
        vec![
            ("Name", self.name.clone()),
            ("Title", or_empty(self.title.as_ref())),
            ("Description", or_empty(self.description.as_ref())),
            ("Kind", self.kind().to_owned()),
            ("Tool", self.tool.clone()),
            ("Upstream", self.upstream.clone()),
            ("Tags", self.tags.join(", ")),
            ("Body", self.body_types.join(", ")),
            ("Answer", answer(self)),
            (
                "Pages",
                yes(self.paginated, "answers in pages; --all follows them"),
            ),
            (
                "Deprecated",
                yes(self.deprecated, "the upstream advises against it"),
            ),
        ]
    }
}

/// What of an operation's answer is known.
fn answer(operation: &Operation) -> String {
    let Some(schema) = &operation.output_schema else {
        return String::new();
    };
    let members = schema.get("properties").and_then(|all| all.as_object());
    let names: Vec<&str> = members
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    let more = if names.len() > MEMBERS { ", …" } else { "" };
    let named = names[..names.len().min(MEMBERS)].join(", ");
    if named.is_empty() {
        "JSON; -o json shows its schema".to_owned()
    } else {
        format!("JSON with {named}{more}; -o json shows its schema")
    }
}

/// What a call does to the upstream, in a word.
trait Kind {
    fn kind(&self) -> &'static str;
}

impl Kind for Operation {
    fn kind(&self) -> &'static str {
        if self.read_only { "read" } else { "write" }
    }
}

impl Shown for Connection {
    const HEADER: &'static [&'static str] = &[
        "ID",
        "PLUGIN",
        "CONNECTION",
        "INSTANCE",
        "ACCOUNT",
        "STATE",
        "UPDATED",
    ];

    fn row(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.integration.clone(),
            self.connection.clone(),
            self.instance.clone(),
            or_empty(self.nickname.as_ref()),
            self.state.clone(),
            self.updated_at.clone(),
        ]
    }

    fn name(&self) -> String {
        self.id.clone()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Id", self.id.clone()),
            ("Plugin", self.integration.clone()),
            ("Connection", self.connection.clone()),
            ("Instance", self.instance.clone()),
            ("Account", or_empty(self.nickname.as_ref())),
            ("Owner", self.owner.clone()),
            ("Kind", self.auth_type.clone()),
            ("State", self.state.clone()),
            ("Reason", or_empty(self.state_reason.as_ref())),
            ("Created", self.created_at.clone()),
            ("Updated", self.updated_at.clone()),
            ("Checked", or_empty(self.checked_at.as_ref())),
            ("Rollback until", or_empty(self.rollback_until.as_ref())),
        ]
    }
}

impl Shown for Token {
    const HEADER: &'static [&'static str] =
        &["ID", "NAME", "STATUS", "SCOPES", "EXPIRES", "LAST USED"];

    fn row(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.name.clone(),
            self.status.clone(),
            or_empty(self.scopes.as_ref()),
            self.expires_at.clone(),
            or_empty(self.last_used_at.as_ref()),
        ]
    }

    fn name(&self) -> String {
        self.id.clone()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Id", self.id.clone()),
            ("Name", self.name.clone()),
            ("Subject", self.subject.clone()),
            ("Status", self.status.clone()),
            ("Scopes", or_empty(self.scopes.as_ref())),
            ("Permissions", self.permissions.join(", ")),
            ("Addresses", self.cidrs.join(", ")),
            ("Created", self.created_at.clone()),
            ("Expires", self.expires_at.clone()),
            ("Last used", or_empty(self.last_used_at.as_ref())),
            ("Revoked", or_empty(self.revoked_at.as_ref())),
            ("Rotated to", or_empty(self.rotated_to.as_ref())),
        ]
    }
}

impl Shown for Session {
    const HEADER: &'static [&'static str] = &[
        "ID",
        "CURRENT",
        "LAST SEEN",
        "EXPIRES",
        "ADDRESS",
        "BROWSER",
    ];

    fn row(&self) -> Vec<String> {
        let current = if self.current { "yes" } else { "" };
        vec![
            self.id.clone(),
            current.to_owned(),
            self.last_seen_at.clone(),
            self.expires_at.clone(),
            or_empty(self.address.as_ref()),
            or_empty(self.user_agent.as_ref()),
        ]
    }

    fn name(&self) -> String {
        self.id.clone()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        Self::HEADER.iter().copied().zip(self.row()).collect()
    }
}

impl Shown for AuditRecord {
    const HEADER: &'static [&'static str] = &[
        "AT", "SUBJECT", "ACTION", "WHAT", "DECISION", "OUTCOME", "REQUEST",
    ];

    fn row(&self) -> Vec<String> {
        let what = match (&self.integration, &self.operation, &self.target) {
            (Some(plugin), Some(operation), _) => format!("{plugin}/{operation}"),
            (Some(plugin), None, _) => plugin.clone(),
            (None, _, target) => or_empty(target.as_ref()),
        };
        let outcome = self.outcome.as_ref().or(self.phase.as_ref());
        vec![
            self.at.clone(),
            or_empty(self.subject.as_ref()),
            self.action.clone(),
            what,
            self.decision.clone(),
            or_empty(outcome),
            or_empty(self.request_id.as_ref()),
        ]
    }

    fn name(&self) -> String {
        format!("{}/{}", self.writer, self.seq)
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        Self::HEADER.iter().copied().zip(self.row()).collect()
    }
}

impl Shown for ExplainStep {
    const HEADER: &'static [&'static str] = &["STEP", "RESULT", "WHY"];

    fn row(&self) -> Vec<String> {
        vec![self.step.clone(), self.result.clone(), self.detail.clone()]
    }

    fn name(&self) -> String {
        self.step.clone()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        Self::HEADER.iter().copied().zip(self.row()).collect()
    }
}

impl Shown for Me {
    const HEADER: &'static [&'static str] = &["SUBJECT", "AUTHENTICATED BY", "ADMIN", "EXPIRES"];

    fn row(&self) -> Vec<String> {
        vec![
            self.subject.clone(),
            self.authenticated_by.clone(),
            self.admin.to_string(),
            or_empty(self.expires_at.as_ref()),
        ]
    }

    fn name(&self) -> String {
        self.subject.clone()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Subject", self.subject.clone()),
            ("E-mail", or_empty(self.email.as_ref())),
            ("Name", or_empty(self.display_name.as_ref())),
            ("Admin", if self.admin { "yes" } else { "no" }.to_owned()),
            ("Authenticated by", self.authenticated_by.clone()),
            ("Credential", or_empty(self.credential.as_ref())),
            ("Permissions", self.permissions.join(", ")),
            ("Scopes", or_empty(self.scopes.as_ref())),
            ("Expires", or_empty(self.expires_at.as_ref())),
            ("Login", self.login.clone()),
            ("Server version", self.version.clone()),
        ]
    }
}
