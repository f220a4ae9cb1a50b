//! The rules: authenticate → authorize → resolve → call → audit, and the operations on
//! tokens, sessions, connections and the audit trail.
//!
//! Only this room uses the skills (vault, store, upstream); doors use only this room. It
//! must never know HTTP routes, config formats or how anything is shown to a person.
//!
//! Start reading at [`pipeline`], which is the walk of a request on one page.

mod audit;
mod authenticate;
mod authorize;
mod call;
mod catalogue;
pub mod documents;
mod identity;
mod mcp;
mod metrics;
mod open;
mod operations;
mod pipeline;
mod resolve;
pub mod settings;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use gestalt_core::id::{UserId, WriterId};
use gestalt_core::{Clock, Entropy};
use gestalt_store::Store;
use gestalt_vault::Keyring;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use authenticate::caller::{Caller, Method, Permission};
pub use authenticate::presented::Presented;
pub use call::from_upstream as refusal_of;
pub use call::relay::Sent;
pub use gestalt_upstream::UpstreamError;
pub use gestalt_upstream::mcp::{Answer, AnswerBody, Era, Event, Events, Listening, Message};
pub use gestalt_upstream::{
    Arguments, BoxedBody, ReplyBody, RequestBody, SandboxSupport, make_undumpable, sandbox_exec,
    sandbox_support,
};
pub use mcp::{Offer, Offers};
pub use open::OpenError;
pub use operations::audit::verify_offline;
pub use operations::backup::{Restored, backup_offline, restore};
pub use operations::signing::RotatedKey;
pub use operations::tools::{
    FINDING_TOOLS, FoundTool, Tool, ToolAnnotations, ToolMatch, ToolSearch, ToolSet, tool_name,
};
pub use operations::{ApprovedToolsView, ToolApproval, ToolDifferenceView};
pub use operations::{
    AuditQuery, AuditView, ConnectRequest, ConnectionMethodView, ConnectionView, DisconnectedView,
    ExplainInput, ExplainStepView, ExplanationView, FaultView, FieldView, IntegrationView, MeView,
    NewToken, OperationView, PageQuery, Paged, SessionView, TokenView, VerificationView,
    VerifyInput,
};
pub use pipeline::relay::{Relay, Used};
pub use pipeline::{Asking, Invocation, Reply};
pub use resolve::bound::Bound;
pub use settings::{CatalogueSettings, Settings};

/// How people log in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoginKind {
    /// Nobody does: every request is one anonymous subject.
    None,
    /// One person, by single-use links.
    Local,
}

/// The gateway. Clones are cheap and share everything.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
}

/// What all clones share. The walk and the operations are written against this.
struct Inner {
    settings: Settings,
    clock: Clock,
    entropy: Entropy,
    store: Store,
    keyring: Arc<Keyring>,
    writer: WriterId,
    audit: audit::Audit,
    identities: authenticate::Identities,
    credentials: Arc<resolve::Credentials>,
    identity: identity::Forwarding,
    call: call::Caller,
    catalogue: ArcSwap<catalogue::Catalogue>,
    metrics: metrics::Metrics,
    tools: operations::tools::ToolSets,
    listings: mcp::listings::Listings,
    approvals: mcp::approvals::Approvals,
    /// The person that `local` login knows.
    local_user: Option<UserId>,
    tracker: TaskTracker,
    stop: CancellationToken,
    reload: tokio::sync::Mutex<()>,
    audit_task: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Gateway {
    /// How people log in.
    pub fn login(&self) -> LoginKind {
        match self.inner.settings.login {
            settings::LoginSettings::None => LoginKind::None,
            settings::LoginSettings::Local(_) => LoginKind::Local,
        }
    }

    /// Says who presents a request.
    ///
    /// # Errors
    /// `unauthenticated`, `token_expired`, `token_revoked`, `forbidden` (a page of another
    /// site), `rate_limited`, `unavailable`.
    pub async fn authenticate(
        &self,
        presented: &Presented,
    ) -> Result<Caller, gestalt_core::Refusal> {
        authenticate::authenticate(&self.inner, presented).await
    }

    /// Makes one invocation: the walk.
    ///
    /// # Errors
    /// Every kind of refusal; see the contract's table.
    pub async fn invoke(
        &self,
        asking: impl Into<Asking>,
        invocation: Invocation,
    ) -> Result<Reply, gestalt_core::Refusal> {
        pipeline::invoke(&self.inner, asking.into(), invocation).await
    }

    /// Metrics in Prometheus' text format.
    pub fn metrics_text(&self) -> String {
        self.inner.metrics.render(&self.inner)
    }

    /// Whether the gateway can serve: the store answers and the audit trail can be written.
    ///
    /// # Errors
    /// `unavailable` or `audit_unavailable`.
    pub async fn ready(&self) -> Result<(), gestalt_core::Refusal> {
        self.inner.store.ping().await.map_err(audit::from_store)
    }

    /// Ends: waits for calls under way up to `deadline`, then writes what the audit trail is
    /// owed and closes the store. Nothing can be invoked afterwards.
    pub async fn shutdown(&self, deadline: Duration) {
        open::shutdown(&self.inner, deadline).await;
    }
}
