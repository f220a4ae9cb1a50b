//! `identity` of a plugin: what its upstream is told of who calls.

use gestalt_core::identity::{IdentityField, IdentityForwarding, IdentityJwt};
use gestalt_core::operation::Location;
use gestalt_core::plugin::Plugin;
use http::HeaderName;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::check::Checker;
use crate::config::decode::{Entries, Located, suggest};
use crate::config::report::Problem;
use crate::config::source::At;

/// The header of all claims as one JSON object, unless it is given another name.
const CLAIMS_HEADER: &str = "X-Gestalt-Claims";

/// Claims that say something of the token itself (RFC 7519 §4.1), or who it is about.
const REGISTERED: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// What the upstream is told of who calls. Left out, an MCP upstream is told everything and any
/// other nothing.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct IdentityEntry {
    /// Whether anything is told. `true` unless set.
    forward: bool,
    /// In which forms. `headers` and `jwt` unless set.
    send: Vec<FormWord>,
    /// What is told, where it is known. Everything unless set.
    fields: Vec<FieldWord>,
    /// Other names for headers, by field.
    headers: Entries<Located<String>>,
    /// Other names for claims, by field.
    claims: Entries<Located<String>>,
    /// The signed token.
    jwt: JwtEntry,
    /// The header of all claims as one JSON object. `X-Gestalt-Claims` unless set.
    claims_header: Option<Located<String>>,
}

/// The signed token.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct JwtEntry {
    /// The header that carries it. `X-Gestalt-Jwt` unless set.
    header: Option<Located<String>>,
    /// Whom it is for (`aud`). The plugin's base URL unless set.
    audience: Option<Located<String>>,
}

/// How it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum FormWord {
    /// A header for each field.
    Headers,
    /// A signed token.
    Jwt,
    /// All claims as JSON in one header, not signed.
    Claims,
}

/// One thing that may be known of a caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum FieldWord {
    User,
    Email,
    Name,
    Organization,
    Teams,
    Roles,
    Attributes,
    RequestId,
}

impl From<FieldWord> for IdentityField {
    fn from(word: FieldWord) -> Self {
        match word {
            FieldWord::User => Self::User,
            FieldWord::Email => Self::Email,
            FieldWord::Name => Self::Name,
            FieldWord::Organization => Self::Organization,
            FieldWord::Teams => Self::Teams,
            FieldWord::Roles => Self::Roles,
            FieldWord::Attributes => Self::Attributes,
            FieldWord::RequestId => Self::RequestId,
        }
    }
}

impl Default for IdentityEntry {
    fn default() -> Self {
        Self {
            forward: true,
            send: vec![FormWord::Headers, FormWord::Jwt],
            fields: Vec::new(),
            headers: Entries::default(),
            claims: Entries::default(),
            jwt: JwtEntry::default(),
            claims_header: None,
        }
    }
}

impl IdentityEntry {
    /// Checks the section.
    pub(super) fn check(&self, checker: &mut Checker<'_>) -> IdentityForwarding {
        let sends = |form| self.send.contains(&form);
        let mut fields: Vec<IdentityField> = Vec::new();
        for word in &self.fields {
            let field = IdentityField::from(*word);
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        if fields.is_empty() {
            fields = IdentityField::ALL.into();
        }
        if let Some(named) = self
            .claims_header
            .as_ref()
            .filter(|_| !sends(FormWord::Claims))
        {
            let problem = Problem::new(
                "`claimsHeader` is named, but `send` does not say `claims`",
                named.at,
            );
            checker.problem(problem.help("write `send: [jwt, claims]`, for example"));
        }
        let identity = IdentityForwarding {
            forward: self.forward,
            fields,
            plain: sends(FormWord::Headers),
            headers: named(&self.headers, checker, header),
            jwt: sends(FormWord::Jwt).then(|| self.jwt.check(checker)),
            claims_header: sends(FormWord::Claims).then(|| {
                let written = self.claims_header.as_ref();
                let named = written.and_then(|written| header(written, checker));
                named.unwrap_or_else(|| HeaderName::from_static("x-gestalt-claims"))
            }),
            claims: named(&self.claims, checker, claim),
        };
        self.once_each(&identity, checker);
        identity
    }

    /// Two things cannot be told in one place.
    fn once_each(&self, identity: &IdentityForwarding, checker: &mut Checker<'_>) {
        let headers: Vec<HeaderName> = identity.header_names().collect();
        let fields = IdentityField::ALL.into_iter();
        let claims: Vec<&str> = fields.filter_map(|field| identity.claim(field)).collect();
        let count = |name: &str| headers.iter().filter(|own| own.as_str() == name).count();
        let written = self.headers.0.iter().map(|(_, name)| name);
        let written = written.chain(&self.jwt.header).chain(&self.claims_header);
        for name in written.filter(|name| count(&name.value.to_ascii_lowercase()) > 1) {
            let what = format!("the header `{}` would say two things", name.value);
            checker.problem(Problem::new(what, name.at));
        }
        for (_, name) in &self.claims.0 {
            if claims.iter().filter(|claim| **claim == name.value).count() > 1 {
                let what = format!("the claim `{}` would say two things", name.value);
                checker.problem(Problem::new(what, name.at));
            }
        }
    }
}

impl JwtEntry {
    fn check(&self, checker: &mut Checker<'_>) -> IdentityJwt {
        let named = self.header.as_ref().and_then(|name| header(name, checker));
        if let Some(empty) = self.audience.as_ref().filter(|text| text.value.is_empty()) {
            checker.problem(Problem::new("a token is for somebody", empty.at));
        }
        IdentityJwt {
            header: named.unwrap_or(IdentityJwt::HEADER),
            audience: self.audience.as_ref().map(|text| text.value.clone()),
        }
    }
}

/// Other names, by field.
fn named<T>(
    entries: &Entries<Located<String>>,
    checker: &mut Checker<'_>,
    read: fn(&Located<String>, &mut Checker<'_>) -> Option<T>,
) -> Vec<(IdentityField, T)> {
    let mut named = Vec::new();
    for (word, name) in &entries.0 {
        let Some(field) = IdentityField::parse(&word.value) else {
            let known = IdentityField::ALL.map(IdentityField::as_str);
            let problem = Problem::new(
                format!(
                    "nothing that is told of a caller is called `{}`",
                    word.value
                ),
                word.at,
            );
            checker.problem(problem.help(suggest(&word.value, known)));
            continue;
        };
        named.extend(read(name, checker).map(|name| (field, name)));
    }
    named
}

/// Nothing but the gateway says who calls: no argument, no fixed header, no credential.
pub(super) fn nobody_else(plugin: &Plugin, (at, places): (At, &[At]), checker: &mut Checker<'_>) {
    let help = "take it out: the gateway sets it itself";
    for (operation, at) in plugin.operations.iter().zip(places) {
        let arguments = operation.parameters.iter();
        let arguments = arguments.filter(|parameter| parameter.location == Location::Header);
        let fixed = operation.headers.iter().map(|(name, _)| name);
        let mut names = arguments.map(|parameter| &parameter.wire_name).chain(fixed);
        if let Some(name) = names.find(|name| plugin.reserves_header(name)) {
            let what = format!(
                "`{}` sets the header `{name}`, which says who calls",
                operation.name
            );
            checker.problem(Problem::new(what, *at).help(help));
        }
    }
    for connection in &plugin.connections {
        let mut names = connection.mapping.headers.iter().map(|(name, _)| name);
        if let Some(name) = names.find(|name| plugin.reserves_header(name)) {
            let what = format!(
                "the connection `{}` puts a credential into the header `{name}`, which says who calls",
                connection.name
            );
            checker.problem(Problem::new(what, at).help("give one of the two another header"));
        }
    }
}

/// A header that tells who calls carries nothing else: no credential, no form of the body.
fn header(written: &Located<String>, checker: &mut Checker<'_>) -> Option<HeaderName> {
    checker.fixed_header(written);
    let name = HeaderName::try_from(written.value.as_str()).ok()?;
    let text = name.as_str();
    let taken = ["accept", "content-", "user-agent", "mcp-"];
    if taken.iter().any(|taken| text.starts_with(taken)) {
        let what = format!("`{}` has a meaning of its own", written.value);
        checker.problem(Problem::new(what, written.at).help(format!("such as `{CLAIMS_HEADER}`")));
        return None;
    }
    Some(name)
}

fn claim(written: &Located<String>, checker: &mut Checker<'_>) -> Option<String> {
    let name = &written.value;
    if name.is_empty() || REGISTERED.contains(&name.as_str()) {
        let what = format!("`{name}` cannot be the name of a claim of the caller's");
        checker.problem(Problem::new(what, written.at));
        return None;
    }
    Some(name.clone())
}
