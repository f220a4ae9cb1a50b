//! A call to an upstream, from arguments to reply.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use gestalt_core::name::PluginName;
use gestalt_core::plugin::Plugin;
use gestalt_core::{Entropy, Secret};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::value::RawValue;

use crate::egress::{Egress, Policy, Resolver, Tls};
use crate::process::Processes;
use crate::rest::{self, CompiledOperation, CompiledPlugin};
use crate::{BoxedBody, Settings, UpstreamError};

/// The arguments of a call, as they came in by a door.
#[derive(Clone, Debug, Default)]
pub enum Arguments {
    /// None.
    #[default]
    None,
    /// Query parameters, decoded. A repeated name is an array; each value is typed by its
    /// schema.
    Query(Vec<(String, String)>),
    /// One JSON object. Numbers keep their exact text.
    Json(Box<RawValue>),
}

/// A request body that passes through as it is.
pub struct RequestBody {
    /// Its content type, with parameters.
    pub content_type: String,
    /// Its length in bytes, where the sender said it.
    pub length: Option<u64>,
    /// Its bytes.
    pub stream: BoxedBody,
}

/// The credential of a call, and where it goes.
#[derive(Clone, Debug, Default)]
pub struct Injection {
    /// Headers to set.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Query parameters to set.
    pub query: Vec<(String, Secret)>,
    /// User name and password of `Authorization: Basic`.
    pub basic: Option<(Secret, Secret)>,
    /// What is masked in the answer. A secret under 8 bytes is not looked for.
    pub mask: Vec<Secret>,
}

/// One call.
pub struct Call<'a> {
    /// The plugin.
    pub plugin: &'a CompiledPlugin,
    /// One of its operations.
    pub operation: &'a CompiledOperation,
    /// The arguments.
    pub arguments: Arguments,
    /// A body besides the arguments, for operations that take one.
    pub body: Option<RequestBody>,
    /// What an earlier reply gave to continue with.
    pub continuation: Option<&'a str>,
    /// The credential.
    pub injection: Injection,
    /// What says who calls. It goes before whatever else has its names, and stays at home
    /// like the credential.
    pub identity: Vec<(HeaderName, HeaderValue)>,
}

/// The upstream's answer, within limits and with the credential masked.
#[derive(Debug)]
pub struct Reply {
    /// The upstream's status, whatever it is.
    pub status: StatusCode,
    /// Those of the upstream's headers that are passed on.
    pub headers: HeaderMap,
    /// The body.
    pub body: ReplyBody,
    /// What the next page is asked for with.
    pub continuation: Option<String>,
    /// Why there is no next page; `None` where the operation has no pages or has a next one.
    pub stopped: Option<Stopped>,
}

/// A reply's body.
pub enum ReplyBody {
    /// All of it.
    Full(Bytes),
    /// A stream of it. It fails with a boxed [`UpstreamError`].
    Stream(BoxedBody),
}

impl fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// Why there is no next page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stopped {
    /// The upstream says that this was the last one.
    End,
    /// This page holds no results.
    EmptyPage,
    /// The operation's limit of pages in a row is reached.
    MaxPages,
    /// The upstream gave the cursor that this page was asked for with.
    RepeatedCursor,
    /// The upstream names a next page outside the operation, or by parameters that the
    /// operation does not declare.
    ForeignLink,
    /// The answer is no page: another status than 2xx.
    NotAPage,
}

impl Stopped {
    /// The word used in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::End => "end",
            Self::EmptyPage => "empty_page",
            Self::MaxPages => "max_pages",
            Self::RepeatedCursor => "repeated_cursor",
            Self::ForeignLink => "foreign_link",
            Self::NotAPage => "not_a_page",
        }
    }
}

/// The way to every upstream. One for the process; cheap to clone.
#[derive(Clone)]
pub struct Upstream {
    settings: Arc<Settings>,
    resolver: Resolver,
    tls: Tls,
    entropy: Entropy,
    pools: Arc<Mutex<HashMap<PluginName, Egress>>>,
    processes: Processes,
}

impl Upstream {
    /// Makes the client. Connects to nothing and reads no certificates yet.
    ///
    /// # Errors
    /// [`UpstreamError::Config`] for a user agent that no header can carry.
    pub fn new(settings: Settings, resolver: Resolver) -> Result<Self, UpstreamError> {
        if http::HeaderValue::from_str(&settings.user_agent).is_err() {
            return Err(UpstreamError::config(
                "userAgent",
                "holds characters that no header can carry",
            ));
        }
        let processes = Processes::new(settings.processes.clone(), Entropy::System);
        Ok(Self {
            settings: Arc::new(settings),
            resolver,
            tls: Tls::default(),
            entropy: Entropy::System,
            pools: Arc::default(),
            processes,
        })
    }

    /// Compiles all of a plugin that can be compiled before a call: path templates, schemas,
    /// header names, and its connection pool. A plugin that is compiled again keeps its pool
    /// unless what it may reach has changed, and of `previous` every operation whose definition
    /// is the same `Arc`.
    ///
    /// # Errors
    /// [`UpstreamError::Config`], with the place in the definition.
    pub fn compile(
        &self,
        plugin: &Plugin,
        previous: Option<&CompiledPlugin>,
    ) -> Result<CompiledPlugin, UpstreamError> {
        CompiledPlugin::new(self, plugin, previous)
    }

    /// What an egress of its own is made of.
    pub(crate) fn parts(&self) -> (Arc<Settings>, Resolver, Tls) {
        (
            Arc::clone(&self.settings),
            self.resolver.clone(),
            self.tls.clone(),
        )
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The children of all plugins.
    pub(crate) fn processes(&self) -> &Processes {
        &self.processes
    }

    /// The pool of a plugin and policy.
    pub(crate) fn pool(&self, plugin: &Plugin, policy: Policy) -> Egress {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(egress) = pools.get(&plugin.name).filter(|e| *e.policy() == policy) {
            return egress.clone();
        }
        let settings = Arc::clone(&self.settings);
        let egress = Egress::new(policy, settings, self.resolver.clone(), self.tls.clone());
        pools.insert(plugin.name.clone(), egress.clone());
        egress
    }

    /// Makes one call.
    ///
    /// # Errors
    /// Any [`UpstreamError`] but `Config`. An upstream's own error status is no error here.
    pub async fn call(&self, call: Call<'_>) -> Result<Reply, UpstreamError> {
        let Call {
            plugin,
            operation,
            arguments,
            body,
            continuation,
            injection,
            identity,
        } = call;
        let settings = &*self.settings;
        let paging = rest::paging(operation, continuation)?;
        let preparing = rest::Preparing {
            settings,
            entropy: &self.entropy,
            operation,
            injection: &injection,
            identity: &identity,
            paging: paging.as_ref(),
        };
        let out = preparing.prepare(&arguments, body)?;
        let limit = operation.definition().timeout;
        let limit = limit.unwrap_or(settings.request_timeout);
        let arrived = plugin.egress().send(out, limit).await?;
        let answering = rest::Answering {
            operation,
            settings,
            paging,
            injection: &injection,
            limit,
        };
        answering.finish(arrived).await
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").finish_non_exhaustive()
    }
}
