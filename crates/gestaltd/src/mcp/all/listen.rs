//! What all servers say by themselves, as one stream: list changes and resources that changed.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{BoxStream, select_all};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use gestalt_gateway::{
    AnswerBody, Event, Events, Listening, Message, Relay, Sent, UpstreamError, Used,
};
use http::Response;
use serde_json::json;

use super::names::unwrapped;
use super::{All, Told};
use crate::http::Door;
use crate::http::guard::Outgoing;
use crate::http::problem::Refused;
use crate::mcp::call::Sender;
use crate::mcp::era::{Era, version};
use crate::mcp::fault::Fault;
use crate::mcp::relay::edits::Edits;
use crate::mcp::relay::stream::{Leaving, unanswered};
use crate::mcp::relay::upstream::{Place, open};
use crate::mcp::session::Session;

/// Where a notification says which subscription it is for.
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

type Heard = Result<Event, UpstreamError>;

/// Answers `subscriptions/listen`: what is listened to is acknowledged first; a server that
/// cannot be listened to is left out.
pub(super) fn subscribe(all: &All<'_>, told: &Told) -> Response<Outgoing> {
    let params = &all.frame.params;
    let wanted = match params.subscribed() {
        Ok(wanted) => wanted,
        Err(fault) => return told.fault(&fault),
    };
    let Some(raw) = params.raw_notifications() else {
        return told.fault(&Fault::invalid_params("`notifications` is missing."));
    };
    let gateway = all.door.gateway();
    let caller = &all.sender.caller;
    let mut streams: Vec<BoxStream<'static, Heard>> = Vec::new();
    let mut accepted = Vec::new();
    for plugin in gateway.mcp_plugins(caller) {
        let own = |uri: &String| {
            let (of, own) = unwrapped(uri)?;
            let may = of == &*plugin && gateway.may_use(caller, of, &Used::Resource(own.clone()));
            may.then_some((uri.clone(), own))
        };
        let (uris, own): (Vec<_>, Vec<_>) = wanted.iter().filter_map(own).unzip();
        accepted.extend(uris);
        let mut edits = Edits::new(all.frame.text);
        edits.replace(raw, filter_of(raw, &own));
        let relay = Relay {
            plugin: plugin.to_string(),
            used: Used::Session("subscriptions/listen"),
            connection: None,
            instance: None,
            capabilities: all.meta.capabilities().to_owned(),
            sent: Sent::Message(Message {
                era: gestalt_gateway::Era::Modern,
                version: version(all.headers, Era::Modern).to_owned(),
                method: "subscriptions/listen".to_owned(),
                id: all.frame.id.map(|id| id.json().to_owned()),
                name: None,
                body: Bytes::from(edits.finish()),
                session: None,
                parameters: Vec::new(),
            }),
        };
        let gateway = gateway.clone();
        let by = caller.clone();
        let opened = async move {
            match gateway.relay(by, relay).await.map(|answer| answer.body) {
                Ok(AnswerBody::Events(events)) => Some(events),
                Ok(_) => None,
                Err(refusal) => {
                    let error = &refusal as &dyn std::error::Error;
                    tracing::debug!(error, "a server is not listened to");
                    None
                }
            }
        };
        streams.push(heard(opened, leaving(all.door, all.sender, &plugin)));
    }
    let mut filter: serde_json::Value = serde_json::from_str(raw).unwrap_or_default();
    filter["resourceSubscriptions"] = accepted.into();
    let id = all.frame.id.map_or("null", crate::mcp::frame::Id::json);
    let acknowledged = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"notifications":{filter},"_meta":{{"{SUBSCRIPTION}":{id}}}}}}}"#
    );
    let first = stream::once(std::future::ready(Ok(Event {
        data: Bytes::from(acknowledged),
        ..Event::default()
    })));
    unanswered(first.chain(kept_open(streams)))
}

/// The filter for one server: the same, with its own resources.
fn filter_of(raw: &str, own: &[String]) -> String {
    let mut filter: serde_json::Value = serde_json::from_str(raw).unwrap_or_else(|_| json!({}));
    if own.is_empty() {
        if let Some(filter) = filter.as_object_mut() {
            filter.shift_remove("resourceSubscriptions");
        }
    } else {
        filter["resourceSubscriptions"] = own.into();
    }
    filter.to_string()
}

/// The stream of a session of the legacy era.
pub(in crate::mcp) fn stream(door: &Door, sender: Sender, session: Session) -> Response<Outgoing> {
    let session = Arc::new(session);
    let sender = Arc::new(sender);
    let plugins = door.gateway().mcp_plugins(&sender.caller);
    let streams = plugins.into_iter().map(|plugin| {
        let leaving = leaving(door, &sender, &plugin);
        let (door, sender, session) = (door.clone(), Arc::clone(&sender), Arc::clone(&session));
        let opened = async move {
            let upstream = open(&door, &sender, (&plugin, &session), &Place::default()).await;
            let listening = Listening {
                session: upstream.ok()?,
                last_event_id: None,
                version: session.version.clone(),
            };
            let relay = Relay {
                plugin: plugin.to_string(),
                used: Used::Session("listen"),
                connection: None,
                instance: None,
                capabilities: session.capabilities().to_owned(),
                sent: Sent::Listen(listening),
            };
            let answer = door.gateway().relay(sender.caller.clone(), relay).await;
            match answer.ok()?.body {
                AnswerBody::Events(events) => Some(events),
                _ => None,
            }
        };
        heard(opened, leaving)
    });
    unanswered(kept_open(streams.collect()))
}

/// Takes up the stream of one server again, where the id of the last event says which.
///
/// # Errors
/// [`Refused`] where the server cannot be asked.
pub(in crate::mcp) async fn resume(
    door: &Door,
    sender: &Sender,
    session: &Session,
    last_event_id: &str,
) -> Result<Option<Response<Outgoing>>, Refused> {
    let plugins = door.gateway().mcp_plugins(&sender.caller);
    let known = last_event_id
        .split_once('/')
        .and_then(|(of, id)| Some((plugins.iter().find(|plugin| ***plugin == *of)?, id)));
    let Some((plugin, id)) = known else {
        return Ok(None);
    };
    let relay = Relay {
        plugin: plugin.to_string(),
        used: Used::Session("listen"),
        connection: None,
        instance: None,
        capabilities: session.capabilities().to_owned(),
        sent: Sent::Listen(Listening {
            session: open(door, sender, (plugin, session), &Place::default()).await?,
            last_event_id: Some(id.to_owned()),
            version: session.version.clone(),
        }),
    };
    let answer = door.gateway().relay(sender.caller.clone(), relay).await?;
    let AnswerBody::Events(events) = answer.body else {
        return Ok(None);
    };
    let leaving = leaving(door, sender, plugin);
    let told = events.and_then(move |event| {
        let id = event.id.map(|id| leaving.event_id(id));
        let data = leaving.change(event.data).unwrap_or_default();
        std::future::ready(Ok(Event { id, data, ..event }))
    });
    Ok(Some(unanswered(told)))
}

fn leaving(door: &Door, sender: &Sender, plugin: &Arc<str>) -> Leaving {
    Leaving {
        door: door.clone(),
        caller: sender.caller.clone(),
        plugin: Arc::clone(plugin),
        among_all: true,
    }
}

/// What one server says, told apart from what others do: no responses, no acknowledgements of
/// its own, no event ids, by which only it could take the stream up again.
fn heard(
    opened: impl Future<Output = Option<Events>> + Send + 'static,
    leaving: Leaving,
) -> BoxStream<'static, Heard> {
    let events = stream::once(opened)
        .filter_map(std::future::ready)
        .flatten()
        .try_filter_map(move |event| {
            let told = is_news(&event.data).then(|| leaving.change(event.data));
            let told = told.and_then(Result::ok).map(|data| Event {
                data,
                ..Event::default()
            });
            std::future::ready(Ok(told))
        });
    // A server whose stream breaks off is not heard any more; the others are.
    events
        .filter(|event| std::future::ready(event.is_ok()))
        .boxed()
}

fn is_news(message: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Said<'a> {
        #[serde(borrow)]
        method: &'a str,
    }
    let said: Option<Said<'_>> = serde_json::from_slice(message).ok();
    said.is_some_and(|said| said.method != "notifications/subscriptions/acknowledged")
}

/// All of them, and the stream stays open when none is left: it is the client's to close.
fn kept_open(
    streams: Vec<BoxStream<'static, Heard>>,
) -> impl futures_util::Stream<Item = Heard> + Send {
    let mut streams = streams;
    streams.push(stream::pending().boxed());
    select_all(streams)
}
