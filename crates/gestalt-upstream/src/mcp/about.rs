//! What a server says of itself.

use serde_json::value::RawValue;

use super::envelope::{member, text_member};
use super::probe::versions;
use super::version::META_SERVER;
use crate::UpstreamError;

/// What a server says of itself, by `server/discover` or `initialize`.
#[derive(Clone, Debug)]
pub struct About {
    /// The protocol versions that it says it speaks; of a legacy server the one it settled on.
    pub versions: Vec<String>,
    /// Its capabilities, an object.
    pub capabilities: Box<RawValue>,
    /// Its name and version (`serverInfo`), an object; nothing where it does not say.
    pub server: Option<Box<RawValue>>,
    /// What a model should know to use it.
    pub instructions: Option<String>,
}

impl About {
    /// Reads the result of `server/discover`.
    ///
    /// # Errors
    /// If it has no versions or no capabilities.
    pub(crate) fn discovered(result: &str) -> Result<Self, UpstreamError> {
        let versions = versions(member(result, "supportedVersions"));
        let meta = member(result, "_meta").unwrap_or_default();
        Ok(Self {
            versions: versions.ok_or_else(incomplete)?,
            capabilities: object(member(result, "capabilities")).ok_or_else(incomplete)?,
            server: object(member(meta, META_SERVER)),
            instructions: text_member(result, "instructions").map(Into::into),
        })
    }

    /// Reads the result of `initialize`.
    ///
    /// # Errors
    /// If it has no version or no capabilities.
    pub(crate) fn initialized(result: &str) -> Result<Self, UpstreamError> {
        let version = text_member(result, "protocolVersion");
        Ok(Self {
            versions: vec![version.ok_or_else(incomplete)?.into_owned()],
            capabilities: object(member(result, "capabilities")).ok_or_else(incomplete)?,
            server: object(member(result, "serverInfo")),
            instructions: text_member(result, "instructions").map(Into::into),
        })
    }

    /// A capability's JSON text.
    pub(crate) fn capability(&self, name: &str) -> Option<&str> {
        member(self.capabilities.get(), name)
    }
}

fn object(text: Option<&str>) -> Option<Box<RawValue>> {
    let text = text.filter(|text| text.starts_with('{'))?;
    RawValue::from_string(text.to_owned()).ok()
}

fn incomplete() -> UpstreamError {
    UpstreamError::answer("The MCP server does not say what it is: its answer lacks members.")
}
