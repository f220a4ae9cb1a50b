//! `connections`: named ways to authenticate to an upstream.

use std::time::Duration;

use gestalt_core::connection::{
    AuthKind, AuthMapping, ConnectionDefinition, CredentialField, MappedValue, Mode, OnAuthChange,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::check::Checker;
use super::decode::{Entries, Located, suggest};
use super::report::Problem;
use super::scalars::Period;
use super::source::At;

/// One way to authenticate, written out or by `ref`; beside `ref`, what is given replaces.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ConnectionEntry {
    /// The name of an entry of `connections`.
    #[serde(rename = "ref")]
    reference: Option<Located<String>>,
    /// Whose credential is used. `user` unless set; `none` where `auth.type` is `none`.
    mode: Option<Located<ModeWord>>,
    /// How the credential is come by.
    auth: Option<Located<AuthEntry>>,
    /// What proves a credential when it is connected.
    pub(super) check: Option<CheckEntry>,
    /// JSON pointer into the check's answer that names the account.
    nickname: Option<Located<String>>,
    /// What a person chooses when connecting (a site, a region).
    params: Option<Located<Value>>,
    /// Choices that the upstream offers after connecting.
    discovery: Option<Located<Value>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum ModeWord {
    /// No credential.
    None,
    /// The caller's own.
    User,
    /// One that an admin has set for everybody.
    #[serde(alias = "identity")]
    Platform,
    /// The caller's own, else the shared one.
    Either,
}

/// What proves a credential.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CheckEntry {
    /// A read-only operation that needs no arguments.
    pub(super) operation: Located<String>,
}

/// How a credential is come by.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AuthEntry {
    /// Which kind of credential.
    #[serde(rename = "type")]
    kind: Located<AuthWord>,
    /// What a person enters.
    #[serde(default)]
    credentials: Vec<FieldEntry>,
    /// Where the fields go in a request.
    auth_mapping: Option<Located<MappingEntry>>,
    /// What becomes of stored credentials when `type` changes.
    #[serde(default)]
    on_auth_change: ChangeWord,
    /// How long a replaced credential is kept for rollback: 0 to 7d, 24h unless set.
    grace: Option<Located<Period>>,
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
enum AuthWord {
    None,
    Manual,
    Bearer,
    Basic,
    Oauth2,
    McpOauth,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum ChangeWord {
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

/// Where fields go in a request.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct MappingEntry {
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

const DAY: Duration = Duration::from_secs(86_400);

impl ConnectionEntry {
    /// The entry with its `ref` followed, and `over` laid on it.
    pub(super) fn resolve(
        &self,
        shared: &Entries<ConnectionEntry>,
        checker: &mut Checker<'_>,
    ) -> Option<ConnectionEntry> {
        let Some(reference) = &self.reference else {
            return Some(self.clone());
        };
        let found = shared
            .0
            .iter()
            .find(|(name, _)| name.value == reference.value);
        let Some((_, base)) = found else {
            let known = shared.0.iter().map(|(name, _)| name.value.as_str());
            checker.problem(
                Problem::new(
                    format!("no connection is called `{}`", reference.value),
                    reference.at,
                )
                .label("not under `connections`")
                .help(suggest(&reference.value, known)),
            );
            return None;
        };
        if let Some(second) = &base.reference {
            checker.problem(Problem::new(
                "a shared connection cannot be a `ref` itself",
                second.at,
            ));
            return None;
        }
        Some(base.overlaid(self))
    }

    /// This entry with everything replaced that `over` gives.
    pub(super) fn overlaid(&self, over: &ConnectionEntry) -> ConnectionEntry {
        ConnectionEntry {
            reference: None,
            mode: over.mode.or(self.mode),
            auth: over.auth.clone().or_else(|| self.auth.clone()),
            check: over.check.clone().or_else(|| self.check.clone()),
            nickname: over.nickname.clone().or_else(|| self.nickname.clone()),
            params: over.params.clone().or_else(|| self.params.clone()),
            discovery: over.discovery.clone().or_else(|| self.discovery.clone()),
        }
    }

    /// The entry of `connections` that is meant.
    pub(super) fn reference(&self) -> Option<&str> {
        self.reference
            .as_ref()
            .map(|reference| reference.value.as_str())
    }

    /// Checks a resolved entry. The check's operation is the plugin's to fill in; `None` where
    /// something is wrong or not in this build.
    pub(super) fn check(
        &self,
        name: &Located<String>,
        checker: &mut Checker<'_>,
    ) -> Option<ConnectionDefinition> {
        let parsed = checker.parse(name)?;
        for (key, value) in [("params", &self.params), ("discovery", &self.discovery)] {
            if let Some(value) = value {
                checker.unsupported(&format!("`{key}` of a connection"), value.at);
            }
        }
        let word = self
            .auth
            .as_ref()
            .map_or(AuthWord::None, |auth| auth.value.kind.value);
        let kind = match word {
            AuthWord::None => AuthKind::None,
            AuthWord::Manual => AuthKind::Manual,
            AuthWord::Bearer => AuthKind::Bearer,
            AuthWord::Basic => AuthKind::Basic,
            AuthWord::Oauth2 => AuthKind::Oauth2,
            AuthWord::McpOauth => AuthKind::McpOauth,
        };
        let mode = self.mode(kind, name.at, checker)?;
        if let Some(pointer) = &self.nickname {
            checker.pointer(pointer);
            if self.check.is_none() {
                let problem = Problem::new(
                    "`nickname` points into the answer of a `check`, and there is none",
                    pointer.at,
                );
                checker.problem(problem);
            }
        }
        let auth = self.auth.as_ref().map(|auth| (&auth.value, auth.at));
        if let Some((auth, at)) = auth {
            auth.check_oauth(kind, at, checker)?;
        }
        let fields = auth.map_or_else(
            || Some(Vec::new()),
            |(auth, at)| auth.fields(kind, at, checker),
        )?;
        let mapping = auth.map_or_else(
            || Some(AuthMapping::default()),
            |(auth, at)| auth.mapping(kind, at, &fields, checker),
        )?;
        let grace = auth.and_then(|(auth, _)| auth.grace.as_ref());
        if let Some(grace) = grace.filter(|grace| grace.value.0 > 7 * DAY) {
            checker.problem(Problem::new(
                "a replaced credential is kept for 7 days at most",
                grace.at,
            ));
        }
        Some(ConnectionDefinition {
            name: parsed,
            mode,
            kind,
            fields,
            mapping,
            check: None,
            nickname: self.nickname.as_ref().map(|pointer| pointer.value.clone()),
            on_auth_change: match auth.map(|(auth, _)| auth.on_auth_change) {
                None | Some(ChangeWord::Refuse) => OnAuthChange::Refuse,
                Some(ChangeWord::Revoke) => OnAuthChange::Revoke,
            },
            grace: grace.map_or(DAY, |grace| grace.value.0),
        })
    }

    fn mode(&self, kind: AuthKind, at: At, checker: &mut Checker<'_>) -> Option<Mode> {
        let mode = match self.mode.map(|mode| mode.value) {
            Some(ModeWord::None) => Mode::None,
            Some(ModeWord::User) => Mode::User,
            Some(ModeWord::Platform) => Mode::Platform,
            Some(ModeWord::Either) => Mode::Either,
            None if kind == AuthKind::None => Mode::None,
            None => Mode::User,
        };
        let at = self.mode.map_or(at, |mode| mode.at);
        let problem = match (mode, kind) {
            (Mode::None, AuthKind::None) => return Some(mode),
            (Mode::None, _) => Problem::new(
                "`mode: none` uses no credential, but `auth` asks for one",
                at,
            ),
            (_, AuthKind::None) => Problem::new(
                format!(
                    "`mode: {}` needs a credential, and `auth` has none",
                    mode.as_str()
                ),
                at,
            )
            .help("write `auth: { type: … }`, or `mode: none`"),
            _ => return Some(mode),
        };
        checker.problem(problem);
        None
    }
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
    fn check_oauth(&self, kind: AuthKind, at: At, checker: &mut Checker<'_>) -> Option<()> {
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

    fn fields(
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

    fn mapping(
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

impl MappingEntry {
    fn check(&self, at: At, fields: &[CredentialField], checker: &mut Checker<'_>) -> AuthMapping {
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
