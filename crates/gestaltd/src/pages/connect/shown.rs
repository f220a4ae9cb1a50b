//! What the page shows: ways to connect, what is connected already, the form.

use std::collections::BTreeMap;

use askama::Template;
use gestalt_gateway::{ConnectionMethodView, ConnectionView, FieldView, IntegrationView};
use http::StatusCode;

use super::Link;
use super::sent::FIELD;
use crate::http::problem::Refused;

/// The page that connects.
#[derive(Template)]
#[template(path = "connect.html")]
pub(super) struct ConnectPage {
    viewer: Viewer,
    failure: Option<Failure>,
    title: String,
    plugin: String,
    description: Option<String>,
    ways: Vec<Way>,
    stored: Vec<Stored>,
    /// Why there is no form.
    obstacle: Option<&'static str>,
    entry: Option<Entry>,
}

/// Whoever looks at the page.
pub(super) struct Viewer {
    pub(super) who: String,
    pub(super) subject: String,
    pub(super) admin: bool,
    /// The token of the form.
    pub(super) form: String,
}

/// What is wrong with what was sent.
#[derive(Clone)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    message: String,
    hint: Option<String>,
    field: String,
}

/// What is put into the form's fields.
#[derive(Default)]
pub(super) struct Entered {
    pub(super) instance: Option<String>,
    pub(super) shared: bool,
    pub(super) values: BTreeMap<String, String>,
    pub(super) failure: Option<Failure>,
}

impl Entered {
    fn is_wrong(&self, field: &str) -> bool {
        let failure = self.failure.as_ref();
        failure.is_some_and(|failure| failure.field == field)
    }
}

/// A way to connect that can be chosen.
struct Way {
    name: String,
    kind: &'static str,
    href: String,
    current: bool,
}

/// What is connected already.
struct Stored {
    instance: String,
    nickname: Option<String>,
    shared: bool,
    state: &'static str,
    tone: &'static str,
    reason: Option<String>,
    since: String,
    rollback: Option<(String, String)>,
}

/// What a person enters.
struct Entry {
    connection: String,
    kind: &'static str,
    fields: Vec<Field>,
    instance: String,
    /// The name of the account is shown at once.
    named: bool,
    wrong_name: bool,
    replaces: bool,
    whose: Whose,
}

/// Whose credential the form may set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    Shared,
    /// An admin chooses.
    Either {
        /// As the last try did.
        shared: bool,
    },
}

struct Field {
    name: String,
    label: String,
    description: Option<String>,
    placeholder: Option<String>,
    pattern: Option<String>,
    secret: bool,
    required: bool,
    value: String,
    wrong: bool,
}

impl Failure {
    pub(super) fn of(refused: &Refused) -> Self {
        let refusal = refused.refusal();
        Self {
            status: refused.status(),
            message: refusal.message.clone(),
            hint: refusal.hint.clone().filter(|hint| !hint.is_empty()),
            field: refusal.field.clone().unwrap_or_default(),
        }
    }
}

impl ConnectPage {
    pub(super) fn of(
        viewer: Viewer,
        (view, chosen): (&IntegrationView, Option<&ConnectionMethodView>),
        link: &Link,
        entered: &Entered,
    ) -> Self {
        let admin = viewer.admin;
        let obstacle = match chosen {
            Some(method) => obstacle(method, admin),
            None if view.connections.is_empty() => {
                Some("It needs no credential: there is nothing to connect.")
            }
            None => None,
        };
        let entry = chosen
            .filter(|_| obstacle.is_none())
            .map(|method| Entry::of(view, method, entered, admin));
        Self {
            viewer,
            failure: entered.failure.clone(),
            title: view.display_name.clone(),
            plugin: view.name.clone(),
            description: view.description.clone().filter(|text| !text.is_empty()),
            ways: ways(view, chosen, link),
            stored: chosen.map_or_else(Vec::new, |method| stored(view, method)),
            obstacle,
            entry,
        }
    }
}

/// Why a person cannot enter anything for a connection.
pub(super) fn obstacle(method: &ConnectionMethodView, admin: bool) -> Option<&'static str> {
    match (method.mode, method.auth_type) {
        ("none", _) | (_, "none") => Some("This connection needs no credential."),
        (_, "oauth2" | "mcp_oauth") => {
            Some("This connection logs in by OAuth, which is not usable yet.")
        }
        _ if !method.usable => Some("This connection is not usable yet."),
        ("platform", _) if !admin => {
            Some("This connection uses one credential for everybody, which an admin sets.")
        }
        _ => None,
    }
}

fn kind(auth_type: &str) -> &'static str {
    match auth_type {
        "bearer" => "a token",
        "basic" => "user name and password",
        "manual" => "a key or other fields",
        "oauth2" | "mcp_oauth" => "OAuth, not usable yet",
        _ => "no credential",
    }
}

/// The ways to choose from, where there are several.
fn ways(view: &IntegrationView, chosen: Option<&ConnectionMethodView>, link: &Link) -> Vec<Way> {
    let way = |method: &ConnectionMethodView| Way {
        name: method.name.clone(),
        kind: kind(method.auth_type),
        href: Link {
            connection: Some(method.name.clone()),
            ..link.clone()
        }
        .path(&view.name),
        current: chosen.is_some_and(|chosen| chosen.name == method.name),
    };
    match view.connections.as_slice() {
        [] | [_] => Vec::new(),
        several => several.iter().map(way).collect(),
    }
}

fn stored(view: &IntegrationView, method: &ConnectionMethodView) -> Vec<Stored> {
    let connected = view.connected.iter();
    let connected = connected.filter(|stored| stored.connection == method.name);
    connected.map(Stored::of).collect()
}

impl Stored {
    fn of(view: &ConnectionView) -> Self {
        let (state, tone) = match view.state {
            "connected" => ("Connected", "good"),
            "degraded" => ("Last check failed", "bad"),
            _ => ("Connect again", "bad"),
        };
        let until = view.rollback_until.clone();
        Self {
            instance: view.instance.clone(),
            nickname: view.nickname.clone(),
            shared: view.owner == "platform",
            state,
            tone,
            reason: view.state_reason.clone(),
            since: view.updated_at.clone(),
            rollback: until.map(|until| (until, view.id.clone())),
        }
    }
}

impl Entry {
    fn of(
        view: &IntegrationView,
        method: &ConnectionMethodView,
        entered: &Entered,
        admin: bool,
    ) -> Self {
        let instance = entered.instance.as_deref();
        let instance = instance.unwrap_or(gestalt_core::name::DEFAULT).to_owned();
        let stored = stored(view, method);
        let whose = match method.mode {
            "platform" => Whose::Shared,
            "either" if admin => Whose::Either {
                shared: entered.shared,
            },
            _ => Whose::Own,
        };
        let shared = matches!(whose, Whose::Shared | Whose::Either { shared: true });
        let fields = method.fields.iter();
        Self {
            connection: method.name.clone(),
            kind: kind(method.auth_type),
            fields: fields.map(|field| Field::of(field, entered)).collect(),
            named: entered.instance.is_some() || !stored.is_empty(),
            wrong_name: entered.is_wrong("instance"),
            replaces: stored
                .iter()
                .any(|stored| stored.instance == instance && stored.shared == shared),
            instance,
            whose,
        }
    }

    /// The choice that stands, where there is one.
    fn choice(&self) -> Option<bool> {
        match self.whose {
            Whose::Either { shared } => Some(shared),
            Whose::Own | Whose::Shared => None,
        }
    }

    fn for_everybody(&self) -> bool {
        self.whose == Whose::Shared
    }
}

impl Field {
    fn of(view: &FieldView, entered: &Entered) -> Self {
        let value = entered.values.get(&view.name).filter(|_| !view.secret);
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Self {
            name: format!("{FIELD}{}", view.name),
            label: view.label.clone(),
            description: given(&view.description),
            placeholder: given(&view.placeholder),
            pattern: view.pattern.as_deref().and_then(html_pattern),
            secret: view.secret,
            required: view.required,
            value: value.cloned().unwrap_or_default(),
            wrong: entered.is_wrong(&format!("credentials/{}", view.name)),
        }
    }
}

/// A pattern as a browser takes it: matched against the whole value, where the gateway looks
/// for it anywhere. What browsers do not understand they ignore, and the gateway decides; a
/// POSIX class they would understand as something else.
fn html_pattern(pattern: &str) -> Option<String> {
    (!pattern.contains("[:")).then(|| format!(".*(?:{pattern}).*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(mode: &'static str, auth_type: &'static str) -> ConnectionMethodView {
        ConnectionMethodView {
            name: "main".to_owned(),
            mode,
            auth_type,
            fields: Vec::new(),
            usable: !matches!(auth_type, "oauth2" | "mcp_oauth"),
        }
    }

    #[test]
    fn a_form_is_shown_only_for_what_a_person_can_enter() {
        let why = |mode, auth_type, admin| obstacle(&method(mode, auth_type), admin);
        assert!(why("none", "none", true).is_some());
        assert!(why("user", "none", true).is_some());
        for auth_type in ["oauth2", "mcp_oauth"] {
            let text = why("user", auth_type, true).unwrap_or_default();
            assert!(text.contains("not usable yet"), "{auth_type}");
        }
        let text = why("platform", "bearer", false).unwrap_or_default();
        assert!(text.contains("which an admin sets"));
        assert_eq!(why("platform", "bearer", true), None);
        for auth_type in ["manual", "bearer", "basic"] {
            assert_eq!(why("user", auth_type, false), None);
            assert_eq!(why("either", auth_type, false), None);
        }
    }

    #[test]
    fn a_pattern_says_the_same_to_a_browser_or_nothing() {
        assert_eq!(html_pattern("^a|b$").as_deref(), Some(".*(?:^a|b$).*"));
        assert_eq!(html_pattern("[[:alpha:]]+"), None);
    }
}
