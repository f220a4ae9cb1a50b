//! The daemon's own address, and which names a request may call it by.

use std::net::{IpAddr, SocketAddr};

use gestalt_core::{Code, Refusal};
use http::HeaderMap;
use http::uri::{Authority, Uri};
use url::{Host, Url};

/// Where people and programs reach this daemon.
#[derive(Clone, Debug)]
pub struct Site {
    /// Without a trailing `/`.
    base: String,
    /// `scheme://host[:port]`, as a browser writes it.
    origin: String,
    /// Ways to write the base URL's host and port in a `Host` header.
    hosts: Vec<String>,
    https: bool,
}

impl Site {
    /// Takes a base URL apart.
    ///
    /// # Errors
    /// [`Refusal`] of kind invalid if it is not one of http or https with a host.
    pub fn new(base_url: &Url) -> Result<Self, Refusal> {
        let bad = || {
            Refusal::new(
                Code::InvalidRequest,
                "The base URL is not http or https with a host.",
            )
        };
        if !matches!(base_url.scheme(), "http" | "https") {
            return Err(bad());
        }
        let host = base_url.host_str().ok_or_else(bad)?.to_owned();
        let port = base_url.port_or_known_default().ok_or_else(bad)?;
        let mut hosts = vec![format!("{host}:{port}")];
        if base_url.port().is_none() {
            hosts.insert(0, host);
        }
        Ok(Self {
            base: base_url.as_str().trim_end_matches('/').to_owned(),
            origin: base_url.origin().ascii_serialization(),
            hosts,
            https: base_url.scheme() == "https",
        })
    }

    /// An absolute URL of a path that starts with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Whether browsers reach it over TLS.
    pub fn https(&self) -> bool {
        self.https
    }

    /// Checks the name that a request calls this daemon by (S44): the base URL's, the address
    /// it arrived at, or a loopback name if it arrived there. A name that anyone could point
    /// here would let a web page speak to a daemon on its reader's machine.
    ///
    /// # Errors
    /// [`Code::Forbidden`] for any other, [`Code::InvalidRequest`] for none or two.
    pub(super) fn check_host<'a>(
        &self,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        local: SocketAddr,
    ) -> Result<&'a str, Refusal> {
        let mut named = headers.get_all(http::header::HOST).iter();
        let header = named.next().and_then(|value| value.to_str().ok());
        let absolute = uri.authority().map(Authority::as_str);
        let host = match (header, absolute) {
            (Some(host), None) => host,
            (Some(host), Some(other)) if host.eq_ignore_ascii_case(other) => host,
            _ => {
                return Err(Refusal::new(
                    Code::InvalidRequest,
                    "The request names no host, or two.",
                ));
            }
        };
        if named.next().is_some() {
            return Err(Refusal::new(
                Code::InvalidRequest,
                "The request names two hosts.",
            ));
        }
        if self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host)) || is_local(host, local) {
            Ok(host)
        } else {
            Err(
                Refusal::new(Code::Forbidden, "The request is for another host.")
                    .hint("Use the server's `baseUrl`."),
            )
        }
    }

    /// Says whether an `Origin` is this site's own, given the checked name it was called by.
    pub(super) fn is_own_origin(&self, origin: &str, host: &str) -> bool {
        origin == self.origin
            || origin
                .strip_prefix("http://")
                .is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    }
}

/// The address that the request arrived at, or a loopback name for it, with its port.
fn is_local(host: &str, local: SocketAddr) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    if authority.port_u16().unwrap_or(80) != local.port() || host.contains('@') {
        return false;
    }
    let own = local.ip().to_canonical();
    match Host::parse(authority.host()) {
        Ok(Host::Domain(name)) => own.is_loopback() && name == "localhost",
        Ok(Host::Ipv4(ip)) => IpAddr::V4(ip) == own || (ip.is_loopback() && own.is_loopback()),
        Ok(Host::Ipv6(ip)) => IpAddr::V6(ip) == own || (ip.is_loopback() && own.is_loopback()),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(base: &str, local: &str, host: &str) -> Option<Code> {
        let site = Site::new(&base.parse().unwrap()).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_str(host).unwrap());
        let uri = Uri::from_static("/");
        site.check_host(&uri, &headers, local.parse().unwrap())
            .err()
            .map(|refusal| refusal.code)
    }

    #[test]
    fn s44_a_foreign_host_is_refused() {
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost",
            "localhost:81",
            "localhost.evil.example:8080",
            "localhost.:8080",
            "a@localhost:8080",
            "127.0.0.1",
            "10.0.0.1:8080",
            "",
            "[::1]:81",
            "localhost:8080:1",
        ] {
            assert_eq!(
                check("http://localhost:8080", "127.0.0.1:8080", host),
                Some(Code::Forbidden),
                "{host}"
            );
        }
        // Loopback names are for loopback only.
        for host in [
            "localhost:8080",
            "127.0.0.1:8080",
            "10.0.0.8:8080",
            "gestalt.example.com:8080",
        ] {
            assert_eq!(
                check("https://gestalt.example.com", "10.0.0.7:8080", host),
                Some(Code::Forbidden),
                "{host}"
            );
        }
    }

    #[test]
    fn own_names_pass() {
        for host in [
            "localhost:8080",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
        ] {
            assert_eq!(
                check("http://localhost:8080", "127.0.0.1:8080", host),
                None,
                "{host}"
            );
        }
        for host in [
            "gestalt.example.com",
            "Gestalt.Example.com:443",
            "10.0.0.7:8080",
        ] {
            assert_eq!(
                check("https://gestalt.example.com", "10.0.0.7:8080", host),
                None,
                "{host}"
            );
        }
        assert_eq!(
            check("http://x.example", "[::ffff:10.0.0.7]:80", "10.0.0.7"),
            None
        );
    }

    #[test]
    fn two_hosts_or_none_are_refused() {
        let site = Site::new(&"http://localhost:8080".parse().unwrap()).unwrap();
        let local = "127.0.0.1:8080".parse().unwrap();
        let mut headers = HeaderMap::new();
        let code = |uri: &'static str, headers: &HeaderMap| {
            site.check_host(&Uri::from_static(uri), headers, local)
                .err()
                .map(|refusal| refusal.code)
        };
        assert_eq!(code("/", &headers), Some(Code::InvalidRequest));
        headers.append("host", HeaderValue::from_static("localhost:8080"));
        assert_eq!(
            code("http://evil.example/", &headers),
            Some(Code::InvalidRequest)
        );
        assert_eq!(code("http://localhost:8080/", &headers), None);
        headers.append("host", HeaderValue::from_static("evil.example"));
        assert_eq!(code("/", &headers), Some(Code::InvalidRequest));
    }

    #[test]
    fn s44_a_foreign_origin_is_not_ours() {
        let site = Site::new(&"https://gestalt.example.com".parse().unwrap()).unwrap();
        for origin in [
            "null",
            "https://evil.example",
            "http://gestalt.example.com:81",
            "https://gestalt.example.com.evil",
            "",
        ] {
            assert!(
                !site.is_own_origin(origin, "gestalt.example.com"),
                "{origin}"
            );
        }
        assert!(site.is_own_origin("https://gestalt.example.com", "gestalt.example.com"));
        assert!(site.is_own_origin("http://127.0.0.1:8080", "127.0.0.1:8080"));
    }
}
