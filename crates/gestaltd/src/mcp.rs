//! The MCP door: `/mcp` with every tool a caller may call, `/mcp/{plugin}` with one plugin's.
//!
//! The life of a message: [`crate::http`]'s guard has checked where the request says it goes
//! and comes from; [`run`] authenticates, reads the body and hands it on; [`frame`] reads the
//! message; [`era`] tells which of the protocol's two eras it belongs to and holds its
//! headers against it; [`call`], [`list`], [`finding`] and [`discover`] answer; [`problem`] turns a
//! refusal into what a client sees. Nothing is kept of a client between two messages.

use std::time::Duration;

use bytes::Bytes;
use gestalt_core::name::RESERVED_PLUGIN_NAMES;
use gestalt_core::{Clock, Entropy, Kind};
use gestalt_gateway::Caller;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;

use self::answer::Accepts;
use self::call::Sender;
pub use self::catalogue::Catalogue;
pub use self::content::ContentLimits;
use self::era::Era;
use self::fault::Fault;
use self::frame::{Frame, Id, Meta};
use self::held::Held;
pub use self::held::HeldLimits;
pub use self::list::ListLimits;
use self::list::Pages;
use self::relay::Exchange;
use self::session::{Session, Upstreams};
use crate::http::context::Context;
use crate::http::guard::Outgoing;
use crate::http::problem::Refused;
use crate::http::{Door, input};

mod all;
mod answer;
mod call;
mod catalogue;
pub(crate) mod content;
mod discover;
pub mod era;
pub mod fault;
mod finding;
pub mod frame;
pub(crate) mod held;
mod list;
mod problem;
mod progress;
mod relay;
mod session;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the envelope adds to the depth of a call's arguments, also of a call within a call.
const ENVELOPE_DEPTH: usize = 3;

/// Bounds of what is said over MCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bounds of lists.
    pub lists: ListLimits,
    /// Bounds of a result's content.
    pub content: ContentLimits,
    /// Bounds of what is kept of results that were too large.
    pub held: HeldLimits,
    /// How often a client that asked for it hears of a call under way.
    pub progress_interval: Duration,
    /// How many more bytes of an upstream's answer are news to it.
    pub progress_bytes: u64,
    /// How long a session of the legacy era lasts.
    pub session_life: Duration,
    /// How tools are listed unless the client says.
    pub catalogue: Catalogue,
    /// How many tools are listed as they are where the catalogue is `auto`.
    pub search_threshold: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lists: ListLimits::default(),
            content: ContentLimits::default(),
            held: HeldLimits::default(),
            progress_interval: Duration::from_secs(5),
            progress_bytes: 1024 * 1024,
            session_life: Duration::from_hours(24),
            catalogue: Catalogue::default(),
            search_threshold: 60,
        }
    }
}

/// What the door keeps: pages of lists, and the rest of results that were too large.
pub(crate) struct Kept {
    pages: Pages,
    held: Held,
    opened: Upstreams,
}

impl Kept {
    pub(crate) fn new(limits: &Limits, clock: Clock, entropy: Entropy) -> Self {
        Self {
            pages: Pages::new(limits.lists),
            held: Held::new(limits.held, clock, entropy),
            opened: Upstreams::new(),
        }
    }
}

/// Which of the endpoints is meant.
pub(crate) struct Target {
    /// None: all of them.
    plugin: Option<String>,
    /// How the client wants the tools listed.
    asked: Option<Catalogue>,
}

impl Target {
    /// Reads an endpoint's address.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/mcp")?;
        if rest.is_empty() || rest == "/" {
            return Some(Self {
                plugin: None,
                asked: None,
            });
        }
        let plugin = rest.strip_prefix('/')?;
        let plain = !plugin.contains(['/', '%']) && !RESERVED_PLUGIN_NAMES.contains(&plugin);
        plain.then(|| Self {
            plugin: Some(plugin.to_owned()),
            asked: None,
        })
    }

    /// Whether three tools are listed instead of all; nothing where that depends on how many
    /// there are.
    fn searched(&self, limits: &Limits) -> Option<bool> {
        let catalogue = self.asked.unwrap_or(limits.catalogue);
        catalogue.searched(self.plugin.is_none())
    }

    /// Whether the three are there to be called: always where their names are nobody else's.
    fn finds(&self, limits: &Limits) -> bool {
        self.plugin.is_none() || self.searched(limits) == Some(true)
    }
}

/// Answers one message.
///
/// # Errors
/// [`Refused`] where the answer is one of HTTP's own.
pub(crate) async fn run<B>(
    door: &Door,
    context: Context,
    mut target: Target,
    request: Request<B>,
) -> Result<Response<Outgoing>, Refused>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let session = matches!(*request.method(), Method::GET | Method::DELETE)
        && request.headers().contains_key(session::SESSION);
    if request.method() != Method::POST && !session {
        return Err(Refused::method("POST"));
    }
    let (parts, body) = request.into_parts();
    let presented = context.present(door, &parts.method, &parts.headers)?;
    let caller = door.gateway().authenticate(&presented).await?;
    let accepts = Accepts::of(&parts.headers)?;
    target.asked = Catalogue::asked(parts.uri.query())?;
    if session {
        let sender = Sender {
            request_id: presented.request_id,
            caller,
            accepts,
        };
        let asked = (&parts.method, &parts.headers);
        return Box::pin(in_session(door, sender, target, asked)).await;
    }
    if !input::is_json(&parts.headers) {
        return Err(Refused::media_type("application/json"));
    }
    let limits = door.limits();
    let bytes = input::collect(body, limits.max_json_bytes, limits).await?;
    let sender = Sender {
        request_id: presented.request_id,
        caller,
        accepts,
    };
    read(door, sender, target, &parts.headers, &bytes).await
}

/// Opens the stream of a session of the legacy era, or ends the session.
async fn in_session(
    door: &Door,
    sender: Sender,
    target: Target,
    (method, headers): (&Method, &HeaderMap),
) -> Result<Response<Outgoing>, Refused> {
    let gateway = door.gateway();
    let plugin = target.plugin;
    let served = match &plugin {
        Some(plugin) => gateway.is_mcp(&sender.caller, plugin)?,
        None => !gateway.mcp_plugins(&sender.caller).is_empty(),
    };
    if !served {
        return Err(Refused::method("POST"));
    }
    let at = (gateway, door.clock().now(), door.limits().mcp.session_life);
    let named = Session::of(headers, at, &sender.caller, plugin.as_deref());
    let session = named.ok().flatten();
    let session = session.filter(|session| !door.mcp().opened.has_ended(&session.nonce));
    let Some(session) = session else {
        let fault = Fault::no_such_session();
        return Ok(told(sender.accepts, Era::Modern, None, fault));
    };
    let last = headers.get("last-event-id");
    let last = last.and_then(|id| id.to_str().ok()).map(ToOwned::to_owned);
    match plugin {
        Some(plugin) if *method == Method::DELETE => {
            relay::upstream::end(door, &sender, &[plugin.into()], session).await
        }
        Some(plugin) => relay::upstream::listen(door, &sender, (&plugin, session), last).await,
        None if *method == Method::DELETE => {
            let plugins = gateway.mcp_plugins(&sender.caller);
            relay::upstream::end(door, &sender, &plugins, session).await
        }
        None => {
            if let Some(last) = &last
                && let Some(resumed) = all::resume(door, &sender, &session, last).await?
            {
                return Ok(resumed);
            }
            Ok(all::stream(door, sender, session))
        }
    }
}

/// Reads the message and hands it to what answers it.
async fn read(
    door: &Door,
    sender: Sender,
    target: Target,
    headers: &HeaderMap,
    bytes: &Bytes,
) -> Result<Response<Outgoing>, Refused> {
    let accepts = sender.accepts;
    let depth = door.limits().max_json_depth + ENVELOPE_DEPTH;
    let opened = open(bytes, depth, headers);
    let (mut frame, meta, era) = match opened {
        Ok(opened) => opened,
        Err((id, fault)) => return Ok(told(accepts, Era::Modern, id, fault)),
    };
    frame.keep(bytes);
    if let Some(plugin) = &target.plugin
        && frame.method != "tools/list"
        // A plugin that is none of the caller's is told of as one that is not there.
        && door.gateway().is_mcp(&sender.caller, plugin).unwrap_or(false)
    {
        let exchange = Exchange {
            door,
            sender: &sender,
            plugin,
            headers,
            frame: &frame,
            meta: &meta,
            era,
            among_all: false,
        };
        return Box::pin(relay::run(exchange)).await;
    }
    if target.plugin.is_none()
        && let message = (&frame, &meta, era)
        && let Some(answered) = Box::pin(all::run(door, &sender, headers, message)).await?
    {
        return Ok(answered);
    }
    let Some(id) = frame.id.filter(|_| !frame.response) else {
        // Nothing that a client may tell us asks for anything: a call ends by closing its
        // stream, and there is no session that could have been initialized.
        return Ok(answer::accepted());
    };
    if frame.method == "tools/call" {
        return call::call(door, sender, target, (headers, &frame), (&meta, era, id)).await;
    }
    let plugin = target.plugin.as_deref();
    if frame.method == "tools/list" {
        if let Err(fault) = in_no_ended_session(door, &sender.caller, plugin, headers) {
            return Ok(told(accepts, Era::Modern, Some(id), fault));
        }
        return tools(door, &sender, &target, &frame, (era, id)).await;
    }
    if plugin.is_some() {
        known(door, &sender.caller, plugin).await?;
    }
    let answered =
        answer_of(&frame, era).map(|members| answer::result(era, id.json(), "complete", &members));
    Ok(match answered {
        Ok(message) => accepts.message(StatusCode::OK, message),
        Err(fault) => told(accepts, era, Some(id), fault),
    })
}

type Opened<'a> = (Frame<'a>, Meta<'a>, Era);

/// Reads a message and tells its era; nothing in here but the message decides.
///
/// # Errors
/// The fault, and the id to answer to where it could be read.
pub fn open<'a>(
    bytes: &'a [u8],
    max_depth: usize,
    headers: &HeaderMap,
) -> Result<Opened<'a>, (Option<Id<'a>>, Fault)> {
    let frame = Frame::read(bytes, max_depth)?;
    let id = frame.id;
    let meta = frame.params.meta().map_err(|fault| (id, fault))?;
    let era = Era::of(&frame, &meta, headers).map_err(|fault| (id, fault))?;
    Ok((frame, meta, era))
}

/// Answers a fault.
fn told(accepts: Accepts, era: Era, id: Option<Id<'_>>, fault: Fault) -> Response<Outgoing> {
    let fault = match era {
        Era::Modern => fault,
        Era::Legacy => fault.for_an_older_client(),
    };
    accepts.message(fault.status(), fault.message(id.map(Id::json)))
}

/// The members of what needs nothing but the message.
fn answer_of(frame: &Frame<'_>, era: Era) -> Result<String, Fault> {
    let list = |member| match frame.params.cursor()? {
        None => Ok(discover::empty(member, era == Era::Modern)),
        Some(_) => Err(Fault::invalid_params("The cursor is none of this list.")),
    };
    match (era, &*frame.method) {
        (Era::Modern, "server/discover") => Ok(discover::discovered(false)),
        (Era::Legacy, "initialize") => {
            let wanted = frame.params.protocol_version();
            Ok(discover::initialized(wanted.as_deref(), false))
        }
        (Era::Legacy, "ping") => Ok(String::new()),
        (_, "resources/list") => list("resources"),
        (_, "resources/templates/list") => list("resourceTemplates"),
        (_, "prompts/list") => list("prompts"),
        (_, "resources/read") => Err(Fault::no_such_resource(era, &frame.params.uri()?)),
        (_, "prompts/get") => {
            frame.params.name()?;
            Err(Fault::invalid_params("There is no such prompt."))
        }
        _ => Err(Fault::no_such_method()),
    }
}

/// Whether the session that a request names holds, where sessions are given out.
fn in_no_ended_session(
    door: &Door,
    caller: &Caller,
    plugin: Option<&str>,
    headers: &HeaderMap,
) -> Result<(), Fault> {
    let gateway = door.gateway();
    let given = match plugin {
        Some(plugin) => gateway.is_mcp(caller, plugin).unwrap_or(false),
        None => !gateway.mcp_plugins(caller).is_empty(),
    };
    if !given {
        return Ok(());
    }
    let at = (gateway, door.clock().now(), door.limits().mcp.session_life);
    match Session::of(headers, at, caller, plugin)? {
        Some(session) if door.mcp().opened.has_ended(&session.nonce) => {
            Err(Fault::no_such_session())
        }
        _ => Ok(()),
    }
}

async fn tools(
    door: &Door,
    sender: &Sender,
    target: &Target,
    frame: &Frame<'_>,
    (era, id): (Era, Id<'_>),
) -> Result<Response<Outgoing>, Refused> {
    let accepts = sender.accepts;
    let set = known(door, &sender.caller, target.plugin.as_deref()).await?;
    let limits = &door.limits().mcp;
    let many = || set.tools().len() > limits.search_threshold;
    let searched = target.searched(limits).unwrap_or_else(many);
    let page = frame.params.cursor().and_then(|cursor| match cursor {
        Some(_) if searched => Err(list::no_such_page()),
        _ if searched => Ok(None),
        cursor => door.mcp().pages.get(&set, cursor.as_deref(), era).map(Some),
    });
    Ok(match page {
        Ok(None) => {
            door.gateway().prepare_search();
            let members = finding::listed(target.plugin.is_none(), set.filtered(), era);
            let message = answer::result(era, id.json(), "complete", &members);
            accepts.message(StatusCode::OK, message)
        }
        Ok(Some(page)) if accepts.json => answer::prepared(list::body(page, id.json())),
        Ok(Some(page)) => accepts.message(StatusCode::OK, list::text(&page, id.json())),
        Err(fault) => told(accepts, era, Some(id), fault),
    })
}

/// The caller's tools at this endpoint.
///
/// # Errors
/// Always as HTTP: there is no tool that a result could stand for.
async fn known(
    door: &Door,
    caller: &Caller,
    plugin: Option<&str>,
) -> Result<std::sync::Arc<gestalt_gateway::ToolSet>, Refused> {
    let set = door.gateway().tools(caller, plugin).await;
    set.map_err(|refusal| match refusal.kind() {
        Kind::NotFound => refusal.hint("The address ends in a plugin's name.").into(),
        _ => refusal.into(),
    })
}
