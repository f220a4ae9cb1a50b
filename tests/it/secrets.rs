//! A thousand planted secrets, searched for everywhere but where they belong.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use gestalt_e2e::{Daemon, Echo};
use serde_json::json;

use crate::actions::{connect, create_token};

const CANARIES: usize = 1_000;
/// What all planted secrets have in common, long enough for base64 to show
/// at any place.
const MARKER: &str = "xQ7vCanaryZk93PwMarker";

#[test]
fn s23_control_a_planted_secret_is_found_in_every_form() {
    let percent = MARKER.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "%{byte:02X}");
        text
    });
    let forms = [
        MARKER.to_owned(),
        percent,
        hex(MARKER.as_bytes()),
        hex(MARKER.as_bytes()).to_uppercase(),
    ];
    for form in forms {
        let log = format!("12:00 upstream said {form}-0001 and left");
        assert!(found(log.as_bytes()), "{form}");
    }
    for before in ["", "a", "ab"] {
        let text = base64(format!("{before}{MARKER}-0001").as_bytes());
        assert!(found(text.as_bytes()), "{text}");
    }
    assert!(!found(b"12:00 nothing to see"));
}

#[tokio::test(flavor = "multi_thread")]
async fn s23_planted_secrets_are_nowhere_to_be_read() {
    let echo = Echo::start().await;
    let mut daemon = Daemon::start(&echo.config("")).await;
    let admin = daemon.client();
    let token = create_token(&admin).await["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let client = admin.clone().bearer(&token);
    let mut bodies = String::new();
    for number in 0..CANARIES {
        let instance = format!("i{number}");
        let canary = format!("{MARKER}-{number:04}");
        let connected = connect(&client, &instance, &canary).await.expect(201);
        bodies.push_str(&connected.text());
        // The upstream answers with the secret, and sometimes fails with it.
        let path = match number % 4 {
            0 => format!("/api/v1/echo/fail?code=500&_instance={instance}"),
            1 => format!("/api/v1/echo/fail?code=401&_instance={instance}"),
            2 => format!("/api/v1/echo/read?id=1&nope=1&_instance={instance}"),
            _ => format!("/api/v1/echo/read?id=1&_instance={instance}"),
        };
        bodies.push_str(&client.get(&path).await.text());
    }
    // A refused credential is named in no error either.
    let refused = json!({
        "integration": "echo", "instance": "i0", "credentials": { "kay": format!("{MARKER}-x") },
    });
    let refused = client.post("/api/v1/auth/connect-manual", &refused).await;
    bodies.push_str(&refused.expect(400).text());
    assert!(
        echo.seen()
            .iter()
            .any(|asked| found(asked.to_string().as_bytes()))
    );

    for path in [
        "/metrics",
        "/api/v1/audit/export",
        "/api/v1/connections",
        "/api/v1/tokens",
    ] {
        bodies.push_str(&admin.get(path).await.expect(200).text());
    }
    assert!(!found(bodies.as_bytes()), "in an answer");
    let backup = daemon.home().join("backup");
    let backed_up = daemon.command(&["backup", backup.to_str().unwrap()]).await;
    backed_up.ok();
    assert!(backup.exists());
    assert!(daemon.stop().await.success());
    let log = daemon.program().log();
    assert!(!found(log.as_bytes()), "in the log");
    assert!(!log.contains(&token), "a token in the log");
    search(daemon.home(), &token);
}

/// Searches every file of a folder.
fn search(folder: &Path, token: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, token);
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            assert!(!found(&bytes), "in {}", path.display());
            assert!(!contains(&bytes, token), "a token in {}", path.display());
        }
    }
}

/// Whether the marker stands in the bytes: raw, in hex, percent-encoded or in
/// base64 at any alignment.
fn found(bytes: &[u8]) -> bool {
    let lower = bytes.to_ascii_lowercase();
    let hex = hex(MARKER.as_bytes());
    let percent = hex
        .as_bytes()
        .chunks(2)
        .fold(String::new(), |mut text, pair| {
            let _ = write!(text, "%{}", String::from_utf8_lossy(pair));
            text
        });
    let in_base64 = (0..3).any(|before| {
        // The characters that depend on the marker alone.
        let text = base64(format!("{}{MARKER}", "-".repeat(before)).as_bytes());
        let certain = &text[(before * 4).div_ceil(3)..MARKER.len() * 4 / 3];
        contains(bytes, certain) || contains(bytes, &certain.replace('+', "-").replace('/', "_"))
    });
    contains(bytes, MARKER) || contains(&lower, &hex) || contains(&lower, &percent) || in_base64
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Base64 without padding (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0_usize, |word, byte| word << 8 | usize::from(*byte));
        let word = word << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(ALPHABET[word >> (18 - 6 * place) & 63]));
        }
    }
    text
}
