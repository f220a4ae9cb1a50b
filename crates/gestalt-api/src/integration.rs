//! Plugins and their operations, as a caller sees them.

use crate::connection::Connection;
use crate::shape;

shape! {
    /// A plugin, as the caller may use it.
    pub struct Integration {
        /// Its name in URLs.
        pub name: String,
        /// What people call it.
        pub display_name: String,
        /// What it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub description: Option<String>,
        /// How to authenticate to its upstream.
        pub connections: Vec<ConnectionMethod>,
        /// The caller's stored connections.
        pub connected: Vec<Connection>,
        /// How many operations the caller may invoke.
        pub operations: u64,
        /// `ready`, `not_connected`, `reconnect_required` or `admin_configuration_required`.
        pub status: String,
    }
}

shape! {
    /// All plugins that the caller may use.
    pub struct IntegrationList {
        /// By name.
        pub items: Vec<Integration>,
    }
}

shape! {
    /// A way to authenticate to a plugin's upstream.
    pub struct ConnectionMethod {
        /// Its name.
        pub name: String,
        /// `none`, `user`, `platform` or `either`.
        pub mode: String,
        /// `none`, `manual`, `bearer`, `basic`, …
        pub auth_type: String,
        /// This gateway can use it; not yet where it takes an OAuth flow.
        #[serde(default = "usable")]
        pub usable: bool,
        /// What a person enters.
        pub fields: Vec<Field>,
    }
}

/// A gateway that does not say has only connections that it can use.
fn usable() -> bool {
    true
}

shape! {
    /// One thing that a person enters.
    pub struct Field {
        /// Its name in requests.
        pub name: String,
        /// What a form calls it.
        pub label: String,
        /// Where to find it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub description: Option<String>,
        /// An example of its form.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub placeholder: Option<String>,
        /// Hidden while typed.
        pub secret: bool,
        /// Connecting is refused without it.
        pub required: bool,
        /// A regular expression it must match.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub pattern: Option<String>,
    }
}

shape! {
    /// An operation that the caller may invoke.
    pub struct Operation {
        /// Its name in URLs.
        pub name: String,
        /// Its name as a tool for agents, among the tools of all plugins.
        #[serde(default)]
        pub tool: String,
        /// A short title.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub title: Option<String>,
        /// What it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub description: Option<String>,
        /// GET may invoke it.
        pub read_only: bool,
        /// The upstream advises against it.
        pub deprecated: bool,
        /// Words that group operations.
        pub tags: Vec<String>,
        /// The upstream's method and path template.
        pub upstream: String,
        /// JSON Schema 2020-12 of all its arguments.
        pub input_schema: serde_json::Value,
        /// Content types its body may have besides JSON arguments; empty if none.
        pub body_types: Vec<String>,
        /// JSON Schema 2020-12 of its answer, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub output_schema: Option<serde_json::Value>,
        /// It answers in pages.
        pub paginated: bool,
    }
}

shape! {
    /// A plugin's operations that the caller may invoke.
    pub struct OperationList {
        /// By name.
        pub items: Vec<Operation>,
    }
}

shape! {
    /// An operation that was found.
    pub struct FoundOperation {
        /// Its plugin.
        pub integration: String,
        /// Its name in URLs.
        pub operation: String,
        /// Its name as a tool for agents, among the tools of all plugins.
        pub tool: String,
        /// A short title.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub title: Option<String>,
        /// What it does.
        pub description: String,
        /// GET may invoke it.
        pub read_only: bool,
        /// It can be called as things are: an account is connected, or none is needed.
        pub connected: bool,
    }
}

shape! {
    /// Operations that fit what was asked for.
    pub struct FoundList {
        /// The best first.
        pub items: Vec<FoundOperation>,
    }
}
