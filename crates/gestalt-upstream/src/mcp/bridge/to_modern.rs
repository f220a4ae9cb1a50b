//! A legacy client of a modern server: no session is kept, each request stands for itself.

use std::borrow::Cow;

use bytes::Bytes;
use futures_util::{StreamExt, future};
use http::StatusCode;

use super::super::about::About;
use super::super::ask::Asking;
use super::super::envelope::{self, Envelope, Kind, Object, member, text_member};
use super::super::exchange::{Answer, AnswerBody, Era, Event, Events, Message};
use super::super::listing::Collecting;
use super::super::parameters::parameters;
use super::super::version::{
    CLIENT, LEGACY, META_CAPABILITIES, META_CLIENT, META_SUBSCRIPTION, META_VERSION, MODERN,
};
use super::{taken, unknown_method};
use crate::UpstreamError;
use crate::rest::json;
use crate::settings::McpLimits;

/// Methods that have no equivalent in the modern era, or belong to it alone.
const UNKNOWN: [&str; 5] = [
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
    "server/discover",
    "subscriptions/listen",
];

/// What is listened to for a legacy client: everything that it would hear of unasked.
const EVERYTHING: &str =
    r#"{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true}"#;

/// Sends one message of a legacy client.
///
/// # Errors
/// What keeps it from being sent, and what is wrong with the answer.
pub(crate) async fn send(
    asking: Asking<'_>,
    limits: &McpLimits,
    message: Message,
) -> Result<Answer, UpstreamError> {
    let Some(id) = message.id.clone() else {
        // Cancelling is closing the answer's stream in the modern era; the rest is unknown.
        return Ok(taken());
    };
    match &*message.method {
        // A response: nothing was asked.
        "" => Ok(taken()),
        "ping" => Ok(Answer::message(envelope::result(&id, "{}"))),
        "initialize" => initialize(&asking, &message, &id).await,
        method if UNKNOWN.contains(&method) || method.starts_with("tasks/") => {
            Ok(unknown_method(&message, StatusCode::OK))
        }
        _ => forward(&asking, limits, message, id).await,
    }
}

/// Opens the stream of what the server says unasked; 405 if it has none.
///
/// # Errors
/// What keeps it from being opened.
pub(crate) async fn listen(asking: Asking<'_>) -> Result<Answer, UpstreamError> {
    let members = [("notifications", EVERYTHING)];
    let answer = asking
        .modern_answer("subscriptions/listen", &members)
        .await?;
    let AnswerBody::Events(events) = answer.body else {
        let told = answer.status == StatusCode::UNAUTHORIZED;
        let none = StatusCode::METHOD_NOT_ALLOWED;
        return Ok(Answer::of(if told { answer.status } else { none }));
    };
    let max_depth = asking.max_depth;
    let events = events.filter_map(move |event| {
        future::ready(match event {
            Ok(event) => unasked(&event.data, max_depth).map(|data| Ok(of_data(data))),
            Err(error) => Some(Err(error)),
        })
    });
    Ok(Answer {
        status: StatusCode::OK,
        session: None,
        body: AnswerBody::Events(Events::new(events)),
    })
}

fn of_data(data: Bytes) -> Event {
    Event {
        data,
        ..Event::default()
    }
}

/// A notification as a legacy client knows it; nothing for what it does not know.
fn unasked(data: &Bytes, max_depth: usize) -> Option<Bytes> {
    let message = Envelope::read(data, max_depth).ok()?;
    if message.kind != Kind::Notification
        || message.method.as_deref() == Some("notifications/subscriptions/acknowledged")
    {
        return None;
    }
    let Some(params) = message.params else {
        return Some(data.clone());
    };
    let mut params = Object::read(params)?;
    let meta = params.get("_meta").map(str::to_owned).unwrap_or_default();
    let Some(mut meta) = Object::read(&meta) else {
        return Some(data.clone());
    };
    meta.remove(META_SUBSCRIPTION);
    if meta.is_empty() {
        params.remove("_meta");
    } else {
        params.set("_meta", meta.to_text());
    }
    let mut whole = Object::read(std::str::from_utf8(data).ok()?)?;
    whole.set("params", params.to_text());
    Some(whole.to_text().into())
}

/// Answers `initialize` from what the server says of itself.
async fn initialize(
    asking: &Asking<'_>,
    message: &Message,
    id: &str,
) -> Result<Answer, UpstreamError> {
    let response = asking.modern("server/discover", &[]).await?;
    if response.status == StatusCode::UNAUTHORIZED {
        return Ok(Answer::of(response.status));
    }
    let about = About::discovered(&asking.result(&response)?)?;
    let read = Envelope::read(&message.body, asking.max_depth).ok();
    let params = read.and_then(|read| read.params).unwrap_or_default();
    let wanted = text_member(params, "protocolVersion");
    let version = LEGACY
        .into_iter()
        .find(|known| wanted.as_deref() == Some(*known));
    let version = json::quoted(version.unwrap_or(LEGACY[0]));
    let server = about.server.as_ref().map(|server| server.get());
    let mut result = Object::default();
    result.set("protocolVersion", version);
    result.set("capabilities", capabilities(&about));
    result.set(
        "serverInfo",
        server.unwrap_or(r#"{"name":"unknown","version":"unknown"}"#),
    );
    if let Some(text) = &about.instructions {
        result.set("instructions", json::quoted(text));
    }
    Ok(Answer::message(envelope::result(id, &result.to_text())))
}

/// The capabilities that a legacy client can make use of.
fn capabilities(about: &About) -> String {
    let mut all = Object::read(about.capabilities.get()).unwrap_or_default();
    for none in ["logging", "extensions", "tasks"] {
        all.remove(none);
    }
    let resources = all.get("resources").map(str::to_owned).unwrap_or_default();
    if let Some(mut resources) = Object::read(&resources) {
        resources.remove("subscribe");
        all.set("resources", resources.to_text());
    }
    all.to_text()
}

async fn forward(
    asking: &Asking<'_>,
    limits: &McpLimits,
    message: Message,
    id: String,
) -> Result<Answer, UpstreamError> {
    let Some((body, name)) = modernised(&message) else {
        let text = "The parameters must be an object.";
        return Ok(Answer::message(envelope::error(&id, -32602, text)));
    };
    let method = message.method.clone();
    let message = Message {
        era: Era::Modern,
        version: MODERN.to_owned(),
        name,
        body: body.into(),
        session: None,
        ..message
    };
    let answer = with_parameters(asking, limits, message).await?;
    let translate = Translate {
        id,
        method,
        max_depth: asking.max_depth,
    };
    Ok(match answer.body {
        AnswerBody::Empty => answer,
        // An older client takes any other status for a broken transport.
        AnswerBody::Message(bytes) => Answer {
            status: StatusCode::OK,
            body: AnswerBody::Message(translate.message(bytes).ok_or_else(no_object)?),
            ..answer
        },
        AnswerBody::Events(events) => {
            let events = events.filter_map(move |event| {
                future::ready(match event {
                    Ok(event) if event.data.is_empty() => None,
                    Ok(event) => translate.message(event.data).map(|data| Ok(of_data(data))),
                    Err(error) => Some(Err(error)),
                })
            });
            Answer {
                body: AnswerBody::Events(Events::new(events)),
                ..answer
            }
        }
    })
}

/// Sends a request. A legacy client does not know that arguments may have to be repeated in
/// headers: where the server misses them, its list says which, and the request is made again
/// (2026-07-28 transports §Client Behavior).
async fn with_parameters(
    asking: &Asking<'_>,
    limits: &McpLimits,
    mut message: Message,
) -> Result<Answer, UpstreamError> {
    let name = message
        .name
        .clone()
        .filter(|_| message.method == "tools/call");
    let first = asking
        .transport
        .send(message.clone(), asking.whose, asking.authority)
        .await?;
    let AnswerBody::Message(bytes) = &first.body else {
        return Ok(first);
    };
    let code = Envelope::read(bytes, asking.max_depth)
        .ok()
        .and_then(|said| said.code());
    let (Some(name), Some(-32020), true) = (name, code, message.parameters.is_empty()) else {
        return Ok(first);
    };
    let tools = Collecting::new(*asking, None, limits).tools().await?;
    let tool = tools.iter().find(|tool| tool.key == name);
    let schema = tool.and_then(|tool| member(tool.json.get(), "inputSchema"));
    let read = Envelope::read(&message.body, asking.max_depth).ok();
    let arguments = read.and_then(|read| member(read.params?, "arguments"));
    message.parameters = parameters(schema.unwrap_or_default(), arguments.unwrap_or_default());
    if message.parameters.is_empty() {
        return Ok(first);
    }
    asking
        .transport
        .send(message, asking.whose, asking.authority)
        .await
}

/// The error for a result that is none of MCP's.
fn no_object() -> UpstreamError {
    UpstreamError::answer("The MCP server's result is no object.")
}

/// The request with what each has to say in the modern era, and what `Mcp-Name` repeats.
fn modernised(message: &Message) -> Option<(String, Option<String>)> {
    let mut whole = Object::read(std::str::from_utf8(&message.body).ok()?)?;
    let params = whole.get("params").unwrap_or("{}").to_owned();
    let mut params = Object::read(&params)?;
    let meta = params.get("_meta").unwrap_or("{}").to_owned();
    let mut meta = Object::read(&meta)?;
    meta.set(META_VERSION, json::quoted(MODERN));
    meta.set(META_CLIENT, CLIENT);
    meta.set(META_CAPABILITIES, "{}");
    params.set("_meta", meta.to_text());
    let named = match &*message.method {
        "tools/call" | "prompts/get" => params.get("name"),
        "resources/read" => params.get("uri"),
        _ => None,
    };
    let name = named.and_then(json::string).map(Cow::into_owned);
    whole.set("params", params.to_text());
    Some((whole.to_text(), name))
}

/// Tells a legacy client what a modern server answers.
struct Translate {
    id: String,
    method: String,
    max_depth: usize,
}

impl Translate {
    /// One message; nothing for what a legacy client cannot be told.
    fn message(&self, bytes: Bytes) -> Option<Bytes> {
        let message = Envelope::read(&bytes, self.max_depth).ok()?;
        match (message.kind, message.said) {
            (Kind::Result, Some(result)) => self.result(&bytes, result),
            (Kind::Error, Some(error)) => self.error(&bytes, &message, error),
            (Kind::Notification, _) => Some(bytes),
            // A modern server asks nothing by a request.
            _ => None,
        }
    }

    fn result(&self, bytes: &Bytes, result: &str) -> Option<Bytes> {
        let sort = text_member(result, "resultType");
        match sort.as_deref() {
            None => return Some(bytes.clone()),
            Some("complete") => {}
            Some("input_required") => {
                let text = "The server asks the client for something, which it cannot in this \
                            version of the protocol.";
                return Some(envelope::error(&self.id, -32603, text).into());
            }
            Some(_) => {
                let text = "The server answered in a way that this version of the protocol does \
                            not have.";
                return Some(envelope::error(&self.id, -32603, text).into());
            }
        }
        let mut result = Object::read(result)?;
        result.remove("resultType");
        let mut whole = Object::read(std::str::from_utf8(bytes).ok()?)?;
        whole.set("result", result.to_text());
        Some(whole.to_text().into())
    }

    /// A resource that is not there has a code of its own in the legacy era.
    fn error(&self, bytes: &Bytes, message: &Envelope<'_>, error: &str) -> Option<Bytes> {
        let data = member(error, "data").unwrap_or_default();
        let missing = self.method == "resources/read"
            && message.code() == Some(-32602)
            && member(data, "uri").is_some();
        if !missing {
            return Some(bytes.clone());
        }
        let mut error = Object::read(error)?;
        error.set("code", "-32002");
        let mut whole = Object::read(std::str::from_utf8(bytes).ok()?)?;
        whole.set("error", error.to_text());
        Some(whole.to_text().into())
    }
}
