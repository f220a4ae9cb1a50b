//! Permits for what only a live upstream names: an MCP server's tools, resources and prompts.
//!
//! Policy, scopes and the trail know a tool by the name it is offered under, a resource as
//! `resource:{uri}`, a prompt as `prompt:{name}`. What belongs to no one of them (a list, a
//! stream of notifications) needs that there may be something the caller may do at all.

use std::sync::Arc;

use gestalt_core::name::InstanceName;
use gestalt_core::{Code, Refusal};

use super::{Permit, Wanted, allows, any_connection, may_invoke, visible_plugin};
use crate::authenticate::caller::Caller;
use crate::catalogue::{Catalogue, PluginEntry};

/// Longest name of an operation, in bytes: a resource's URI may be long, a record should not.
const MAX_NAME_BYTES: usize = 2_048;

/// What is wanted of a live upstream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveWanted<'a> {
    pub(crate) plugin: &'a str,
    /// As policy knows it.
    pub(crate) operation: &'a str,
    pub(crate) connection: Option<&'a str>,
    pub(crate) instance: Option<&'a str>,
}

/// Decides whether a caller may use a tool, a resource or a prompt.
pub(crate) fn live(
    catalogue: &Catalogue,
    caller: &Caller,
    wanted: &LiveWanted<'_>,
) -> Result<Permit, Refusal> {
    may_invoke(caller)?;
    not_from_another_site(caller)?;
    let plugin = visible_plugin(catalogue, caller, wanted.plugin)?;
    decide(plugin, caller, wanted)
}

/// The same for an invocation by name, where only tools can be meant. GET changes nothing, and
/// what a tool does only its server knows.
pub(super) fn by_name(
    plugin: &Arc<PluginEntry>,
    caller: &Caller,
    wanted: &Wanted<'_>,
) -> Result<Permit, Refusal> {
    if wanted.operation.contains(':') {
        let what = "The integration has no such operation.";
        return Err(Refusal::new(Code::NotFound, what));
    }
    let permit = decide(
        plugin,
        caller,
        &LiveWanted {
            plugin: wanted.plugin,
            operation: wanted.operation,
            connection: wanted.connection,
            instance: wanted.instance,
        },
    )?;
    if wanted.read_only_door {
        return Err(Refusal::new(
            Code::InvalidRequest,
            "This operation may change something; invoke it with POST.",
        ));
    }
    Ok(permit)
}

/// Decides whether a caller may talk with a live upstream at all. `method` is what the trail
/// calls it.
pub(crate) fn session(
    catalogue: &Catalogue,
    caller: &Caller,
    wanted: &LiveWanted<'_>,
) -> Result<Permit, Refusal> {
    may_invoke(caller)?;
    not_from_another_site(caller)?;
    let plugin = visible_plugin(catalogue, caller, wanted.plugin)?;
    if !plugin.policy.may_do_anything(caller.identity()) {
        return Err(Refusal::new(
            Code::Forbidden,
            "Policy does not let you use this integration.",
        ));
    }
    let connection = any_connection(plugin, wanted.connection)?;
    Ok(Permit {
        plugin: Arc::clone(plugin),
        operation: Arc::from(wanted.operation),
        connection,
        instance: instance_of(wanted)?,
        reason: Arc::from("something may be done with the integration"),
    })
}

/// Whether policy and scopes let the caller use it over some connection.
pub(crate) fn may_list_live(plugin: &PluginEntry, caller: &Caller, operation: &str) -> bool {
    if plugin.connections.is_empty() {
        return allows(plugin, caller, operation, None);
    }
    plugin
        .connections
        .iter()
        .any(|entry| allows(plugin, caller, operation, Some(&entry.name)))
}

fn decide(
    plugin: &Arc<PluginEntry>,
    caller: &Caller,
    wanted: &LiveWanted<'_>,
) -> Result<Permit, Refusal> {
    let name = wanted.operation;
    if name.len() > MAX_NAME_BYTES {
        let what = format!("A name has at most {MAX_NAME_BYTES} bytes.");
        return Err(Refusal::new(Code::InvalidRequest, what));
    }
    let connection = any_connection(plugin, wanted.connection)?;
    let connection_name = connection.map(|index| &*plugin.connections[index].name);
    let decision = plugin
        .policy
        .decide(caller.identity(), name, connection_name);
    if !decision.allowed {
        return Err(Refusal::new(
            Code::Forbidden,
            "Policy does not let you use this of the integration.",
        )
        .because(decision.reason.to_string()));
    }
    if let Some(scopes) = &caller.identity().scopes
        && !scopes.allow(&plugin.definition, name, connection_name)
    {
        return Err(Refusal::new(
            Code::InsufficientScope,
            "The token's scopes do not cover this.",
        )
        .hint(format!("It has: {}", scopes.as_str())));
    }
    Ok(Permit {
        plugin: Arc::clone(plugin),
        operation: Arc::from(name),
        connection,
        instance: instance_of(wanted)?,
        reason: decision.reason,
    })
}

fn instance_of(wanted: &LiveWanted<'_>) -> Result<Option<InstanceName>, Refusal> {
    let parsed = wanted.instance.map(str::parse).transpose();
    parsed.map_err(|error: <InstanceName as std::str::FromStr>::Err| {
        Refusal::new(Code::InvalidRequest, format!("{error}")).field("_instance")
    })
}

fn not_from_another_site(caller: &Caller) -> Result<(), Refusal> {
    if caller.is_cross_site() {
        return Err(Refusal::new(
            Code::Forbidden,
            "A page of another site may not invoke operations with your session.",
        )
        .hint("Use an API token."));
    }
    Ok(())
}
