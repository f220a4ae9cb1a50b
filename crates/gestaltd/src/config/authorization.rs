//! `authorization`: allow and deny rules.

use gestalt_core::plugin::Plugin;
use schemars::JsonSchema;
use serde::Deserialize;

use super::check::Checker;
use super::decode::{Located, suggest};
use super::effective::{Authorization, Effect, Rule};
use super::report::Problem;
use super::server::Action;

/// Who may invoke what. A rule that denies wins over every rule that allows.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AuthorizationSection {
    /// What holds where no rule matches.
    default: Action,
    /// The rules.
    #[serde(default)]
    rules: Vec<Located<RuleEntry>>,
}

/// One rule. `*` in a pattern stands for any run of characters.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuleEntry {
    /// What `explain` calls it.
    name: Option<String>,
    /// What it does.
    effect: Action,
    /// For whom: `*`, `anonymous`, `user:*`, `user:NAME`, `service_account:NAME`.
    subjects: Vec<Located<String>>,
    /// On which plugins.
    plugins: Vec<Located<String>>,
    /// On which operations; all unless set.
    operations: Option<Vec<Located<String>>>,
    /// By which connections; all unless set.
    connections: Option<Vec<Located<String>>>,
}

/// What rules can be about.
pub(super) struct Known<'a> {
    /// The plugins that are served.
    pub(super) plugins: &'a [Plugin],
    /// Plugins whose operations this build does not know.
    pub(super) opaque: &'a [String],
}

impl AuthorizationSection {
    pub(super) fn check(&self, known: &Known<'_>, checker: &mut Checker<'_>) -> Authorization {
        Authorization {
            default: effect(self.default),
            rules: self
                .rules
                .iter()
                .map(|rule| check_rule(rule, known, checker))
                .collect(),
        }
    }
}

fn effect(action: Action) -> Effect {
    match action {
        Action::Allow => Effect::Allow,
        Action::Deny => Effect::Deny,
    }
}

fn check_rule(rule: &Located<RuleEntry>, known: &Known<'_>, checker: &mut Checker<'_>) -> Rule {
    let entry = &rule.value;
    for (key, list) in [
        ("subjects", Some(&entry.subjects)),
        ("plugins", Some(&entry.plugins)),
        ("operations", entry.operations.as_ref()),
        ("connections", entry.connections.as_ref()),
    ] {
        if list.is_some_and(Vec::is_empty) {
            let problem = Problem::new(format!("a rule with no `{key}` matches nothing"), rule.at);
            checker.problem(problem.help(format!("`{key}: [\"*\"]` matches all")));
        }
    }
    entry
        .subjects
        .iter()
        .for_each(|subject| check_subject(subject, checker));
    entry
        .plugins
        .iter()
        .for_each(|pattern| check_plugin(pattern, known, checker));
    let operations = entry.operations.as_deref().unwrap_or_default();
    for pattern in operations {
        check_operation(pattern, entry, known, checker);
    }
    let connections = entry.connections.as_deref().unwrap_or_default();
    for pattern in connections {
        check_connection(pattern, entry, known, checker);
    }
    let texts = |list: &[Located<String>]| -> Vec<String> {
        if list.is_empty() {
            vec!["*".to_owned()]
        } else {
            list.iter().map(|text| text.value.clone()).collect()
        }
    };
    Rule {
        effect: effect(entry.effect),
        subjects: texts(&entry.subjects),
        plugins: texts(&entry.plugins),
        operations: texts(operations),
        connections: texts(connections),
        name: entry.name.clone(),
        location: checker.sources.line(rule.at),
    }
}

/// Subjects are people and machines; groups of them come with platform login.
fn check_subject(written: &Located<String>, checker: &mut Checker<'_>) {
    let text = written.value.as_str();
    let kind = text.split_once(':').map_or(text, |(kind, _)| kind);
    let named = text
        .split_once(':')
        .is_some_and(|(_, name)| !name.is_empty());
    match kind {
        "*" | "anonymous" if !text.contains(':') => {}
        "user" | "service_account" if named => {}
        "team" | "role" | "group" if named => {
            checker.unsupported(&format!("rules for a `{kind}`"), written.at);
        }
        _ => {
            let kinds = ["user:*", "service_account:*", "anonymous", "*"];
            checker.problem(Problem::new("not a subject", written.at).help(format!(
                "{}; also `user:NAME`, `service_account:NAME`",
                suggest(text, kinds)
            )));
        }
    }
}

/// A name that is written out must exist: a misspelt rule that denies would protect nothing.
fn check_plugin(written: &Located<String>, known: &Known<'_>, checker: &mut Checker<'_>) {
    let served = known.plugins.iter().map(|plugin| plugin.name.as_str());
    let all: Vec<&str> = served
        .chain(known.opaque.iter().map(String::as_str))
        .collect();
    if !all.iter().any(|name| matches(&written.value, name)) {
        let problem = Problem::new(format!("no plugin matches `{}`", written.value), written.at);
        checker.problem(
            problem
                .label("matches nothing")
                .help(suggest(&written.value, all)),
        );
    }
}

fn check_operation(
    written: &Located<String>,
    rule: &RuleEntry,
    known: &Known<'_>,
    checker: &mut Checker<'_>,
) {
    if written.value.contains('*') || is_opaque(rule, known) {
        return;
    }
    let names: Vec<&str> = covered(rule, known)
        .flat_map(|plugin| {
            plugin
                .operations
                .iter()
                .map(|operation| operation.name.as_str())
        })
        .collect();
    if !names.is_empty() && !names.contains(&written.value.as_str()) {
        let near = gestalt_core::name::nearest(&written.value, names);
        let problem = Problem::new(
            format!("no operation is called `{}`", written.value),
            written.at,
        );
        let problem = problem.label("matches nothing");
        checker.problem(match near {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem
                .help("rules name operations as callers do, by their alias where they have one"),
        });
    }
}

fn check_connection(
    written: &Located<String>,
    rule: &RuleEntry,
    known: &Known<'_>,
    checker: &mut Checker<'_>,
) {
    if written.value.contains('*') || is_opaque(rule, known) {
        return;
    }
    let names: Vec<&str> = covered(rule, known)
        .flat_map(|plugin| {
            plugin
                .connections
                .iter()
                .map(|connection| connection.name.as_str())
        })
        .collect();
    if !names.is_empty() && !names.contains(&written.value.as_str()) {
        let problem = Problem::new(
            format!("no connection is called `{}`", written.value),
            written.at,
        );
        checker.problem(
            problem
                .label("matches nothing")
                .help(suggest(&written.value, names)),
        );
    }
}

/// Says whether a rule is about a plugin whose parts this build does not know.
fn is_opaque(rule: &RuleEntry, known: &Known<'_>) -> bool {
    known.opaque.iter().any(|name| {
        rule.plugins
            .iter()
            .any(|pattern| matches(&pattern.value, name))
    })
}

fn covered<'a>(rule: &'a RuleEntry, known: &Known<'a>) -> impl Iterator<Item = &'a Plugin> {
    let plugins = known.plugins.iter();
    plugins.filter(|plugin| {
        rule.plugins
            .iter()
            .any(|pattern| matches(&pattern.value, plugin.name.as_str()))
    })
}

/// `*` stands for any run of characters.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pattern.contains('*').then(|| parts.next_back()).flatten() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(start) => rest = &rest[start + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
