//! Security schemes and requirements become connections.

mod scheme;

use std::collections::HashSet;

use gestalt_core::connection::{AuthKind, AuthMapping, ConnectionDefinition, Mode, OnAuthChange};
use gestalt_core::name::ConnectionName;
use gestalt_core::operation::{Location, Security};
use serde_json::Value;

use super::findings::{Findings, Spot};
use super::names::{self, Taken};
pub(super) use scheme::Scheme;

/// How long a replaced credential is kept: a day, as in the config.
const GRACE: std::time::Duration = std::time::Duration::from_hours(24);

/// The connections that a document's operations need, made as they are met.
pub(super) struct Connections {
    schemes: Vec<Scheme>,
    taken: Taken,
    made: Vec<Made>,
    /// No requirement stands anywhere in the document.
    silent: bool,
}

/// One alternative of a requirement, and what became of it.
struct Made {
    /// The schemes' indices, in ascending order.
    schemes: Vec<usize>,
    /// `None` if no connection can stand for it.
    definition: Option<ConnectionDefinition>,
}

impl Connections {
    /// Takes the document's schemes; `silent` says that it requires none of them anywhere.
    pub(super) fn new(schemes: Vec<Scheme>, silent: bool) -> Self {
        Self {
            schemes,
            taken: Taken::default(),
            made: Vec::new(),
            silent,
        }
    }

    /// What a document means that requires nothing anywhere: any scheme that it declares, and
    /// where it declares none, whatever the config has.
    fn any(&mut self, findings: &mut Findings) -> Security {
        let alternatives: Vec<usize> = (0..self.schemes.len())
            .filter_map(|scheme| self.alternative(vec![scheme], findings))
            .collect();
        self.one_of(alternatives).unwrap_or(Security::Any)
    }

    /// What an operation's requirements mean, or the document's where it has none of its own.
    pub(super) fn security(
        &mut self,
        requirements: Option<(&Value, &Spot)>,
        findings: &mut Findings,
    ) -> Security {
        let Some((requirements, spot)) = requirements else {
            return if self.silent {
                self.any(findings)
            } else {
                Security::None
            };
        };
        let Some(list) = requirements.as_array() else {
            findings.changed(spot, "`security` is no list; any connection fits");
            return Security::Any;
        };
        if list.is_empty() {
            return Security::None;
        }
        let (mut found, mut optional) = (Vec::new(), false);
        for requirement in list {
            let Some(schemes) = self.schemes_of(requirement, spot, findings) else {
                continue;
            };
            if schemes.is_empty() {
                optional = true;
            } else {
                found.extend(self.alternative(schemes, findings));
            }
        }
        if found.is_empty() && optional {
            return Security::None;
        }
        if optional {
            found.extend(self.alternative(Vec::new(), findings));
        }
        self.one_of(found).unwrap_or_else(|| {
            findings.changed(
                spot,
                "none of the ways to authenticate can be used; any connection of the config fits",
            );
            Security::Any
        })
    }

    /// The schemes that one alternative asks for together; empty for none at all.
    fn schemes_of(
        &self,
        requirement: &Value,
        spot: &Spot,
        findings: &mut Findings,
    ) -> Option<Vec<usize>> {
        let Some(members) = requirement.as_object() else {
            findings.changed(spot, "a security requirement is no object; it is left out");
            return None;
        };
        let mut schemes = Vec::with_capacity(members.len());
        for name in members.keys() {
            let Some(index) = self.schemes.iter().position(|known| known.name == *name) else {
                findings.changed(
                    spot,
                    format!(
                        "the security scheme `{name}` is not defined; what asks for it is left out"
                    ),
                );
                return None;
            };
            schemes.push(index);
        }
        schemes.sort_unstable();
        Some(schemes)
    }

    /// The place among `made` of an alternative that a connection can stand for.
    fn alternative(&mut self, schemes: Vec<usize>, findings: &mut Findings) -> Option<usize> {
        let known = self.made.iter().position(|made| made.schemes == schemes);
        let index = known.unwrap_or_else(|| {
            let definition = self.define(&schemes, findings);
            self.made.push(Made {
                schemes,
                definition,
            });
            self.made.len() - 1
        });
        self.made[index].definition.as_ref().map(|_| index)
    }

    fn define(
        &mut self,
        indices: &[usize],
        findings: &mut Findings,
    ) -> Option<ConnectionDefinition> {
        let schemes: Vec<&Scheme> = indices.iter().map(|index| &self.schemes[*index]).collect();
        for scheme in &schemes {
            if let Some(why) = &scheme.unusable {
                let message = format!("{why}; what asks for `{}` is left out", scheme.name);
                findings.changed(&scheme.spot, message);
                return None;
            }
        }
        let oauth = schemes.iter().find(|scheme| scheme.is_oauth());
        let (kind, fields, mapping) = match (schemes.as_slice(), oauth) {
            ([], _) => (AuthKind::None, Vec::new(), AuthMapping::default()),
            (_, Some(scheme)) => {
                findings.note(
                    &scheme.spot,
                    format!("`{}` is OAuth 2, which is not usable yet", scheme.name),
                );
                (AuthKind::Oauth2, Vec::new(), AuthMapping::default())
            }
            ([one], None) => one.alone(),
            (several, None) => {
                let joined = scheme::joined(several);
                let Some((fields, mapping)) = joined else {
                    let names: Vec<&str> = several.iter().map(|s| s.name.as_str()).collect();
                    let message = format!(
                        "`{}` want the same place in a request; what asks for them together is left out",
                        names.join("` and `")
                    );
                    findings.changed(&several[0].spot, message);
                    return None;
                };
                (AuthKind::Manual, fields, mapping)
            }
        };
        let name = if schemes.is_empty() {
            names::connection(["none"], &mut self.taken)
        } else {
            names::connection(schemes.iter().map(|s| s.name.as_str()), &mut self.taken)
        };
        Some(ConnectionDefinition {
            name: name?,
            mode: if kind == AuthKind::None {
                Mode::None
            } else {
                Mode::User
            },
            kind,
            fields,
            mapping,
            check: None,
            nickname: None,
            on_auth_change: OnAuthChange::default(),
            grace: GRACE,
        })
    }

    /// The alternatives by name, those that can be used today first; `None` if there are none.
    fn one_of(&self, alternatives: Vec<usize>) -> Option<Security> {
        let mut seen = HashSet::new();
        let mut list: Vec<&ConnectionDefinition> = alternatives
            .into_iter()
            .filter(|index| seen.insert(*index))
            .filter_map(|index| self.made[index].definition.as_ref())
            .collect();
        list.sort_by_key(|definition| is_later(definition));
        let names: Vec<ConnectionName> = list.into_iter().map(|d| d.name.clone()).collect();
        (!names.is_empty()).then_some(Security::OneOf(names))
    }

    /// Says whether a parameter is what a connection of the operation sends.
    pub(super) fn sends(&self, security: &Security, location: Location, wire: &str) -> bool {
        let fits = |definition: &ConnectionDefinition| match security {
            Security::None => false,
            Security::Any => true,
            Security::OneOf(names) => names.contains(&definition.name),
        };
        self.made
            .iter()
            .filter(|made| made.definition.as_ref().is_some_and(fits))
            .flat_map(|made| &made.schemes)
            .any(|index| self.schemes[*index].is_sent_as(location, wire))
    }

    /// Every connection, those that can be used today first.
    pub(super) fn finish(self) -> Vec<ConnectionDefinition> {
        let made = self.made.into_iter();
        let mut list: Vec<_> = made.filter_map(|made| made.definition).collect();
        list.sort_by_key(is_later);
        list
    }
}

/// Usable today and with a credential come first, then none at all, then what is not usable.
fn is_later(definition: &ConnectionDefinition) -> u8 {
    match definition.kind {
        AuthKind::Oauth2 | AuthKind::McpOauth => 2,
        AuthKind::None => 1,
        _ => 0,
    }
}
