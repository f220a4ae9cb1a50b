//! Sessions of the legacy era. All that is known of one is in its id, which is sealed to the
//! caller and the endpoint: nothing is kept here, so a restart or another replica goes on.
//!
//! Only sessions at servers that a client did not open itself are kept, bounded, until they
//! are needed again; a lost one is opened anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gestalt_core::{Clock, Entropy, Refusal, Timestamp};
use gestalt_gateway::{Bound, Caller, Gateway};
use http::{HeaderMap, HeaderName};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::fault::Fault;

/// Where a client says which session it is in.
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// Longest id that is read, in bytes.
const MAX_ID_BYTES: usize = 16 * 1024;

/// Sessions at servers that are kept.
const KEPT: usize = 10_000;

/// A client's session.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Session {
    /// Tells it from every other one.
    #[serde(rename = "n")]
    pub(super) nonce: String,
    /// When it began, in microseconds.
    #[serde(rename = "t")]
    begun: i64,
    /// The protocol version it was agreed on.
    #[serde(rename = "v")]
    pub(super) version: String,
    /// What the client can be asked.
    #[serde(rename = "c")]
    capabilities: Box<RawValue>,
    /// The session at the server, where the client opened it itself and the server gave one.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(super) upstream: Option<String>,
    /// The client opened the session at the server itself.
    #[serde(rename = "o", default)]
    pub(super) opened: bool,
}

impl Session {
    /// A new one.
    ///
    /// # Errors
    /// `internal` without random bytes.
    pub(super) fn new(
        (clock, entropy): (&Clock, &Entropy),
        version: &str,
        capabilities: &str,
    ) -> Result<Self, Refusal> {
        let nonce = entropy.array::<12>().map_err(Refusal::internal)?;
        let mut text = String::with_capacity(24);
        for byte in nonce {
            use std::fmt::Write as _;
            let _infallible = write!(text, "{byte:02x}");
        }
        Ok(Self {
            nonce: text,
            begun: clock.now().as_micros(),
            version: version.to_owned(),
            capabilities: RawValue::from_string(capabilities.to_owned())
                .map_err(Refusal::internal)?,
            upstream: None,
            opened: false,
        })
    }

    /// For a client that names no session: one for each subject, that can be asked nothing.
    pub(super) fn none(caller: &Caller, version: &str) -> Self {
        Self {
            nonce: caller.subject().to_string(),
            begun: i64::MAX,
            version: version.to_owned(),
            capabilities: RawValue::from_string("{}".to_owned()).unwrap_or_default(),
            upstream: None,
            opened: false,
        }
    }

    /// The JSON text of what the client can be asked.
    pub(super) fn capabilities(&self) -> &str {
        self.capabilities.get()
    }

    /// Its id.
    ///
    /// # Errors
    /// `internal`.
    pub(super) fn id(
        &self,
        gateway: &Gateway,
        caller: &Caller,
        plugin: Option<&str>,
    ) -> Result<String, Refusal> {
        let text = serde_json::to_vec(self).map_err(Refusal::internal)?;
        gateway.bind(caller, Bound::Session, plugin, &text)
    }

    /// The session that a request names, at this endpoint; nothing if it names none.
    ///
    /// # Errors
    /// [`Fault`] if it is none of the caller's, or has ended.
    pub(super) fn of(
        headers: &HeaderMap,
        (gateway, now, life): (&Gateway, Timestamp, Duration),
        caller: &Caller,
        plugin: Option<&str>,
    ) -> Result<Option<Self>, Fault> {
        let Some(id) = headers.get(&SESSION) else {
            return Ok(None);
        };
        let id = id.to_str().ok().filter(|id| id.len() <= MAX_ID_BYTES);
        let opened = id.and_then(|id| gateway.unbind(caller, Bound::Session, plugin, id));
        let session: Option<Self> = opened.and_then(|text| serde_json::from_slice(&text).ok());
        let young = |session: &Self| now.since(Timestamp::from_micros(session.begun)) < life;
        session
            .filter(young)
            .map(Some)
            .ok_or_else(Fault::no_such_session)
    }
}

/// A session at a server, once it is open; some servers have none.
type Open = Arc<tokio::sync::Mutex<Option<Option<String>>>>;

/// Sessions at servers that clients did not open themselves, by the client's session and the
/// plugin.
pub(super) struct Upstreams {
    known: Cache<(String, String), Open>,
    /// Sessions that a client has ended, until they would have ended by themselves.
    ended: Mutex<HashMap<String, Timestamp>>,
}

impl Upstreams {
    pub(super) fn new() -> Self {
        Self {
            known: Cache::new(KEPT),
            ended: Mutex::default(),
        }
    }

    pub(super) fn get(&self, nonce: &str, plugin: &str) -> Open {
        let key = (nonce.to_owned(), plugin.to_owned());
        let made = self
            .known
            .get_or_insert_with(&key, || Ok::<_, ()>(Open::default()));
        made.unwrap_or_default()
    }

    /// Takes out what is kept of one session with one plugin.
    pub(super) fn forget(&self, nonce: &str, plugin: &str) -> Option<Open> {
        let key = (nonce.to_owned(), plugin.to_owned());
        self.known.remove(&key).map(|(_, open)| open)
    }

    /// Notes that a client has ended its session.
    pub(super) fn end(&self, nonce: &str, now: Timestamp, life: Duration) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, until| *until > now);
        ended.insert(nonce.to_owned(), now.after(life));
    }

    /// Whether a client has ended it.
    pub(super) fn has_ended(&self, nonce: &str) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.contains_key(nonce)
    }
}
