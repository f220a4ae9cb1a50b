//! `tools/call`: finds the tool among those the caller may call, walks, and says what came.

use std::sync::Arc;

use bytes::Bytes;
use gestalt_core::id::RequestId;
use gestalt_core::{Kind, Refusal};
use gestalt_gateway::{Caller, FoundTool, Invocation, ReplyBody};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::json;

use super::Target;
use super::answer::{self, Accepts};
use super::content::{self, ToolCall};
use super::era::Era;
use super::fault::Fault;
use super::finding::{self, Meant};
use super::frame::{Frame, Id, Meta};
use super::problem::{self, Shown};
use super::progress::{self, Arrived};
use super::relay::Exchange;
use crate::http::Door;
use crate::http::guard::Outgoing;
use crate::http::invoke::arguments::Taken;
use crate::http::problem::Refused;

/// The one thing that a client's user may be asked for: to open a link.
const CONNECT: &str = "connect";

/// Who calls.
pub(super) struct Sender {
    pub(super) request_id: RequestId,
    pub(super) caller: Caller,
    pub(super) accepts: Accepts,
}

/// A call, owning all it needs: it may outlive the request's head.
struct Call {
    door: Door,
    sender: Sender,
    tool: FoundTool,
    arguments: Option<Bytes>,
    arrived: Option<Arc<Arrived>>,
}

/// How a call that was refused is told to this client.
struct Teller {
    door: Door,
    request_id: RequestId,
    era: Era,
    id: String,
    /// The client shows links to its user, and has not done so for this call.
    shows_links: bool,
}

/// Calls a tool.
///
/// # Errors
/// [`Refused`] where the answer is one of HTTP's own.
pub(super) async fn call(
    door: &Door,
    sender: Sender,
    target: Target,
    (headers, frame): (&HeaderMap, &Frame<'_>),
    (meta, era, id): (&Meta<'_>, Era, Id<'_>),
) -> Result<Response<Outgoing>, Refused> {
    let accepts = sender.accepts;
    let teller = Teller {
        door: door.clone(),
        request_id: sender.request_id,
        era,
        id: id.json().to_owned(),
        shows_links: era == Era::Modern
            && meta.shows_links()
            && frame.params.action(CONNECT).is_none(),
    };
    let read = || {
        let (name, arguments) = (frame.params.name()?, frame.params.arguments()?);
        let meant = if target.finds(&door.limits().mcp) {
            finding::read(name, arguments, target.plugin.is_none())?
        } else {
            Meant::Call(name, arguments)
        };
        Ok((meant, meta.progress_token()?))
    };
    let (name, arguments, token) = match read() {
        Ok((Meant::Call(name, arguments), token)) => (name, arguments, token),
        Ok((Meant::Ask(ask), _)) => {
            let plugin = target.plugin.as_deref();
            return teller.answer(accepts, ask.answer(door, &sender.caller, plugin).await);
        }
        Err(fault) => return Ok(super::told(accepts, era, Some(id), fault)),
    };
    let found = door
        .gateway()
        .find_tool(&sender.caller, target.plugin.as_deref(), &name)
        .await;
    let tool = match found {
        Ok(tool) => tool,
        Err(refusal) => return teller.answer(accepts, Err(refusal)),
    };
    if let Some(source) = &tool.live {
        let exchange = Exchange {
            door,
            sender: &sender,
            plugin: &tool.plugin,
            headers,
            frame,
            meta,
            era,
            among_all: target.plugin.is_none(),
        };
        let named = (&*tool.operation, &**source);
        return Box::pin(super::relay::call(exchange, named, arguments)).await;
    }
    let arrived = token
        .filter(|_| accepts.events)
        .map(|_| Arc::new(Arrived::new(door.limits().mcp.progress_bytes)));
    let call = Call {
        door: door.clone(),
        sender,
        tool,
        arguments: arguments.map(|json| Bytes::copy_from_slice(json.as_bytes())),
        arrived: arrived.clone(),
    };
    let Some((token, arrived)) = token.zip(arrived) else {
        return teller.answer(accepts, call.walk().await);
    };
    let mut walk = Box::pin(call.walk());
    let interval = door.limits().mcp.progress_interval;
    let reporter = progress::Reporter::new(token, interval, arrived);
    match reporter.first(&mut walk).await {
        // It took no time: whoever waits for news of it has all of it at once.
        Ok(ended) => teller.answer(accepts, ended),
        Err(reporter) => {
            let last = async move { teller.tell_in_stream(walk.await) };
            Ok(answer::events(reporter.body(last)))
        }
    }
}

impl Call {
    /// Calls the tool and writes its result: an object's text.
    async fn walk(self) -> Result<String, Refusal> {
        let Self {
            door,
            sender,
            tool,
            arguments,
            arrived,
        } = self;
        let gateway = door.gateway();
        let depth = door.limits().max_json_depth;
        let taken = Taken::from_object(arguments.unwrap_or_default(), depth)?;
        let call = ToolCall {
            subject: sender.caller.subject(),
            tool: &tool,
        };
        let limits = door.limits().mcp.content;
        let held = &door.mcp().held;
        if let Some(continuation) = &taken.continuation
            && let Some(rest) = content::continued(continuation, &call, &limits, held)
        {
            return Ok(rest);
        }
        let invocation = Invocation {
            plugin: tool.plugin.to_string(),
            operation: tool.operation.to_string(),
            read_only_door: false,
            connection: taken.connection,
            instance: taken.instance,
            continuation: taken.continuation,
            arguments: taken.arguments,
            body: None,
        };
        let mut reply = gateway.invoke(sender.caller, invocation).await?;
        if let (Some(arrived), ReplyBody::Stream(_)) = (arrived, &reply.body) {
            reply.body = counted(reply.body, arrived);
        }
        Ok(content::result(reply, &call, &limits, held).await)
    }
}

/// Counts what arrives of an answer.
fn counted(body: ReplyBody, arrived: Arc<Arrived>) -> ReplyBody {
    match body {
        ReplyBody::Full(bytes) => ReplyBody::Full(bytes),
        ReplyBody::Stream(stream) => {
            let counted = stream.map_frame(move |frame| {
                arrived.add(frame.data_ref().map_or(0, Bytes::len));
                frame
            });
            ReplyBody::Stream(gestalt_gateway::BoxedBody::new(counted))
        }
    }
}

impl Teller {
    /// The whole answer.
    ///
    /// # Errors
    /// [`Refused`] where the answer is one of HTTP's own.
    fn answer(
        &self,
        accepts: Accepts,
        ended: Result<String, Refusal>,
    ) -> Result<Response<Outgoing>, Refused> {
        let (status, message) = self.tell(ended)?;
        Ok(accepts.message(status, message))
    }

    /// The whole message.
    ///
    /// # Errors
    /// [`Refused`] where the answer is one of HTTP's own.
    fn tell(&self, ended: Result<String, Refusal>) -> Result<(StatusCode, String), Refused> {
        let refusal = match ended {
            Ok(result) => return Ok((StatusCode::OK, self.result("complete", &result))),
            Err(refusal) => refusal,
        };
        let refused = Refused::from(refusal);
        match problem::shown(refused.refusal().code) {
            Shown::Http => Err(refused),
            Shown::Error(code) => Ok(self.error(code, &refused)),
            Shown::Result => Ok((StatusCode::OK, self.refused(&refused))),
        }
    }

    /// The same once the status has been sent: HTTP has nothing more to say.
    fn tell_in_stream(&self, ended: Result<String, Refusal>) -> String {
        match self.tell(ended) {
            Ok((_, message)) => message,
            Err(refused) => self.error(-32603, &refused).1,
        }
    }

    fn error(&self, code: i32, refused: &Refused) -> (StatusCode, String) {
        crate::http::problem::log(refused, self.request_id);
        let fault: Fault = problem::fault(code, refused.refusal(), self.request_id);
        (fault.status(), fault.message(Some(&self.id)))
    }

    fn refused(&self, refused: &Refused) -> String {
        crate::http::problem::log(refused, self.request_id);
        let (refusal, site) = (refused.refusal(), self.door.site());
        if self.shows_links
            && refusal.kind() == Kind::NotConnected
            && let Some(link) = problem::link(refusal, site)
        {
            let asked = json!({ CONNECT: {
                "method": "elicitation/create",
                "params": { "mode": "url", "message": refusal.message, "url": link },
            }});
            return self.result("input_required", &format!(r#"{{"inputRequests":{asked}}}"#));
        }
        self.result("complete", &content::refused(refusal, site))
    }

    /// Puts a result's object, which is not empty, into its message.
    fn result(&self, kind: &str, object: &str) -> String {
        let members = object.strip_prefix('{').unwrap_or(object);
        let members = members.strip_suffix('}').unwrap_or(members);
        answer::result(self.era, &self.id, kind, members)
    }
}
