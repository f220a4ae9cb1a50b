//! `allowedOperations`: which operations are offered, as what, and changed in what.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use gestalt_core::connection::ConnectionDefinition;
use gestalt_core::name::OperationName;
use gestalt_core::operation::Operation;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::check::Checker;
use super::connections::ConnectionEntry;
use super::decode::{Entries, Located, suggest};
use super::operations::{PaginationEntry, ResponseEntry};
use super::report::Problem;
use super::scalars::Period;
use super::source::At;

/// One operation that is offered; what is given replaces what the manifest says.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct AllowEntry {
    /// What callers say instead of its own name.
    alias: Option<Located<String>>,
    /// A short title for people.
    title: Option<String>,
    /// What it does, for people and models.
    description: Option<String>,
    /// Words that group operations.
    tags: Option<Vec<String>>,
    /// The upstream advises against it.
    deprecated: Option<bool>,
    /// Changes nothing at the upstream, so GET may invoke it.
    read_only: Option<bool>,
    /// May destroy something.
    destructive: Option<bool>,
    /// Repeating it changes nothing more.
    idempotent: Option<bool>,
    /// Changes of its parameters, by the name that callers say.
    parameters: Entries<ParameterOverride>,
    /// What of the answer is passed on.
    response: Option<ResponseEntry>,
    /// How the next page is asked for.
    pagination: Option<Located<PaginationEntry>>,
    /// Longest wait for the head of the answer.
    timeout: Option<Period>,
}

/// Changes of one parameter.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct ParameterOverride {
    /// What it means.
    description: Option<String>,
    /// Sent when the caller gives none; the parameter is no longer required.
    default: Option<Value>,
    /// The call is refused without it.
    required: Option<bool>,
}

/// An operation and the place that names it.
pub(super) type Placed = (Arc<Operation>, At);

/// The operations that are offered, with their changes; all of them if nothing is selected.
/// What is not changed is shared with whoever gave it.
pub(super) fn select(
    operations: Vec<Placed>,
    allowed: Option<&Located<Entries<AllowEntry>>>,
    opaque: bool,
    checker: &mut Checker<'_>,
) -> Vec<Placed> {
    unique(&operations, |operation| operation.name.as_str(), checker);
    let Some(allowed) = allowed else {
        return operations;
    };
    if allowed.value.0.is_empty() {
        let problem = Problem::new("`allowedOperations` names no operation", allowed.at);
        checker.problem(problem.help("leave it out to offer all of them"));
    }
    // What the document says goes before what it was made into.
    let mut known: HashMap<&str, &Placed> = HashMap::new();
    for placed in &operations {
        known.entry(&placed.0.source_name).or_insert(placed);
    }
    for placed in &operations {
        known.entry(placed.0.name.as_str()).or_insert(placed);
    }
    let mut selected = Vec::new();
    for (name, entry) in &allowed.value.0 {
        match known.get(name.value.as_str()) {
            Some((operation, _)) => {
                let at = entry.alias.as_ref().map_or(name.at, |alias| alias.at);
                selected.extend(entry.apply(operation, checker).map(|changed| (changed, at)));
            }
            // It may be one that this build does not know.
            None if opaque => {}
            None => {
                let problem = Problem::new(
                    format!("the plugin has no operation `{}`", name.value),
                    name.at,
                );
                let help = super::plugins::suggest_operation(&name.value, &operations);
                checker.problem(problem.label("not there").help(help));
            }
        }
    }
    unique(&selected, |operation| operation.name.as_str(), checker);
    selected
}

/// Refuses two operations of one name, and names both.
fn unique(operations: &[Placed], name: fn(&Operation) -> &str, checker: &mut Checker<'_>) {
    let mut seen: HashMap<&str, &Placed> = HashMap::with_capacity(operations.len());
    for placed in operations {
        let (operation, at) = placed;
        let (first, first_at) = match seen.entry(name(operation)) {
            Entry::Vacant(entry) => {
                entry.insert(placed);
                continue;
            }
            Entry::Occupied(entry) => *entry.get(),
        };
        let (one, two) = (&first.source_name, &operation.source_name);
        let what = if one == two {
            format!("two operations are called `{one}`")
        } else {
            format!(
                "`{one}` and `{two}` are both offered as `{}`",
                name(operation)
            )
        };
        let problem = Problem::new(what, *at)
            .label("this one")
            .also(*first_at, "and this one");
        checker.problem(
            problem.help("`alias: …` under `allowedOperations` gives one of them another name"),
        );
    }
}

impl AllowEntry {
    fn apply(
        &self,
        operation: &Arc<Operation>,
        checker: &mut Checker<'_>,
    ) -> Option<Arc<Operation>> {
        if self.changes_nothing() {
            return Some(Arc::clone(operation));
        }
        let mut operation = Operation::clone(operation);
        if let Some(alias) = &self.alias {
            operation.name = checker.parse::<OperationName>(alias)?;
        }
        operation.title = self.title.clone().or(operation.title);
        operation.description = self.description.clone().or(operation.description);
        operation.tags = self.tags.clone().unwrap_or(operation.tags);
        operation.deprecated = self.deprecated.unwrap_or(operation.deprecated);
        operation.read_only = self.read_only.unwrap_or(operation.read_only);
        operation.destructive = self.destructive.or(operation.destructive);
        operation.idempotent = self.idempotent.or(operation.idempotent);
        operation.timeout = self
            .timeout
            .map_or(operation.timeout, |t: Period| Some::<Duration>(t.0));
        if let Some(response) = &self.response {
            let schema = operation.response.schema.take();
            operation.response = response.check(checker);
            operation.response.schema = operation.response.schema.or(schema);
        }
        if let Some(pagination) = &self.pagination {
            operation.pagination = Some(pagination.value.check(pagination, checker)?);
        }
        for (name, change) in &self.parameters.0 {
            change.apply(name, &mut operation, checker);
        }
        Some(Arc::new(operation))
    }

    /// What callers say instead of its own name.
    pub(super) fn alias(&self) -> Option<&Located<String>> {
        self.alias.as_ref()
    }

    /// It changes nothing but the name.
    pub(super) fn renames_at_most(&self) -> bool {
        let rest = Self {
            alias: None,
            ..self.clone()
        };
        rest.changes_nothing()
    }

    /// It only names the operation.
    fn changes_nothing(&self) -> bool {
        let Self {
            alias,
            title,
            description,
            tags,
            deprecated,
            read_only,
            destructive,
            idempotent,
            parameters,
            response,
            pagination,
            timeout,
        } = self;
        let texts = alias.is_none() && title.is_none() && description.is_none() && tags.is_none();
        let facts = [deprecated, read_only, destructive, idempotent];
        texts
            && facts.iter().all(|fact| fact.is_none())
            && parameters.0.is_empty()
            && response.is_none()
            && pagination.is_none()
            && timeout.is_none()
    }
}

impl ParameterOverride {
    fn apply(&self, name: &Located<String>, operation: &mut Operation, checker: &mut Checker<'_>) {
        let Some(index) = operation
            .parameters
            .iter()
            .position(|parameter| parameter.name == name.value)
        else {
            let known: Vec<&str> = operation
                .parameters
                .iter()
                .map(|parameter| parameter.name.as_str())
                .collect();
            let problem = Problem::new(
                format!(
                    "`{}` has no parameter `{}`",
                    operation.source_name, name.value
                ),
                name.at,
            );
            checker.problem(problem.help(suggest(&name.value, known)));
            return;
        };
        let parameter = &mut operation.parameters[index];
        parameter.description = self.description.clone().or(parameter.description.take());
        if let Some(default) = &self.default {
            parameter.required = false;
            parameter.default = Some(default.clone());
            if let Some(schema) = parameter.schema.as_object_mut() {
                schema.insert("default".to_owned(), default.clone());
            }
        }
        parameter.required = self.required.unwrap_or(parameter.required);
    }
}

/// Fills in the operations that connections are checked by.
pub(super) fn checks(
    connections: Vec<(ConnectionEntry, ConnectionDefinition)>,
    operations: &[Placed],
    opaque: bool,
    checker: &mut Checker<'_>,
) -> Vec<ConnectionDefinition> {
    let fill = |(entry, mut definition): (ConnectionEntry, ConnectionDefinition)| {
        definition.check = entry
            .check
            .and_then(|check| check_operation(&check.operation, operations, opaque, checker));
        definition
    };
    connections.into_iter().map(fill).collect()
}

/// A check calls by itself: it must change nothing and need nothing.
fn check_operation(
    wanted: &Located<String>,
    operations: &[Placed],
    opaque: bool,
    checker: &mut Checker<'_>,
) -> Option<OperationName> {
    let named = |operation: &Operation| operation.name.as_str() == wanted.value;
    let by_source = |operation: &Operation| operation.source_name == wanted.value;
    let find =
        |is: &dyn Fn(&Operation) -> bool| operations.iter().find(|(operation, _)| is(operation));
    let Some((operation, _)) = find(&named).or_else(|| find(&by_source)) else {
        if !opaque {
            let problem = Problem::new(
                format!(
                    "the check names no operation that is offered: `{}`",
                    wanted.value
                ),
                wanted.at,
            );
            let help = super::plugins::suggest_operation(&wanted.value, operations);
            checker.problem(problem.help(format!("{help}; `allowedOperations` must hold it")));
        }
        return None;
    };
    let needs = operation
        .parameters
        .iter()
        .find(|parameter| parameter.required && parameter.default.is_none());
    let problem = if !operation.read_only {
        Some(format!(
            "the check `{}` is not marked `readOnly`",
            wanted.value
        ))
    } else if let Some(parameter) = needs {
        Some(format!(
            "the check `{}` needs the argument `{}`",
            wanted.value, parameter.name
        ))
    } else if operation.body.as_ref().is_some_and(|body| body.required) {
        Some(format!("the check `{}` needs a body", wanted.value))
    } else {
        None
    };
    if let Some(what) = problem {
        let problem = Problem::new(what, wanted.at);
        checker.problem(problem.help("a check changes nothing and needs no arguments"));
        return None;
    }
    Some(operation.name.clone())
}
