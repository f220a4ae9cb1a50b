//! The guarded client: which hosts and addresses a plugin may reach, and one connection
//! pool for each such policy.
//!
//! A host is checked against the policy before each hop; a name is resolved once for a
//! connection, every address it has is checked, and one of those is dialled.

mod address;
mod client;
mod connect;
mod policy;
mod proxy;
mod redirect;
mod resolve;

pub use client::Egress;
pub(crate) use client::{Arrived, Outgoing};
pub(crate) use connect::Tls;
pub use policy::{Denied, NotPublic, Reason};
pub(crate) use policy::{Origin, Policy, fetch_policy};
pub(crate) use proxy::{Proxy, Ticket};
pub(crate) use redirect::target;
pub use resolve::{FixedAnswers, Resolver};
