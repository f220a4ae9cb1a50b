//! Who is at the other end of the connection, and what it says about where it comes from.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Says whether the request claims to have passed a proxy.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(http::header::FORWARDED) || headers.contains_key(FORWARDED_FOR)
}

/// The client's address: the peer's, unless that is a trusted proxy; then the rightmost
/// address of `X-Forwarded-For` that is not one. What stands left of it anyone could have
/// written, and so could a peer that is not trusted.
pub(super) fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut address = peer.to_canonical();
    if !is_trusted(address, trusted) {
        return address;
    }
    let lines: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .map(|line| line.to_str().unwrap_or("?"))
        .collect();
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        // What is no address is not believed, and nothing left of it either.
        let Some(hop) = parse_hop(hop.trim()) else {
            return address;
        };
        address = hop;
        if !is_trusted(address, trusted) {
            return address;
        }
    }
    address
}

/// An address as proxies write it: bare, with a port, in brackets.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let bare = text.parse::<IpAddr>().ok();
    let ported = || {
        text.parse::<std::net::SocketAddr>()
            .ok()
            .map(|hop| hop.ip())
    };
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    bare.or_else(ported)
        .or_else(bracketed)
        .map(|ip| ip.to_canonical())
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|range| range.contains(&address))
}

/// What a browser says of where the request comes from: `None` where it says nothing.
pub(super) fn same_origin(own_origin: Option<bool>, headers: &HeaderMap) -> Option<bool> {
    let fetch = headers.get("sec-fetch-site").map(|site| {
        // `none` is the address bar: no page stands behind it.
        matches!(site.as_bytes(), b"same-origin" | b"none")
    });
    match (own_origin, fetch) {
        (None, None) => None,
        (origin, fetch) => Some(origin.unwrap_or(true) && fetch.unwrap_or(true)),
    }
}

/// The trace id of a `traceparent` header (W3C Trace Context §3.2.2); `None` if malformed.
pub(super) fn trace_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |part: &str, len: usize| {
        part.len() == len
            && part
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    let formed =
        hex(version, 2) && version != "ff" && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
    let ended = version != "00" || parts.next().is_none();
    (formed && ended && !zero(trace) && !zero(span)).then(|| trace.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(peer: &str, lines: &[&'static str], trusted: &[&str], expect: &str) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|range| range.parse().unwrap()).collect();
        let address = address(peer.parse().unwrap(), &headers, &trusted);
        assert_eq!(
            address,
            expect.parse::<IpAddr>().unwrap(),
            "{peer} {lines:?}"
        );
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_from_the_right() {
        check("192.0.2.1", &["1.1.1.1"], &[], "192.0.2.1");
        check("192.0.2.1", &["1.1.1.1"], &["10.0.0.0/8"], "192.0.2.1");
        check(
            "10.0.0.1",
            &["9.9.9.9, 1.1.1.1"],
            &["10.0.0.0/8"],
            "1.1.1.1",
        );
        check(
            "10.0.0.1",
            &["9.9.9.9", "1.1.1.1, 10.0.0.2"],
            &["10.0.0.0/8"],
            "1.1.1.1",
        );
        check(
            "10.0.0.1",
            &["1.1.1.1, rubbish, 10.0.0.2"],
            &["10.0.0.0/8"],
            "10.0.0.2",
        );
        check("10.0.0.1", &[], &["10.0.0.0/8"], "10.0.0.1");
        check("10.0.0.1", &["10.0.0.3"], &["10.0.0.0/8"], "10.0.0.3");
        check(
            "::ffff:10.0.0.1",
            &["[2001:db8::1]:443"],
            &["10.0.0.0/8"],
            "2001:db8::1",
        );
        check("10.0.0.1", &["1.1.1.1:99"], &["10.0.0.0/8"], "1.1.1.1");
    }

    #[test]
    fn a_browser_must_be_consistent_to_count_as_same_origin() {
        let with = |site: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(site) = site {
                headers.insert("sec-fetch-site", HeaderValue::from_static(site));
            }
            headers
        };
        assert_eq!(same_origin(None, &with(None)), None);
        assert_eq!(
            same_origin(Some(true), &with(Some("cross-site"))),
            Some(false)
        );
        assert_eq!(
            same_origin(Some(false), &with(Some("same-origin"))),
            Some(false)
        );
        assert_eq!(same_origin(None, &with(Some("same-site"))), Some(false));
        assert_eq!(same_origin(Some(true), &with(None)), Some(true));
        assert_eq!(same_origin(None, &with(Some("none"))), Some(true));
    }

    #[test]
    fn trace_ids_are_taken_only_when_well_formed() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", HeaderValue::from_static(text));
            trace_id(&headers)
        };
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(
            of(good).as_deref(),
            Some("4bf92f3577b34da6a3ce929d0e0e4736")
        );
        for bad in [
            "",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
