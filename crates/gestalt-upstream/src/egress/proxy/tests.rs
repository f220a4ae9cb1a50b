use std::net::IpAddr;

use gestalt_core::host::{AddressRange, EgressRules};

use super::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A proxy, and somebody who is let in.
async fn proxy(rules: EgressRules, resolver: Resolver) -> (Proxy, Ticket) {
    let plugin = "test".parse().unwrap();
    let ways_out = (Arc::new(Settings::default()), resolver, Tls::default());
    let proxy = Proxy::start(&plugin, Policy::of_rules(rules), ways_out, None)
        .await
        .unwrap();
    let ticket = proxy.admit(&Entropy::System).unwrap();
    (proxy, ticket)
}

fn anywhere() -> EgressRules {
    EgressRules {
        allow_public: true,
        ..EgressRules::default()
    }
}

/// Permits one host on loopback.
fn only(name: &str, address: SocketAddr) -> EgressRules {
    EgressRules {
        allowed_hosts: vec![format!("{name}:{}", address.port()).parse().unwrap()],
        allowed_ranges: vec![AddressRange::exactly(address.ip(), address.port())],
        ..EgressRules::default()
    }
}

fn loopback() -> Resolver {
    Resolver::Fixed(Arc::new(|_| vec![IpAddr::from(Ipv4Addr::LOCALHOST)]))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test is the child, which connects to its proxy"
)]
async fn dial(port: u16) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap()
}

/// Sends a request and reads the answer to its end.
async fn ask(port: u16, presented: &str, line: &str, rest: &str) -> String {
    let mut stream = dial(port).await;
    let text = format!(
        "{line} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nProxy-Authorization: Basic {presented}\r\n{rest}\r\n"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// An upstream that answers each connection with what it was sent.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut piece = vec![0; 4096];
                let read = stream.read(&mut piece).await.unwrap();
                let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nX-Keep: 1\r\n\r\n";
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(&piece[..read]).await.unwrap();
            });
        }
    });
    address
}

fn is(answer: &str, status: u16) -> bool {
    answer.starts_with(&format!("HTTP/1.1 {status} "))
}

#[tokio::test]
async fn who_presents_nothing_or_a_secret_of_another_plugin_is_refused() {
    let (_mine, ticket) = proxy(anywhere(), loopback()).await;
    let (_other, foreign) = proxy(anywhere(), loopback()).await;
    for presented in ["", "bad", &foreign.presented] {
        for line in ["CONNECT example.com:443", "GET http://example.com/"] {
            let answer = ask(ticket.port(), presented, line, "").await;
            assert!(is(&answer, 407), "{presented} {line}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_secret_ends_with_its_child() {
    let (proxy, ticket) = proxy(anywhere(), loopback()).await;
    let presented = ticket.presented.clone();
    let other = proxy.admit(&Entropy::System).unwrap();
    drop(ticket);
    let line = "GET http://example.com/";
    assert!(is(&ask(other.port(), &presented, line, "").await, 407));
    assert!(is(
        &ask(other.port(), &other.presented, line, "").await,
        403
    ));
}

#[tokio::test]
async fn s35_no_special_address_is_reached_in_whatever_form() {
    let (_proxy, ticket) = proxy(anywhere(), loopback()).await;
    for host in [
        "169.254.169.254",
        "168.63.129.16",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "192.168.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[fd00:ec2::254]",
        "localhost",
        "localhost.",
        "metadata.google.internal",
        "rebound.example",
    ] {
        let lines = [
            format!("CONNECT {host}:{}", ticket.port()),
            format!("GET http://{host}:{}/", ticket.port()),
        ];
        for line in lines {
            let answer = ask(ticket.port(), &ticket.presented, &line, "").await;
            assert!(is(&answer, 403), "{line}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_host_that_the_rules_do_not_name_is_refused_with_a_sentence() {
    let address = echo().await;
    let (_proxy, ticket) = proxy(only("good.example", address), loopback()).await;
    let port = address.port();
    for line in [
        format!("CONNECT bad.example:{port}"),
        format!("CONNECT good.example:{}", port ^ 1),
        format!("GET http://bad.example:{port}/"),
        format!("GET http://good.example.bad.example:{port}/"),
    ] {
        let answer = ask(ticket.port(), &ticket.presented, &line, "").await;
        assert!(is(&answer, 403), "{line}: {answer}");
        assert!(answer.contains("allowedHosts"), "{answer}");
    }
}

#[tokio::test]
async fn what_is_no_target_of_a_proxy_is_refused() {
    let address = echo().await;
    let (_proxy, ticket) = proxy(only("good.example", address), loopback()).await;
    let port = address.port();
    for line in [
        "CONNECT good.example".to_owned(),
        "GET /".to_owned(),
        "OPTIONS *".to_owned(),
        format!("GET https://good.example:{port}/"),
        format!("GET ftp://good.example:{port}/"),
        format!("GET http://user@good.example:{port}/"),
        format!("CONNECT user:pass@good.example:{port}"),
    ] {
        let answer = ask(ticket.port(), &ticket.presented, &line, "").await;
        assert!(is(&answer, 403) || is(&answer, 400), "{line}: {answer}");
    }
}

#[tokio::test]
async fn a_permitted_host_is_reached_without_what_is_for_the_proxy() {
    let address = echo().await;
    let (_proxy, ticket) = proxy(only("good.example", address), loopback()).await;
    let line = format!("GET http://GOOD.example.:{}/a?b=c", address.port());
    let rest = "X-Mine: 1\r\nX-Hop: 2\r\nConnection: X-Hop\r\nProxy-Connection: keep-alive\r\n";
    let answer = ask(ticket.port(), &ticket.presented, &line, rest).await;
    assert!(is(&answer, 200), "{answer}");
    assert!(answer.contains("x-keep: 1"), "{answer}");
    let (_, sent) = answer.split_once("\r\n\r\n").unwrap();
    let sent = sent.to_ascii_lowercase();
    assert!(sent.contains("get /a?b=c http/1.1\r\n"), "{sent}");
    assert!(sent.contains("x-mine: 1"), "{sent}");
    assert!(sent.contains("host: good.example"), "{sent}");
    assert!(!sent.contains("proxy-"), "{sent}");
    assert!(!sent.contains("x-hop: 2"), "{sent}");
}

#[tokio::test]
async fn a_tunnel_carries_bytes_to_a_permitted_host() {
    let address = echo().await;
    let (_proxy, ticket) = proxy(only("good.example", address), loopback()).await;
    let mut stream = dial(ticket.port()).await;
    let text = format!(
        "CONNECT good.example:{} HTTP/1.1\r\nProxy-Authorization: Basic {}\r\n\r\n",
        address.port(),
        ticket.presented
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
    stream.write_all(b"\x16\x03 anything").await.unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    assert!(said.ends_with(b"\x16\x03 anything"));
}

#[tokio::test]
async fn s48_a_head_that_is_too_large_is_refused() {
    let (_proxy, ticket) = proxy(anywhere(), loopback()).await;
    let rest = format!("X-Large: {}\r\n", "x".repeat(2 * MAX_HEAD));
    let mut stream = dial(ticket.port()).await;
    let text = format!("GET http://example.com/ HTTP/1.1\r\n{rest}\r\n");
    // It may be refused before it was read to its end.
    let _ = stream.write_all(text.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}
