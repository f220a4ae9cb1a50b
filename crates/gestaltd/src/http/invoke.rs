//! An operation's call: `GET|POST /api/v1/{integration}/{operation}`.
//!
//! The one path that must be fast: it is reached without the router, and an answer that is
//! whole leaves without a box.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response as AxumResponse;
use bytes::Bytes;
use gestalt_core::name::RESERVED_PLUGIN_NAMES;
use gestalt_core::{Code, Refusal};
use gestalt_gateway::{Arguments, BoxedBody, Invocation, Reply, ReplyBody, RequestBody};
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use http_body::Body as HttpBody;
use http_body_util::{Either, Full, Limited};

use self::arguments::Taken;
use super::context::Context;
use super::guard::{OF_UPSTREAM, Outgoing, SOURCE};
use super::problem::Refused;
use super::{Door, input};

pub(crate) mod arguments;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const CONTINUATION: HeaderName = HeaderName::from_static("gestalt-continuation");
const STOPPED: HeaderName = HeaderName::from_static("gestalt-stopped");

/// Which operation is called.
pub(super) struct Target {
    plugin: String,
    operation: String,
}

impl Target {
    /// Reads a plain address of an operation; anything else is the router's.
    pub(super) fn of(method: &Method, path: &str) -> Option<Self> {
        if method != Method::GET && method != Method::POST {
            return None;
        }
        let (plugin, operation) = path.strip_prefix("/api/v1/")?.split_once('/')?;
        let plain =
            !operation.is_empty() && !operation.contains(['/', '%']) && !plugin.contains('%');
        if !plain || RESERVED_PLUGIN_NAMES.contains(&plugin) {
            return None;
        }
        Some(Self {
            plugin: plugin.to_owned(),
            operation: operation.to_owned(),
        })
    }
}

/// The same through the router: for escaped names, and for methods it does not know.
pub(super) async fn routed(
    door: State<Door>,
    Path((plugin, operation)): Path<(String, String)>,
    request: Request<Body>,
) -> Result<AxumResponse, Refused> {
    if request.method() == Method::HEAD {
        return Err(Refused::method("GET,POST"));
    }
    let context = request.extensions().get::<Context>().copied();
    let context = context.ok_or_else(|| Refusal::internal("a request came past the guard"))?;
    let target = Target { plugin, operation };
    let response = run(&door, context, target, request).await?;
    Ok(response.map(Body::new))
}

/// Calls the operation and hands its answer on.
///
/// # Errors
/// [`Refused`] where the call was not made or did not succeed.
pub(super) async fn run<B>(
    door: &Door,
    context: Context,
    target: Target,
    request: Request<B>,
) -> Result<Response<Outgoing>, Refused>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    let presented = context.present(door, &parts.method, &parts.headers)?;
    let mut taken = Taken::from_query(parts.uri.query().unwrap_or_default())?;
    let read_only_door = parts.method == Method::GET;
    let body = if read_only_door {
        if !body.is_end_stream() {
            return Err(Refusal::new(Code::InvalidRequest, "GET takes no body.").into());
        }
        None
    } else if input::is_json(&parts.headers) {
        let limits = door.limits();
        let bytes = input::collect(body, limits.max_json_bytes, limits).await?;
        taken.add_object(bytes, limits.max_json_depth)?;
        None
    } else {
        stream(door, parts.headers.get(header::CONTENT_TYPE), body).await?
    };
    let Taken {
        connection,
        instance,
        continuation,
        arguments,
    } = taken;
    let invocation = Invocation {
        plugin: target.plugin,
        operation: target.operation,
        read_only_door,
        connection,
        instance,
        continuation,
        arguments,
        body,
    };
    let reply = door.gateway().invoke(presented, invocation).await?;
    Ok(answer(reply))
}

/// A body that goes to the upstream as it comes; `None` if there is none.
async fn stream<B>(
    door: &Door,
    content_type: Option<&HeaderValue>,
    body: B,
) -> Result<Option<RequestBody>, Refused>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    if body.is_end_stream() {
        return Ok(None);
    }
    let Some(content_type) = content_type.and_then(|value| value.to_str().ok()) else {
        return Err(Refused::media_type("application/json"));
    };
    let max = door.limits().max_stream_bytes;
    let length = body.size_hint().exact();
    if length.is_some_and(|length| length > max as u64) {
        return Err(input::too_large(body, max).await.into());
    }
    Ok(Some(RequestBody {
        content_type: content_type.to_owned(),
        length,
        stream: BoxedBody::new(Limited::new(body, max)),
    }))
}

fn answer(reply: Reply) -> Response<Outgoing> {
    let body = match reply.body {
        ReplyBody::Full(bytes) => Either::Left(Full::new(bytes)),
        ReplyBody::Stream(stream) => Either::Right(Body::new(stream)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    let headers = response.headers_mut();
    headers.insert(SOURCE, OF_UPSTREAM);
    if let Some(Ok(next)) = reply.continuation.map(HeaderValue::try_from) {
        headers.insert(CONTINUATION, next);
    }
    if let Some(why) = reply.stopped {
        headers.insert(STOPPED, HeaderValue::from_static(why));
    }
    response
}

impl Taken {
    /// Joins the members of a JSON body with what the query said.
    fn add_object(&mut self, bytes: Bytes, max_depth: usize) -> Result<(), Refusal> {
        if !matches!(self.arguments, Arguments::None) {
            let text = "Parameters stand in the JSON object, not in the query beside it.";
            return Err(Refusal::new(Code::InvalidRequest, text));
        }
        self.merge(arguments::Taken::from_object(bytes, max_depth)?)
    }
}
