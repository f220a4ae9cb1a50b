//! The endpoint of all servers: `/mcp`. Tools, resources and prompts of every MCP server that
//! is of use to the caller stand side by side, under names that tell them apart.
//!
//! What a server asks a client of the legacy era, and what the client answers, is told apart
//! by the request's id: `{plugin}/{the server's own id}`.

mod listen;
mod names;

use bytes::Bytes;
use gestalt_core::Refusal;
use gestalt_gateway::Used;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::value::RawValue;

use self::names::Found;
use super::answer as whole;
use super::call::Sender;
use super::era::Era;
use super::fault::Fault;
use super::frame::{Frame, Meta, Reference};
use super::relay::edits::Edits;
use super::relay::upstream::{Place, open, respond};
use super::relay::{self, Exchange, Told, lists};
use super::session::{SESSION, Session};
use super::{discover, era};
use crate::http::Door;
use crate::http::guard::Outgoing;
use crate::http::problem::Refused;

pub(super) use self::listen::{resume, stream};

/// Answers a message about what MCP servers offer besides tools; nothing if it is about
/// something else, or there is no server of use to the caller.
///
/// # Errors
/// [`Refused`] where the answer is one of HTTP's own.
pub(super) async fn run(
    door: &Door,
    sender: &Sender,
    headers: &HeaderMap,
    (frame, meta, era): (&Frame<'_>, &Meta<'_>, Era),
) -> Result<Option<Response<Outgoing>>, Refused> {
    let method = &*frame.method;
    let ours = matches!(method, "tools/list" | "tools/call" | "ping");
    if ours || door.gateway().mcp_plugins(&sender.caller).is_empty() {
        return Ok(None);
    }
    let all = All {
        door,
        sender,
        headers,
        frame,
        meta,
        era,
    };
    if frame.response {
        return all.response().await.map(Some);
    }
    if frame.id.is_none() {
        return Ok(None);
    }
    let told = all.told();
    let answered = match (era, method) {
        (Era::Legacy, "initialize") => all.initialize()?,
        (Era::Modern, "server/discover") => told.result(&discover::discovered(true)),
        (_, "resources/list" | "resources/templates/list" | "prompts/list") => {
            all.list(&told).await?
        }
        (_, "resources/read") | (Era::Legacy, "resources/subscribe" | "resources/unsubscribe") => {
            all.resource(&told).await?
        }
        (_, "prompts/get") => all.prompt(&told).await?,
        (_, "completion/complete") => all.completion(&told).await?,
        (Era::Modern, "subscriptions/listen") => listen::subscribe(&all, &told),
        _ => return Ok(None),
    };
    Ok(Some(answered))
}

/// What of a server is meant, and how `Mcp-Name` says it.
type Meant = (Used, Option<String>);

/// A piece of the message, and what stands in its place to the server.
type Renamed<'a> = (&'a str, String);

/// One message to all servers.
struct All<'a> {
    door: &'a Door,
    sender: &'a Sender,
    headers: &'a HeaderMap,
    frame: &'a Frame<'a>,
    meta: &'a Meta<'a>,
    era: Era,
}

impl All<'_> {
    fn told(&self) -> Told {
        let version = era::version(self.headers, self.era);
        let id = self.frame.id.map(|id| id.json().to_owned());
        Told::of((self.door, self.sender), (self.era, version), id, false)
    }

    /// The same as a message to one server.
    fn to<'b>(&'b self, plugin: &'b str) -> Exchange<'b> {
        Exchange {
            door: self.door,
            sender: self.sender,
            plugin,
            headers: self.headers,
            frame: self.frame,
            meta: self.meta,
            era: self.era,
            among_all: true,
        }
    }

    /// Begins a session of ours. Those at servers are opened when they are first needed.
    fn initialize(&self) -> Result<Response<Outgoing>, Refused> {
        let params = &self.frame.params;
        let wanted = params.protocol_version();
        let version = era::negotiate(wanted.as_deref());
        let made = (self.door.clock(), self.door.entropy());
        let session = Session::new(made, version, params.capabilities())?;
        let id = self.frame.id.map_or("null", super::frame::Id::json);
        let members = discover::initialized(wanted.as_deref(), true);
        let message = whole::result(Era::Legacy, id, "complete", &members);
        let mut response = self.sender.accepts.message(StatusCode::OK, message);
        let id = session.id(self.door.gateway(), &self.sender.caller, None)?;
        let id = HeaderValue::try_from(id).map_err(Refusal::internal)?;
        response.headers_mut().insert(SESSION, id);
        Ok(response)
    }

    async fn list(&self, told: &Told) -> Result<Response<Outgoing>, Refused> {
        let kind = lists::kind_of(&self.frame.method);
        let cursor = match self.frame.params.cursor() {
            Ok(cursor) => cursor,
            Err(fault) => return Ok(told.fault(&fault)),
        };
        let caller = &self.sender.caller;
        let offers = self.door.gateway().offers(caller, None, kind).await?;
        let offers = names::renamed(kind, offers);
        let limit = self.door.limits().mcp.lists.max_bytes;
        Ok(match lists::page(&offers, cursor.as_deref(), limit) {
            Ok(page) => told.result(&lists::members(kind, page, self.era)),
            Err(fault) => told.fault(&fault),
        })
    }

    async fn resource(&self, told: &Told) -> Result<Response<Outgoing>, Refused> {
        let params = &self.frame.params;
        let uri = match params.uri() {
            Ok(uri) => uri,
            Err(fault) => return Ok(told.fault(&fault)),
        };
        let (gateway, caller) = (self.door.gateway(), &self.sender.caller);
        match names::resource(gateway, caller, &uri).await {
            Found::One(plugin, own) => {
                let renamed = params.raw_uri().map(|raw| (raw, quoted(&own)));
                let used = (Used::Resource(own.clone()), Some(own));
                self.pass(told, &plugin, (used, renamed)).await
            }
            Found::Several(choices) => Ok(told.fault(&several(&choices))),
            Found::None => Ok(told.fault(&Fault::no_such_resource(self.era, &uri))),
        }
    }

    async fn prompt(&self, told: &Told) -> Result<Response<Outgoing>, Refused> {
        let params = &self.frame.params;
        let name = match params.name() {
            Ok(name) => name,
            Err(fault) => return Ok(told.fault(&fault)),
        };
        let (gateway, caller) = (self.door.gateway(), &self.sender.caller);
        match names::prompt(gateway, caller, &name).await {
            Found::One(plugin, own) => {
                let renamed = params.raw_name().map(|raw| (raw, quoted(&own)));
                let used = (Used::Prompt(own.clone()), Some(own));
                self.pass(told, &plugin, (used, renamed)).await
            }
            _ => Ok(told.fault(&Fault::invalid_params("There is no such prompt."))),
        }
    }

    async fn completion(&self, told: &Told) -> Result<Response<Outgoing>, Refused> {
        let (gateway, caller) = (self.door.gateway(), &self.sender.caller);
        let (found, raw, prompt) = match self.frame.params.reference() {
            Ok(Reference::Prompt(name, raw)) => {
                (names::prompt(gateway, caller, &name).await, raw, true)
            }
            Ok(Reference::Resource(uri, raw)) => {
                // Braces of a template are no part of a URI, and must stay.
                let found = match names::unwrapped_template(&uri) {
                    Some((plugin, own)) => Found::One(plugin, own),
                    None => names::resource(gateway, caller, &uri).await,
                };
                (found, raw, false)
            }
            Err(fault) => return Ok(told.fault(&fault)),
        };
        match found {
            Found::One(plugin, own) => {
                let renamed = Some((raw, quoted(&own)));
                let used = if prompt {
                    Used::Prompt(own)
                } else {
                    Used::Resource(own)
                };
                self.pass(told, &plugin, ((used, None), renamed)).await
            }
            Found::Several(choices) => Ok(told.fault(&several(&choices))),
            Found::None => {
                Ok(told.fault(&Fault::invalid_params("`ref` names nothing that is here.")))
            }
        }
    }

    /// Passes the message to one server; a plugin that is none of use is not there.
    async fn pass(
        &self,
        told: &Told,
        plugin: &str,
        (used, renamed): (Meant, Option<Renamed<'_>>),
    ) -> Result<Response<Outgoing>, Refused> {
        let known = self.door.gateway().mcp_plugins(&self.sender.caller);
        if !known.iter().any(|known| **known == *plugin) {
            let uri = used.1.as_deref().unwrap_or_default();
            return Ok(told.fault(&Fault::no_such_resource(self.era, uri)));
        }
        relay::send(self.to(plugin), used, renamed).await
    }

    /// Passes on what the client answers to a server that asked it.
    async fn response(&self) -> Result<Response<Outgoing>, Refused> {
        let taken = Ok(whole::accepted());
        let Some(id) = self.frame.id else {
            return taken;
        };
        let told: Option<String> = serde_json::from_str(id.json()).ok();
        let Some((plugin, own)) = told.as_deref().and_then(|id| id.split_once('/')) else {
            return taken;
        };
        let formed = serde_json::from_str::<&RawValue>(own).is_ok();
        let exchange = self.to(plugin);
        let Ok(Some(session)) = exchange.session_of(None) else {
            return taken;
        };
        if !formed
            || !self
                .door
                .gateway()
                .mcp_plugins(&self.sender.caller)
                .iter()
                .any(|known| **known == *plugin)
        {
            return taken;
        }
        let mut edits = Edits::new(self.frame.text);
        edits.replace(id.json(), own);
        let at = (plugin, &session);
        let upstream = open(self.door, self.sender, at, &Place::default()).await?;
        let body = Bytes::from(edits.finish());
        respond(&exchange, (upstream, session.capabilities()), body).await
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn several(choices: &[String]) -> Fault {
    let choices = choices.join(", ");
    Fault::invalid_params(format!("Several servers have it; name one: {choices}"))
}

/// A message of a server as it is told among all: what it asks is told apart by the plugin,
/// and a resource that has changed by its wrapped URI.
pub(super) fn told_apart(plugin: &str, message: Bytes) -> Bytes {
    #[derive(serde::Deserialize)]
    struct Asked<'a> {
        #[serde(borrow, default)]
        method: Option<&'a str>,
        #[serde(borrow, default)]
        id: Option<&'a RawValue>,
        #[serde(borrow, default)]
        params: Option<&'a RawValue>,
    }
    #[derive(serde::Deserialize)]
    struct Updated<'a> {
        #[serde(borrow)]
        uri: &'a RawValue,
    }
    let Ok(text) = std::str::from_utf8(&message) else {
        return message;
    };
    let Ok(asked) = serde_json::from_str::<Asked<'_>>(text) else {
        return message;
    };
    let mut edits = Edits::new(text);
    match (asked.method, asked.id) {
        (Some(_), Some(id)) => edits.replace(id.get(), quoted(&format!("{plugin}/{}", id.get()))),
        (Some("notifications/resources/updated"), None) => {
            let params = asked.params.map_or("", RawValue::get);
            if let Ok(updated) = serde_json::from_str::<Updated<'_>>(params)
                && let Ok(uri) = serde_json::from_str::<String>(updated.uri.get())
            {
                edits.replace(updated.uri.get(), quoted(&names::wrapped(plugin, &uri)));
            }
        }
        _ => {}
    }
    if edits.is_empty() {
        return message;
    }
    Bytes::from(edits.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_ask_is_told_apart_and_all_else_stays() {
        let told = |message: &'static str| {
            let told = told_apart("p", Bytes::from_static(message.as_bytes()));
            String::from_utf8(told.to_vec()).unwrap()
        };
        for same in [
            r#"{"jsonrpc":"2.0","id":1,"result":{"method":"x","id":2}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"uri":"a:b"}}"#,
            "[]",
        ] {
            assert_eq!(told(same), same);
        }
        assert_eq!(
            told(r#"{"id":"a\"b" ,"method":"roots/list"}"#),
            r#"{"id":"p/\"a\\\"b\"" ,"method":"roots/list"}"#
        );
        assert_eq!(
            told(r#"{"method":"notifications/resources/updated","params":{"uri":"a:b"}}"#),
            r#"{"method":"notifications/resources/updated","params":{"uri":"gestalt://p/a%3Ab"}}"#
        );
    }
}
