//! A server's URL: what a credential is bound to.

use std::net::IpAddr;

use url::{Host, Url};

use crate::failure::Failure;

/// Where `gestaltd` listens if nobody says otherwise.
pub(crate) const DEFAULT: &str = "http://localhost:8080";

/// A server's base URL in one spelling: scheme, host, port unless it is the scheme's own,
/// and the path before `/api`, without its last slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base(Url);

impl Base {
    /// Reads a URL as people write it; without a scheme it is `http` on this machine and
    /// `https` elsewhere.
    ///
    /// # Errors
    /// A usage error for anything but an `http` or `https` URL without user, query and
    /// fragment.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.trim();
        let bad = |why: &str| {
            // The text is not repeated: it may hold a password.
            Failure::usage(
                format!("The server's URL {why}."),
                format!("Write it like {DEFAULT} or https://gestalt.example.com."),
            )
        };
        let mut url = if text.contains("://") {
            Url::parse(text)
        } else {
            Url::parse(&format!("https://{text}"))
        }
        .map_err(|error| bad(&format!("cannot be read: {error}")))?;
        if !text.contains("://") && is_loopback(&url) {
            url = Url::parse(&format!("http://{text}"))
                .map_err(|error| bad(&format!("cannot be read: {error}")))?;
        }
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(bad("must start with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("must not hold a user or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("must not have a query or fragment"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The one spelling, without a last slash.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// It is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// What is sent can be read on the way.
    pub(crate) fn is_exposed(&self) -> bool {
        self.0.scheme() == "http" && !self.is_loopback()
    }

    /// TLS protects what is sent.
    pub(crate) fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The URL of a route, each segment percent-encoded.
    ///
    /// # Errors
    /// A usage error for a segment that URLs drop: one more or less would be another route,
    /// such as that of all tokens for that of one.
    pub(crate) fn route(&self, segments: &[&str]) -> Result<Url, Failure> {
        if let Some(bad) = segments
            .iter()
            .find(|name| matches!(**name, "" | "." | ".."))
        {
            return Err(Failure::usage(
                format!("`{bad}` is no name and no id."),
                "Lists show them: `gestalt plugin list`, `gestalt tokens list`, …",
            ));
        }
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        Ok(url)
    }

    /// Makes a link of the server's absolute; other servers' links stay as they are.
    pub(crate) fn absolute(&self, link: &str) -> String {
        if link.starts_with('/') && !link.starts_with("//") {
            format!("{}{link}", self.as_str())
        } else {
            link.to_owned()
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> String {
        Base::parse(text).unwrap().as_str().to_owned()
    }

    #[test]
    fn what_is_no_server_is_refused_without_repeating_it() {
        for text in [
            "",
            "ftp://a.example",
            "https://user:hunter2@a.example",
            "https://a.example?x=1",
            "https://a.example#x",
            "unix:///run/x",
        ] {
            let failure = Base::parse(text).unwrap_err();
            assert_eq!(failure.exit_code(), 2, "{text}");
            assert!(!failure.lines().join("").contains("hunter2"));
        }
    }

    #[test]
    fn spellings_of_one_server_are_one_key() {
        for text in ["HTTPS://A.example:443/", "a.example", "https://a.example"] {
            assert_eq!(key(text), "https://a.example", "{text}");
        }
        assert_eq!(key("localhost:8080"), "http://localhost:8080");
        assert_eq!(key("https://a.example/team/"), "https://a.example/team");
    }

    #[test]
    fn other_ports_schemes_and_hosts_are_other_servers() {
        let keys = [
            key("http://a.example"),
            key("https://a.example"),
            key("https://a.example:8443"),
            key("https://a.example.org"),
            key("https://a.example/team"),
        ];
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }

    #[test]
    fn only_plain_http_beyond_this_machine_is_exposed() {
        let exposed = |text| Base::parse(text).unwrap().is_exposed();
        assert!(exposed("http://a.example"));
        assert!(!exposed("https://a.example"));
        assert!(!exposed("http://127.0.0.1:1"));
        assert!(!exposed("http://[::1]:1"));
        assert!(!exposed("http://localhost"));
        assert!(exposed("http://localhost.example"));
    }

    #[test]
    fn segments_cannot_leave_their_place() {
        let base = Base::parse("https://a.example/t").unwrap();
        for bad in ["", ".", ".."] {
            assert_eq!(base.route(&["tokens", bad]).unwrap_err().exit_code(), 2);
        }
        let url = base.route(&["api", "v1", "a/b", "x y", "%2e%2e"]).unwrap();
        assert_eq!(
            url.as_str(),
            "https://a.example/t/api/v1/a%2Fb/x%20y/%252e%252e"
        );
    }
}
