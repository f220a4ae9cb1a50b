//! A decision, step by step, by the same functions that decide a call.

use gestalt_core::{Code, Refusal};

use super::{Wanted, any_connection, connection_for, invocation, visible_plugin};
use crate::Inner;
use crate::authenticate::caller::Caller;
use crate::mcp::approvals;
use crate::operations::{ExplainInput, ExplainStepView, ExplanationView};
use crate::resolve;

/// The steps in the order they are decided.
const STEPS: [&str; 6] = [
    "plugin",
    "policy",
    "token_scope",
    "connection",
    "instance",
    "egress",
];

/// Explains a decision.
pub(crate) async fn explain(
    gateway: &Inner,
    caller: &Caller,
    input: &ExplainInput,
) -> Result<ExplanationView, Refusal> {
    let catalogue = gateway.catalogue.load_full();
    let wanted = Wanted {
        plugin: &input.integration,
        operation: &input.operation,
        connection: input.connection.as_deref(),
        instance: input.instance.as_deref(),
        read_only_door: false,
    };
    let mut steps = Vec::new();
    let permit = match invocation(&catalogue, caller, &wanted) {
        Ok(permit) => permit,
        Err(refusal) => {
            let at = refused_step(&catalogue, caller, &wanted, &refusal);
            return Ok(refused(steps, at, &refusal));
        }
    };
    if let Err(refusal) = approvals::foresee(gateway, caller, &permit).await {
        return Ok(refused(steps, 0, &refusal));
    }
    let plugin = permit.plugin();
    let connection = permit.connection();
    pass(
        &mut steps,
        format!(
            "`{}` has the operation `{}`.",
            plugin.name,
            permit.operation_name()
        ),
    );
    pass(&mut steps, permit.reason().to_string());
    pass(
        &mut steps,
        match &caller.identity().scopes {
            Some(scopes) => format!("the scopes `{}` cover it", scopes.as_str()),
            None => "no scopes limit this credential".to_owned(),
        },
    );
    pass(
        &mut steps,
        match connection {
            Some(entry) => format!("`{}`, mode {}", entry.name, entry.definition.mode.as_str()),
            None if plugin.connections.is_empty() => "the plugin needs no connection".to_owned(),
            None => "the operation needs no connection".to_owned(),
        },
    );
    match resolve::resolve(gateway, caller, &permit).await {
        Err(refusal) => return Ok(refused(steps, 4, &refusal)),
        Ok(credential) => pass(
            &mut steps,
            match credential.source() {
                Some(source) => format!("`{}`, {}", source.instance, source.state.as_str()),
                None => "no credential is used".to_owned(),
            },
        ),
    }
    if let Some(operation) = permit.operation()
        && let Err(denied) = plugin.compiled.check(operation)
    {
        let refusal = Refusal::new(Code::EgressDenied, denied.to_string());
        return Ok(refused(steps, 5, &refusal));
    }
    pass(
        &mut steps,
        format!("the base URL {} is permitted", plugin.definition.base_url),
    );
    Ok(ExplanationView {
        allowed: true,
        code: None,
        steps,
    })
}

fn pass(steps: &mut Vec<ExplainStepView>, detail: String) {
    if let Some(step) = STEPS.get(steps.len()) {
        steps.push(ExplainStepView {
            step,
            result: "pass",
            detail,
        });
    }
}

fn refused(mut steps: Vec<ExplainStepView>, at: usize, refusal: &Refusal) -> ExplanationView {
    while steps.len() < at {
        pass(&mut steps, "holds".to_owned());
    }
    let why = refusal.cause.as_ref().map_or_else(
        || refusal.message.clone(),
        |cause| format!("{} ({cause})", refusal.message),
    );
    steps.push(ExplainStepView {
        step: STEPS[at],
        result: "refuse",
        detail: why,
    });
    for step in &STEPS[at + 1..] {
        steps.push(ExplainStepView {
            step,
            result: "not_reached",
            detail: String::new(),
        });
    }
    ExplanationView {
        allowed: false,
        code: Some(refusal.code.as_str()),
        steps,
    }
}

/// Which step a refusal of the authorization belongs to.
fn refused_step(
    catalogue: &crate::catalogue::Catalogue,
    caller: &Caller,
    wanted: &Wanted<'_>,
    refusal: &Refusal,
) -> usize {
    let Ok(plugin) = visible_plugin(catalogue, caller, wanted.plugin) else {
        return if refusal.code == Code::InsufficientScope {
            2
        } else {
            0
        };
    };
    let connection = match plugin.compiled.operation(wanted.operation) {
        Some(operation) => connection_for(plugin, operation.definition(), wanted.connection),
        None if plugin.definition.mcp.is_some() => any_connection(plugin, wanted.connection),
        None => return 0,
    };
    match refusal.code {
        Code::Forbidden => 1,
        Code::InsufficientScope => 2,
        _ if connection.is_err() => 3,
        _ => 4,
    }
}
