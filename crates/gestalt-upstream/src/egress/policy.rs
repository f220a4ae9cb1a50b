//! Which hosts and addresses may be reached.

use std::fmt;
use std::net::IpAddr;

use gestalt_core::host::EgressRules;
use http::Uri;
use url::Url;

use super::address::not_public;

/// The egress rules do not permit a target. The text is safe for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Host and port that were to be reached.
    pub target: String,
    /// Which rule says no.
    pub reason: Reason,
}

/// Which egress rule says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The host is neither the base URL's nor an allowed one.
    Host,
    /// The host is or has an address that is not public, nor in an allowed range.
    Address(NotPublic),
    /// A redirect from https to http.
    Downgrade,
    /// Neither http nor https.
    Scheme,
    /// The URL carries a user name or password.
    UserInfo,
    /// The URL would carry the credential to another origin.
    Credential,
}

/// An address that is not public. For the log only: it may tell of an internal network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {class}")]
pub struct NotPublic {
    /// The address.
    pub address: IpAddr,
    /// What it is: `loopback`, `private`, …; `reached without TLS` where only ranges are.
    pub class: &'static str,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = &self.target;
        match &self.reason {
            Reason::Host => write!(
                f,
                "{target} is neither the plugin's own host nor one of its allowedHosts."
            ),
            Reason::Address(NotPublic { class, .. }) => write!(
                f,
                "{target} has an address that is {class}; only the config's allowedCidrs can permit it."
            ),
            Reason::Downgrade => write!(f, "A redirect leads from https to http at {target}."),
            Reason::Scheme => write!(f, "{target} is not an http or https URL."),
            Reason::UserInfo => write!(f, "The URL to {target} carries user information."),
            Reason::Credential => {
                write!(f, "A redirect would carry the credential to {target}.")
            }
        }
    }
}

impl std::error::Error for Denied {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            Reason::Address(address) => Some(address),
            _ => None,
        }
    }
}

/// Scheme, host and port: what a credential is for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Origin {
    pub(crate) https: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Origin {
    /// The origin of a URL; `None` without a host or with another scheme.
    pub(crate) fn of_url(url: &Url) -> Option<Self> {
        Some(Self {
            https: match url.scheme() {
                "https" => true,
                "http" => false,
                _ => return None,
            },
            host: bare(url.host_str()?).to_owned(),
            port: url.port_or_known_default()?,
        })
    }
}

/// A host without brackets and trailing dot.
fn bare(host: &str) -> &str {
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host)
}

/// Whether https, bare host and port of a URI; `None` if it has another scheme or no host.
pub(crate) fn parts(uri: &Uri) -> Option<(bool, &str, u16)> {
    let https = match uri.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
    Some((https, bare(uri.host()?), port))
}

/// `host:port` as people read it.
pub(crate) fn shown(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// What one plugin may reach.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Policy {
    /// What is reached whatever the rules say; nothing for a child.
    base: Option<Origin>,
    rules: EgressRules,
    /// Only addresses of the allowed ranges, public ones not either.
    ranges_only: bool,
}

/// What the fetch of a document may reach: its own host, and what the rules allow besides.
/// Without TLS whoever is on the way could write it, so that only named ranges are reached.
pub(crate) fn fetch_policy(url: &Url, rules: &EgressRules) -> Option<Policy> {
    let base = Origin::of_url(url)?;
    let ranges_only = !base.https;
    Some(Policy {
        base: Some(base),
        rules: rules.clone(),
        ranges_only,
    })
}

impl Policy {
    pub(crate) fn new(base: Origin, rules: EgressRules) -> Self {
        Self {
            base: Some(base),
            rules,
            ranges_only: false,
        }
    }

    /// What the rules name and nothing besides.
    pub(crate) fn of_rules(rules: EgressRules) -> Self {
        Self {
            base: None,
            rules,
            ranges_only: false,
        }
    }

    /// Checks the host of a request, and its address where it is written as one.
    pub(crate) fn check(&self, uri: &Uri) -> Result<(), Denied> {
        let (host, port) = self.check_host(uri)?;
        match host.parse() {
            Ok(address) => self.check_address(host, address, port),
            Err(_) => Ok(()),
        }
    }

    /// Checks the host of a request by its name, and gives it with its port.
    pub(crate) fn check_host<'u>(&self, uri: &'u Uri) -> Result<(&'u str, u16), Denied> {
        let (https, host, port) = parts(uri).ok_or_else(|| Denied {
            target: uri.host().unwrap_or_default().to_owned(),
            reason: Reason::Scheme,
        })?;
        if self.permits_host(https, host, port) {
            return Ok((host, port));
        }
        Err(Denied {
            target: shown(host, port),
            reason: Reason::Host,
        })
    }

    fn permits_host(&self, https: bool, host: &str, port: u16) -> bool {
        let is_base = |base: &Origin| https == base.https && port == base.port && host == base.host;
        self.base.as_ref().is_some_and(is_base)
            || self.rules.allow_public
            || self
                .rules
                .allowed_hosts
                .iter()
                .any(|pattern| pattern.matches(host, port))
    }

    /// Checks one address of a host.
    pub(crate) fn check_address(
        &self,
        host: &str,
        address: IpAddr,
        port: u16,
    ) -> Result<(), Denied> {
        let class = match not_public(address) {
            Some(class) => class,
            None if self.ranges_only => "reached without TLS",
            None => return Ok(()),
        };
        let ranges = &self.rules.allowed_ranges;
        if ranges.iter().any(|range| range.contains(address, port)) {
            return Ok(());
        }
        Err(Denied {
            target: shown(host, port),
            reason: Reason::Address(NotPublic { address, class }),
        })
    }
}
