//! Call: the upstream, with a permit and a credential, and what its answer means.

pub(crate) mod relay;

use gestalt_core::{Code, Refusal};
use gestalt_upstream::{
    Arguments, Call, CompiledPlugin, Injection, RequestBody, Upstream, UpstreamError,
};
use http::StatusCode;

use crate::authorize::Permit;
use crate::catalogue::Catalogue;
use crate::identity::Told;
use crate::resolve::Credential;
use crate::settings::CatalogueSettings;

/// Calls upstreams. The one holder of [`Upstream`] besides connecting.
#[derive(Clone)]
pub(crate) struct Caller {
    upstream: Upstream,
}

/// What a call is made with, besides the credential.
pub(crate) struct Request {
    pub(crate) arguments: Arguments,
    pub(crate) body: Option<RequestBody>,
    pub(crate) continuation: Option<String>,
    /// What the upstream is told of who calls.
    pub(crate) identity: Told,
}

impl Caller {
    pub(crate) fn new(upstream: Upstream) -> Self {
        Self { upstream }
    }

    /// Compiles the plugins of a load.
    pub(crate) fn compile(
        &self,
        plugins: Vec<(gestalt_core::id::PluginId, gestalt_core::plugin::Plugin)>,
        settings: &CatalogueSettings,
        previous: Option<&Catalogue>,
    ) -> Result<Catalogue, crate::OpenError> {
        Catalogue::compile(plugins, &settings.policy, &self.upstream, previous)
    }

    /// Makes the call that a permit allows.
    pub(crate) async fn call(
        &self,
        permit: &Permit,
        credential: Credential,
        request: Request,
    ) -> Result<gestalt_upstream::Reply, Refusal> {
        let had_credential = credential.source().is_some();
        let operation = permit
            .operation()
            .ok_or_else(|| Refusal::internal("the operation is not compiled".to_owned()))?;
        let mut injection = credential.into_injection();
        let identity = request.identity.with(&mut injection);
        let call = Call {
            plugin: &permit.plugin().compiled,
            operation,
            arguments: request.arguments,
            body: request.body,
            continuation: request.continuation.as_deref(),
            injection,
            identity,
        };
        let reply = self.upstream.call(call).await.map_err(from_upstream)?;
        if reply.status == StatusCode::UNAUTHORIZED {
            return Err(refused_credential(&permit.plugin().name, had_credential));
        }
        Ok(reply)
    }

    /// Tries a credential that is not stored yet, or checks one that is: calls the connection's
    /// check operation without arguments.
    pub(crate) async fn check(
        &self,
        plugin: &CompiledPlugin,
        operation: &str,
        mut injection: Injection,
        identity: Told,
    ) -> Result<gestalt_upstream::Reply, Refusal> {
        let operation = plugin
            .operation(operation)
            .ok_or_else(|| Refusal::internal("the check is not compiled".to_owned()))?;
        let identity = identity.with(&mut injection);
        let call = Call {
            plugin,
            operation,
            arguments: Arguments::None,
            body: None,
            continuation: None,
            injection,
            identity,
        };
        self.upstream.call(call).await.map_err(from_upstream)
    }
}

fn refused_credential(plugin: &str, had_credential: bool) -> Refusal {
    if had_credential {
        Refusal::new(
            Code::ReconnectRequired,
            "The upstream no longer takes the credential.",
        )
        .hint(format!("Run: gestalt plugin connect {plugin}"))
    } else {
        Refusal::new(
            Code::AdminConfigurationRequired,
            "The upstream asks for a credential, and this connection has none.",
        )
    }
}

/// The refusal for an upstream's fault, or for arguments that do not fit.
pub fn from_upstream(error: UpstreamError) -> Refusal {
    let message = error.to_string();
    match &error {
        UpstreamError::Invalid { field, nearest, .. } => {
            let refusal = Refusal::new(Code::InvalidRequest, message);
            let refusal = match nearest {
                Some(near) => refusal.hint(format!("Did you mean `{near}`?")),
                None => refusal,
            };
            if field.is_empty() {
                refusal
            } else {
                refusal.field(field.clone())
            }
        }
        UpstreamError::TooLarge { .. } => Refusal::new(Code::TooLarge, message),
        UpstreamError::Unreachable { .. } | UpstreamError::Process { .. } => {
            Refusal::new(Code::UpstreamUnreachable, message).because(error)
        }
        UpstreamError::Timeout { .. } => {
            Refusal::new(Code::UpstreamTimeout, message).because(error)
        }
        UpstreamError::EgressDenied(_) => Refusal::new(Code::EgressDenied, message).because(error),
        UpstreamError::ResponseTooLarge { .. } => {
            Refusal::new(Code::ResponseTooLarge, message).because(error)
        }
        UpstreamError::InvalidAnswer { .. } => {
            Refusal::new(Code::UpstreamInvalid, message).because(error)
        }
        UpstreamError::Unauthorized => Refusal::new(Code::ReconnectRequired, message),
        UpstreamError::Config { .. } | UpstreamError::Internal(_) => Refusal::internal(error),
    }
}
