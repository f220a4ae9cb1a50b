//! Which hosts and addresses a plugin may reach.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// An allowed host: `api.example.com`, `*.example.com`, either with `:port`.
///
/// `*.example.com` covers every name below `example.com`, at any depth, and not
/// `example.com` itself. Names are compared in lower case without a trailing dot; an
/// address literal is compared as written in its canonical form.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HostPattern {
    name: String,
    below: bool,
    port: Option<u16>,
}

/// A text is not a host pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a host: expected `host`, `*.suffix`, or either with `:port`, and no scheme or path"
)]
pub struct BadHost {
    /// What was given.
    pub text: String,
}

impl HostPattern {
    /// Says whether a canonical host name and port match.
    pub fn matches(&self, host: &str, port: u16) -> bool {
        if self.port.is_some_and(|wanted| wanted != port) {
            return false;
        }
        if self.below {
            host.strip_suffix(self.name.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        } else {
            host == self.name
        }
    }
}

impl FromStr for HostPattern {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, BadHost> {
        let bad = || BadHost {
            text: text.to_owned(),
        };
        let (below, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if rest.is_empty()
            || rest.contains(['/', '@', '?', '#', '*', ' ', '\\'])
            || rest.contains("://")
        {
            return Err(bad());
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if rest.starts_with('[') == host.ends_with(']') => {
                (host, Some(port.parse().map_err(|_| bad())?))
            }
            _ => (rest, None),
        };
        let name = canonical_host(host).ok_or_else(bad)?;
        if below && is_address(&name) {
            return Err(bad());
        }
        Ok(Self { name, below, port })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.below { "*." } else { "" })?;
        if self.name.contains(':') {
            write!(f, "[{}]", self.name)?;
        } else {
            f.write_str(&self.name)?;
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

fn is_address(canonical: &str) -> bool {
    canonical.parse::<IpAddr>().is_ok()
}

/// A host as it is compared everywhere: IDNA, lower case, no trailing dot, address
/// literals in canonical form without brackets. `None` if it is no host; a name with an
/// empty label is none.
pub fn canonical_host(host: &str) -> Option<String> {
    let name = match url::Host::parse(host).ok()? {
        url::Host::Domain(name) => name,
        url::Host::Ipv4(address) => return Some(address.to_string()),
        url::Host::Ipv6(address) => return Some(address.to_string()),
    };
    let name = name.strip_suffix('.').unwrap_or(&name);
    name.split('.')
        .all(|label| !label.is_empty())
        .then(|| name.to_owned())
}

/// An allowed address range, with a port where wanted: `10.1.0.0/16`, `127.0.0.1/32:9000`,
/// `[fd00::]/8:443`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AddressRange {
    net: IpNet,
    port: Option<u16>,
}

/// A text is not an address range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an address range: expected CIDR notation like `10.1.0.0/16`, with `:port` where wanted"
)]
pub struct BadRange {
    /// What was given.
    pub text: String,
}

impl AddressRange {
    /// Exactly one address and port.
    pub fn exactly(address: IpAddr, port: u16) -> Self {
        Self {
            net: IpNet::from(address),
            port: Some(port),
        }
    }

    /// Says whether an address and port lie within.
    pub fn contains(&self, address: IpAddr, port: u16) -> bool {
        self.net.contains(&address) && self.port.is_none_or(|wanted| wanted == port)
    }
}

impl FromStr for AddressRange {
    type Err = BadRange;

    fn from_str(text: &str) -> Result<Self, BadRange> {
        let bad = || BadRange {
            text: text.to_owned(),
        };
        let (address, length) = text.rsplit_once('/').ok_or_else(bad)?;
        let address = address
            .strip_prefix('[')
            .and_then(|a| a.strip_suffix(']'))
            .unwrap_or(address);
        let (length, port) = match length.split_once(':') {
            Some((length, port)) => (length, Some(port.parse().map_err(|_| bad())?)),
            None => (length, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let net = IpNet::new(address, length.parse().map_err(|_| bad())?).map_err(|_| bad())?;
        Ok(Self {
            net: net.trunc(),
            port,
        })
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.port, self.net) {
            (None, net) => write!(f, "{net}"),
            (Some(port), IpNet::V4(net)) => write!(f, "{net}:{port}"),
            (Some(port), IpNet::V6(net)) => {
                write!(f, "[{}]/{}:{port}", net.addr(), net.prefix_len())
            }
        }
    }
}

/// What a plugin may reach besides its base URL.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EgressRules {
    /// Hosts besides the base URL's.
    pub allowed_hosts: Vec<HostPattern>,
    /// Address ranges that are refused otherwise: loopback, private and the like.
    pub allowed_ranges: Vec<AddressRange>,
    /// Any public host may be reached (`server.egress.defaultAction: allow`).
    pub allow_public: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, host: &str, port: u16) -> bool {
        pattern
            .parse::<HostPattern>()
            .is_ok_and(|p| p.matches(host, port))
    }

    #[test]
    fn wildcard_covers_what_is_below_and_not_the_name_itself() {
        assert!(matches("*.slack.com", "files.slack.com", 443));
        assert!(matches("*.slack.com", "a.b.slack.com", 443));
        assert!(!matches("*.slack.com", "slack.com", 443));
        assert!(!matches("*.slack.com", "evilslack.com", 443));
        assert!(!matches("*.slack.com", ".slack.com", 443));
    }

    #[test]
    fn exact_hosts_and_ports() {
        assert!(matches("API.Example.com.", "api.example.com", 443));
        assert!(!matches("api.example.com", "api.example.com.evil.com", 443));
        assert!(matches("api.example.com:8443", "api.example.com", 8443));
        assert!(!matches("api.example.com:8443", "api.example.com", 443));
        assert!(matches("[::1]:80", "::1", 80));
        assert!(matches("bücher.example", "xn--bcher-kva.example", 443));
    }

    #[test]
    fn patterns_show_as_they_are_written() {
        for text in ["[::1]:80", "[::1]", "*.example.com:8443", "127.0.0.1"] {
            let shown = text.parse::<HostPattern>().map(|p| p.to_string());
            assert_eq!(shown.as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for bad in [
            "",
            "*",
            "*.",
            "https://a.com",
            "a.com/x",
            "u@a.com",
            "a.com:99999",
            "a b",
            "*.1.2.3.4",
            "a.*.com",
            "..",
            "*...",
            "a..b",
            "a..",
            "*.1.2.3.4.",
        ] {
            assert!(bad.parse::<HostPattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges() {
        let range = |text: &str| text.parse::<AddressRange>().ok();
        let inside = |text: &str, a: &str, port| {
            range(text)
                .zip(a.parse().ok())
                .is_some_and(|(r, a)| r.contains(a, port))
        };
        assert!(inside("127.0.0.1/32:9000", "127.0.0.1", 9000));
        assert!(!inside("127.0.0.1/32:9000", "127.0.0.1", 9001));
        assert!(!inside("127.0.0.1/32:9000", "127.0.0.2", 9000));
        assert!(inside("10.0.0.0/8", "10.9.8.7", 1));
        assert!(inside("[fd00::]/8:443", "fd12::1", 443));
        assert!(range("10.0.0.1").is_none() && range("10.0.0.0/33").is_none());
        assert_eq!(
            range("[fd00::]/8:443").map(|r| r.to_string()).as_deref(),
            Some("[fd00::]/8:443")
        );
    }
}
