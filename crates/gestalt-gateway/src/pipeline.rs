//! The walk of a request: authenticate → authorize → resolve → call → audit.

use std::sync::Arc;
use std::time::Duration;

use gestalt_core::{Code, Refusal};
use gestalt_upstream::{Arguments, ReplyBody, RequestBody};
use http::{HeaderMap, StatusCode};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::Inner;
use crate::audit::Trail;
use crate::audit::record::{Entry, Outcome};
use crate::authenticate::caller::Caller;
use crate::authenticate::presented::Presented;
use crate::authorize::{Permit, Wanted};
use crate::identity::{Surface, identity_headers};
use crate::resolve::Source;
use crate::{authenticate, authorize, call, mcp, resolve};
use carry::Carried;

mod body;
mod carry;
pub(crate) mod relay;

/// What a caller wants done.
pub struct Invocation {
    /// The plugin, by name.
    pub plugin: String,
    /// The operation, by name or alias.
    pub operation: String,
    /// It came through a door that may change nothing (GET).
    pub read_only_door: bool,
    /// `_connection`.
    pub connection: Option<String>,
    /// `_instance`.
    pub instance: Option<String>,
    /// `_continuation`.
    pub continuation: Option<String>,
    /// The operation's arguments.
    pub arguments: Arguments,
    /// A body that streams to the upstream as it is.
    pub body: Option<RequestBody>,
}

/// The upstream's answer.
#[derive(Debug)]
pub struct Reply {
    /// The upstream's status.
    pub status: StatusCode,
    /// Those of the upstream's headers that are passed on.
    pub headers: HeaderMap,
    /// The upstream's body.
    pub body: ReplyBody,
    /// What asks for the next page.
    pub continuation: Option<String>,
    /// Why there is no next page, where the operation has pages.
    pub stopped: Option<&'static str>,
}

/// Who asks for a walk.
#[derive(Debug)]
pub enum Asking {
    /// Whoever this is presented by.
    Presented(Presented),
    /// A caller whom the door had authenticated for this request already.
    Known(Caller),
}

impl From<Presented> for Asking {
    fn from(presented: Presented) -> Self {
        Self::Presented(presented)
    }
}

impl From<Caller> for Asking {
    fn from(caller: Caller) -> Self {
        Self::Known(caller)
    }
}

/// The walk. It is this function and [`walk`], straight down.
pub(crate) async fn invoke(
    gateway: &Arc<Inner>,
    asking: Asking,
    invocation: Invocation,
) -> Result<Reply, Refusal> {
    let begun = Instant::now();
    let caller = match asking {
        Asking::Presented(presented) => authenticate::authenticate(gateway, &presented).await?,
        Asking::Known(caller) => caller,
    };
    let decided = authorize::invocation(&gateway.catalogue.load(), &caller, &wanted(&invocation));
    let permit = match mcp::approvals::admit(gateway, &caller, decided).await {
        Ok(permit) => permit,
        Err(refusal) => {
            let names = (&*invocation.plugin, &*invocation.operation);
            gateway.audit.record(Entry::refused_invocation(
                &caller,
                gateway.clock.now(),
                names,
                &refusal,
            ))?;
            gateway
                .metrics
                .invoked(refusal.code.as_str(), begun.elapsed());
            return Err(refusal);
        }
    };
    // What is begun is ended also when the client goes away: the call is given up, and its
    // outcome is written.
    let (reply, replied) = oneshot::channel();
    let admitted = Admitted {
        caller,
        permit,
        begun,
    };
    let walk = walk(Arc::clone(gateway), admitted, invocation, reply);
    Carried::new(Box::pin(walk), replied, &gateway.tracker).await
}

type ReplyTo = oneshot::Sender<Result<Reply, Refusal>>;

/// Who may walk, and since when they wait.
struct Admitted {
    caller: Caller,
    permit: Permit,
    begun: Instant,
}

async fn walk(gateway: Arc<Inner>, admitted: Admitted, invocation: Invocation, mut reply: ReplyTo) {
    let Admitted {
        caller,
        permit,
        begun,
    } = admitted;
    let entry = Entry::invocation(&caller, &permit, gateway.clock.now(), digest(&invocation));
    let trail = match gateway.audit.begin(entry).await {
        Ok(trail) => trail,
        Err(refusal) => {
            gateway
                .metrics
                .invoked(refusal.code.as_str(), begun.elapsed());
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
    let result = tokio::select! {
        biased;
        result = resolve_and_call(&gateway, &caller, &permit, invocation, &mut end.source) => result,
        () = reply.closed() => return end.cancelled(),
    };
    match result {
        Err(refusal) => {
            gateway.credential_refused(&refusal, end.source.as_ref());
            end.refused(&refusal);
            let _gone = reply.send(Err(refusal));
        }
        Ok(answer) => {
            if answer.status.is_success() {
                gateway.credential_worked(end.source.as_ref());
            }
            let status = answer.status;
            let (answer, rest) = body::split(answer);
            let _gone = reply.send(Ok(answer));
            match rest {
                None => end.answered(status, None),
                Some(rest) => {
                    let broken = rest.pump().await;
                    end.answered(status, broken);
                }
            }
        }
    }
}

async fn resolve_and_call(
    gateway: &Inner,
    caller: &Caller,
    permit: &Permit,
    invocation: Invocation,
    source: &mut Option<Source>,
) -> Result<Reply, Refusal> {
    let credential = resolve::resolve(gateway, caller, permit).await?;
    *source = credential.source().cloned();
    if let Some(server) = &permit.plugin().definition.mcp {
        let known = gateway.listings.last(permit.plugin().id);
        let named = (&**permit.operation_name(), known.as_deref());
        let message = mcp::invoke::message(server, named, &invocation.arguments)?;
        drop(invocation);
        let answer = relay::invoke(gateway, caller, permit, (credential, message));
        let answer = answer
            .await
            .map_err(|refusal| linked(refusal, caller, permit, source.as_ref()))?;
        return mcp::invoke::reply(answer).await;
    }
    let identity = identity_headers(gateway, caller, permit.plugin(), Surface::Declared)?;
    let Invocation {
        arguments,
        body,
        continuation,
        ..
    } = invocation;
    let reply = gateway
        .call
        .call(
            permit,
            credential,
            call::Request {
                arguments,
                body,
                continuation,
                identity,
            },
        )
        .await
        .map_err(|refusal| linked(refusal, caller, permit, source.as_ref()))?;
    Ok(Reply {
        status: reply.status,
        headers: reply.headers,
        body: reply.body,
        continuation: reply.continuation,
        stopped: reply.stopped.map(gestalt_upstream::Stopped::as_str),
    })
}

/// Adds to a refusal where a person can mend it.
fn linked(refusal: Refusal, caller: &Caller, permit: &Permit, source: Option<&Source>) -> Refusal {
    if refusal.code != Code::ReconnectRequired {
        return refusal;
    }
    let instance = source.map(|source| &source.instance);
    refusal.link(resolve::connect_link(caller, permit, instance))
}

/// How a walk ends: one outcome in the trail and in the metrics.
struct End<'a> {
    gateway: &'a Inner,
    trail: Trail,
    begun: Instant,
    source: Option<Source>,
}

impl End<'_> {
    fn cancelled(self) {
        self.with("cancelled", None);
    }

    fn refused(self, refusal: &Refusal) {
        self.with(resolve::outcome_of(refusal), None);
    }

    fn answered(self, status: StatusCode, broken: Option<&'static str>) {
        let failed = status.is_client_error() || status.is_server_error();
        let result = broken.unwrap_or(if failed { "upstream_error" } else { "ok" });
        self.with(result, Some(status));
    }

    fn with(self, result: &'static str, status: Option<StatusCode>) {
        let duration: Duration = self.begun.elapsed();
        self.gateway.metrics.invoked(result, duration);
        self.trail.end(Outcome {
            result: result.into(),
            status: status.map(|status| status.as_u16()),
            duration: Some(duration),
            instance: self.source.map(|source| source.instance.as_str().into()),
        });
    }
}

fn wanted(invocation: &Invocation) -> Wanted<'_> {
    Wanted {
        plugin: &invocation.plugin,
        operation: &invocation.operation,
        connection: invocation.connection.as_deref(),
        instance: invocation.instance.as_deref(),
        read_only_door: invocation.read_only_door,
    }
}

/// A digest of the arguments as they came; a streamed body is not part of it.
fn digest(invocation: &Invocation) -> [u8; 32] {
    match &invocation.arguments {
        Arguments::None => gestalt_vault::sha256(&[]),
        Arguments::Json(object) => gestalt_vault::sha256(&[object.get().as_bytes()]),
        Arguments::Query(pairs) => {
            let mut parts: Vec<&[u8]> = Vec::with_capacity(pairs.len() * 4);
            for (name, value) in pairs {
                parts.extend([name.as_bytes(), b"=", value.as_bytes(), b"&"]);
            }
            gestalt_vault::sha256(&parts)
        }
    }
}

impl Inner {
    /// Notes that an upstream no longer takes a credential; the next success takes it back.
    fn credential_refused(&self, refusal: &Refusal, source: Option<&Source>) {
        if refusal.code == Code::ReconnectRequired
            && let Some(source) = source
        {
            self.note_state(source, gestalt_core::connection::State::Degraded);
        }
    }

    fn credential_worked(&self, source: Option<&Source>) {
        if let Some(source) = source {
            self.note_state(source, gestalt_core::connection::State::Connected);
        }
    }
}
