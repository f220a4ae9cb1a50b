//! OpenAPI documents become operations and connections.
//!
//! [`import`] reads a document of version 3.0 or 3.1, whose files are handed in: it makes no
//! request and opens no file. What it cannot take over becomes a finding with the line where
//! it stands, and the rest is there.

mod bodies;
mod document;
mod findings;
mod hints;
mod names;
mod operations;
mod parameters;
mod responses;
mod schema;
mod security;
mod servers;

use gestalt_core::document::{DocumentText, ImportSettings, Imported};
use serde_json::Value;

use document::{Node, Texts};
use operations::Reading;
use schema::Schemas;
use security::{Connections, Scheme};
use servers::Servers;

pub use document::ImportError;

pub(crate) use findings::{Findings, Spot};
pub(crate) use names::{LONGEST_OPERATION, Taken};
pub(crate) use schema::{assemble, bounded, fits, trim};

/// Most security schemes of a document that are looked at.
const MOST_SCHEMES: usize = 200;

/// Reads a document. `load` gives the text of another file by its path below the document's
/// folder.
///
/// # Errors
/// [`ImportError`], if the document as a whole cannot be read: no JSON, too large, too deep,
/// another kind or version of document, or more operations than the limit.
pub fn import(
    root: DocumentText,
    load: &mut dyn FnMut(&str) -> Result<DocumentText, String>,
    settings: &ImportSettings,
) -> Result<Imported, ImportError> {
    let texts = Texts::read(root, load, &settings.limits)?;
    let root = Node::root(&texts).ok_or(ImportError::NotOpenApi)?;
    let specification = version(&root)?;
    let mut findings = Findings::new(settings.limits.max_findings);
    let paths = root.get("paths");
    let paths: Vec<(String, Node<'_>)> = paths.iter().flat_map(Node::members).collect();
    let seen = survey(&paths);
    if seen.operations > settings.limits.max_operations {
        return Err(ImportError::TooManyOperations {
            limit: settings.limits.max_operations,
        });
    }
    if root.get("webhooks").is_some() {
        findings.note(
            &root.spot(),
            "webhooks are calls that the upstream makes; none is imported",
        );
    }
    let servers = root.get("servers");
    let servers_spot = servers.as_ref().unwrap_or(&root).spot();
    let list = servers.map(|servers| servers.value());
    let schemas = Schemas::new(&settings.limits);
    let schemes = schemes(&root, &schemas, &mut findings);
    let security = root.get("security").map(|node| (node.value(), node.spot()));
    let silent = security.is_none() && !seen.secured;
    let mut reading = Reading {
        settings,
        schemas,
        connections: Connections::new(schemes, silent),
        servers: Servers::new(list.as_ref(), &servers_spot, settings, &mut findings),
        security,
        findings,
        names: names::Taken::default(),
        operations: Vec::with_capacity(seen.operations),
    };
    reading.begin();
    for (path, item) in &paths {
        reading.path(path, item);
    }
    let info = root.get("info");
    let text = |key: &str| info.as_ref()?.get(key)?.text();
    let mut imported = Imported {
        title: text("title"),
        version: text("version"),
        specification,
        ..Imported::default()
    };
    let Reading {
        schemas,
        connections,
        servers,
        mut findings,
        operations,
        ..
    } = reading;
    imported.description = info.and_then(|info| schemas.operation_text(&info, "description"));
    imported.operations = operations;
    imported.connections = connections.finish();
    (imported.base_url, imported.servers, imported.hosts) =
        servers.finish(&servers_spot, &mut findings);
    (imported.findings, imported.more_findings) = findings.finish();
    Ok(imported)
}

/// The version of the document's own form, if it is one that is read.
fn version(root: &Node<'_>) -> Result<String, ImportError> {
    let word = |key: &str| match root.get(key)?.value() {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let shown = |text: &str| text.chars().take(40).collect::<String>();
    if let Some(version) = word("swagger") {
        return Err(ImportError::Version {
            version: format!("Swagger {}", shown(&version)),
            hint: "; tools convert older documents, `swagger2openapi` for one",
        });
    }
    match word("openapi") {
        Some(version) if is_read(version.trim()) => Ok(version.trim().to_owned()),
        Some(version) => Err(ImportError::Version {
            version: format!("OpenAPI {}", shown(&version)),
            hint: "",
        }),
        None => Err(ImportError::NotOpenApi),
    }
}

fn is_read(version: &str) -> bool {
    ["3.0", "3.1"].iter().any(|known| {
        version
            .strip_prefix(known)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// What is counted before anything is made.
#[derive(Default)]
struct Seen {
    operations: usize,
    /// An operation has a `security` of its own.
    secured: bool,
}

fn survey(paths: &[(String, Node<'_>)]) -> Seen {
    let mut seen = Seen::default();
    for item in paths.iter().filter_map(|(_, item)| item.resolved().ok()) {
        for (member, node) in item.members() {
            if operations::is_method(&member) {
                seen.operations += 1;
                seen.secured |= node.get("security").is_some();
            }
        }
    }
    seen
}

fn schemes(root: &Node<'_>, schemas: &Schemas<'_>, findings: &mut Findings) -> Vec<Scheme> {
    let list = root
        .get("components")
        .and_then(|components| components.get("securitySchemes"));
    let mut schemes = Vec::new();
    for (name, node) in list.iter().flat_map(Node::members).take(MOST_SCHEMES) {
        match node.resolved() {
            Ok(node) => {
                let description = schemas.description(&node, "description");
                schemes.push(Scheme::new(&name, &node.value(), description, node.spot()));
            }
            Err(why) => findings.changed(&node.spot(), why),
        }
    }
    schemes
}
