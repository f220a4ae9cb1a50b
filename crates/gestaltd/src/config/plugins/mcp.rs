//! `surfaces.mcp`: an MCP server, over HTTP or as a process of this machine.

use std::path::PathBuf;
use std::time::Duration;

use gestalt_core::connection::ConnectionDefinition;
use gestalt_core::mcp::{AllowedTool, Approval, McpHttp, McpProcess, McpServer, McpTransport};
use gestalt_core::name::PluginName;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::config::check::Checker;
use crate::config::decode::{Entries, Located};
use crate::config::report::Problem;
use crate::config::scalars::Period;
use crate::config::selection::AllowEntry;
use crate::config::source::At;

/// How long a list is taken for fresh where the server does not say.
const LIST_TTL: Duration = Duration::from_mins(1);
/// Most processes of a plugin at the same time.
const MAX_PROCESSES: usize = 16;
/// How long a process that is asked nothing is kept.
const IDLE: Duration = Duration::from_mins(10);

/// Tools of an MCP server.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::config) struct McpEntry {
    /// Its endpoint, over streamable HTTP.
    url: Option<Located<String>>,
    /// Fixed headers of every request; never a credential.
    headers: Entries<String>,
    /// The program, where it is a process of this machine.
    command: Option<Located<String>>,
    /// Its arguments. `{name}` is the credential's field of that name, which must be no secret.
    args: Vec<Located<String>>,
    /// Its environment. `{name}` in a value is the credential's field of that name.
    env: Entries<Located<String>>,
    /// Its working directory; a private one unless set.
    directory: Option<Located<String>>,
    /// What it may read besides the system's libraries.
    readable: Vec<Located<String>>,
    /// What it may write to besides its private folder.
    writable: Vec<Located<String>>,
    /// One process serves everybody. Otherwise each subject and credential has its own.
    shared: Option<Located<bool>>,
    /// Most processes at the same time. 16 unless set.
    max_processes: Option<Located<u32>>,
    /// How long a process that is asked nothing is kept. 10 minutes unless set.
    idle_timeout: Option<Located<Period>>,
    /// What happens where the kernel cannot confine the process: `bestEffort` unless set.
    sandbox: Option<Located<SandboxEntry>>,
    /// Whether changed descriptions and schemas wait for an admin: `none` unless set.
    approval: ApprovalEntry,
    /// How long a list is taken for fresh where the server does not say. 1 minute unless set.
    list_ttl: Option<Located<Period>>,
    /// Longest wait for the head of an answer.
    timeout: Option<Located<Period>>,
}

/// What happens where the kernel cannot confine a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum SandboxEntry {
    /// It runs with what the kernel has, and the start says what is missing.
    BestEffort,
    /// It is not started.
    Required,
}

/// Whether changed descriptions and schemas wait for an admin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum ApprovalEntry {
    /// What the server says is offered as it is.
    #[default]
    None,
    /// What an admin approved stays until a change is approved, too.
    Pinned,
}

/// What the plugin around the surface says.
pub(super) struct Around<'a> {
    pub(super) at: At,
    pub(super) plugin: &'a PluginName,
    pub(super) connections: &'a [ConnectionDefinition],
    pub(super) allowed: Option<&'a Located<Entries<AllowEntry>>>,
}

impl McpEntry {
    /// The author's, unless the operator writes one: a server is taken whole.
    pub(super) fn merged(
        theirs: Option<&Located<Self>>,
        ours: Option<&Located<Self>>,
        checker: &mut Checker<'_>,
    ) -> Option<Located<Self>> {
        if let Some(ours) = ours {
            return Some(ours.clone());
        }
        let theirs = theirs?;
        if let Some(command) = &theirs.value.command {
            let problem = Problem::new("a manifest cannot name a program to start", command.at);
            checker.problem(problem.help("write `surfaces.mcp.command` in the config"));
        }
        Some(theirs.clone())
    }

    /// The server, and the URL that stands for it; `None` where something is wrong.
    pub(super) fn read(
        &self,
        around: &Around<'_>,
        checker: &mut Checker<'_>,
    ) -> Option<(McpServer, Url)> {
        for written in [&self.idle_timeout, &self.list_ttl, &self.timeout]
            .into_iter()
            .flatten()
        {
            checker.positive(written);
        }
        let (transport, url) = match (&self.url, &self.command) {
            (Some(url), None) => self.http(url, checker)?,
            (None, Some(command)) => self.process(command, around, checker)?,
            (Some(_), Some(command)) => {
                let what = "an MCP server has either a `url` or a `command`";
                checker.problem(Problem::new(what, command.at));
                return None;
            }
            (None, None) => {
                let problem =
                    Problem::new("`surfaces.mcp` needs a `url` or a `command`", around.at);
                checker.problem(problem.help("`mcp: { url: https://mcp.example.com/mcp }`"));
                return None;
            }
        };
        let server = McpServer {
            transport,
            allowed_tools: around
                .allowed
                .map(|allowed| allowed_tools(allowed, checker)),
            approval: match self.approval {
                ApprovalEntry::None => Approval::None,
                ApprovalEntry::Pinned => Approval::Pinned,
            },
            list_ttl: self.list_ttl.as_ref().map_or(LIST_TTL, |ttl| ttl.value.0),
            timeout: self.timeout.as_ref().map(|timeout| timeout.value.0),
        };
        Some((server, url))
    }

    fn http(
        &self,
        written: &Located<String>,
        checker: &mut Checker<'_>,
    ) -> Option<(McpTransport, Url)> {
        for (key, at) in self.process_keys() {
            let problem = Problem::new(format!("`{key}` is for a server with a `command`"), at);
            checker.problem(problem);
        }
        let url: Url = checker.parse(written)?;
        let plain = url.username().is_empty() && url.password().is_none();
        if !matches!(url.scheme(), "http" | "https")
            || url.host().is_none()
            || !plain
            || url.fragment().is_some()
        {
            let what = "an endpoint has a host, and no user or fragment";
            let problem = Problem::new(what, written.at);
            checker.problem(problem.help("`https://mcp.example.com/mcp`"));
            return None;
        }
        for (header, _) in &self.headers.0 {
            checker.fixed_header(header);
        }
        let fixed = |(name, value): &(Located<String>, String)| (name.value.clone(), value.clone());
        let headers = self.headers.0.iter().map(fixed).collect();
        let http = McpHttp {
            url: url.clone(),
            headers,
        };
        Some((McpTransport::Http(http), url))
    }

    /// The keys that only a process has.
    fn process_keys(&self) -> Vec<(&'static str, At)> {
        let first = |list: &[Located<String>]| list.first().map(|one| one.at);
        let keys = [
            ("args", first(&self.args)),
            ("env", self.env.0.first().map(|(name, _)| name.at)),
            ("directory", self.directory.as_ref().map(|one| one.at)),
            ("readable", first(&self.readable)),
            ("writable", first(&self.writable)),
            ("shared", self.shared.as_ref().map(|one| one.at)),
            (
                "maxProcesses",
                self.max_processes.as_ref().map(|one| one.at),
            ),
            ("idleTimeout", self.idle_timeout.as_ref().map(|one| one.at)),
            ("sandbox", self.sandbox.as_ref().map(|one| one.at)),
        ];
        keys.into_iter()
            .filter_map(|(key, at)| Some((key, at?)))
            .collect()
    }

    fn process(
        &self,
        command: &Located<String>,
        around: &Around<'_>,
        checker: &mut Checker<'_>,
    ) -> Option<(McpTransport, Url)> {
        if let Some((name, _)) = self.headers.0.first() {
            checker.problem(Problem::new(
                "`headers` is for a server with a `url`",
                name.at,
            ));
        }
        for argument in &self.args {
            names_fields(argument, around.connections, false, checker);
        }
        for (name, value) in &self.env.0 {
            if name.value.is_empty() || name.value.contains(['=', '\0']) {
                checker.problem(Problem::new("not the name of a variable", name.at));
            }
            names_fields(value, around.connections, true, checker);
        }
        if let Some(processes) = &self.max_processes
            && processes.value == 0
        {
            checker.problem(Problem::new("expected at least one process", processes.at));
        }
        let path = |written: &Located<String>, checker: &Checker<'_>| -> PathBuf {
            checker.sources.resolve(written.at, &written.value)
        };
        let paths = |list: &[Located<String>], checker: &Checker<'_>| -> Vec<PathBuf> {
            list.iter().map(|one| path(one, checker)).collect()
        };
        let program = if command.value.contains('/') {
            path(command, checker)
        } else {
            PathBuf::from(&command.value)
        };
        let url = Url::parse(&format!("http://{}.invalid/", around.plugin)).ok()?;
        let process = McpProcess {
            command: program,
            arguments: self.args.iter().map(|one| one.value.clone()).collect(),
            environment: self
                .env
                .0
                .iter()
                .map(|(name, value)| (name.value.clone(), value.value.clone()))
                .collect(),
            directory: self.directory.as_ref().map(|one| path(one, checker)),
            readable: paths(&self.readable, checker)
                .into_iter()
                // Where it stands it also reads.
                .chain(self.directory.as_ref().map(|one| path(one, checker)))
                .collect(),
            writable: paths(&self.writable, checker),
            shared: self.shared.as_ref().is_some_and(|shared| shared.value),
            max_processes: self
                .max_processes
                .as_ref()
                .map_or(MAX_PROCESSES, |most| most.value as usize),
            idle_timeout: self.idle_timeout.as_ref().map_or(IDLE, |idle| idle.value.0),
            sandbox_required: self
                .sandbox
                .as_ref()
                .is_some_and(|sandbox| sandbox.value == SandboxEntry::Required),
        };
        Some((McpTransport::Stdio(process), url))
    }
}

/// Holds every `{name}` of a text against the credential's fields. A text in braces that has
/// not the form of a name stands for itself.
fn names_fields(
    written: &Located<String>,
    connections: &[ConnectionDefinition],
    secrets: bool,
    checker: &mut Checker<'_>,
) {
    for name in gestalt_core::mcp::fields_of(&written.value) {
        let mut fields = connections.iter().flat_map(|connection| &connection.fields);
        match fields.find(|field| field.name == name) {
            None => {
                let what = format!("no connection of the plugin has a field `{name}`");
                let problem = Problem::new(what, written.at);
                checker.problem(problem.help("fields are written under `connections`"));
            }
            Some(field) if field.secret && !secrets => {
                let what = format!(
                    "the field `{name}` is a secret, and every process of the machine can read arguments"
                );
                checker.problem(Problem::new(what, written.at).help("hand it over in `env`"));
            }
            Some(_) => {}
        }
    }
}

fn allowed_tools(
    allowed: &Located<Entries<AllowEntry>>,
    checker: &mut Checker<'_>,
) -> Vec<AllowedTool> {
    if allowed.value.0.is_empty() {
        let problem = Problem::new("`allowedOperations` names no operation", allowed.at);
        checker.problem(problem.help("leave it out to offer all of them"));
    }
    let mut tools = Vec::new();
    for (name, entry) in &allowed.value.0 {
        if !entry.renames_at_most() {
            let what = "a tool of an MCP server can be given an `alias` and nothing else";
            checker.problem(Problem::new(what, name.at));
            continue;
        }
        let alias = match entry.alias() {
            None => None,
            Some(alias) => match checker.parse::<gestalt_core::name::OperationName>(alias) {
                Some(alias) => Some(alias.to_string()),
                None => continue,
            },
        };
        tools.push(AllowedTool {
            source_name: name.value.clone(),
            alias,
        });
    }
    tools
}
