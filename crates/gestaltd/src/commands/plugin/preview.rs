//! What a document would add: its operations as tools, the ways to connect, the hosts, and
//! what is not taken over as it is.

use std::fmt::Write as _;

use gestalt_core::connection::{AuthKind, AuthMapping, ConnectionDefinition, MappedValue};
use gestalt_core::document::{Finding, Imported, Severity};
use gestalt_core::host::{AddressRange, HostPattern};
use gestalt_core::name::PluginName;
use gestalt_core::operation::{Operation, Security};
use url::{Host, Url};

use super::super::documents;
use super::columns::{columns, count, line};

/// How many tools are shown unless all are asked for.
const SHOWN: usize = 20;
/// How many findings are shown here; `lint` shows all.
const FINDINGS: usize = 3;
/// So many tools are more than a model chooses from well.
const MANY: usize = 100;

/// A plugin that could be added.
pub(super) struct Preview<'a> {
    pub(super) name: &'a PluginName,
    pub(super) imported: &'a Imported,
    /// The document, as `lint` takes it.
    pub(super) document: &'a str,
    /// The base URL that was asked for.
    pub(super) base_url: Option<&'a Url>,
    /// Hosts that may be reached besides.
    pub(super) hosts: &'a [HostPattern],
    /// Address ranges that may be reached besides.
    pub(super) ranges: &'a [AddressRange],
    /// Show every tool.
    pub(super) all: bool,
}

impl Preview<'_> {
    /// The whole, as text for a person.
    pub(super) fn text(&self) -> String {
        let mut text = self.head();
        text.push('\n');
        text.push_str(&self.tools());
        text.push('\n');
        let mut facts = vec![fact("Base URL", &self.base())];
        facts.extend(under("Connect", &self.connect()));
        facts.extend(under("Hosts", &self.reached()));
        facts.extend(under("Findings", &self.findings()));
        text.push_str(&columns(&facts));
        text
    }

    fn head(&self) -> String {
        let imported = self.imported;
        let graphql = imported.specification == "GraphQL";
        let nameless = if graphql { "A schema" } else { "A document" };
        let title = imported.title.as_deref().unwrap_or(nameless);
        let version = imported.version.as_deref().unwrap_or_default();
        let read_only = imported.operations.iter().filter(|o| o.read_only).count();
        let writing = imported.operations.len() - read_only;
        let form = if graphql {
            "GraphQL".to_owned()
        } else {
            format!("OpenAPI {}", line(&imported.specification, 20))
        };
        format!(
            "{} ({form}) as `{}`: {}, {read_only} that only read and {writing} that write\n",
            line(format!("{title} {version}").trim(), 80),
            self.name,
            count(imported.operations.len() as u64, "tool"),
        )
    }

    fn tools(&self) -> String {
        let operations = &self.imported.operations;
        let most = if self.all { operations.len() } else { SHOWN };
        let mut rows = vec![vec![
            "TOOL".to_owned(),
            "CALLS".to_owned(),
            "DOES".to_owned(),
        ]];
        rows.extend(operations.iter().take(most).map(|operation| {
            vec![
                gestalt_gateway::tool_name(self.name.as_str(), operation.name.as_str()),
                line(&calls(operation), 60),
                line(&about(operation), 60),
            ]
        }));
        let mut text = columns(&rows);
        let more = operations.len().saturating_sub(most);
        if more > 0 {
            let _infallible = writeln!(text, "… and {more} more (--all shows them)");
        }
        if operations.len() > MANY {
            text.push_str(
                "Few models choose well among so many: `allowedOperations` in the file keeps the ones you need.\n",
            );
        }
        text
    }

    fn base(&self) -> String {
        match &self.imported.base_url {
            Some(url) => line(url.as_str(), 200),
            None => "none in the document: give it with --base-url URL".to_owned(),
        }
    }

    fn connect(&self) -> Vec<String> {
        let imported = self.imported;
        let mut lines: Vec<String> = imported
            .connections
            .iter()
            .map(|connection| format!("`{}` asks for {}", connection.name, how(connection)))
            .collect();
        let free = imported
            .operations
            .iter()
            .filter(|operation| operation.security == Security::None)
            .count();
        if imported.specification == "GraphQL" {
            lines.push("as `connections` in the file says: a schema does not say it".to_owned());
        } else if lines.is_empty() {
            lines.push("nothing to connect: the document asks for no credential".to_owned());
        } else if free > 0 {
            lines.push(format!(
                "{} without a credential",
                count(free as u64, "tool")
            ));
        }
        let usable = |connection: &ConnectionDefinition| !is_later(connection.kind);
        if !imported.connections.is_empty() && !imported.connections.iter().any(usable) {
            lines.push(
                "write one that can be used under `connections` in the file, such as `default: { auth: { type: bearer } }`"
                    .to_owned(),
            );
        }
        lines
    }

    /// The hosts that are reached, and what must be allowed for it.
    fn reached(&self) -> Vec<String> {
        let imported = self.imported;
        let mut lines = Vec::new();
        if let Some(url) = &imported.base_url {
            lines.push(self.base_host(url));
        }
        for host in &imported.hosts {
            let shown = line(host, 120);
            lines.push(if allows(self.hosts, host) {
                shown
            } else {
                format!("{shown}: refused unless allowed, by `--allow-host {shown}` or in the file")
            });
        }
        lines
    }

    fn base_host(&self, url: &Url) -> String {
        let host = url.host_str().unwrap_or_default();
        let Some(address) = special(url) else {
            let open = if url.scheme() == "http" {
                ": without TLS, so that others on the way can read what is sent"
            } else {
                ""
            };
            return format!("{host}{open}");
        };
        let port = url.port_or_known_default().unwrap_or(0);
        if self
            .ranges
            .iter()
            .any(|range| range.contains(address, port))
        {
            return format!("{host}:{port}, allowed by --allow-cidr");
        }
        let range = AddressRange::exactly(address, port);
        format!(
            "{host}: an address of this machine or network, refused unless allowed, by `--allow-cidr {range}`"
        )
    }

    fn findings(&self) -> Vec<String> {
        let mut lines = vec![counts(self.imported)];
        // What is missing matters most.
        let mut findings: Vec<&Finding> = self.imported.findings.iter().collect();
        findings.sort_by_key(|finding| finding.severity);
        let worth = findings.iter().filter(|f| f.severity != Severity::Note);
        lines.extend(
            worth
                .take(FINDINGS)
                .map(|finding| line(&documents::finding(finding), 400)),
        );
        if !self.imported.findings.is_empty() {
            // Where a plugin is named, its config says the rest.
            let url = self
                .base_url
                .filter(|_| self.document != self.name.as_str());
            let url = url.map(|url| format!(" --base-url {url}"));
            lines.push(format!(
                "`gestaltd plugin lint {}{}` shows them all",
                self.document,
                url.unwrap_or_default()
            ));
        }
        lines
    }
}

fn fact(name: &str, value: &str) -> Vec<String> {
    vec![name.to_owned(), value.to_owned()]
}

/// Facts of which only the first has the name before it.
fn under(name: &str, lines: &[String]) -> Vec<Vec<String>> {
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    lines
        .iter()
        .zip(names)
        .map(|(line, name)| fact(name, line))
        .collect()
}

/// What an operation calls, in a line.
fn calls(operation: &Operation) -> String {
    match operation.graphql() {
        Some(graphql) if operation.read_only => format!("query {}", graphql.name),
        Some(graphql) => format!("mutation {}", graphql.name),
        None => format!("{} {}", operation.method, operation.path),
    }
}

/// What an operation does, in a line.
fn about(operation: &Operation) -> String {
    let text = operation.title.as_ref().or(operation.description.as_ref());
    let text = text.map(String::as_str).unwrap_or_default();
    if operation.deprecated {
        format!("(deprecated) {text}")
    } else {
        text.to_owned()
    }
}

/// Says whether no build can use it so far.
fn is_later(kind: AuthKind) -> bool {
    matches!(kind, AuthKind::Oauth2 | AuthKind::McpOauth)
}

/// What a person enters for a connection, and where it goes.
fn how(connection: &ConnectionDefinition) -> String {
    match connection.kind {
        AuthKind::None => "no credential".to_owned(),
        AuthKind::Bearer => "a token, sent as `Authorization: Bearer`".to_owned(),
        AuthKind::Basic => "user name and password".to_owned(),
        AuthKind::Oauth2 | AuthKind::McpOauth => "OAuth 2, which is not usable yet".to_owned(),
        AuthKind::Manual => {
            let fields: Vec<String> = connection
                .fields
                .iter()
                .map(|field| {
                    let sent = sent_as(&connection.mapping, &field.name);
                    line(&format!("`{}`{sent}", field.name), 120)
                })
                .collect();
            fields.join(" and ")
        }
    }
}

/// Where a field goes: `, sent as the header X-Key`.
fn sent_as(mapping: &AuthMapping, field: &str) -> String {
    let is = |value: &MappedValue| match value {
        MappedValue::Field { name, .. } => name == field,
        MappedValue::Literal(_) => false,
    };
    let header = mapping.headers.iter().find(|(_, value)| is(value));
    let query = mapping.query.iter().find(|(_, value)| is(value));
    match (header, query) {
        (Some((name, _)), _) => format!(", sent as the header {name}"),
        (_, Some((name, _))) => format!(", sent as the query parameter {name}"),
        _ => String::new(),
    }
}

/// Says whether one of the patterns covers a host with its port.
fn allows(patterns: &[HostPattern], host: &str) -> bool {
    let Ok(url) = format!("https://{host}").parse::<Url>() else {
        return false;
    };
    let port = url.port_or_known_default().unwrap_or(443);
    let name = url.host_str().unwrap_or_default();
    let name = name.trim_matches(['[', ']']);
    patterns.iter().any(|pattern| pattern.matches(name, port))
}

/// The address of a URL's host, where it is one that is refused unless it is allowed.
fn special(url: &Url) -> Option<std::net::IpAddr> {
    use std::net::{IpAddr, Ipv4Addr};
    let address: IpAddr = match url.host()? {
        Host::Ipv4(address) => address.into(),
        Host::Ipv6(address) => address.into(),
        Host::Domain(name) if name == "localhost" || name.ends_with(".localhost") => {
            Ipv4Addr::LOCALHOST.into()
        }
        Host::Domain(_) => return None,
    };
    let special = match address {
        IpAddr::V4(v4) => {
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
        }
    };
    special.then_some(address)
}

/// `1 skipped, 2 changed, 3 notes`.
pub(super) fn counts(imported: &Imported) -> String {
    let of = |severity| {
        let findings = imported.findings.iter();
        findings
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let (skipped, changed, notes) = (
        of(Severity::Skipped),
        of(Severity::Changed),
        of(Severity::Note),
    );
    let more = match imported.more_findings {
        0 => String::new(),
        more => format!(", and {more} more that are not told one by one"),
    };
    if skipped + changed + notes == 0 {
        return "none: all of it is taken over as it is".to_owned();
    }
    format!(
        "{skipped} skipped, {changed} changed, {}{more}",
        count(notes as u64, "note")
    )
}
