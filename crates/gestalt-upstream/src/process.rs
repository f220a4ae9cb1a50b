//! Child processes: started confined, and ended with everything that they started.
//!
//! A child is started by our own program as `sandbox-exec`, twice: the first process stays as
//! its guardian and ends the whole group when the child or the daemon is gone; the second one
//! gives up what a child must not have and then becomes the child. What that is stands in
//! [`confine`]; what the child may reach over the network, in [`crate::egress`].
//!
//! Start reading at [`Processes::start`].

mod confine;
mod environment;
mod filter;
mod guardian;
mod instructions;
mod life;
mod network;
mod place;
mod run;
mod said;
mod settings;
mod support;

pub use guardian::sandbox_exec;
pub(crate) use run::{Handle, Launch, Process, Processes, Running};
pub use settings::{ProcessLimits, ProcessSettings};
pub use support::{SandboxSupport, make_undumpable, sandbox_support};
