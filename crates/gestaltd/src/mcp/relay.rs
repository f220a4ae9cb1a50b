//! The endpoint of one MCP server: `/mcp/{plugin}`. What a client says goes to the server, and
//! what the server says comes back, as it is; only names that were given an alias, the
//! gateway's own arguments, and what is sealed for us are changed, in place.
//!
//! Lists are answered from what the server listed, as far as the caller may use it. Methods
//! that are not known here are not passed on: nobody could say who may use them.

mod answer;
pub(super) mod edits;
pub(super) mod lists;
pub(super) mod stream;
pub(super) mod upstream;

use std::borrow::Cow;

use bytes::Bytes;
use gestalt_gateway::{Bound, Message, Relay, Sent, Used};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use self::edits::{Edits, Members};
use super::call::Sender;
use super::era::Era;
use super::fault::Fault;
use super::frame::{Frame, Id, Meta, Reference};
use super::session::Session;
use super::{answer as whole, discover};
use crate::http::Door;
use crate::http::guard::Outgoing;
use crate::http::problem::Refused;

pub(super) use self::answer::Told;

/// Headers that pass on to a server as they are.
const PARAMETERS: &str = "mcp-param-";

/// The one input that we ask for ourselves: to open a link.
const CONNECT: &str = "connect";

/// One message to one server.
pub(super) struct Exchange<'a> {
    pub(super) door: &'a Door,
    pub(super) sender: &'a Sender,
    /// The plugin.
    pub(super) plugin: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) frame: &'a Frame<'a>,
    pub(super) meta: &'a Meta<'a>,
    pub(super) era: Era,
    /// It came to the endpoint of all servers, where names of several stand side by side.
    pub(super) among_all: bool,
}

/// What a message is about, and what of it is changed on the way.
struct Passing {
    used: Used,
    /// What `Mcp-Name` says to the server.
    name: Option<String>,
    body: Bytes,
    connection: Option<String>,
    instance: Option<String>,
}

/// Answers a message at a server's own endpoint.
///
/// # Errors
/// [`Refused`] where the answer is one of HTTP's own.
pub(super) async fn run(exchange: Exchange<'_>) -> Result<Response<Outgoing>, Refused> {
    let session = match exchange.session() {
        Ok(session) => session,
        Err(fault) => return Ok(Told::new(&exchange, Era::Legacy).fault(&fault)),
    };
    let told = Told::new(&exchange, exchange.era);
    if exchange.frame.id.is_none() || exchange.frame.response {
        return upstream::pass(&exchange, session).await;
    }
    let method = &*exchange.frame.method;
    match (exchange.era, method) {
        (Era::Legacy, "initialize") => return upstream::initialize(&exchange).await,
        (Era::Legacy, "ping") => return Ok(told.result("")),
        (_, "resources/list" | "resources/templates/list" | "prompts/list") => {
            return lists::answer(&exchange, &told).await;
        }
        _ => {}
    }
    match exchange.passing().await {
        Ok(passing) => upstream::request(&exchange, session, passing).await,
        Err(fault) => Ok(told.fault(&fault)),
    }
}

/// Calls a tool that was found among all. `arguments`: its own, which are those of the message
/// or a piece of them.
///
/// # Errors
/// [`Refused`] where the answer is one of HTTP's own.
pub(super) async fn call(
    exchange: Exchange<'_>,
    (offered, source): (&str, &str),
    arguments: Option<&str>,
) -> Result<Response<Outgoing>, Refused> {
    let passing = exchange.tool(offered, source, arguments);
    forward(exchange, passing).await
}

/// Sends a request that came to the endpoint of all servers to the one it is for. `renamed`:
/// a piece of the message, and what stands in its place to the server.
///
/// # Errors
/// [`Refused`] where the answer is one of HTTP's own.
pub(super) async fn send(
    exchange: Exchange<'_>,
    (used, name): (Used, Option<String>),
    renamed: Option<(&str, String)>,
) -> Result<Response<Outgoing>, Refused> {
    let mut edits = Edits::new(exchange.frame.text);
    if let Some((part, with)) = renamed {
        edits.replace(part, with);
    }
    let passing = exchange.answers(&mut edits).map(|()| Passing {
        used,
        name,
        body: exchange.body(edits),
        connection: None,
        instance: None,
    });
    forward(exchange, passing).await
}

async fn forward(
    exchange: Exchange<'_>,
    passing: Result<Passing, Fault>,
) -> Result<Response<Outgoing>, Refused> {
    let told = Told::new(&exchange, exchange.era);
    let ready = passing.and_then(|passing| Ok((passing, exchange.session_of(None)?)));
    match ready {
        Ok((passing, session)) => upstream::request(&exchange, session, passing).await,
        Err(fault) => Ok(told.fault(&fault)),
    }
}

impl Exchange<'_> {
    pub(super) fn id(&self) -> Option<Id<'_>> {
        self.frame.id
    }

    /// The client's session at this endpoint.
    fn session(&self) -> Result<Option<Session>, Fault> {
        self.session_of(Some(self.plugin))
    }

    /// The client's session at an endpoint; nothing in the modern era.
    pub(super) fn session_of(&self, endpoint: Option<&str>) -> Result<Option<Session>, Fault> {
        if self.era == Era::Modern || self.frame.method == "initialize" {
            return Ok(None);
        }
        let door = self.door;
        let life = door.limits().mcp.session_life;
        let at = (door.gateway(), door.clock().now(), life);
        let named = Session::of(self.headers, at, &self.sender.caller, endpoint)?;
        let session = named.unwrap_or_else(|| Session::none(&self.sender.caller, self.version()));
        if door.mcp().opened.has_ended(&session.nonce) {
            return Err(Fault::no_such_session());
        }
        Ok(Some(session))
    }

    /// The version that the client speaks.
    pub(super) fn version(&self) -> &str {
        super::era::version(self.headers, self.era)
    }

    /// What a request is about, as policy knows it, and what of it changes.
    async fn passing(&self) -> Result<Passing, Fault> {
        let params = &self.frame.params;
        let resource =
            |uri: Cow<'_, str>| (Used::Resource(uri.to_string()), Some(uri.into_owned()));
        let prompt = |name: Cow<'_, str>| (Used::Prompt(name.to_string()), Some(name.into_owned()));
        let (used, name) = match (&*self.frame.method, self.era) {
            ("tools/call", _) => {
                let name = params.name()?;
                let source = self.source_of(&name).await?;
                return self.tool(&name, &source, params.arguments()?);
            }
            ("prompts/get", _) => prompt(params.name()?),
            ("resources/read", _)
            | ("resources/subscribe" | "resources/unsubscribe", Era::Legacy) => {
                resource(params.uri()?)
            }
            ("completion/complete", _) => match params.reference()? {
                Reference::Prompt(name, _) => (prompt(name).0, None),
                Reference::Resource(uri, _) => (resource(uri).0, None),
            },
            ("subscriptions/listen", Era::Modern) => {
                self.may_hear(&params.subscribed()?)?;
                (Used::Session("subscriptions/listen"), None)
            }
            ("server/discover", Era::Modern) => (Used::Session("server/discover"), None),
            ("logging/setLevel", Era::Legacy) => (Used::Session("logging/setLevel"), None),
            ("tasks/get", _) => (Used::Session("tasks/get"), self.header_name()),
            ("tasks/result", _) => (Used::Session("tasks/result"), self.header_name()),
            ("tasks/update", _) => (Used::Session("tasks/update"), self.header_name()),
            ("tasks/cancel", _) => (Used::Session("tasks/cancel"), self.header_name()),
            ("tasks/list", _) => (Used::Session("tasks/list"), None),
            _ => return Err(Fault::no_such_method()),
        };
        let mut edits = Edits::new(self.frame.text);
        self.answers(&mut edits)?;
        Ok(Passing {
            used,
            name,
            body: self.body(edits),
            connection: None,
            instance: None,
        })
    }

    /// A call of a tool: its own name, and its arguments without ours.
    fn tool(&self, offered: &str, source: &str, arguments: Option<&str>) -> Result<Passing, Fault> {
        let params = &self.frame.params;
        let mut edits = Edits::new(self.frame.text);
        if let Some(raw) = params
            .raw_name()
            .filter(|_| params.name().is_ok_and(|name| name != source))
        {
            edits.replace(raw, serde_json::Value::from(source).to_string());
        }
        let (mut connection, mut instance) = (None, None);
        let mut own = Cow::Borrowed(arguments.unwrap_or("{}"));
        if own.contains("_connection") || own.contains("_instance") {
            let wrong = || Fault::invalid_params("`arguments` must be an object.");
            let mut members = Members::of(&own).ok_or_else(wrong)?;
            connection = taken(&mut members, "_connection")?;
            instance = taken(&mut members, "_instance")?;
            if connection.is_some() || instance.is_some() {
                own = Cow::Owned(members.write());
            }
        }
        if let Some(raw) = params.arguments()?.filter(|raw| *raw != own) {
            edits.replace(raw, own);
        }
        self.answers(&mut edits)?;
        Ok(Passing {
            used: Used::Tool(offered.to_owned()),
            name: Some(source.to_owned()),
            body: self.body(edits),
            connection,
            instance,
        })
    }

    /// What a server calls the tool that is offered under a name.
    async fn source_of(&self, name: &str) -> Result<String, Fault> {
        let gateway = self.door.gateway();
        let found = gateway
            .find_tool(&self.sender.caller, Some(self.plugin), name)
            .await;
        match found.map(|tool| tool.live) {
            Ok(Some(source)) => Ok(source.to_string()),
            Ok(None) => Ok(name.to_owned()),
            Err(refusal) => Err(Fault::of_refused(&refusal)),
        }
    }

    /// Opens what the server wants back, and takes out the answer to what we asked ourselves.
    fn answers(&self, edits: &mut Edits<'_>) -> Result<(), Fault> {
        let params = &self.frame.params;
        if let Some((state, raw)) = params.request_state()? {
            let bound = Bound::RequestState;
            let caller = &self.sender.caller;
            let opened = self
                .door
                .gateway()
                .unbind(caller, bound, Some(self.plugin), &state)
                .and_then(|bytes| String::from_utf8(bytes).ok());
            let wrong =
                || Fault::invalid_params("`requestState` is none that was given to you here.");
            let opened = opened.ok_or_else(wrong)?;
            edits.replace(raw, serde_json::Value::from(opened).to_string());
        }
        if let Some(raw) = params.raw_input_responses()
            && let Some(mut members) = Members::of(raw)
            && members.take(CONNECT).is_some()
        {
            edits.replace(raw, members.write());
        }
        Ok(())
    }

    /// Whether the caller may hear of every one of these resources.
    fn may_hear(&self, uris: &[String]) -> Result<(), Fault> {
        let gateway = self.door.gateway();
        let caller = &self.sender.caller;
        let refused = uris
            .iter()
            .find(|uri| !gateway.may_use(caller, self.plugin, &Used::Resource((*uri).clone())));
        match refused {
            None => Ok(()),
            Some(_) => Err(Fault::invalid_params(
                "One of the resources is none that you may read.",
            )),
        }
    }

    fn header_name(&self) -> Option<String> {
        let header = self.headers.get("mcp-name")?.to_str().ok()?;
        super::era::decode(header.trim()).map(Cow::into_owned)
    }

    fn body(&self, edits: Edits<'_>) -> Bytes {
        if edits.is_empty() {
            self.frame.bytes()
        } else {
            Bytes::from(edits.finish())
        }
    }

    /// `Mcp-Param-*`, which a server reads for itself.
    fn parameters(&self) -> Vec<(HeaderName, HeaderValue)> {
        let named = self
            .headers
            .iter()
            .filter(|(name, _)| name.as_str().starts_with(PARAMETERS));
        named
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// The message that passes to the server.
    fn relay(&self, passing: Passing, (session, capabilities): (Option<String>, String)) -> Relay {
        let message = Message {
            era: self.era.of_gateway(),
            version: self.version().to_owned(),
            method: self.frame.method.to_string(),
            id: self.id().map(|id| id.json().to_owned()),
            name: passing.name,
            body: passing.body,
            session,
            parameters: self.parameters(),
        };
        Relay {
            plugin: self.plugin.to_owned(),
            used: passing.used,
            connection: passing.connection,
            instance: passing.instance,
            capabilities,
            sent: Sent::Message(message),
        }
    }
}

/// Takes one of the gateway's own arguments out.
fn taken(members: &mut Members<'_>, name: &str) -> Result<Option<String>, Fault> {
    let Some(raw) = members.take(name) else {
        return Ok(None);
    };
    let value = serde_json::from_str(raw.get());
    value
        .map(Some)
        .map_err(|_| Fault::invalid_params(format!("`{name}` must be a string.")))
}

/// The capabilities and tools of a server that cannot be reached yet, so that a client can come
/// as far as the link that connects it.
fn stand_in(version: Option<&str>) -> String {
    discover::initialized(version, true)
}

/// Nothing but the status.
fn bare(status: StatusCode) -> Response<Outgoing> {
    let mut response = whole::accepted();
    *response.status_mut() = status;
    response
}
