//! `authMapping`: where the fields of a credential go in a request.

use gestalt_core::connection::{AuthMapping, CredentialField, MappedValue};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::check::Checker;
use crate::config::decode::{Entries, Located, suggest};
use crate::config::report::Problem;
use crate::config::source::At;

/// Where fields go in a request.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct MappingEntry {
    /// Headers.
    headers: Entries<ValueEntry>,
    /// Query parameters.
    query: Entries<ValueEntry>,
    /// User name and password of `Authorization: Basic`.
    basic: Option<BasicEntry>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BasicEntry {
    /// The user name.
    username: ValueEntry,
    /// The password.
    password: ValueEntry,
}

/// A value written down, or taken from a field.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct ValueEntry {
    /// Always this.
    value: Option<String>,
    /// Taken from elsewhere.
    value_from: Option<ValueFrom>,
    /// What stands before a field's value.
    prefix: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ValueFrom {
    /// A field of the credential.
    credential_field_ref: FieldRef,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FieldRef {
    /// The field's name.
    name: Located<String>,
}

impl MappingEntry {
    pub(super) fn check(
        &self,
        at: At,
        fields: &[CredentialField],
        checker: &mut Checker<'_>,
    ) -> AuthMapping {
        let mut headers = Vec::new();
        for (name, entry) in &self.headers.0 {
            checker.header(name);
            headers.extend(
                entry
                    .check(name.at, fields, checker)
                    .map(|value| (name.value.clone(), value)),
            );
        }
        let mut query = Vec::new();
        for (name, entry) in &self.query.0 {
            query.extend(
                entry
                    .check(name.at, fields, checker)
                    .map(|value| (name.value.clone(), value)),
            );
        }
        let basic = self.basic.as_ref().and_then(|basic| {
            Some((
                basic.username.check(at, fields, checker)?,
                basic.password.check(at, fields, checker)?,
            ))
        });
        if self.headers.0.is_empty() && self.query.0.is_empty() && self.basic.is_none() {
            checker.problem(Problem::new(
                "`authMapping` maps nothing: write `headers`, `query` or `basic`",
                at,
            ));
        }
        AuthMapping {
            headers,
            query,
            basic,
        }
    }
}

impl ValueEntry {
    fn check(
        &self,
        at: At,
        fields: &[CredentialField],
        checker: &mut Checker<'_>,
    ) -> Option<MappedValue> {
        match (&self.value, &self.value_from) {
            (Some(text), None) => Some(MappedValue::Literal(text.clone())),
            (None, Some(from)) => {
                let wanted = &from.credential_field_ref.name;
                if !fields.iter().any(|field| field.name == wanted.value) {
                    let known: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
                    checker.problem(
                        Problem::new(
                            format!("the credential has no field `{}`", wanted.value),
                            wanted.at,
                        )
                        .label("not under `credentials`")
                        .help(suggest(&wanted.value, known)),
                    );
                }
                Some(MappedValue::Field {
                    name: wanted.value.clone(),
                    prefix: self.prefix.clone().unwrap_or_default(),
                })
            }
            _ => {
                checker.problem(
                    Problem::new("expected either `value` or `valueFrom`", at)
                        .help("`{ valueFrom: { credentialFieldRef: { name: token } } }`"),
                );
                None
            }
        }
    }
}
