//! Messages to the server, in the client's own session or in one that is opened for it.

use std::sync::Arc;

use bytes::Bytes;
use gestalt_core::{Kind, Refusal};
use gestalt_gateway::{Answer, AnswerBody, Listening, Message, Relay, Sent, Used};
use http::{HeaderValue, Response, StatusCode};
use serde_json::value::RawValue;

use super::{Exchange, Passing, Told, bare, stand_in, stream};
use crate::http::Door;
use crate::http::guard::Outgoing;
use crate::http::problem::Refused;
use crate::mcp::answer as whole;
use crate::mcp::call::Sender;
use crate::mcp::era::Era;
use crate::mcp::frame::shows_links;
use crate::mcp::session::{SESSION, Session};

/// Sends a request and answers with what comes back.
pub(super) async fn request(
    exchange: &Exchange<'_>,
    session: Option<Session>,
    passing: Passing,
) -> Result<Response<Outgoing>, Refused> {
    let told = Told::new(exchange, exchange.era);
    let capabilities = match &session {
        Some(session) => session.capabilities(),
        None => exchange.meta.capabilities(),
    };
    match send(exchange, session.as_ref(), passing, capabilities).await {
        Ok(answer) => stream::answer(exchange, told, answer).await,
        Err(refusal) => {
            let asked = exchange.frame.params.action(super::CONNECT).is_some();
            told.refused(refusal, shows_links(capabilities) && !asked)
        }
    }
}

/// Sends a message in its session, which is opened anew once if the server lost it.
async fn send(
    exchange: &Exchange<'_>,
    session: Option<&Session>,
    passing: Passing,
    capabilities: &str,
) -> Result<Answer, Refusal> {
    let gateway = exchange.door.gateway();
    let caller = &exchange.sender.caller;
    let with = |session| (session, capabilities.to_owned());
    let Some(session) = session else {
        let relay = exchange.relay(passing, with(None));
        return gateway.relay(caller.clone(), relay).await;
    };
    let named_account = passing.connection.is_some() || passing.instance.is_some();
    // The client's own session is that of the account that it was opened with.
    if session.opened && !named_account {
        let relay = exchange.relay(passing, with(session.upstream.clone()));
        return gateway.relay(caller.clone(), relay).await;
    }
    let named = !matches!(passing.used, Used::Session(_));
    if named && !gateway.may_use(caller, exchange.plugin, &passing.used) {
        // It is refused before a session is opened for it.
        let relay = exchange.relay(passing, with(None));
        return gateway.relay(caller.clone(), relay).await;
    }
    let at = Place {
        connection: passing.connection.clone(),
        instance: passing.instance.clone(),
    };
    let first = open(
        exchange.door,
        exchange.sender,
        (exchange.plugin, session),
        &at,
    )
    .await?;
    let again = Passing {
        used: passing.used.clone(),
        name: passing.name.clone(),
        body: passing.body.clone(),
        connection: passing.connection.clone(),
        instance: passing.instance.clone(),
    };
    let relay = exchange.relay(passing, with(first.clone()));
    let answer = gateway.relay(caller.clone(), relay).await?;
    if answer.status != StatusCode::NOT_FOUND || first.is_none() {
        return Ok(answer);
    }
    let opened = &exchange.door.mcp().opened;
    opened.forget(&session.nonce, &at.of(exchange.plugin));
    let second = open(
        exchange.door,
        exchange.sender,
        (exchange.plugin, session),
        &at,
    )
    .await?;
    let relay = exchange.relay(again, with(second));
    gateway.relay(caller.clone(), relay).await
}

/// With which account a session is opened.
#[derive(Default)]
pub(in crate::mcp) struct Place {
    pub(in crate::mcp) connection: Option<String>,
    pub(in crate::mcp) instance: Option<String>,
}

impl Place {
    /// What a session there is kept under: one of another account is another session.
    fn of(&self, plugin: &str) -> String {
        let [connection, instance] =
            [&self.connection, &self.instance].map(|name| name.as_deref().unwrap_or_default());
        // None of the names holds a slash.
        format!("{plugin}/{connection}/{instance}")
    }
}

/// The session at a server for a client that did not open one there itself.
pub(in crate::mcp) async fn open(
    door: &Door,
    sender: &Sender,
    (plugin, session): (&str, &Session),
    at: &Place,
) -> Result<Option<String>, Refusal> {
    let cell = door.mcp().opened.get(&session.nonce, &at.of(plugin));
    let mut known = cell.lock().await;
    if let Some(open) = &*known {
        return Ok(open.clone());
    }
    let capabilities = session.capabilities();
    let (version, ours) = (&session.version, env!("CARGO_PKG_VERSION"));
    let quoted = serde_json::Value::from(version.as_str());
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":"gestalt","method":"initialize","params":{{"protocolVersion":{quoted},"capabilities":{capabilities},"clientInfo":{{"name":"gestalt","version":"{ours}"}}}}}}"#
    );
    let relay = |used, method: &str, body: String, session: Option<String>| Relay {
        plugin: plugin.to_owned(),
        used: Used::Session(used),
        connection: at.connection.clone(),
        instance: at.instance.clone(),
        capabilities: capabilities.to_owned(),
        sent: Sent::Message(Message {
            era: gestalt_gateway::Era::Legacy,
            version: version.clone(),
            method: method.to_owned(),
            id: (method == "initialize").then(|| r#""gestalt""#.to_owned()),
            name: None,
            body: Bytes::from(body),
            session,
            parameters: Vec::new(),
        }),
    };
    let gateway = door.gateway();
    let begun = gateway
        .relay(
            sender.caller.clone(),
            relay("initialize", "initialize", body, None),
        )
        .await?;
    let open = begun.session.clone();
    let message = stream::whole(begun).await?;
    if said(&message).is_none() {
        let what = "The server did not begin a session.";
        return Err(Refusal::new(gestalt_core::Code::UpstreamInvalid, what));
    }
    let method = "notifications/initialized";
    let body = format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#);
    let told = relay(method, method, body, open.clone());
    gateway.relay(sender.caller.clone(), told).await?;
    *known = Some(open.clone());
    Ok(open)
}

/// The result that a message has.
fn said(message: &[u8]) -> Option<&RawValue> {
    #[derive(serde::Deserialize)]
    struct Response<'a> {
        #[serde(borrow, default)]
        result: Option<&'a RawValue>,
    }
    let response: Response<'_> = serde_json::from_slice(message).ok()?;
    response.result
}

/// Begins a client's session. Where the server cannot be reached for want of an account, the
/// client is let in all the same, so that it comes as far as the link that connects one.
pub(super) async fn initialize(exchange: &Exchange<'_>) -> Result<Response<Outgoing>, Refused> {
    let told = Told::new(exchange, Era::Legacy);
    let params = &exchange.frame.params;
    let wanted = params.protocol_version();
    let capabilities = params.capabilities();
    let passing = Passing {
        used: Used::Session("initialize"),
        name: None,
        body: exchange.frame.bytes(),
        connection: None,
        instance: None,
    };
    let mut relay = exchange.relay(passing, (None, capabilities.to_owned()));
    if let (Sent::Message(message), Some(version)) = (&mut relay.sent, wanted.as_deref()) {
        version.clone_into(&mut message.version);
    }
    let gateway = exchange.door.gateway();
    let caller = &exchange.sender.caller;
    let made = (exchange.door.clock(), exchange.door.entropy());
    let (message, session) = match gateway.relay(caller.clone(), relay).await {
        Ok(answer) => {
            let upstream = answer.session.clone();
            let message = stream::whole(answer).await?;
            let Some(version) = said(&message).and_then(|result| version_of(result.get())) else {
                return Ok(exchange
                    .sender
                    .accepts
                    .message(StatusCode::OK, text(&message)));
            };
            let mut session = Session::new(made, &version, capabilities)?;
            session.opened = true;
            session.upstream = upstream;
            (text(&message), session)
        }
        Err(refusal) if matches!(refusal.kind(), Kind::Choose | Kind::NotConnected) => {
            let version = super::super::era::negotiate(wanted.as_deref());
            let session = Session::new(made, version, capabilities)?;
            let id = exchange.id().map_or("null", |id| id.json());
            let members = stand_in(wanted.as_deref());
            (
                whole::result(Era::Legacy, id, "complete", &members),
                session,
            )
        }
        Err(refusal) => return told.refused(refusal, false),
    };
    let mut response = exchange.sender.accepts.message(StatusCode::OK, message);
    let id = session.id(gateway, caller, Some(exchange.plugin))?;
    let id = HeaderValue::try_from(id).map_err(Refusal::internal)?;
    response.headers_mut().insert(SESSION, id);
    Ok(response)
}

fn version_of(result: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Begun {
        #[serde(rename = "protocolVersion")]
        version: String,
    }
    let begun: Begun = serde_json::from_str(result).ok()?;
    Some(begun.version)
}

fn text(message: &Bytes) -> String {
    String::from_utf8_lossy(message).into_owned()
}

/// Passes on what asks for no answer: a notification, or the response to what the server
/// asked. The modern era has neither on this way.
pub(super) async fn pass(
    exchange: &Exchange<'_>,
    session: Option<Session>,
) -> Result<Response<Outgoing>, Refused> {
    let known = [
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/progress",
        "notifications/roots/list_changed",
    ];
    let method = &*exchange.frame.method;
    let used = match known.iter().find(|known| **known == method) {
        Some(known) => *known,
        None if exchange.frame.response => "response",
        None => return Ok(whole::accepted()),
    };
    let Some(session) = session.filter(|session| session.opened) else {
        return Ok(whole::accepted());
    };
    let body = exchange.frame.bytes();
    let at = (session.upstream.clone(), session.capabilities());
    tell(exchange, at, (used, body)).await
}

/// Passes on the response to what a server asked.
pub(in crate::mcp) async fn respond(
    exchange: &Exchange<'_>,
    at: (Option<String>, &str),
    body: Bytes,
) -> Result<Response<Outgoing>, Refused> {
    tell(exchange, at, ("response", body)).await
}

async fn tell(
    exchange: &Exchange<'_>,
    (session, capabilities): (Option<String>, &str),
    (used, body): (&'static str, Bytes),
) -> Result<Response<Outgoing>, Refused> {
    let passing = Passing {
        used: Used::Session(used),
        name: None,
        body,
        connection: None,
        instance: None,
    };
    let relay = exchange.relay(passing, (session, capabilities.to_owned()));
    let caller = exchange.sender.caller.clone();
    let sent = exchange.door.gateway().relay(caller, relay).await?;
    if sent.status == StatusCode::NOT_FOUND {
        return Ok(bare(StatusCode::NOT_FOUND));
    }
    Ok(whole::accepted())
}

/// Opens the stream of what the server says by itself (GET).
///
/// # Errors
/// [`Refused`] where the answer is one of HTTP's own.
pub(in crate::mcp) async fn listen(
    door: &Door,
    sender: &Sender,
    (plugin, session): (&str, Session),
    last_event_id: Option<String>,
) -> Result<Response<Outgoing>, Refused> {
    let upstream = if session.opened {
        session.upstream.clone()
    } else {
        open(door, sender, (plugin, &session), &Place::default()).await?
    };
    let relay = Relay {
        plugin: plugin.to_owned(),
        used: Used::Session("listen"),
        connection: None,
        instance: None,
        capabilities: session.capabilities().to_owned(),
        sent: Sent::Listen(Listening {
            session: upstream,
            last_event_id,
            version: session.version.clone(),
        }),
    };
    let answer = door.gateway().relay(sender.caller.clone(), relay).await?;
    match answer.body {
        AnswerBody::Events(events) => Ok(stream::unanswered(events)),
        _ if answer.status.is_success() => Ok(bare(StatusCode::METHOD_NOT_ALLOWED)),
        _ => Ok(bare(answer.status)),
    }
}

/// Ends a session (DELETE), and those at servers with it.
///
/// # Errors
/// [`Refused`] where the answer is one of HTTP's own.
pub(in crate::mcp) async fn end(
    door: &Door,
    sender: &Sender,
    plugins: &[Arc<str>],
    session: Session,
) -> Result<Response<Outgoing>, Refused> {
    let mcp = door.mcp();
    let life = door.limits().mcp.session_life;
    mcp.opened.end(&session.nonce, door.clock().now(), life);
    for plugin in plugins {
        let opened = match mcp
            .opened
            .forget(&session.nonce, &Place::default().of(plugin))
        {
            Some(open) => open.lock().await.clone().flatten(),
            None => None,
        };
        let Some(upstream) = session.upstream.clone().or(opened) else {
            continue;
        };
        let relay = Relay {
            plugin: plugin.to_string(),
            used: Used::Session("end"),
            connection: None,
            instance: None,
            capabilities: session.capabilities().to_owned(),
            sent: Sent::End { session: upstream },
        };
        let ended = door.gateway().relay(sender.caller.clone(), relay).await;
        if let Err(refusal) = ended {
            let error = &refusal as &dyn std::error::Error;
            tracing::debug!(error, %plugin, "a session at a server was not ended");
        }
    }
    Ok(bare(StatusCode::NO_CONTENT))
}
