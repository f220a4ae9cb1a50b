//! Plugins: named upstreams.

use std::sync::Arc;

use url::Url;

use crate::connection::ConnectionDefinition;
use crate::host::EgressRules;
use crate::identity::{IdentityForwarding, is_identity_header};
use crate::mcp::McpServer;
use crate::name::PluginName;
use crate::operation::Operation;

/// A plugin as configured: complete, checked, with references resolved.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// Its name in URLs, tokens' scopes and policy.
    pub name: PluginName,
    /// Names it had before; they lead to the same immutable id.
    pub formerly: Vec<PluginName>,
    /// What people call it.
    pub display_name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The URL that operations' paths are below. Ends without `/`. Of an MCP server it is the
    /// endpoint; of one that is a process here, a name that leads nowhere (RFC 6761 §6.4).
    pub base_url: Url,
    /// Its ways to authenticate, the default one first. May be empty: then no credential is used.
    pub connections: Vec<ConnectionDefinition>,
    /// What it offers.
    pub operations: Vec<Arc<Operation>>,
    /// The MCP server behind it, whose tools join the operations as they are learned.
    pub mcp: Option<McpServer>,
    /// What it may reach besides the base URL.
    pub egress: EgressRules,
    /// What it is told of who calls; `None` for what its surface does by default: an MCP
    /// upstream is told, any other is not.
    pub identity: Option<IdentityForwarding>,
}

impl Plugin {
    /// Says whether a header tells this upstream who calls, so that nothing else may set it:
    /// no argument, no fixed header, no credential. Also where nothing is told.
    pub fn reserves_header(&self, name: &str) -> bool {
        let named = |identity: &IdentityForwarding| {
            identity
                .header_names()
                .any(|own| own.as_str().eq_ignore_ascii_case(name))
        };
        is_identity_header(name) || self.identity.as_ref().is_some_and(named)
    }
}
