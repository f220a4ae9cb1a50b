//! `auth`: how a credential is come by.

use gestalt_core::connection::{AuthKind, AuthMapping, CredentialField, MappedValue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::mapping::MappingEntry;
use crate::config::check::Checker;
use crate::config::decode::{Located, suggest};
use crate::config::report::Problem;
use crate::config::scalars::Period;
use crate::config::source::At;

/// How a credential is come by.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AuthEntry {
    /// Which kind of credential.
    #[serde(rename = "type")]
    pub(super) kind: Located<AuthWord>,
    /// What a person enters.
    #[serde(default)]
    credentials: Vec<FieldEntry>,
    /// Where the fields go in a request.
    auth_mapping: Option<Located<MappingEntry>>,
    /// What becomes of stored credentials when `type` changes.
    #[serde(default)]
    pub(super) on_auth_change: ChangeWord,
    /// How long a replaced credential is kept for rollback: 0 to 7d, 24h unless set.
    pub(super) grace: Option<Located<Period>>,
    /// OAuth: where a person is sent.
    authorization_url: Option<Located<String>>,
    /// OAuth: where tokens are had.
    token_url: Option<Located<String>>,
    /// OAuth: where tokens are refreshed, if elsewhere.
    refresh_url: Option<Located<String>>,
    /// OAuth: where tokens are revoked.
    revocation_url: Option<Located<String>>,
    /// OAuth: where the rest is discovered.
    issuer_url: Option<Located<String>>,
    /// OAuth: our name there.
    client_id: Option<Located<String>>,
    /// OAuth: our password there.
    client_secret: Option<Located<String>>,
    /// OAuth: how the client proves itself (`body`, `basic`, `none`, `private_key_jwt`).
    client_auth: Option<Located<String>>,
    /// OAuth: what is asked for.
    scopes: Option<Located<Vec<String>>>,
    /// OAuth: the name of the scope parameter.
    scope_param: Option<Located<String>>,
    /// OAuth: what stands between scopes.
    scope_separator: Option<Located<String>>,
    /// OAuth: PKCE with S256.
    pkce: Option<Located<bool>>,
    /// OAuth: the form of token requests (`form` or `json`).
    token_format: Option<Located<String>>,
    /// OAuth: more parameters of the authorization URL.
    authorization_params: Option<Located<Value>>,
    /// OAuth: more parameters of token requests.
    token_params: Option<Located<Value>>,
    /// OAuth: more parameters of refresh requests.
    refresh_params: Option<Located<Value>>,
    /// OAuth: JSON pointers into the token answer.
    response_paths: Option<Located<Value>>,
    /// OAuth: the flow, if not the authorization code.
    grant_type: Option<Located<String>>,
    /// OAuth: for whom tokens are meant.
    audience: Option<Located<String>>,
    /// OAuth: the key of `private_key_jwt`.
    private_key: Option<Located<String>>,
    /// OAuth: the id of that key.
    key_id: Option<Located<String>>,
    /// MCP OAuth: the URL of our client metadata.
    client_metadata_url: Option<Located<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AuthWord {
    None,
    Manual,
    Bearer,
    Basic,
    Oauth2,
    McpOauth,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum ChangeWord {
    #[default]
    Refuse,
    Revoke,
}

/// One thing a person enters.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FieldEntry {
    /// Its name in requests and in `authMapping`.
    name: Located<String>,
    /// What a form calls it.
    label: Option<String>,
    /// Where to find it.
    description: Option<String>,
    /// An example of its form.
    placeholder: Option<String>,
    /// Hidden while typed and never shown again. `true` unless set.
    secret: Option<bool>,
    /// Connecting is refused without it. `true` unless set.
    required: Option<bool>,
    /// A regular expression that the value must match.
    pattern: Option<Located<String>>,
}

impl AuthEntry {
    /// The first key that only OAuth has.
    fn oauth_key(&self) -> Option<At> {
        let texts = [
            &self.authorization_url,
            &self.token_url,
            &self.refresh_url,
            &self.revocation_url,
            &self.issuer_url,
            &self.client_id,
            &self.client_secret,
            &self.client_auth,
            &self.scope_param,
            &self.scope_separator,
            &self.token_format,
            &self.grant_type,
            &self.audience,
            &self.private_key,
            &self.key_id,
            &self.client_metadata_url,
        ];
        let values = [
            &self.authorization_params,
            &self.token_params,
            &self.refresh_params,
            &self.response_paths,
        ];
        let mut places = texts.into_iter().flatten().map(|text| text.at);
        places.next().or_else(|| {
            let mut rest = values.into_iter().flatten().map(|value| value.at);
            rest.next()
                .or(self.scopes.as_ref().map(|s| s.at))
                .or(self.pkce.map(|p| p.at))
        })
    }

    /// `None` for OAuth, which this build cannot honour.
    pub(super) fn check_oauth(
        &self,
        kind: AuthKind,
        at: At,
        checker: &mut Checker<'_>,
    ) -> Option<()> {
        if !matches!(kind, AuthKind::Oauth2 | AuthKind::McpOauth) {
            if let Some(at) = self.oauth_key() {
                let problem = Problem::new(
                    format!("this belongs to `type: oauth2`, not to `{}`", kind.as_str()),
                    at,
                );
                checker.problem(problem);
            }
            return Some(());
        }
        for url in [
            &self.authorization_url,
            &self.token_url,
            &self.refresh_url,
            &self.revocation_url,
            &self.issuer_url,
        ] {
            if let Some(url) = url.as_ref().filter(|url| !url.value.contains('{')) {
                checker.parse::<url::Url>(url);
            }
        }
        if kind == AuthKind::Oauth2 && self.issuer_url.is_none() && self.token_url.is_none() {
            checker.problem(Problem::new(
                "`oauth2` needs `tokenUrl`, or `issuerUrl` to discover it",
                at,
            ));
        }
        checker.unsupported(
            &format!("connections of type `{}`", kind.as_str()),
            self.kind.at,
        );
        None
    }

    pub(super) fn fields(
        &self,
        kind: AuthKind,
        at: At,
        checker: &mut Checker<'_>,
    ) -> Option<Vec<CredentialField>> {
        let mut fields: Vec<CredentialField> = match kind {
            AuthKind::Bearer => vec![standard("token", "Token", true)],
            AuthKind::Basic => vec![
                standard("username", "User name", false),
                standard("password", "Password", true),
            ],
            _ => Vec::new(),
        };
        for (index, entry) in self.credentials.iter().enumerate() {
            let name = &entry.name.value;
            if self.credentials[..index]
                .iter()
                .any(|other| other.name.value == *name)
            {
                checker.problem(Problem::new(
                    format!("the field `{name}` is written twice"),
                    entry.name.at,
                ));
                continue;
            }
            let plain = (1..=64).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
            if !plain {
                let problem = Problem::new(
                    "the name of a field has 1 to 64 letters, digits, `.`, `_`, `-`",
                    entry.name.at,
                );
                checker.problem(problem);
            }
            if let Some(pattern) = &entry.pattern {
                checker.pattern(pattern);
            }
            match (fields.iter_mut().find(|field| field.name == *name), kind) {
                (Some(field), _) => entry.override_field(field),
                (None, AuthKind::Manual) => {
                    let mut field = standard(name, name, true);
                    field.label = None;
                    entry.override_field(&mut field);
                    fields.push(field);
                }
                (None, _) => {
                    let known: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
                    let problem = Problem::new(
                        format!("`{}` has no field `{name}`", kind.as_str()),
                        entry.name.at,
                    );
                    checker.problem(problem.help(suggest(name, known)));
                }
            }
        }
        if kind == AuthKind::Manual && fields.is_empty() {
            checker.problem(
                Problem::new("`manual` needs `credentials`: what a person enters", at)
                    .help("`credentials: [{ name: token, label: API key, secret: true }]`"),
            );
            return None;
        }
        Some(fields)
    }

    pub(super) fn mapping(
        &self,
        kind: AuthKind,
        at: At,
        fields: &[CredentialField],
        checker: &mut Checker<'_>,
    ) -> Option<AuthMapping> {
        let from = |name: &str, prefix: &str| MappedValue::Field {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
        };
        let Some(entry) = &self.auth_mapping else {
            return match kind {
                AuthKind::Bearer => Some(AuthMapping {
                    headers: vec![("Authorization".to_owned(), from("token", "Bearer "))],
                    ..AuthMapping::default()
                }),
                AuthKind::Basic => Some(AuthMapping {
                    basic: Some((from("username", ""), from("password", ""))),
                    ..AuthMapping::default()
                }),
                AuthKind::Manual => {
                    checker.problem(
                        Problem::new("`manual` needs `authMapping`: where the fields go in a request", at)
                            .help("`authMapping: { headers: { X-Api-Key: { valueFrom: { credentialFieldRef: { name: token } } } } }`"),
                    );
                    None
                }
                _ => Some(AuthMapping::default()),
            };
        };
        if kind == AuthKind::None {
            checker.problem(Problem::new("`type: none` has nothing to map", entry.at));
            return None;
        }
        let mapping = entry.value.check(entry.at, fields, checker);
        let basic_header = mapping
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        if mapping.basic.is_some() && basic_header {
            checker.problem(Problem::new(
                "`basic` and the header `Authorization` exclude each other",
                entry.at,
            ));
        }
        Some(mapping)
    }
}

impl FieldEntry {
    fn override_field(&self, field: &mut CredentialField) {
        let or = |given: &Option<String>, old: &mut Option<String>| {
            if given.is_some() {
                old.clone_from(given);
            }
        };
        or(&self.label, &mut field.label);
        or(&self.description, &mut field.description);
        or(&self.placeholder, &mut field.placeholder);
        field.secret = self.secret.unwrap_or(field.secret);
        field.required = self.required.unwrap_or(field.required);
        field.pattern = self.pattern.as_ref().map(|pattern| pattern.value.clone());
    }
}

fn standard(name: &str, label: &str, secret: bool) -> CredentialField {
    CredentialField {
        name: name.to_owned(),
        label: Some(label.to_owned()),
        description: None,
        placeholder: None,
        secret,
        required: true,
        pattern: None,
    }
}
