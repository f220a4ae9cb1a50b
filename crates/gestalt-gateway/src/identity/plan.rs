//! What a plugin's upstream is told, ready for its calls.

use std::sync::Arc;

use gestalt_core::identity::IdentityForwarding;
use gestalt_core::plugin::Plugin;

use super::Surface;

/// What an upstream is told, and whether.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Whether the plugin itself says so.
    stated: bool,
    pub(super) settings: IdentityForwarding,
    /// Whom a token is for.
    pub(super) audience: String,
}

impl Plan {
    /// Reads what a plugin says.
    ///
    /// # Errors
    /// A sentence, for two things in one header.
    pub(crate) fn compile(plugin: &Plugin) -> Result<Arc<Self>, String> {
        let settings = plugin.identity.clone().unwrap_or_default();
        let mut names: Vec<_> = settings.header_names().collect();
        names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        let mut pairs = names.iter().zip(names.iter().skip(1));
        if let Some((name, _)) = pairs.find(|(one, next)| one == next) {
            return Err(format!(
                "identity: the header `{name}` would say two things"
            ));
        }
        for connection in &plugin.connections {
            let headers = &connection.mapping.headers;
            if let Some((name, _)) = headers
                .iter()
                .find(|(name, _)| plugin.reserves_header(name))
            {
                return Err(format!(
                    "connection `{}`: the header `{name}` says who calls and carries no credential",
                    connection.name
                ));
            }
        }
        let audience = settings.jwt.as_ref().and_then(|jwt| jwt.audience.clone());
        let base = plugin.base_url.as_str().trim_end_matches('/');
        Ok(Arc::new(Self {
            stated: plugin.identity.is_some(),
            audience: audience.unwrap_or_else(|| base.to_owned()),
            settings,
        }))
    }

    /// Whether an upstream that is reached like this is told anything.
    pub(super) fn tells(&self, surface: Surface) -> bool {
        if self.stated {
            self.settings.forward
        } else {
            surface == Surface::Mcp
        }
    }
}
