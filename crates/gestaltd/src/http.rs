//! The HTTP door: bytes in, gateway, bytes out.
//!
//! The life of a request: [`listen`] reads its head, [`guard`] gives it an id, checks where
//! it says it goes and comes from, and puts the same headers on every answer; [`invoke`] and
//! [`api`] turn it into one call of the gateway; [`problem`] turns a refusal into its answer.
//! Nothing here decides who may do what.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use gestalt_core::{Clock, Entropy, Refusal};
use gestalt_gateway::Gateway;
use ipnet::IpNet;
use url::Url;

use crate::mcp;

pub use self::listen::{Listener, Role, serve};
pub use self::site::Site;

pub mod api;
mod client;
pub(crate) mod context;
pub(crate) mod guard;
pub(crate) mod input;
pub(crate) mod invoke;
mod listen;
mod operate;
pub(crate) mod problem;
mod site;

/// Reads the configuration again; what becomes of it is for the caller.
pub type Reload =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>> + Send + Sync>;

/// What the door is told at start.
pub struct Settings {
    /// Where people and programs reach this daemon.
    pub base_url: Url,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Bounds of what is read.
    pub limits: Limits,
    /// Reads the configuration again.
    pub reload: Reload,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
}

/// Bounds of what is read from a client.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A JSON body, in bytes.
    pub max_json_bytes: usize,
    /// A body that streams to an upstream, in bytes.
    pub max_stream_bytes: usize,
    /// Arrays and objects within each other.
    pub max_json_depth: usize,
    /// Longest wait for a JSON body that was announced.
    pub body_timeout: Duration,
    /// Longest wait for a request's head; also how long an idle connection is kept.
    pub head_timeout: Duration,
    /// A request's head, in bytes.
    pub max_head_bytes: usize,
    /// Connections of one listener at the same time; further ones wait to be accepted.
    pub max_connections: usize,
    /// Bounds of what is said over MCP.
    pub mcp: mcp::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_json_bytes: 10 * 1024 * 1024,
            max_stream_bytes: 1024 * 1024 * 1024,
            max_json_depth: 64,
            body_timeout: Duration::from_mins(1),
            head_timeout: Duration::from_mins(1),
            max_head_bytes: 64 * 1024,
            max_connections: 8_192,
            mcp: mcp::Limits::default(),
        }
    }
}

/// What every handler has at hand; clones share it.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    gateway: Gateway,
    site: Site,
    trusted_proxies: Vec<IpNet>,
    limits: Limits,
    reload: Reload,
    clock: Clock,
    entropy: Entropy,
    mcp: mcp::Kept,
}

impl Door {
    /// Opens the door in front of a gateway.
    ///
    /// # Errors
    /// [`Refusal`] of kind invalid if the base URL is not one of http or https with a host.
    pub fn new(gateway: Gateway, settings: Settings) -> Result<Self, Refusal> {
        let Settings {
            base_url,
            trusted_proxies,
            limits,
            reload,
            clock,
            entropy,
        } = settings;
        let site = Site::new(&base_url)?;
        let mcp = mcp::Kept::new(&limits.mcp, clock.clone(), entropy.clone());
        Ok(Self(Arc::new(Inner {
            gateway,
            site,
            trusted_proxies,
            limits,
            reload,
            clock,
            entropy,
            mcp,
        })))
    }

    /// The gateway behind the door.
    pub fn gateway(&self) -> &Gateway {
        &self.0.gateway
    }

    /// The daemon's own address.
    pub fn site(&self) -> &Site {
        &self.0.site
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn mcp(&self) -> &mcp::Kept {
        &self.0.mcp
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn entropy(&self) -> &Entropy {
        &self.0.entropy
    }

    /// Reads the configuration again.
    ///
    /// # Errors
    /// When it cannot be honoured; the old one stays.
    pub(crate) async fn reload(&self) -> Result<(), Refusal> {
        (self.0.reload)().await
    }
}

/// Everything that the public listener serves.
fn public_routes(door: &Door) -> Router {
    let api = api::router().split_for_parts().0;
    api.merge(operate::public())
        .merge(crate::pages::router())
        .fallback(problem::no_such_route)
        .with_state(door.clone())
}

/// Everything that the management listener serves.
fn management_routes(door: &Door) -> Router {
    operate::management()
        .merge(api::admin::management())
        .fallback(problem::no_such_route)
        .with_state(door.clone())
}
