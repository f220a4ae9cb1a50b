//! Host patterns and address ranges, from configuration; hosts, from anybody's URL.

use gestalt_core::host::{AddressRange, HostPattern, canonical_host};

/// Pieces that hosts are made of, and those that are taken for others.
const PIECES: &[&str] = &[
    "*.",
    "*",
    ".",
    "..",
    "[",
    "]",
    ":",
    "::",
    "::1",
    "[::1]",
    "a",
    "A",
    "com",
    "example.com",
    "0",
    "1",
    "80",
    "127.0.0.1",
    "0x7f",
    "0177",
    "2130706433",
    "/8",
    "/",
    "99999",
    "+1",
    "-",
    "_",
    "@",
    "%2e",
    "%",
    "\u{3002}",
    "\u{ff0e}",
    "ß",
    "xn--",
    "xn--bcher-kva",
    "bücher",
    "\u{200d}",
    "\u{ad}",
    "１",
    "Ⅷ",
    " ",
    "\t",
    "\0",
    "#",
    "?",
    "\\",
    "fd00::",
    "localhost",
];

fn check(text: &str) {
    if let Ok(pattern) = text.parse::<HostPattern>() {
        let shown = pattern.to_string();
        assert_eq!(shown.parse().as_ref(), Ok(&pattern), "{text:?} → {shown:?}");
        for port in [0, 80, 443, 65_535] {
            assert!(!pattern.matches("", port), "{text:?}");
            assert!(!pattern.matches("other.test", port), "{text:?}");
        }
    }
    if let Ok(range) = text.parse::<AddressRange>() {
        let shown = range.to_string();
        assert_eq!(shown.parse().as_ref(), Ok(&range), "{text:?} → {shown:?}");
    }
    if let Some(host) = canonical_host(text) {
        assert!(
            !host.is_empty() && !host.ends_with('.'),
            "{text:?} → {host:?}"
        );
        assert_eq!(host, host.to_lowercase(), "{text:?}");
        let written = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        assert_eq!(canonical_host(&written), Some(host), "{text:?}");
        if let Ok(pattern) = written.parse::<HostPattern>() {
            assert!(
                canonical_host(text).is_some_and(|host| pattern.matches(&host, 443)),
                "{text:?}"
            );
        }
    }
}

#[test]
fn arbitrary_texts_are_hosts_or_not() {
    bolero::check!()
        .with_iterations(20_000)
        .for_each(|bytes: &[u8]| check(&String::from_utf8_lossy(bytes)));
}

#[test]
fn pieces_of_hosts_are_hosts_or_not() {
    bolero::check!()
        .with_type::<Vec<u8>>()
        .with_iterations(50_000)
        .for_each(|pieces| {
            let piece = |at: &u8| PIECES[usize::from(*at) % PIECES.len()];
            check(&pieces.iter().take(6).map(piece).collect::<String>());
        });
}
