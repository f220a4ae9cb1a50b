//! Variables: `${VAR}`, `${VAR:-default}`, `VAR_FILE`; `$${` is a literal `${`.
//!
//! Only the text of scalars is expanded, after parsing: whatever a variable holds, it never
//! becomes a key, a list, a map or a comment, and what it holds is not expanded again.

use gestalt_core::Secret;

use super::environment::Environment;
use super::report::Problem;
use super::source::At;
use super::tree::{Node, Origin, Value};

/// Expands every scalar of the tree.
pub(super) fn expand(node: &mut Node, environment: &Environment, problems: &mut Vec<Problem>) {
    match &mut node.value {
        Value::Null => {}
        Value::List(items) => items
            .iter_mut()
            .for_each(|item| expand(item, environment, problems)),
        Value::Map(entries) => {
            for entry in entries {
                expand(&mut entry.value, environment, problems);
            }
        }
        Value::Scalar(scalar) => match expand_text(scalar.text.expose(), node.at, environment) {
            Ok(None) => {}
            Ok(Some((text, expanded))) => {
                scalar.text = text;
                if expanded {
                    scalar.origin = Origin::Expanded;
                }
            }
            Err(problem) => problems.push(problem),
        },
    }
}

/// The expanded text and whether a variable is in it; `None` if nothing changes.
fn expand_text(
    text: &str,
    at: At,
    environment: &Environment,
) -> Result<Option<(Secret, bool)>, Problem> {
    if !text.contains("${") {
        return Ok(None);
    }
    let (mut out, mut rest, mut expanded) = (String::with_capacity(text.len()), text, false);
    while let Some(start) = rest.find("${") {
        let (before, tail) = rest.split_at(start);
        let tail = &tail[2..];
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = tail;
            continue;
        }
        out.push_str(before);
        let (inside, after) = tail.split_once('}').ok_or_else(|| {
            Problem::new("`${` without `}`", at).help("write `$${` where `${` is meant as it is")
        })?;
        out.push_str(value(inside, at, environment)?.expose());
        expanded = true;
        rest = after;
    }
    out.push_str(rest);
    Ok(Some((Secret::new(out), expanded)))
}

/// What stands for `NAME` or `NAME:-default`.
fn value(inside: &str, at: At, environment: &Environment) -> Result<Secret, Problem> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let first = name.bytes().next();
    if !first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    {
        return Err(
            Problem::new("not the name of a variable between `${` and `}`", at).help(
                "a name has letters, digits and `_`; write `$${` where `${` is meant as it is",
            ),
        );
    }
    if default.is_some_and(|default| default.contains("${")) {
        return Err(Problem::new(
            format!("the default of `{name}` cannot hold another variable"),
            at,
        ));
    }
    let found = environment
        .find(name)
        .map_err(|problem| problem.placed(at))?;
    match (found, default) {
        // As in a shell: `:-` stands in for what is empty, too.
        (Some(value), Some(default)) if value.is_empty() => Ok(Secret::new(default)),
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(Secret::new(default)),
        (None, None) => Err(Problem::new(format!("the variable `{name}` is not set"), at)
            .label("stands for nothing")
            .help(format!("set `{name}`, or `{name}_FILE` to a file that holds it, or write `${{{name}:-default}}`"))),
    }
}
