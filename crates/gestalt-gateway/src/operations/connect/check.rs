//! Asking an upstream whether it takes a credential.

use bytes::Bytes;
use gestalt_core::Refusal;
use gestalt_core::connection::State;
use gestalt_upstream::{BoxedBody, Injection, ReplyBody};

use crate::Inner;
use crate::authenticate::caller::Caller;
use crate::catalogue::{ConnectionEntry, PluginEntry};
use crate::identity::{Surface, identity_headers};

/// Largest answer of a check that is read for a nickname, in bytes.
const LARGEST_ANSWER: usize = 1 << 20;

/// What a check at the upstream has found.
pub(super) struct Checked {
    pub(super) state: State,
    pub(super) reason: Option<String>,
    pub(super) nickname: Option<String>,
}

impl Inner {
    /// Asks the upstream whether it takes a credential; `None` where nothing says how.
    pub(super) async fn check(
        &self,
        caller: &Caller,
        plugin: &PluginEntry,
        entry: &ConnectionEntry,
        injection: Injection,
    ) -> Result<Option<Checked>, Refusal> {
        let Some(operation) = &entry.definition.check else {
            return Ok(None);
        };
        // An upstream that wants to know who calls wants it of the check as well.
        let identity = identity_headers(self, caller, plugin, Surface::Declared)?;
        let reply = self
            .call
            .check(&plugin.compiled, operation.as_str(), injection, identity)
            .await?;
        let status = reply.status;
        let found = |state, reason: Option<String>, nickname| {
            Ok(Some(Checked {
                state,
                reason,
                nickname,
            }))
        };
        match status.as_u16() {
            200..=299 => found(
                State::Connected,
                None,
                self.nickname(entry, reply.body).await,
            ),
            401 | 403 => found(
                State::NeedsReauth,
                Some(format!("The upstream answered {status} to the check.")),
                None,
            ),
            _ => found(
                State::Degraded,
                Some(format!("The upstream answered {status} to the check.")),
                None,
            ),
        }
    }

    /// Reads the account's name out of the check's answer.
    async fn nickname(&self, entry: &ConnectionEntry, body: ReplyBody) -> Option<String> {
        let pointer = entry.definition.nickname.as_deref()?;
        let bytes = match body {
            ReplyBody::Full(bytes) => bytes,
            ReplyBody::Stream(stream) => read_small(stream).await?,
        };
        let answer: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        let text = match answer.pointer(pointer)? {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(text.chars().filter(|c| !c.is_control()).take(200).collect())
    }
}

/// Reads a streamed answer whole; `None` if it breaks or is too large.
async fn read_small(mut stream: BoxedBody) -> Option<Bytes> {
    use http_body_util::BodyExt as _;
    let mut read = Vec::new();
    while let Some(frame) = stream.frame().await {
        if let Ok(data) = frame.ok()?.into_data() {
            if read.len() + data.len() > LARGEST_ANSWER {
                return None;
            }
            read.extend_from_slice(&data);
        }
    }
    Some(read.into())
}
