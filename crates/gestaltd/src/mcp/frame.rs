//! One JSON-RPC message, as it came: only the envelope, the method and the members of its
//! parameters that are acted on are typed; everything else stays the text it was.
//!
//! A message that two readers could understand differently is refused: a batch, a member
//! given twice, an id that is neither a string nor a whole number, an array in place of an
//! object (which Serde would take for one).

use std::borrow::Cow;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::fault::Fault;
use crate::http::invoke::arguments::is_deeper;

/// Longest id and progress token, in bytes of its JSON text: both are written back, a token
/// more than once.
pub const MAX_ID_BYTES: usize = 512;

/// A message: a request if it has an id, else a notification; or the response to what a
/// server asked.
#[derive(Debug)]
pub struct Frame<'a> {
    /// The request's id.
    pub id: Option<Id<'a>>,
    /// What is asked for; empty in a response.
    pub method: Cow<'a, str>,
    /// Its parameters.
    pub params: Params<'a>,
    /// The whole message, as it came.
    pub text: &'a str,
    /// It is a response: it has a result or an error, and no method.
    pub response: bool,
    /// The same message where it can be passed on without a copy.
    whole: Option<Bytes>,
}

/// A request's id, or a progress token: the JSON text of a string or a whole number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Id<'a>(&'a str);

impl<'a> Id<'a> {
    fn read(raw: &'a RawValue) -> Option<Self> {
        let json = raw.get();
        let formed = if json.starts_with('"') {
            text(raw).is_some()
        } else {
            let digits = json.strip_prefix('-').unwrap_or(json);
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        (formed && json.len() <= MAX_ID_BYTES).then_some(Self(json))
    }

    /// Its JSON text.
    pub fn json(self) -> &'a str {
        self.0
    }
}

/// The members of a message's parameters that some method knows, not yet read.
#[derive(Debug, Default, serde::Deserialize)]
pub struct Params<'a> {
    #[serde(borrow, default, rename = "_meta", deserialize_with = "present")]
    meta: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    name: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    uri: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    cursor: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    arguments: Option<&'a RawValue>,
    #[serde(
        borrow,
        default,
        rename = "inputResponses",
        deserialize_with = "present"
    )]
    input_responses: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "requestState", deserialize_with = "present")]
    request_state: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "ref", deserialize_with = "present")]
    reference: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    notifications: Option<&'a RawValue>,
    /// What a client of the legacy era can be asked.
    #[serde(borrow, default, deserialize_with = "present")]
    capabilities: Option<&'a RawValue>,
    #[serde(
        borrow,
        default,
        rename = "protocolVersion",
        deserialize_with = "present"
    )]
    protocol_version: Option<&'a RawValue>,
}

/// What a request says about itself (`_meta`).
#[derive(Debug, Default, serde::Deserialize)]
pub struct Meta<'a> {
    #[serde(
        borrow,
        default,
        rename = "io.modelcontextprotocol/protocolVersion",
        deserialize_with = "present"
    )]
    version: Option<&'a RawValue>,
    #[serde(
        borrow,
        default,
        rename = "io.modelcontextprotocol/clientCapabilities",
        deserialize_with = "present"
    )]
    capabilities: Option<&'a RawValue>,
    #[serde(
        borrow,
        default,
        rename = "progressToken",
        deserialize_with = "present"
    )]
    progress: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

impl<'a> Frame<'a> {
    /// Reads one message, nested no deeper than `max_depth`.
    ///
    /// # Errors
    /// The fault and, where it could be read, the id to answer to.
    pub fn read(bytes: &'a [u8], max_depth: usize) -> Result<Frame<'a>, (Option<Id<'a>>, Fault)> {
        if is_deeper(bytes, max_depth) {
            let text = format!("The message is nested deeper than {max_depth}.");
            return Err((None, Fault::invalid_request(text)));
        }
        let envelope = envelope(bytes).map_err(|fault| (None, fault))?;
        let id = match envelope.id.map(Id::read) {
            Some(None) => {
                let text = "`id` must be a string or a whole number, and short.";
                return Err((None, Fault::invalid_request(text)));
            }
            Some(id) => id,
            None => None,
        };
        let wrong = |text: &str| (id, Fault::invalid_request(text));
        if envelope.jsonrpc.and_then(text).as_deref() != Some("2.0") {
            return Err(wrong("`jsonrpc` must be \"2.0\"."));
        }
        let said = std::str::from_utf8(bytes).unwrap_or_default();
        let answered = envelope.result.is_some() != envelope.error.is_some();
        if envelope.method.is_none() && answered && id.is_some() {
            return Ok(Frame {
                id,
                method: Cow::Borrowed(""),
                params: Params::default(),
                text: said,
                response: true,
                whole: None,
            });
        }
        let method = envelope
            .method
            .and_then(text)
            .ok_or_else(|| wrong("`method` must be a string."))?;
        let params = match envelope.params {
            None => Params::default(),
            Some(raw) => object(raw).ok_or_else(|| {
                let text = "`params` must be an object without a member given twice.";
                (id, Fault::invalid_params(text))
            })?,
        };
        Ok(Frame {
            id,
            method,
            params,
            text: said,
            response: false,
            whole: None,
        })
    }

    /// Lets the message be passed on as the bytes it was read of.
    pub(super) fn keep(&mut self, bytes: &Bytes) {
        self.whole = Some(bytes.clone());
    }

    /// The whole message, as it came.
    pub(super) fn bytes(&self) -> Bytes {
        let copy = || Bytes::copy_from_slice(self.text.as_bytes());
        self.whole.clone().unwrap_or_else(copy)
    }
}

fn envelope(bytes: &[u8]) -> Result<Envelope<'_>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::parse("The body is not UTF-8."))?;
    match text.trim_ascii_start().bytes().next() {
        Some(b'{') => {}
        Some(b'[') => {
            let text = "Batches are not served: send each message by itself.";
            return Err(Fault::invalid_request(text));
        }
        _ => return Err(Fault::parse("The body is not a JSON object.")),
    }
    serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            return Fault::invalid_request("A member of the message is given twice.");
        }
        Fault::parse(format!(
            "The body is not JSON at line {}, column {}.",
            error.line(),
            error.column()
        ))
    })
}

impl<'a> Params<'a> {
    /// `_meta`; an empty one if absent.
    ///
    /// # Errors
    /// If it is not an object, or has a member that is known here twice.
    pub fn meta(&self) -> Result<Meta<'a>, Fault> {
        let Some(raw) = self.meta else {
            return Ok(Meta::default());
        };
        object(raw).ok_or_else(|| {
            Fault::invalid_params("`_meta` must be an object without a member given twice.")
        })
    }

    /// `name`, which must be there.
    ///
    /// # Errors
    /// If it is absent or no string.
    pub fn name(&self) -> Result<Cow<'a, str>, Fault> {
        self.name
            .and_then(text)
            .ok_or_else(|| Fault::invalid_params("`name` must be a string."))
    }

    /// `uri`, which must be there.
    ///
    /// # Errors
    /// If it is absent or no string.
    pub fn uri(&self) -> Result<Cow<'a, str>, Fault> {
        self.uri
            .and_then(text)
            .ok_or_else(|| Fault::invalid_params("`uri` must be a string."))
    }

    /// `cursor`, if there is one.
    ///
    /// # Errors
    /// If it is no string.
    pub fn cursor(&self) -> Result<Option<Cow<'a, str>>, Fault> {
        self.cursor
            .map(|raw| text(raw).ok_or_else(|| Fault::invalid_params("`cursor` must be a string.")))
            .transpose()
    }

    /// The JSON text of `arguments`, an object; nothing if absent.
    ///
    /// # Errors
    /// If it is something else.
    pub fn arguments(&self) -> Result<Option<&'a str>, Fault> {
        match self.arguments.map(RawValue::get) {
            None => Ok(None),
            Some(json) if json.starts_with('{') => Ok(Some(json)),
            Some(_) => Err(Fault::invalid_params("`arguments` must be an object.")),
        }
    }

    /// The JSON text of `name`, as it stands in the message.
    pub(super) fn raw_name(&self) -> Option<&'a str> {
        self.name.map(RawValue::get)
    }

    /// The JSON text of `uri`, as it stands in the message.
    pub(super) fn raw_uri(&self) -> Option<&'a str> {
        self.uri.map(RawValue::get)
    }

    /// The JSON text of `inputResponses`, as it stands in the message.
    pub(super) fn raw_input_responses(&self) -> Option<&'a str> {
        self.input_responses.map(RawValue::get)
    }

    /// What a server wants back, and its JSON text as it stands in the message.
    ///
    /// # Errors
    /// If it is no string.
    pub(super) fn request_state(&self) -> Result<Option<(Cow<'a, str>, &'a str)>, Fault> {
        self.request_state
            .map(|raw| {
                let wrong = || Fault::invalid_params("`requestState` must be a string.");
                Ok((text(raw).ok_or_else(wrong)?, raw.get()))
            })
            .transpose()
    }

    /// What `completion/complete` is about: a prompt's name or a resource's template, and its
    /// JSON text as it stands in the message.
    ///
    /// # Errors
    /// If it is neither.
    pub(super) fn reference(&self) -> Result<Reference<'a>, Fault> {
        #[derive(serde::Deserialize)]
        struct Ref<'a> {
            #[serde(borrow, default)]
            name: Option<&'a RawValue>,
            #[serde(borrow, default)]
            uri: Option<&'a RawValue>,
        }
        let read = self.reference.and_then(object::<Ref<'a>>);
        let with = |raw: &'a RawValue| Some((text(raw)?, raw.get()));
        let reference = read.and_then(|read| match (read.name, read.uri) {
            (Some(name), None) => with(name).map(|(name, raw)| Reference::Prompt(name, raw)),
            (None, Some(uri)) => with(uri).map(|(uri, raw)| Reference::Resource(uri, raw)),
            _ => None,
        });
        let wrong =
            || Fault::invalid_params("`ref` must name a prompt, or a resource by its `uri`.");
        reference.ok_or_else(wrong)
    }

    /// The resources that `subscriptions/listen` asks for.
    ///
    /// # Errors
    /// If they are not a list of strings.
    pub(super) fn subscribed(&self) -> Result<Vec<String>, Fault> {
        #[derive(serde::Deserialize)]
        struct Filter {
            #[serde(default, rename = "resourceSubscriptions")]
            resources: Option<Vec<String>>,
        }
        let wrong = || Fault::invalid_params("`notifications` must say what is listened to.");
        let filter: Filter = self.notifications.and_then(object).ok_or_else(wrong)?;
        Ok(filter.resources.unwrap_or_default())
    }

    /// The JSON text of `notifications`, as it stands in the message.
    pub(super) fn raw_notifications(&self) -> Option<&'a str> {
        self.notifications.map(RawValue::get)
    }

    /// The JSON text of the capabilities that `initialize` declares; `{}` if absent.
    pub(super) fn capabilities(&self) -> &'a str {
        let declared = self.capabilities.map(RawValue::get);
        declared
            .filter(|json| json.starts_with('{'))
            .unwrap_or("{}")
    }

    /// The `protocolVersion` that `initialize` asks for.
    pub fn protocol_version(&self) -> Option<Cow<'a, str>> {
        self.protocol_version.and_then(text)
    }

    /// What became of the one input request named `key`, if the request is a retry: the
    /// `action` of its response.
    pub fn action(&self, key: &str) -> Option<Cow<'a, str>> {
        #[derive(serde::Deserialize)]
        struct Response<'a> {
            #[serde(borrow, default)]
            action: Option<&'a RawValue>,
        }
        let responses = self.input_responses?.get();
        let mut responses: std::collections::BTreeMap<Cow<'a, str>, &'a RawValue> =
            serde_json::from_str(responses).ok()?;
        let response: Response<'a> = object(responses.remove(key)?)?;
        response.action.and_then(text)
    }
}

/// What a completion is about, and the JSON text of its name as it stands in the message.
#[derive(Debug)]
pub(super) enum Reference<'a> {
    /// A prompt, by its name.
    Prompt(Cow<'a, str>, &'a str),
    /// A resource's template.
    Resource(Cow<'a, str>, &'a str),
}

impl<'a> Meta<'a> {
    /// The JSON text of the client's capabilities; `{}` if absent.
    pub(super) fn capabilities(&self) -> &'a str {
        let declared = self.capabilities.map(RawValue::get);
        declared
            .filter(|json| json.starts_with('{'))
            .unwrap_or("{}")
    }

    /// The protocol version it was sent in; nothing if absent, or no string.
    pub fn version(&self) -> Option<Cow<'a, str>> {
        self.version.and_then(text)
    }

    /// Whether the client's capabilities are declared, as an object.
    pub fn declares_capabilities(&self) -> bool {
        self.capabilities
            .is_some_and(|raw| raw.get().starts_with('{'))
    }

    /// Whether the client can show its user a link (`elicitation.url`).
    pub fn shows_links(&self) -> bool {
        shows_links(self.capabilities())
    }

    /// The token under which the client wants to hear of progress.
    ///
    /// # Errors
    /// If it is neither a string nor a whole number.
    pub fn progress_token(&self) -> Result<Option<Id<'a>>, Fault> {
        let wrong = "`progressToken` must be a string or a whole number, and short.";
        self.progress
            .map(|raw| Id::read(raw).ok_or_else(|| Fault::invalid_params(wrong)))
            .transpose()
    }
}

/// Whether a client with these capabilities can show its user a link (`elicitation.url`).
pub(super) fn shows_links(capabilities: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Capabilities<'a> {
        #[serde(borrow, default)]
        elicitation: Option<&'a RawValue>,
    }
    #[derive(serde::Deserialize)]
    struct Elicitation<'a> {
        #[serde(borrow, default)]
        url: Option<&'a RawValue>,
    }
    let capabilities: Option<Capabilities<'_>> = serde_json::from_str(capabilities).ok();
    let elicitation = capabilities
        .and_then(|known| known.elicitation)
        .and_then(object::<Elicitation<'_>>);
    elicitation
        .and_then(|known| known.url)
        .is_some_and(|raw| raw.get().starts_with('{'))
}

/// A value that is there, also if it is `null`.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads an object; Serde alone would take an array for one.
fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    let json = raw.get();
    json.starts_with('{')
        .then(|| serde_json::from_str(json).ok())
        .flatten()
}

/// Reads a string, without a copy where it has no escapes.
fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(serde::Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    let Text(text) = serde_json::from_str(raw.get()).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests;
