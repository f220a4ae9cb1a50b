//! `surfaces`: how a plugin reaches its upstream.

use std::net::SocketAddr;
use std::sync::Arc;

use gestalt_core::connection::ConnectionDefinition;
use gestalt_core::document::Imported;
use gestalt_core::host::EgressRules;
use gestalt_core::mcp::McpServer;
use gestalt_core::name::PluginName;
use gestalt_core::operation::Operation;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::graphql::GraphQlEntry;
use super::mcp::{self, McpEntry};
use super::openapi::{Around, Nothing, OpenApiEntry, Read};

use crate::config::check::Checker;
use crate::config::decode::{Entries, Located};
use crate::config::operations::OperationEntry;
use crate::config::report::Problem;
use crate::config::scalars::{Period, Size};
use crate::config::selection::{AllowEntry, Placed};
use crate::config::source::At;

/// How a plugin reaches its upstream.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::config) struct SurfacesEntry {
    /// Operations written out.
    pub(super) rest: Option<RestEntry>,
    /// Operations of an OpenAPI document.
    pub(super) openapi: Option<Located<OpenApiEntry>>,
    /// Operations of a GraphQL schema.
    pub(super) graphql: Option<Located<GraphQlEntry>>,
    /// Tools of an MCP server.
    pub(super) mcp: Option<Located<McpEntry>>,
    /// A process that speaks the provider contract.
    pub(super) provider: Option<Located<Value>>,
}

/// Operations written out.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct RestEntry {
    /// The URL that paths are below.
    base_url: Option<Located<String>>,
    /// What it offers.
    operations: Vec<OperationEntry>,
    /// Fixed headers of every operation; never a credential.
    headers: Entries<String>,
    /// Longest wait for the head of an answer.
    timeout: Option<Period>,
    /// Largest body of an answer.
    max_response_bytes: Option<Size>,
}

/// The surfaces of one plugin, the author's and the operator's together.
pub(super) struct Surfaces {
    rest: Option<RestEntry>,
    openapi: Option<Located<OpenApiEntry>>,
    graphql: Option<Located<GraphQlEntry>>,
    mcp: Option<Located<McpEntry>>,
}

/// What the surfaces offer together.
pub(super) struct Offered {
    pub(super) base_url: Url,
    pub(super) operations: Vec<Placed>,
    /// A server whose tools are learned from itself.
    pub(super) mcp: Option<McpServer>,
    /// Those of the document, where the config has none.
    pub(super) connections: Vec<ConnectionDefinition>,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    /// The documents, with what each offers.
    pub(super) read: Vec<Read>,
}

/// What the plugin says beside its surfaces.
pub(super) struct Beside<'a> {
    /// Where it is named.
    pub(super) at: At,
    /// Where the demo's upstream listens, if this is the demo.
    pub(super) demo: Option<SocketAddr>,
    /// The connections that are there instead of a document's, if any are.
    pub(super) connections: Option<&'a [ConnectionDefinition]>,
    /// What it may reach.
    pub(super) egress: &'a EgressRules,
    /// Its name, and which operations are offered.
    pub(super) offers: (&'a PluginName, Option<&'a Located<Entries<AllowEntry>>>),
}

/// Why surfaces offer nothing.
pub(super) enum Missing {
    /// There is none that this build knows.
    Surface,
    /// A document is not here.
    NotHere,
    /// It is wrong, and has been reported.
    Wrong,
}

impl Surfaces {
    /// What the author ships, with what the operator writes laid on it.
    pub(super) fn merged(
        theirs: Option<&SurfacesEntry>,
        ours: &SurfacesEntry,
        checker: &mut Checker<'_>,
    ) -> Self {
        Self {
            rest: RestEntry::merged(theirs.and_then(|s| s.rest.as_ref()), ours.rest.as_ref()),
            openapi: OpenApiEntry::merged(
                theirs.and_then(|s| s.openapi.as_ref()),
                ours.openapi.as_ref(),
            ),
            graphql: GraphQlEntry::merged(
                theirs.and_then(|s| s.graphql.as_ref()),
                ours.graphql.as_ref(),
            ),
            mcp: McpEntry::merged(
                theirs.and_then(|s| s.mcp.as_ref()),
                ours.mcp.as_ref(),
                checker,
            ),
        }
    }

    /// What an MCP server offers is learned from itself; nothing else stands beside it.
    fn read_mcp(
        &self,
        mcp: &Located<McpEntry>,
        plugin: &Beside<'_>,
        checker: &mut Checker<'_>,
    ) -> Result<Offered, Missing> {
        if self.rest.is_some() || self.openapi.is_some() || self.graphql.is_some() {
            let problem = Problem::new("`surfaces.mcp` stands alone in a plugin", mcp.at);
            checker.problem(problem.help("make a plugin of its own for the other surface"));
            return Err(Missing::Wrong);
        }
        let (name, allowed) = plugin.offers;
        let around = mcp::Around {
            at: mcp.at,
            plugin: name,
            connections: plugin.connections.unwrap_or_default(),
            allowed,
        };
        let read = mcp.value.read(&around, checker);
        let (server, base_url) = read.ok_or(Missing::Wrong)?;
        Ok(Offered {
            base_url,
            operations: Vec::new(),
            mcp: Some(server),
            connections: Vec::new(),
            title: None,
            description: None,
            read: Vec::new(),
        })
    }

    /// What they offer.
    pub(super) fn read(
        &self,
        plugin: &Beside<'_>,
        checker: &mut Checker<'_>,
    ) -> Result<Offered, Missing> {
        if let Some(mcp) = &self.mcp {
            return self.read_mcp(mcp, plugin, checker);
        }
        let rest = self.rest.as_ref();
        let documents = self.openapi.is_some() || self.graphql.is_some();
        if rest.is_none() && !documents {
            return Err(Missing::Surface);
        }
        let mut operations: Vec<Placed> = rest
            .map(|rest| rest.operations(checker))
            .unwrap_or_default()
            .into_iter()
            .map(|(operation, at)| (Arc::new(operation), at))
            .collect();
        let demo = plugin.demo;
        let own_base = match rest {
            Some(rest) if !documents || demo.is_some() || rest.has_base_url() => {
                let base = rest.base_url(plugin.at, demo, checker);
                Some(base.ok_or(Missing::Wrong)?)
            }
            _ => None,
        };
        let around = |at| Around {
            at,
            connections: plugin.connections,
            egress: plugin.egress,
            base_url: own_base.as_ref(),
        };
        let mut read = Vec::new();
        if let Some(entry) = &self.openapi {
            let found = entry.value.read(&around(entry.at), checker)?;
            if own_base.is_none() && found.imported.base_url.is_none() {
                let what = format!("the document `{}` names no server", found.document);
                let problem = Problem::new(what, entry.at);
                checker.problem(problem.help("write `baseUrl: https://…` beside `document`"));
                return Err(Missing::Wrong);
            }
            read.push((found, entry.at));
        }
        if let Some(entry) = &self.graphql {
            read.push((entry.value.read(&around(entry.at), checker)?, entry.at));
        }
        for (found, at) in &read {
            let shared = found.imported.operations.iter();
            operations.extend(shared.map(|operation| (Arc::clone(operation), *at)));
        }
        let read: Vec<Read> = read.into_iter().map(|(found, _)| found).collect();
        let first = |get: fn(&Imported) -> Option<String>| {
            read.iter().find_map(|found| get(&found.imported))
        };
        let theirs = read
            .iter()
            .find_map(|found| found.imported.base_url.clone());
        let connections = read.iter().flat_map(|found| &found.imported.connections);
        Ok(Offered {
            base_url: own_base.or(theirs).ok_or(Missing::Wrong)?,
            operations,
            mcp: None,
            connections: connections.cloned().collect(),
            title: first(|imported| imported.title.clone()),
            description: first(|imported| imported.description.clone()),
            read,
        })
    }
}

impl From<Nothing> for Missing {
    fn from(why: Nothing) -> Self {
        match why {
            Nothing::Wrong => Self::Wrong,
            Nothing::NotHere => Self::NotHere,
        }
    }
}

impl RestEntry {
    /// What the author ships, with what the operator writes laid on it.
    fn merged(theirs: Option<&RestEntry>, ours: Option<&RestEntry>) -> Option<RestEntry> {
        let (Some(base), Some(over)) = (theirs, ours) else {
            return theirs.or(ours).cloned();
        };
        let join =
            |a: &[OperationEntry], b: &[OperationEntry]| a.iter().chain(b).cloned().collect();
        Some(RestEntry {
            base_url: over.base_url.clone().or_else(|| base.base_url.clone()),
            operations: join(&base.operations, &over.operations),
            headers: Entries(
                base.headers
                    .0
                    .iter()
                    .chain(&over.headers.0)
                    .cloned()
                    .collect(),
            ),
            timeout: over.timeout.or(base.timeout),
            max_response_bytes: over.max_response_bytes.or(base.max_response_bytes),
        })
    }

    /// Whether it says which URL paths are below.
    pub(super) fn has_base_url(&self) -> bool {
        self.base_url.is_some()
    }

    pub(super) fn base_url(
        &self,
        plugin: At,
        demo: Option<SocketAddr>,
        checker: &mut Checker<'_>,
    ) -> Option<Url> {
        if let Some(address) = demo {
            return Url::parse(&format!("http://{address}")).ok();
        }
        let Some(written) = &self.base_url else {
            checker.problem(Problem::new("`surfaces.rest` needs a `baseUrl`", plugin));
            return None;
        };
        written_base_url(written, checker)
    }

    pub(super) fn operations(&self, checker: &mut Checker<'_>) -> Vec<(Operation, At)> {
        for (header, _) in &self.headers.0 {
            checker.fixed_header(header);
        }
        let mut operations = Vec::new();
        for entry in &self.operations {
            let Some(mut operation) = entry.check(checker) else {
                continue;
            };
            for (name, value) in &self.headers.0 {
                if !operation
                    .headers
                    .iter()
                    .any(|(own, _)| own.eq_ignore_ascii_case(&name.value))
                {
                    operation.headers.push((name.value.clone(), value.clone()));
                }
            }
            operation.timeout = operation.timeout.or(self.timeout.map(|timeout| timeout.0));
            operation.response.max_bytes = operation
                .response
                .max_bytes
                .or(self.max_response_bytes.map(|size| size.0));
            operations.push((operation, entry.name.at));
        }
        operations
    }
}

/// A base URL as it is written: with a host, and without `/` at its end.
pub(super) fn written_base_url(
    written: &Located<String>,
    checker: &mut Checker<'_>,
) -> Option<Url> {
    let mut url: Url = checker.parse(written)?;
    let plain = url.username().is_empty() && url.password().is_none();
    let bare = url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || !plain || !bare {
        let problem = Problem::new(
            "a base URL has a host and a path, and no user, query or fragment",
            written.at,
        );
        checker.problem(problem.help("`https://api.example.com/v2`"));
        return None;
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Some(url)
}
