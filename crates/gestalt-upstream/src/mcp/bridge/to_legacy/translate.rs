//! What a legacy server answers, as a modern client knows it.

use std::time::Duration;

use bytes::Bytes;

use super::super::super::envelope::{Envelope, Kind, Object, text_member};

/// Methods whose results say how long they are fresh (2026-07-28 server §Caching).
const CACHEABLE: [&str; 5] = [
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
];

/// Levels of log messages, the least severe first (RFC 5424 §6.2.1).
pub(super) const LEVELS: [&str; 8] = [
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
];

/// Tells a modern client what a legacy server answers.
pub(super) struct Translate {
    /// The client's id.
    pub(super) id: String,
    pub(super) method: String,
    /// The least severe level of log messages that the client wants.
    pub(super) log: Option<usize>,
    pub(super) list_ttl: Duration,
    pub(super) max_depth: usize,
}

impl Translate {
    /// One message; nothing for what the client did not ask for.
    pub(super) fn message(&self, bytes: &Bytes) -> Option<Bytes> {
        let message = Envelope::read(bytes, self.max_depth).ok()?;
        match message.kind {
            Kind::Result => self.result(bytes, message.said?),
            Kind::Error => self.error(bytes, &message),
            Kind::Notification => self.wants(&message).then(|| bytes.clone()),
            Kind::Request => None,
        }
    }

    /// A notification of the request itself, and none about anything else.
    fn wants(&self, message: &Envelope<'_>) -> bool {
        match message.method.as_deref() {
            Some("notifications/message") => {
                let params = message.params.unwrap_or_default();
                let level = text_member(params, "level");
                let level = LEVELS
                    .iter()
                    .position(|known| level.as_deref() == Some(*known));
                self.log
                    .is_some_and(|wanted| level.is_some_and(|level| level >= wanted))
            }
            Some("notifications/progress") => true,
            _ => false,
        }
    }

    fn result(&self, bytes: &Bytes, result: &str) -> Option<Bytes> {
        let mut result = Object::read(result)?;
        result.set("resultType", "\"complete\"");
        if CACHEABLE.contains(&&*self.method) {
            let ttl = match &*self.method {
                "resources/read" => 0,
                _ => self.list_ttl.as_millis(),
            };
            result.set_default("ttlMs", ttl.to_string());
            result.set_default("cacheScope", "\"private\"");
        }
        let mut whole = Object::read(std::str::from_utf8(bytes).ok()?)?;
        whole.set("id", &*self.id);
        whole.set("result", result.to_text());
        Some(whole.to_text().into())
    }

    /// A resource that is not there has no code of its own in the modern era.
    fn error(&self, bytes: &Bytes, message: &Envelope<'_>) -> Option<Bytes> {
        let mut whole = Object::read(std::str::from_utf8(bytes).ok()?)?;
        whole.set("id", &*self.id);
        if message.code() == Some(-32002) {
            let mut error = Object::read(message.said?)?;
            error.set("code", "-32602");
            whole.set("error", error.to_text());
        }
        Some(whole.to_text().into())
    }
}
