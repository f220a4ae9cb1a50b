//! The only room that leaves the process.
//!
//! One guarded HTTP client ([`egress`]) makes every outbound request: it resolves a name
//! once, checks every address, and dials the one it checked. On it stands the declarative
//! REST surface ([`rest`]): arguments become a request that cannot leave its operation's
//! template, and the answer comes back within limits and with the credential masked.
//!
//! The room must never follow a proxy of the environment, send a credential to another
//! origin than the one it is for, buffer without a limit, or cut a body instead of failing.
//!
//! Start reading at [`Upstream::call`].

mod body;
mod call;
pub mod egress;
mod error;
mod fetch;
pub mod graphql;
mod mask;
pub mod mcp;
pub mod openapi;
pub mod process;
pub mod rest;
mod settings;

pub use call::{Arguments, Call, Injection, Reply, ReplyBody, RequestBody, Stopped, Upstream};
pub use egress::{Denied, Egress, Resolver};
pub use error::UpstreamError;
pub use process::{
    ProcessLimits, ProcessSettings, SandboxSupport, make_undumpable, sandbox_exec, sandbox_support,
};
pub use rest::{CompiledOperation, CompiledPlugin};
pub use settings::{McpLimits, Settings};

/// Any error that can cross a thread.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A streaming body of either direction.
///
/// A stream that this room makes fails with a boxed [`UpstreamError`].
pub type BoxedBody = http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, BoxError>;
