//! Plugins and calls for tests, in a few words each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gestalt_core::Secret;
use gestalt_core::host::{AddressRange, EgressRules};
use gestalt_core::operation::{
    Body, Location, Media, MediaKind, Operation, Parameter, Response, Style,
};
use gestalt_core::plugin::Plugin;
use gestalt_upstream::{
    Arguments, BoxedBody, Call, CompiledPlugin, Injection, Reply, ReplyBody, RequestBody, Resolver,
    Settings, Upstream, UpstreamError,
};
use http::{HeaderName, HeaderValue, Method};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::server::Server;

/// An operation without anything.
pub(crate) fn operation(method: Method, path: &str) -> Operation {
    Operation {
        name: "run".parse().unwrap(),
        source_name: "run".to_owned(),
        title: None,
        description: None,
        tags: Vec::new(),
        deprecated: false,
        read_only: method == Method::GET,
        destructive: None,
        idempotent: None,
        method,
        path: path.to_owned(),
        base_url: None,
        parameters: Vec::new(),
        headers: Vec::new(),
        query: Vec::new(),
        body: None,
        response: Response::default(),
        security: gestalt_core::operation::Security::Any,
        pagination: None,
        timeout: None,
    }
}

pub(crate) fn get(path: &str) -> Operation {
    operation(Method::GET, path)
}

pub(crate) fn post(path: &str) -> Operation {
    operation(Method::POST, path)
}

/// A parameter with its location's default style.
pub(crate) fn parameter(name: &str, location: Location, schema: Value) -> Parameter {
    let form = matches!(location, Location::Query | Location::Cookie);
    Parameter {
        name: name.to_owned(),
        wire_name: name.to_owned(),
        location,
        required: false,
        deprecated: false,
        description: None,
        schema,
        style: if form { Style::Form } else { Style::Simple },
        explode: form,
        allow_reserved: false,
        content_type: None,
        default: None,
    }
}

pub(crate) fn text(name: &str, location: Location) -> Parameter {
    parameter(name, location, json!({ "type": "string" }))
}

pub(crate) fn body(content_type: &str, kind: MediaKind, schema: Option<Value>) -> Body {
    Body {
        required: true,
        description: None,
        media: vec![Media {
            content_type: content_type.to_owned(),
            kind,
            schema: schema.map(Into::into),
            encoding: Vec::new(),
        }],
    }
}

/// Permits exactly one address.
pub(crate) fn only(address: SocketAddr) -> EgressRules {
    EgressRules {
        allowed_ranges: vec![AddressRange::exactly(address.ip(), address.port())],
        ..EgressRules::default()
    }
}

pub(crate) fn plugin(base: &str, rules: EgressRules, operation: Operation) -> Plugin {
    Plugin {
        name: "test".parse().unwrap(),
        formerly: Vec::new(),
        display_name: "Test".to_owned(),
        description: None,
        base_url: base.parse().unwrap(),
        connections: Vec::new(),
        operations: vec![Arc::new(operation)],
        mcp: None,
        egress: rules,
        identity: None,
    }
}

/// Short limits, so that a test of one need not wait.
pub(crate) fn settings() -> Settings {
    Settings {
        connect_timeout: Duration::from_secs(20),
        request_timeout: Duration::from_secs(20),
        idle_timeout: Duration::from_secs(20),
        ..Settings::default()
    }
}

/// A client with one plugin of one operation.
pub(crate) struct World {
    upstream: Upstream,
    plugin: CompiledPlugin,
    pub(crate) injection: Injection,
    pub(crate) identity: Vec<(HeaderName, HeaderValue)>,
}

/// A call in the making.
#[derive(Default)]
pub(crate) struct Given<'a> {
    pub(crate) arguments: Arguments,
    pub(crate) body: Option<RequestBody>,
    pub(crate) continuation: Option<&'a str>,
}

impl World {
    pub(crate) fn new(server: &Server, operation: Operation) -> Self {
        Self::with(
            settings(),
            Resolver::System,
            &plugin(&server.url(), only(server.address), operation),
        )
    }

    pub(crate) fn with(settings: Settings, resolver: Resolver, plugin: &Plugin) -> Self {
        let upstream = Upstream::new(settings, resolver).unwrap();
        let plugin = upstream.compile(plugin, None).unwrap();
        Self {
            upstream,
            plugin,
            injection: Injection::default(),
            identity: Vec::new(),
        }
    }

    /// Sends `X-Key` and masks it.
    pub(crate) fn with_key(mut self, key: &str) -> Self {
        let name = HeaderName::from_static("x-key");
        self.injection.headers.push((name, Secret::new(key)));
        self.injection.mask.push(Secret::new(key));
        self
    }

    pub(crate) async fn call(&self, given: Given<'_>) -> Result<Reply, UpstreamError> {
        let call = Call {
            plugin: &self.plugin,
            operation: self.plugin.operation("run").unwrap(),
            arguments: given.arguments,
            body: given.body,
            continuation: given.continuation,
            injection: self.injection.clone(),
            identity: self.identity.clone(),
        };
        self.upstream.call(call).await
    }

    pub(crate) async fn plain(&self) -> Result<Reply, UpstreamError> {
        self.call(Given::default()).await
    }

    pub(crate) async fn query(&self, pairs: &[(&str, &str)]) -> Result<Reply, UpstreamError> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let arguments = Arguments::Query(pairs.collect());
        self.call(Given {
            arguments,
            ..Given::default()
        })
        .await
    }

    pub(crate) async fn json(&self, text: &str) -> Result<Reply, UpstreamError> {
        let arguments = Arguments::Json(serde_json::from_str(text).unwrap());
        self.call(Given {
            arguments,
            ..Given::default()
        })
        .await
    }

    pub(crate) fn schema(&self) -> Value {
        self.plugin.operation("run").unwrap().input_schema().value()
    }

    pub(crate) fn compiled(&self) -> &CompiledPlugin {
        &self.plugin
    }
}

/// The whole body of a reply.
pub(crate) async fn whole(reply: Reply) -> Result<Bytes, UpstreamError> {
    match reply.body {
        ReplyBody::Full(bytes) => Ok(bytes),
        ReplyBody::Stream(stream) => match stream.collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) => Err(UpstreamError::from_stream(error)),
        },
    }
}

pub(crate) async fn whole_text(reply: Reply) -> String {
    String::from_utf8(whole(reply).await.unwrap().to_vec()).unwrap()
}

/// A stream of a function's pieces, until it gives none.
pub(crate) fn pieces(next: impl FnMut() -> Option<Bytes> + Send + 'static) -> BoxedBody {
    Pieces(Box::new(next)).boxed_unsync()
}

struct Pieces(Box<dyn FnMut() -> Option<Bytes> + Send>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = gestalt_upstream::BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready((self.0)().map(|piece| Ok(http_body::Frame::data(piece))))
    }
}

#[track_caller]
pub(crate) fn is_invalid(result: &Result<Reply, UpstreamError>, expect: &str) {
    match result {
        Err(UpstreamError::Invalid { field, .. }) => assert_eq!(field, expect),
        other => unreachable!("expected Invalid of `{expect}`, got {other:?}"),
    }
}
