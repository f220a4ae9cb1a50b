//! Policy: allow and deny rules on plugin, operation and connection by subject, compiled at
//! load so that a request looks at the rules of its own operation only.

use std::collections::HashSet;
use std::sync::Arc;

use gestalt_core::Subject;
use gestalt_core::plugin::Plugin;

use super::pattern::Pattern;
use crate::authenticate::caller::Identity;

/// What a rule does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Lets a call through, unless a deny rule also matches.
    Allow,
    /// Refuses a call, whatever else allows it.
    Deny,
}

/// One rule, as configured.
#[derive(Clone, Debug)]
pub struct RuleSettings {
    /// What it does.
    pub effect: Effect,
    /// `user:*`, `user:EMAIL`, `user:usr_…`, `service_account:*`, `service_account:NAME`, `anonymous`, `*`.
    pub subjects: Vec<String>,
    /// Patterns over plugin names.
    pub plugins: Vec<String>,
    /// Patterns over operation names; every operation if empty.
    pub operations: Vec<String>,
    /// Patterns over connection names; every connection if empty.
    pub connections: Vec<String>,
    /// Where it stands, for `explain`: `config.yaml:31`.
    pub location: String,
}

/// Who may do what.
#[derive(Clone, Debug)]
pub struct PolicySettings {
    /// What happens where no rule matches.
    pub default: Effect,
    /// The rules, in any order: deny wins.
    pub rules: Vec<RuleSettings>,
}

impl Default for PolicySettings {
    /// Without a policy, every authenticated subject may invoke every plugin.
    fn default() -> Self {
        Self {
            default: Effect::Allow,
            rules: Vec::new(),
        }
    }
}

impl PolicySettings {
    /// Says whether every rule can be compiled, also one that concerns no plugin of today.
    pub(crate) fn check(&self) -> Result<(), BadSelector> {
        self.rules
            .iter()
            .try_for_each(|rule| Rule::compile(rule).map(drop))
    }
}

/// A rule that can match some operation of a plugin.
#[derive(Debug)]
struct Rule {
    effect: Effect,
    subjects: Subjects,
    operations: Vec<Pattern>,
    connections: Vec<Pattern>,
    label: Arc<str>,
}

#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a selector that can stand beside the others"
)]
struct Subjects {
    everyone: bool,
    any_user: bool,
    any_service_account: bool,
    anonymous: bool,
    ids: HashSet<String>,
    emails: HashSet<String>,
}

/// The rules of one plugin, by operation.
#[derive(Debug)]
pub(crate) struct PluginPolicy {
    default: Effect,
    by_operation: std::collections::HashMap<String, Vec<Arc<Rule>>>,
    /// All of them, for operations that only a live upstream names.
    rules: Vec<Arc<Rule>>,
}

/// A decision and the rule that made it.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    pub(crate) allowed: bool,
    pub(crate) reason: Arc<str>,
}

/// A subject selector has none of the forms it may have.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{selector}` ({location}) is not a subject: expected `user:*`, `user:EMAIL`, `service_account:NAME`, `anonymous` or `*`"
)]
pub struct BadSelector {
    selector: String,
    location: String,
}

impl PluginPolicy {
    /// Compiles the rules that concern a plugin.
    pub(crate) fn compile(settings: &PolicySettings, plugin: &Plugin) -> Result<Self, BadSelector> {
        let named = |patterns: &[String]| {
            patterns
                .iter()
                .any(|pattern| Pattern::new(pattern.as_str()).matches(plugin.name.as_str()))
        };
        let rules = settings
            .rules
            .iter()
            .map(|rule| {
                Rule::compile(rule).map(|compiled| (named(&rule.plugins), Arc::new(compiled)))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let by_operation = plugin
            .operations
            .iter()
            .map(|operation| {
                let name = operation.name.as_str();
                let own = rules
                    .iter()
                    .filter(|(of_plugin, rule)| *of_plugin && rule.is_on(name));
                (
                    name.to_owned(),
                    own.map(|(_, rule)| Arc::clone(rule)).collect(),
                )
            })
            .collect();
        let own = rules.into_iter().filter(|(of_plugin, _)| *of_plugin);
        Ok(Self {
            default: settings.default,
            by_operation,
            rules: own.map(|(_, rule)| rule).collect(),
        })
    }

    /// Decides a call; deny wins over allow, and allow over the default.
    pub(crate) fn decide(
        &self,
        who: &Identity,
        operation: &str,
        connection: Option<&str>,
    ) -> Decision {
        match self.by_operation.get(operation) {
            Some(rules) => self.weigh(rules.iter(), who, connection),
            None => self.weigh(
                self.rules.iter().filter(|rule| rule.is_on(operation)),
                who,
                connection,
            ),
        }
    }

    /// Whether there may be anything that a caller may do with the plugin.
    pub(crate) fn may_do_anything(&self, who: &Identity) -> bool {
        let mut rules = self.rules.iter().filter(|rule| rule.subjects.contain(who));
        match self.default {
            Effect::Allow => !rules.any(|rule| rule.effect == Effect::Deny && rule.is_on_all()),
            Effect::Deny => rules.any(|rule| rule.effect == Effect::Allow),
        }
    }

    fn weigh<'a>(
        &self,
        rules: impl Iterator<Item = &'a Arc<Rule>>,
        who: &Identity,
        connection: Option<&str>,
    ) -> Decision {
        let mut allow = None;
        for rule in rules.filter(|rule| rule.matches(who, connection)) {
            match rule.effect {
                Effect::Deny => {
                    return Decision {
                        allowed: false,
                        reason: Arc::clone(&rule.label),
                    };
                }
                Effect::Allow => allow = allow.or(Some(&rule.label)),
            }
        }
        match (allow, self.default) {
            (Some(label), _) => Decision {
                allowed: true,
                reason: Arc::clone(label),
            },
            (None, Effect::Allow) => Decision {
                allowed: true,
                reason: DEFAULT_ALLOW.with(Arc::clone),
            },
            (None, Effect::Deny) => Decision {
                allowed: false,
                reason: DEFAULT_DENY.with(Arc::clone),
            },
        }
    }
}

thread_local! {
    static DEFAULT_ALLOW: Arc<str> = Arc::from("default: allow");
    static DEFAULT_DENY: Arc<str> = Arc::from("default: deny");
}

impl Rule {
    fn compile(settings: &RuleSettings) -> Result<Self, BadSelector> {
        let patterns = |texts: &[String]| {
            texts
                .iter()
                .map(|text| Pattern::new(text.as_str()))
                .collect()
        };
        let word = match settings.effect {
            Effect::Allow => "allow",
            Effect::Deny => "deny",
        };
        Ok(Self {
            effect: settings.effect,
            subjects: Subjects::compile(&settings.subjects, &settings.location)?,
            operations: patterns(&settings.operations),
            connections: patterns(&settings.connections),
            label: format!("{word} rule at {}", settings.location).into(),
        })
    }

    fn is_on(&self, operation: &str) -> bool {
        self.operations.is_empty()
            || self
                .operations
                .iter()
                .any(|pattern| pattern.matches(operation))
    }

    /// It concerns every operation over every connection.
    fn is_on_all(&self) -> bool {
        let all = |patterns: &[Pattern]| {
            patterns.is_empty() || patterns.iter().any(|pattern| *pattern == Pattern::new("*"))
        };
        all(&self.operations) && all(&self.connections)
    }

    fn matches(&self, who: &Identity, connection: Option<&str>) -> bool {
        self.subjects.contain(who) && self.is_for(connection)
    }

    /// A rule on certain connections concerns a call that uses one of them.
    fn is_for(&self, connection: Option<&str>) -> bool {
        self.connections.is_empty()
            || connection
                .is_some_and(|name| self.connections.iter().any(|pattern| pattern.matches(name)))
    }
}

impl Subjects {
    fn compile(selectors: &[String], location: &str) -> Result<Self, BadSelector> {
        let mut subjects = Self::default();
        for selector in selectors {
            match selector.as_str() {
                "*" => subjects.everyone = true,
                "user:*" => subjects.any_user = true,
                "service_account:*" => subjects.any_service_account = true,
                "anonymous" => subjects.anonymous = true,
                other => match other.split_once(':') {
                    Some(("user", name)) if name.contains('@') => {
                        subjects.emails.insert(name.to_lowercase());
                    }
                    Some(("user", name)) if name.parse::<gestalt_core::id::UserId>().is_ok() => {
                        subjects.ids.insert(other.to_owned());
                    }
                    Some(("service_account", name)) if !name.is_empty() => {
                        subjects.ids.insert(other.to_owned());
                    }
                    _ => {
                        return Err(BadSelector {
                            selector: selector.clone(),
                            location: location.to_owned(),
                        });
                    }
                },
            }
        }
        Ok(subjects)
    }

    fn contain(&self, who: &Identity) -> bool {
        if self.everyone {
            return true;
        }
        let named = || !self.ids.is_empty() && self.ids.contains(&who.subject.to_string());
        match who.subject {
            Subject::User(_) => {
                self.any_user
                    || who
                        .email
                        .as_deref()
                        .is_some_and(|email| self.emails.contains(email))
                    || named()
            }
            Subject::ServiceAccount(_) => self.any_service_account || named(),
            Subject::Anonymous => self.anonymous,
            Subject::System(_) => false,
        }
    }
}
