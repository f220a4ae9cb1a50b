//! `surfaces`: how a plugin reaches its upstream.

use std::net::SocketAddr;

use gestalt_core::operation::Operation;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::config::check::Checker;
use crate::config::decode::{Entries, Located};
use crate::config::operations::OperationEntry;
use crate::config::report::Problem;
use crate::config::scalars::{Period, Size};
use crate::config::source::At;

/// How a plugin reaches its upstream.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::config) struct SurfacesEntry {
    /// Operations written out.
    pub(super) rest: Option<RestEntry>,
    /// Operations of an OpenAPI document.
    pub(super) openapi: Option<Located<Value>>,
    /// Operations of a GraphQL schema.
    pub(super) graphql: Option<Located<Value>>,
    /// Tools of an MCP server.
    pub(super) mcp: Option<Located<Value>>,
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

impl RestEntry {
    /// What the author ships, with what the operator writes laid on it.
    pub(super) fn merged(
        theirs: Option<&RestEntry>,
        ours: Option<&RestEntry>,
    ) -> Option<RestEntry> {
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
