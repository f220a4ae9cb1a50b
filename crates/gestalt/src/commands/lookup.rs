//! Plugins and operations by name, with the nearest where there is none.

use gestalt_api::integration::{Integration, Operation};
use gestalt_api::problem::Problem;

use crate::failure::Failure;
use crate::nearest::did_you_mean;
use crate::output::Listing;
use crate::server::Server;

/// A plugin as the caller may use it.
///
/// # Errors
/// The gateway's refusal; for an unknown name with the nearest one.
pub(crate) async fn plugin(server: &Server, name: &str) -> Result<Integration, Failure> {
    match server.get(&["integrations", name], &[]).await {
        Err(failure) => Err(plugin_hint(server, name, failure).await),
        found => found,
    }
}

/// An operation with its schema.
///
/// # Errors
/// As [`plugin`].
pub(crate) async fn operation(
    server: &Server,
    plugin: &str,
    name: &str,
) -> Result<Operation, Failure> {
    let route = ["integrations", plugin, "operations", name];
    match server.get(&route, &[]).await {
        Err(failure) => Err(operation_hint(server, plugin, name, failure).await),
        found => found,
    }
}

/// All operations of a plugin that the caller may invoke.
///
/// # Errors
/// As [`plugin`].
pub(crate) async fn operations(
    server: &Server,
    plugin: &str,
) -> Result<Listing<Operation>, Failure> {
    server
        .get(&["integrations", plugin, "operations"], &[])
        .await
}

/// All plugins that the caller may use.
///
/// # Errors
/// The gateway's refusal.
pub(crate) async fn plugins(server: &Server) -> Result<Listing<Integration>, Failure> {
    server.get(&["integrations"], &[]).await
}

/// Adds the nearest plugin to a refusal that says there is none.
pub(crate) async fn plugin_hint(server: &Server, name: &str, failure: Failure) -> Failure {
    let Some(mut problem) = unhinted(&failure) else {
        return failure;
    };
    let Ok(known) = plugins(server).await else {
        return failure;
    };
    let names = known.items.iter().map(|item| item.name.as_str());
    problem.hint = did_you_mean(name, names)
        .or_else(|| Some("`gestalt plugin list` shows what there is.".to_owned()));
    refused(problem)
}

/// Adds the nearest operation, or plugin, to a refusal that says there is none.
pub(crate) async fn operation_hint(
    server: &Server,
    plugin: &str,
    name: &str,
    failure: Failure,
) -> Failure {
    let Some(mut problem) = unhinted(&failure) else {
        return failure;
    };
    let Ok(known) = operations(server, plugin).await else {
        return plugin_hint(server, plugin, failure).await;
    };
    let names = known.items.iter().map(|item| item.name.as_str());
    problem.hint = did_you_mean(name, names).or_else(|| {
        Some(format!(
            "`gestalt plugin describe {plugin}` shows what there is."
        ))
    });
    refused(problem)
}

/// The problem of something unknown that the server has no hint for.
fn unhinted(failure: &Failure) -> Option<Box<Problem>> {
    match failure {
        Failure::Refused { problem, .. }
            if problem.code == "not_found" && problem.hint.is_none() =>
        {
            Some(problem.clone())
        }
        _ => None,
    }
}

fn refused(problem: Box<Problem>) -> Failure {
    Failure::Refused {
        problem,
        retry_after: None,
    }
}
