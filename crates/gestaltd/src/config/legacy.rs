//! The first form of the config: `auth`, and integrations under `providers`.
//!
//! Both forms become one tree before it is read; `snake_case` keys are understood everywhere.

use super::report::Problem;
use super::tree::{Entry, Node, Value};

/// Kinds of `providers` that serve the gateway itself.
const HOST_KINDS: &[&str] = &[
    "authentication",
    "authorization",
    "externalCredentials",
    "external_credentials",
    "indexeddb",
    "secrets",
    "cache",
    "telemetry",
    "audit",
    "runtime",
    "ui",
];

/// Keys that only an integration has.
const INTEGRATION_KEYS: &[&str] = &[
    "connections",
    "surfaces",
    "source",
    "allowedOperations",
    "allowed_operations",
    "displayName",
    "display_name",
    "allowedHosts",
    "allowed_hosts",
    "formerly",
];

/// Brings the first form into the present one.
pub(super) fn modernise(root: &mut Node) -> Result<(), Problem> {
    move_integrations(root)?;
    move_auth(root)
}

/// `providers.<integration>` → `plugins.<integration>`.
fn move_integrations(root: &mut Node) -> Result<(), Problem> {
    let Some(section) = root.entry("providers") else {
        return Ok(());
    };
    let (mut hosts, mut integrations) = (Vec::new(), Vec::new());
    for entry in section.value.entries() {
        let integration = looks_like_integration(&entry.value);
        match (HOST_KINDS.contains(&entry.key.as_str()), integration) {
            (true, true) => {
                return Err(Problem::new(format!("`{}` could be an integration or a part of the gateway", entry.key), entry.key_at)
                    .label("ambiguous")
                    .help(format!(
                        "an integration of this name is written under `plugins`; a provider of the gateway stands one level deeper: `{}: {{ NAME: {{ source: … }} }}`",
                        entry.key
                    )));
            }
            (true, false) => hosts.push(entry),
            (false, true) => integrations.push(entry),
            // Neither: the typed model says what is known there.
            (false, false) => {}
        }
    }
    let (Some(integration), host) = (integrations.first(), hosts.first()) else {
        return Ok(());
    };
    if let Some(host) = host {
        return Err(Problem::new(
            "`providers` holds either parts of the gateway or integrations, not both",
            integration.key_at,
        )
        .label("an integration")
        .also(host.key_at, "a part of the gateway")
        .help(format!("write `{}` under `plugins`", integration.key)));
    }
    if let Some(plugins) = root.entry("plugins") {
        return Err(Problem::new("integrations are written under `plugins` or, in the first form, under `providers`, not both", section.key_at)
            .label("integrations here")
            .also(plugins.key_at, "and here")
            .help("move them to `plugins`"));
    }
    if let Some(entry) = root
        .entries_mut()
        .and_then(|all| all.iter_mut().find(|e| e.key == "providers"))
    {
        "plugins".clone_into(&mut entry.key);
    }
    Ok(())
}

fn looks_like_integration(node: &Node) -> bool {
    node.entries()
        .iter()
        .any(|entry| INTEGRATION_KEYS.contains(&entry.key.as_str()))
}

/// `auth: { provider: X, config }` → `providers.authentication: { X: { source: X, config } }`.
fn move_auth(root: &mut Node) -> Result<(), Problem> {
    let Some(entries) = root.entries_mut() else {
        return Ok(());
    };
    let Some(index) = entries.iter().position(|entry| entry.key == "auth") else {
        return Ok(());
    };
    let auth = entries.remove(index);
    let Value::Map(mut fields) = auth.value.value else {
        return Err(Problem::new("`auth` is a map with `provider`", auth.key_at));
    };
    let Some(provider) = fields.iter().position(|entry| entry.key == "provider") else {
        return Err(Problem::new("`auth` names no `provider`", auth.key_at)
            .help("`none`, `local`, `google` or `oidc`; leave `auth` out to serve this machine without a login"));
    };
    let provider = fields.remove(provider);
    let Some(name) = provider.value.text().map(str::to_owned) else {
        return Err(Problem::new(
            "expected the name of a provider",
            provider.value.at,
        ));
    };
    if let Some(both) = root
        .find(&["providers"])
        .and_then(|p| p.entry("authentication"))
    {
        return Err(Problem::new("the login is written twice", auth.key_at)
            .label("here")
            .also(both.key_at, "and here")
            .help("`auth` is the first form of `providers.authentication`; keep one"));
    }
    fields.push(Entry {
        key: "source".to_owned(),
        key_at: provider.key_at,
        value: provider.value.clone(),
    });
    let map = |entries: Vec<Entry>| Node {
        value: Value::Map(entries),
        at: auth.value.at,
    };
    let one = |key: &str, value: Node| Entry {
        key: key.to_owned(),
        key_at: auth.key_at,
        value,
    };
    let login = Entry {
        key: name,
        key_at: provider.value.at,
        value: map(fields),
    };
    let section = one("authentication", map(vec![login]));
    let providers = root
        .entries_mut()
        .and_then(|all| all.iter_mut().find(|e| e.key == "providers"));
    if let Some(kinds) = providers.and_then(|entry| entry.value.entries_mut()) {
        kinds.push(section);
    } else if let Some(entries) = root.entries_mut() {
        let providers = one("providers", map(vec![section]));
        entries.retain(|entry| entry.key != "providers");
        entries.push(providers);
    }
    Ok(())
}
