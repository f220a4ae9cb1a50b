//! Authorize: from a caller and what they want to a permit, or a refusal.
//!
//! A permit has private fields and is made here only; every later step of the walk takes
//! one, so the step cannot be left out.

mod choose;
pub(crate) mod explain;
mod live;
pub(crate) mod pattern;
pub(crate) mod policy;
pub(crate) mod scope;

use std::sync::Arc;

use gestalt_core::name::{InstanceName, nearest};
use gestalt_core::{Code, Refusal};
use gestalt_upstream::CompiledOperation;

use crate::authenticate::caller::{Caller, Permission};
use crate::catalogue::{Catalogue, ConnectionEntry, PluginEntry};

pub(crate) use choose::{any_connection, connection_for, fitting};
pub(crate) use live::{LiveWanted, live, may_list_live, session};

/// Leave to make one invocation.
#[derive(Debug)]
pub(crate) struct Permit {
    plugin: Arc<PluginEntry>,
    operation: Arc<str>,
    connection: Option<usize>,
    instance: Option<InstanceName>,
    reason: Arc<str>,
}

/// What an invocation wants.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) plugin: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) connection: Option<&'a str>,
    pub(crate) instance: Option<&'a str>,
    /// It came through a door that may only change nothing.
    pub(crate) read_only_door: bool,
}

/// Leave to do one piece of management.
#[derive(Debug)]
pub(crate) struct Grant {
    action: Action,
}

/// A piece of management, as the audit trail calls it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Action {
    /// The audit record's kind.
    pub(crate) kind: &'static str,
    /// `token.create`, `connection.connect`, …
    pub(crate) name: &'static str,
    /// What the credential must hold.
    pub(crate) needs: Permission,
}

impl Grant {
    pub(crate) fn action(&self) -> Action {
        self.action
    }
}

impl Permit {
    pub(crate) fn plugin(&self) -> &Arc<PluginEntry> {
        &self.plugin
    }

    pub(crate) fn operation_name(&self) -> &Arc<str> {
        &self.operation
    }

    pub(crate) fn operation(&self) -> Option<&CompiledOperation> {
        self.plugin.compiled.operation(&self.operation)
    }

    pub(crate) fn connection(&self) -> Option<&ConnectionEntry> {
        self.connection
            .and_then(|index| self.plugin.connections.get(index))
    }

    pub(crate) fn instance(&self) -> Option<&InstanceName> {
        self.instance.as_ref()
    }

    pub(crate) fn reason(&self) -> &Arc<str> {
        &self.reason
    }
}

/// Decides whether a caller may do a piece of management.
pub(crate) fn manage(caller: &Caller, action: Action) -> Result<Grant, Refusal> {
    let allowed = match action.needs {
        Permission::Admin => caller.is_admin(),
        other => caller.may(other),
    };
    if allowed {
        return Ok(Grant { action });
    }
    let missing = action.needs.as_str();
    let code = if caller.identity().scopes.is_some() || caller.is_token() {
        Code::InsufficientScope
    } else {
        Code::Forbidden
    };
    Err(Refusal::new(
        code,
        format!("This credential does not hold the permission `{missing}`."),
    ))
}

/// Decides whether a caller may make an invocation.
pub(crate) fn invocation(
    catalogue: &Catalogue,
    caller: &Caller,
    wanted: &Wanted<'_>,
) -> Result<Permit, Refusal> {
    may_invoke(caller)?;
    if caller.is_cross_site() {
        return Err(Refusal::new(
            Code::Forbidden,
            "A page of another site may not invoke operations with your session.",
        )
        .hint("Use an API token."));
    }
    let plugin = visible_plugin(catalogue, caller, wanted.plugin)?;
    if plugin.definition.mcp.is_some() {
        return live::by_name(plugin, caller, wanted);
    }
    let operation = plugin
        .compiled
        .operation(wanted.operation)
        .ok_or_else(|| no_operation(plugin, caller, wanted))?;
    let definition = operation.definition();
    let connection = connection_for(plugin, definition, wanted.connection)?;
    let connection_name =
        connection.map(|index| plugin.connections[index].definition.name.as_str());
    let name = definition.name.as_str();
    let decision = plugin
        .policy
        .decide(caller.identity(), name, connection_name);
    if !decision.allowed {
        return Err(denied(plugin, caller, wanted, &decision));
    }
    if let Some(scopes) = &caller.identity().scopes
        && !scopes.allow(&plugin.definition, name, connection_name)
    {
        return Err(Refusal::new(
            Code::InsufficientScope,
            "The token's scopes do not cover this operation.",
        )
        .hint(format!("It has: {}", scopes.as_str())));
    }
    if wanted.read_only_door && !definition.read_only {
        return Err(Refusal::new(
            Code::InvalidRequest,
            "This operation may change something; invoke it with POST.",
        ));
    }
    let instance = wanted
        .instance
        .map(str::parse)
        .transpose()
        .map_err(|error| {
            Refusal::new(Code::InvalidRequest, format!("{error}")).field("_instance")
        })?;
    Ok(Permit {
        plugin: Arc::clone(plugin),
        operation: Arc::clone(&plugin.operation_names[name]),
        connection,
        instance,
        reason: decision.reason,
    })
}

/// Whether the caller's credential is good for any invocation at all.
pub(crate) fn may_invoke(caller: &Caller) -> Result<(), Refusal> {
    if caller.may(Permission::Invoke) {
        return Ok(());
    }
    Err(Refusal::new(
        Code::InsufficientScope,
        "This credential does not hold the permission `invoke`.",
    ))
}

/// Whether policy and scopes let the caller invoke an operation over a connection.
pub(crate) fn allows(
    plugin: &PluginEntry,
    caller: &Caller,
    operation: &str,
    connection: Option<&str>,
) -> bool {
    let who = caller.identity();
    plugin.policy.decide(who, operation, connection).allowed
        && who
            .scopes
            .as_ref()
            .is_none_or(|scopes| scopes.allow(&plugin.definition, operation, connection))
}

/// Whether policy and scopes let the caller invoke an operation over some connection; what
/// they do not let is not listed.
pub(crate) fn may_list(plugin: &PluginEntry, caller: &Caller, operation: &str) -> bool {
    let over = |connection| allows(plugin, caller, operation, connection);
    let Some(compiled) = plugin.compiled.operation(operation) else {
        return false;
    };
    let fitting = fitting(plugin, compiled.definition());
    if fitting.is_empty() {
        return over(None);
    }
    fitting
        .iter()
        .any(|index| over(Some(plugin.connections[*index].definition.name.as_str())))
}

/// Finds a plugin; one that a token's scopes do not name is not there for it.
pub(crate) fn visible_plugin<'a>(
    catalogue: &'a Catalogue,
    caller: &Caller,
    name: &str,
) -> Result<&'a Arc<PluginEntry>, Refusal> {
    let hidden = |entry: &&Arc<PluginEntry>| {
        caller
            .identity()
            .scopes
            .as_ref()
            .is_none_or(|scopes| scopes.names(&entry.definition))
    };
    if let Some(entry) = catalogue.find(name) {
        return Some(entry).filter(hidden).ok_or_else(|| {
            Refusal::new(
                Code::InsufficientScope,
                "The token's scopes do not cover this integration.",
            )
        });
    }
    let refusal = Refusal::new(Code::NotFound, "There is no such integration.");
    let near = nearest(
        name,
        catalogue
            .all()
            .filter(hidden)
            .map(|entry| entry.definition.name.as_str()),
    );
    Err(match near {
        Some(near) => refusal.hint(format!("Did you mean `{near}`?")),
        None => refusal,
    })
}

fn no_operation(plugin: &PluginEntry, caller: &Caller, wanted: &Wanted<'_>) -> Refusal {
    let refusal = Refusal::new(Code::NotFound, "The integration has no such operation.");
    let listed = plugin
        .compiled
        .operations()
        .map(|operation| operation.definition().name.as_str())
        .filter(|name| may_list(plugin, caller, name));
    match nearest(wanted.operation, listed) {
        Some(near) => refusal.hint(format!("Did you mean `{near}`?")),
        None => refusal,
    }
}

fn denied(
    plugin: &PluginEntry,
    caller: &Caller,
    wanted: &Wanted<'_>,
    decision: &policy::Decision,
) -> Refusal {
    // What is not listed for the caller is not there either, so that a refusal tells nothing.
    if may_list(plugin, caller, wanted.operation) {
        Refusal::new(
            Code::Forbidden,
            "Policy does not let you use this connection for the operation.",
        )
    } else {
        Refusal::new(
            Code::Forbidden,
            "Policy does not let you invoke this operation.",
        )
    }
    .because(decision.reason.to_string())
}
