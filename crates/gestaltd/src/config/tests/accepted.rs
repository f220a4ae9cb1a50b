//! What is accepted, and what becomes of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gestalt_core::connection::{AuthKind, MappedValue, Mode};
use gestalt_core::name::OperationName;
use gestalt_core::operation::PaginationStyle;

use super::super::{Builtins, Database, Effect, Environment, Loaded, LoginConfig, load};
use super::{KEY, texts};

/// The variables that the fixtures name.
const VARIABLES: &[(&str, &str)] = &[
    ("GESTALT_ENCRYPTION_KEY", KEY),
    ("OIDC_CLIENT_ID", "gestalt"),
    ("OIDC_CLIENT_SECRET", "not-so-secret"),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/config")
        .join(name)
}

fn load_fixture(name: &str) -> Loaded {
    let environment = Environment::fixed(VARIABLES.iter().copied());
    load(&[fixture(name)], &environment, Builtins::default())
        .unwrap_or_else(|error| panic!("{}", error.render(false)))
}

/// What `serve` would not honour, with its line.
fn unsupported(loaded: &Loaded) -> Vec<String> {
    let folder = fixture("").display().to_string();
    let show = |item: &super::super::Unsupported| {
        format!("{} {}", item.location.replace(&folder, ""), item.feature)
    };
    loaded.unsupported().iter().map(show).collect()
}

#[test]
fn the_contracts_examples_are_accepted() {
    let loaded = load_fixture("contract.yaml");
    insta::assert_debug_snapshot!(unsupported(&loaded), @r#"
    [
        "contract.yaml:13:15 a login by `oidc`",
    ]
    "#);
    let config = loaded.config();
    assert_eq!(
        config.server.base_url.as_str(),
        "https://gestalt.example.com/"
    );
    assert_eq!(config.server.encryption_key.expose(), KEY);
    assert_eq!(config.server.api_token_ttl, Duration::from_hours(30 * 24));
    assert_eq!(
        config.server.management.as_ref().map(|listen| listen.port),
        Some(9090)
    );
    assert!(
        matches!(&config.store.database, Database::Postgres(url) if url.expose().contains("host=/run/postgresql"))
    );
    let tracker = &config.plugins[0];
    let connection = &tracker.connections[0];
    assert_eq!(
        (connection.mode, connection.kind),
        (Mode::User, AuthKind::Manual)
    );
    assert_eq!(
        connection.check.as_ref().map(OperationName::as_str),
        Some("whoami")
    );
    let (header, value) = &connection.mapping.headers[0];
    assert_eq!(header, "X-Tracker-Key");
    assert!(
        matches!(value, MappedValue::Field { name, prefix } if name == "token" && prefix.is_empty())
    );
    let rules = &config.authorization.as_ref().unwrap().rules;
    assert_eq!(
        (rules[0].effect, rules[1].effect),
        (Effect::Allow, Effect::Deny)
    );
    assert!(
        rules[0].location.ends_with("contract.yaml:39"),
        "{}",
        rules[0].location
    );
}

#[test]
fn a_manifest_written_as_json_and_a_config_written_as_json_are_read() {
    let config = load_fixture("contract.json").servable().unwrap();
    let tracker = &config.plugins[0];
    let names: Vec<&str> = tracker
        .operations
        .iter()
        .map(|operation| operation.name.as_str())
        .collect();
    assert_eq!(names, ["listIssues", "createIssue", "whoami"]);
    let list = &tracker.operations[0];
    assert!(list.read_only && list.parameters[0].required);
    assert_eq!(
        list.parameters[1].schema,
        serde_json::json!({ "type": "array", "items": { "type": "string" } })
    );
    assert!(matches!(
        list.pagination.as_ref().map(|pagination| &pagination.style),
        Some(PaginationStyle::Cursor { param, path }) if param == "after" && path == "/next"
    ));
    assert!(
        tracker.operations[1]
            .body
            .as_ref()
            .is_some_and(|body| body.required)
    );
    assert!(
        matches!(&config.store.database, Database::Sqlite(path) if *path == fixture("gestalt.db"))
    );
    assert!(config.authorization.is_none());
}

#[test]
fn the_first_form_is_accepted() {
    let loaded = load_fixture("first-form.yaml");
    insta::assert_debug_snapshot!(unsupported(&loaded), @r#"
    [
        "first-form.yaml:3:13 a login by `oidc`",
        "first-form.yaml:34:17 connections of type `oauth2`",
        "first-form.yaml:44:44 connections of type `mcp_oauth`",
    ]
    "#);
    let config = loaded.config();
    assert_eq!(
        config.login,
        LoginConfig::Unsupported {
            name: "oidc".to_owned()
        }
    );
    assert_eq!(config.server.api_token_ttl, Duration::from_hours(30 * 24));
    let tracker = &config.plugins[0];
    let modes: Vec<_> = tracker
        .connections
        .iter()
        .map(|c| (c.name.as_str(), c.mode))
        .collect();
    assert_eq!(modes, [("default", Mode::User), ("shared", Mode::Platform)]);
}

#[test]
fn the_present_form_is_accepted() {
    let loaded = load_fixture("present-form.yaml");
    insta::assert_debug_snapshot!(unsupported(&loaded), @r#"
    [
        "present-form.yaml:12:7 a login by `oidc`",
        "present-form.yaml:27:13 plugins from a published package",
    ]
    "#);
    assert!(matches!(
        &loaded.config().store.database,
        Database::Postgres(_)
    ));
}

#[test]
fn a_login_of_ones_own_is_accepted() {
    let loaded = load_fixture("own-login.yaml");
    insta::assert_debug_snapshot!(unsupported(&loaded), @r#"
    [
        "own-login.yaml:7:15 a login by a provider of your own",
    ]
    "#);
}

#[test]
fn what_cannot_be_honoured_is_not_served_and_no_login_becomes_none() {
    for name in [
        "contract.yaml",
        "first-form.yaml",
        "present-form.yaml",
        "own-login.yaml",
    ] {
        let loaded = load_fixture(name);
        assert!(
            !matches!(loaded.config().login, LoginConfig::None { .. }),
            "{name}"
        );
        let refusal = loaded.servable().unwrap_err().to_string();
        assert!(
            refusal.contains("this build cannot honour a login by"),
            "{name}: {refusal}"
        );
    }
}

#[test]
fn the_catalogues_httpbin_is_accepted() {
    let manifest =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalog/httpbin/manifest.yaml");
    let text = format!(
        "server: {{ encryptionKey: {KEY} }}\nplugins:\n  httpbin:\n    source: {}\n    surfaces: {{ rest: {{ baseUrl: \"http://127.0.0.1:8000/\" }} }}\n    egress: {{ allowedCidrs: [\"127.0.0.1/32:8000\"] }}\n",
        manifest.display()
    );
    let config = texts(&[("config.yaml", &text)], &[])
        .unwrap_or_else(|error| panic!("{}", error.render(false)));
    let config = config.servable().unwrap();
    let httpbin = &config.plugins[0];
    assert_eq!(httpbin.base_url.as_str(), "http://127.0.0.1:8000/");
    let connections: Vec<_> = httpbin
        .connections
        .iter()
        .map(|c| (c.name.as_str(), c.kind, c.mode))
        .collect();
    let expected = [
        ("default", AuthKind::None, Mode::None),
        ("basic", AuthKind::Basic, Mode::User),
        ("bearer", AuthKind::Bearer, Mode::User),
    ];
    assert_eq!(connections, expected);
    let methods: std::collections::BTreeSet<_> = httpbin
        .operations
        .iter()
        .map(|operation| operation.method.as_str())
        .collect();
    assert_eq!(
        methods.into_iter().collect::<Vec<_>>(),
        ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    );
}
