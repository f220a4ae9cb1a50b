//! The walk of a message to an MCP server: the same steps as any other, with a message in
//! place of arguments and an answer that may go on for long.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use gestalt_core::Refusal;
use gestalt_upstream::UpstreamError;
use gestalt_upstream::mcp::{Answer, AnswerBody, Event, Events, Listing, Message, Whose};
use http::{HeaderName, StatusCode};
use serde::de::IgnoredAny;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::carry::Carried;
use super::{Admitted, End};
use crate::Inner;
use crate::audit::record::Entry;
use crate::authenticate::caller::Caller;
use crate::authenticate::still;
use crate::authorize::{self, LiveWanted, Permit};
use crate::call::relay::{Behalf, Sent};
use crate::identity::{Surface, identity_headers, identity_meta};
use crate::mcp::{self, approvals};
use crate::resolve::{self, Credential};

/// Events under way between the server and the client.
const EVENTS: usize = 16;

/// How long a client may leave a stream unread before it is given up.
const STALL: Duration = Duration::from_mins(5);

/// What is relayed to an MCP server.
#[derive(Debug)]
pub struct Relay {
    /// The plugin, by name.
    pub plugin: String,
    /// What is used of the server.
    pub used: Used,
    /// `_connection`.
    pub connection: Option<String>,
    /// `_instance`.
    pub instance: Option<String>,
    /// The JSON text of what the client declared that it can be asked; `{}` for nothing.
    pub capabilities: String,
    /// What is sent.
    pub sent: Sent,
}

/// What is used of an MCP server, as policy, scopes and the trail know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Used {
    /// A tool, by the name it is offered under.
    Tool(String),
    /// A resource, by its URI.
    Resource(String),
    /// A prompt, by its name.
    Prompt(String),
    /// Nothing that policy has a name for; the method, for the trail.
    Session(&'static str),
}

/// Sends a message to an MCP server.
pub(crate) async fn relay(
    gateway: &Arc<Inner>,
    caller: Caller,
    relay: Relay,
) -> Result<Answer, Refusal> {
    let begun = Instant::now();
    let operation = relay.used.operation();
    let wanted = LiveWanted {
        plugin: &relay.plugin,
        operation: &operation,
        connection: relay.connection.as_deref(),
        instance: relay.instance.as_deref(),
    };
    let decided = match relay.used {
        Used::Session(_) => authorize::session(&gateway.catalogue.load(), &caller, &wanted),
        _ => authorize::live(&gateway.catalogue.load(), &caller, &wanted),
    };
    let decided = match relay.used {
        Used::Tool(_) => approvals::admit(gateway, &caller, decided).await,
        _ => decided,
    };
    let permit = decided.or_else(|refusal| {
        gateway.audit.record(Entry::refused_invocation(
            &caller,
            gateway.clock.now(),
            (&relay.plugin, &operation),
            &refusal,
        ))?;
        let code = refusal.code.as_str();
        gateway.metrics.invoked(code, begun.elapsed());
        Err(refusal)
    })?;
    let (reply, replied) = oneshot::channel();
    let admitted = Admitted {
        caller,
        permit,
        begun,
    };
    let walk = walk(Arc::clone(gateway), admitted, relay, reply);
    Carried::new(Box::pin(walk), replied, &gateway.tracker).await
}

async fn walk(
    gateway: Arc<Inner>,
    admitted: Admitted,
    relay: Relay,
    mut reply: oneshot::Sender<Result<Answer, Refusal>>,
) {
    let Admitted {
        caller,
        permit,
        begun,
    } = admitted;
    let entry = Entry::invocation(&caller, &permit, gateway.clock.now(), digest(&relay.sent));
    let trail = match gateway.audit.begin(entry).await {
        Ok(trail) => trail,
        Err(refusal) => {
            let code = refusal.code.as_str();
            gateway.metrics.invoked(code, begun.elapsed());
            let _gone = reply.send(Err(refusal));
            return;
        }
    };
    let mut end = End {
        gateway: &gateway,
        trail,
        begun,
        source: None,
    };
    let Relay {
        capabilities, sent, ..
    } = relay;
    let work = async {
        let behalf = behalf(&gateway, &caller, &permit, capabilities).await?;
        end.source = behalf.credential.source().cloned();
        let sent = identified(&gateway, &caller, &permit, sent)?;
        gateway.call.relay(&permit, behalf, sent).await
    };
    let result = tokio::select! {
        biased;
        result = work => result,
        () = reply.closed() => return end.cancelled(),
    };
    match result {
        Err(refusal) => {
            let refusal = super::linked(refusal, &caller, &permit, end.source.as_ref());
            gateway.credential_refused(&refusal, end.source.as_ref());
            end.refused(&refusal);
            let _gone = reply.send(Err(refusal));
        }
        Ok(answer) => {
            if answer.status.is_success() {
                gateway.credential_worked(end.source.as_ref());
            }
            let status = answer.status;
            let (answer, rest) = split(answer);
            let mut ended = match &answer.body {
                AnswerBody::Message(message) => result_of(message),
                _ => None,
            };
            let _gone = reply.send(Ok(answer));
            if let Some(rest) = rest {
                ended = rest.pump(&gateway, &caller, &permit).await;
            }
            end.answered(status, ended);
        }
    }
}

/// Fetches everything that a server lists, with the caller's own authority.
pub(crate) async fn list(
    gateway: &Arc<Inner>,
    caller: &Caller,
    permit: &Permit,
) -> Result<Listing, Refusal> {
    let entry = Entry::invocation(
        caller,
        permit,
        gateway.clock.now(),
        gestalt_vault::sha256(&[]),
    );
    let mut end = End {
        gateway,
        trail: gateway.audit.begin(entry).await?,
        begun: Instant::now(),
        source: None,
    };
    let listed = async {
        let behalf = behalf(gateway, caller, permit, "{}".to_owned()).await?;
        end.source = behalf.credential.source().cloned();
        gateway.call.listing(permit, behalf).await
    };
    match listed.await {
        Ok(listing) => {
            end.answered(StatusCode::OK, None);
            Ok(listing)
        }
        Err(refusal) => {
            end.refused(&refusal);
            Err(refusal)
        }
    }
}

/// Calls a tool for a door that knows no MCP.
pub(super) async fn invoke(
    gateway: &Inner,
    caller: &Caller,
    permit: &Permit,
    (credential, message): (Credential, Message),
) -> Result<Answer, Refusal> {
    let behalf = with(gateway, caller, permit, (credential, "{}".to_owned()))?;
    let sent = identified(gateway, caller, permit, Sent::Message(message))?;
    gateway.call.relay(permit, behalf, sent).await
}

/// What is sent, with who calls said in it, and with nothing that a client says of that itself.
fn identified(
    gateway: &Inner,
    caller: &Caller,
    permit: &Permit,
    sent: Sent,
) -> Result<Sent, Refusal> {
    let Sent::Message(mut message) = sent else {
        return Ok(sent);
    };
    let plugin = permit.plugin();
    let said = identity_meta(gateway, caller, plugin, Surface::Mcp)?;
    message.body = mcp::meta::told(message.body, said.as_deref());
    let reserved = |name: &HeaderName| plugin.definition.reserves_header(name.as_str());
    message.parameters.retain(|(name, _)| !reserved(name));
    Ok(Sent::Message(message))
}

async fn behalf(
    gateway: &Inner,
    caller: &Caller,
    permit: &Permit,
    capabilities: String,
) -> Result<Behalf, Refusal> {
    let credential = resolve::resolve(gateway, caller, permit).await?;
    with(gateway, caller, permit, (credential, capabilities))
}

fn with(
    gateway: &Inner,
    caller: &Caller,
    permit: &Permit,
    (credential, capabilities): (Credential, String),
) -> Result<Behalf, Refusal> {
    let told = identity_headers(gateway, caller, permit.plugin(), Surface::Mcp)?;
    let used = credential
        .source()
        .map(|source| (source.id, source.generation));
    Ok(Behalf {
        whose: Whose {
            subject: caller.subject().to_string(),
            credential: used
                .map_or_else(String::new, |(id, generation)| format!("{id}.{generation}")),
            capabilities,
        },
        credential,
        told,
    })
}

fn digest(sent: &Sent) -> [u8; 32] {
    match sent {
        Sent::Message(message) => gestalt_vault::sha256(&[&message.body]),
        Sent::Listen(_) | Sent::End { .. } => gestalt_vault::sha256(&[]),
    }
}

impl Used {
    pub(crate) fn operation(&self) -> String {
        match self {
            Self::Tool(name) => name.clone(),
            Self::Resource(uri) => format!("resource:{uri}"),
            Self::Prompt(name) => format!("prompt:{name}"),
            Self::Session(method) => (*method).to_owned(),
        }
    }
}

/// The server's side of a stream.
struct Rest {
    events: Events,
    to: mpsc::Sender<Result<Event, UpstreamError>>,
}

fn split(answer: Answer) -> (Answer, Option<Rest>) {
    match answer.body {
        AnswerBody::Events(events) => {
            let (to, from) = mpsc::channel(EVENTS);
            let client = futures_util::stream::unfold(from, |mut from| async {
                from.recv().await.map(|event| (event, from))
            });
            let answer = Answer {
                body: AnswerBody::Events(Events::new(client)),
                ..answer
            };
            (answer, Some(Rest { events, to }))
        }
        _ => (answer, None),
    }
}

impl Rest {
    /// Carries events to the end; says how it ended, if not well. The stream of a caller who
    /// may no longer listen is closed.
    async fn pump(
        mut self,
        gateway: &Arc<Inner>,
        caller: &Caller,
        permit: &Permit,
    ) -> Option<&'static str> {
        let mut ended = None;
        let mut gone = pin!(still::ended(gateway, caller));
        loop {
            let event = tokio::select! {
                event = self.events.next() => event,
                () = self.to.closed() => return Some("cancelled"),
                () = gateway.stop.cancelled() => return Some("cancelled"),
                () = gone.as_mut() => return Some("cancelled"),
            };
            let Some(event) = event else {
                return ended;
            };
            match &event {
                Ok(event) => {
                    if says_changed(&event.data) {
                        gateway.listings.changed(permit.plugin().id);
                    }
                    ended = result_of(&event.data).or(ended);
                }
                Err(error) => ended = Some(code_of(error)),
            }
            let broken = event.is_err();
            match tokio::time::timeout(STALL, self.to.send(event)).await {
                Ok(Ok(())) if !broken => {}
                Ok(Ok(())) => return ended,
                Ok(Err(_)) | Err(_) => return Some("cancelled"),
            }
        }
    }
}

/// Whether a message says that a list has changed.
fn says_changed(message: &[u8]) -> bool {
    memchr::memmem::find(message, b"/list_changed\"").is_some()
}

/// How a call ended that a response tells of: `None` if well, or if it is no response.
pub(crate) fn result_of(message: &[u8]) -> Option<&'static str> {
    #[derive(serde::Deserialize)]
    struct Response {
        #[serde(default)]
        error: Option<IgnoredAny>,
        #[serde(default)]
        result: Option<ToolResult>,
    }
    #[derive(serde::Deserialize)]
    struct ToolResult {
        #[serde(default, rename = "isError")]
        is_error: bool,
    }
    let response: Response = serde_json::from_slice(message).ok()?;
    let failed = response.error.is_some() || response.result.is_some_and(|result| result.is_error);
    failed.then_some("upstream_error")
}

fn code_of(error: &UpstreamError) -> &'static str {
    match error {
        UpstreamError::ResponseTooLarge { .. } => "response_too_large",
        UpstreamError::Timeout { .. } => "upstream_timeout",
        UpstreamError::Unreachable { .. } => "upstream_unreachable",
        _ => "upstream_invalid",
    }
}
