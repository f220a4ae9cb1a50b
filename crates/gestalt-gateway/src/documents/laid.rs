//! What the config lays on the operations of a document.

use std::sync::Arc;

use gestalt_core::connection::ConnectionDefinition;
use gestalt_core::document::{Finding, Imported, Severity};
use gestalt_core::operation::{Location, Operation, Security};
use url::Url;

use super::Wanted;

/// Lays on each operation what is wanted, and takes out parameters that stand where a
/// credential goes: a caller's value would be sent in its place.
pub(super) fn lay_on(wanted: &Wanted, imported: &mut Imported, file: &str) {
    let own: Vec<(Location, String)> = imported.connections.iter().flat_map(credentials).collect();
    let taken = || own.iter().chain(&wanted.credentials);
    let elsewhere = wanted
        .plugin_base
        .as_ref()
        .filter(|base| imported.base_url.as_ref() != Some(base))
        .and(imported.base_url.as_ref());
    let mut findings = Vec::new();
    for operation in &mut imported.operations {
        let operation = Arc::make_mut(operation);
        lay_on_one(wanted, elsewhere, operation);
        let called = format!("{} {}", operation.method, operation.path);
        operation.parameters.retain(|parameter| {
            let stands = taken().any(|(location, name)| {
                *location == parameter.location && same(*location, name, &parameter.wire_name)
            });
            if stands {
                findings.push(Finding {
                    severity: Severity::Changed,
                    file: file.to_owned(),
                    line: 0,
                    place: String::new(),
                    operation: Some(called.clone()),
                    message: format!(
                        "the parameter `{}` is left out: the connection's credential stands there",
                        parameter.wire_name
                    ),
                });
            }
            !stands
        });
    }
    let limit = wanted.settings.limits.max_findings;
    for finding in findings {
        if imported.findings.len() < limit {
            imported.findings.push(finding);
        } else {
            imported.more_findings += 1;
        }
    }
}

/// Where a connection puts its credential.
fn credentials(connection: &ConnectionDefinition) -> Vec<(Location, String)> {
    let mapping = &connection.mapping;
    let headers = mapping
        .headers
        .iter()
        .map(|(name, _)| (Location::Header, name));
    let query = mapping
        .query
        .iter()
        .map(|(name, _)| (Location::Query, name));
    let basic = mapping.basic.as_ref();
    let basic = basic.map(|_| (Location::Header, "Authorization".to_owned()));
    headers
        .chain(query)
        .map(|(location, name)| (location, name.clone()))
        .chain(basic)
        .collect()
}

fn same(location: Location, one: &str, other: &str) -> bool {
    match location {
        Location::Header => one.eq_ignore_ascii_case(other),
        _ => one == other,
    }
}

fn lay_on_one(wanted: &Wanted, elsewhere: Option<&Url>, operation: &mut Operation) {
    for (name, value) in &wanted.headers {
        let own = |(own, _): &(String, String)| own.eq_ignore_ascii_case(name);
        if !operation.headers.iter().any(own) {
            operation.headers.push((name.clone(), value.clone()));
        }
    }
    operation.timeout = operation.timeout.or(wanted.timeout);
    operation.response.max_bytes = operation.response.max_bytes.or(wanted.max_response_bytes);
    if operation.base_url.is_none() {
        operation.base_url = elsewhere.cloned();
    }
    if let (Some(known), Security::OneOf(names)) = (&wanted.connections, &mut operation.security) {
        names.retain(|name| known.contains(name));
        if names.is_empty() {
            operation.security = Security::Any;
        }
    }
}
