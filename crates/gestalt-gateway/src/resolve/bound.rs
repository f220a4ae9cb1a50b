//! Texts that leave us sealed, and come back: what an MCP client holds for us between two
//! messages. Each opens for the caller it was made for, about the upstream it was made about,
//! and nowhere else; nothing of it is kept here, so any replica can go on.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gestalt_core::Refusal;
use gestalt_core::id::{KeyId, PluginId};
use gestalt_vault::{Place, Purpose};

use crate::Inner;
use crate::authenticate::caller::Caller;

/// What a sealed text is for. One of a kind never opens as another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// The session of a client of the legacy era.
    Session,
    /// What a server wants back with the answers to what it asked (`requestState`).
    RequestState,
}

/// Version, suite and the data key's id: what a sealed record begins with.
const KEY_AT: std::ops::Range<usize> = 2..18;

impl Bound {
    const fn table(self) -> &'static str {
        match self {
            Self::Session => "mcp_session",
            Self::RequestState => "mcp_request_state",
        }
    }
}

/// Seals a text to a caller and, where it is about one, a plugin.
pub(crate) fn seal(
    gateway: &Inner,
    caller: &Caller,
    (bound, plugin): (Bound, Option<PluginId>),
    text: &[u8],
) -> Result<String, Refusal> {
    let texts = texts(caller, plugin);
    let sealed = gateway
        .keyring
        .seal(
            Purpose::Credential,
            &place(bound, &texts),
            text,
            &gateway.entropy,
        )
        .map_err(Refusal::internal)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(sealed.bytes))
}

/// Opens what was sealed; nothing if it is not of this kind, caller and plugin, or was changed.
pub(crate) fn open(
    gateway: &Inner,
    caller: &Caller,
    (bound, plugin): (Bound, Option<PluginId>),
    sealed: &str,
) -> Option<Vec<u8>> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let key = gestalt_vault::hex(bytes.get(KEY_AT)?);
    let key: KeyId = format!("{}{key}", KeyId::PREFIX).parse().ok()?;
    let texts = texts(caller, plugin);
    let opened = gateway.keyring.unseal(&place(bound, &texts), key, &bytes);
    Some(opened.ok()?.expose().to_vec())
}

fn texts(caller: &Caller, plugin: Option<PluginId>) -> (String, String) {
    let plugin = plugin.map(|plugin| plugin.to_string());
    (caller.subject().to_string(), plugin.unwrap_or_default())
}

fn place(bound: Bound, (subject, plugin): &(String, String)) -> Place<'_> {
    Place {
        table: bound.table(),
        record: "",
        subject,
        plugin,
        connection: "",
        field: "",
        generation: 0,
    }
}
