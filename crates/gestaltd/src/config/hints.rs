//! What to say about a key that is not known but easily understood.

/// The hint for a key in the section that is read as the type of this name.
pub(super) fn unknown_key(section: &str, key: &str) -> Option<&'static str> {
    Some(match (section, key) {
        ("PluginEntry" | "ProviderEntry", "allowedHosts" | "allowedCidrs") => {
            "`allowedHosts` of a plugin or provider is no longer accepted here; write it under `egress`"
        }
        ("Spec" | "Manifest", "egress" | "allowedHosts" | "allowedCidrs") => {
            "a manifest cannot grant itself what it may reach; write `egress` in the config, under the plugin"
        }
        ("Spec" | "Manifest", "authorization" | "roles" | "role" | "permissions") => {
            "a manifest cannot grant itself a role; write `authorization` in the config"
        }
        ("Document", "integrations") => "integrations are written under `plugins`",
        ("Document", "database" | "store") => {
            "the database is written under `providers.indexeddb`, as `config: { dsn: … }`"
        }
        ("ServerSection", "host" | "port") => {
            "the address to listen on is written under `server.public`"
        }
        ("AuthEntry", "check" | "nickname") => "this stands beside `auth`, not in it",
        ("ConnectionEntry", "credentials" | "authMapping" | "onAuthChange" | "grace" | "type") => {
            "this stands under `auth`"
        }
        _ => return None,
    })
}
