//! `connections`: named ways to authenticate to an upstream.

mod auth;
mod mapping;

use std::time::Duration;

use gestalt_core::connection::{AuthKind, AuthMapping, ConnectionDefinition, Mode, OnAuthChange};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::check::Checker;
use super::decode::{Entries, Located, suggest};
use super::report::Problem;
use super::source::At;
use auth::{AuthEntry, AuthWord, ChangeWord};

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

const DAY: Duration = Duration::from_hours(24);

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
            Some(ModeWord::Platform) => Mode::Platform,
            Some(ModeWord::Either) => Mode::Either,
            None if kind == AuthKind::None => Mode::None,
            Some(ModeWord::User) | None => Mode::User,
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
