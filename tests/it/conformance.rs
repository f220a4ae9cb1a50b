//! MCP's official conformance suite against `/mcp/fixture`, whose tools are REST operations.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use gestalt_e2e::{Daemon, cli, peers, served};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, Response};
use serde_json::Value;

/// What must pass whole.
const SCENARIOS: &[&str] = &[
    "tools-list",
    "tools-call-simple-text",
    "tools-call-image",
    "tools-call-audio",
    "tools-call-error",
    "dns-rebinding-protection",
    "http-header-validation",
    "caching",
];

/// One red pixel.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
/// A head without samples.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";

#[tokio::test(flavor = "multi_thread")]
async fn the_conformance_suite_passes_on_tools_that_are_rest_operations() {
    let daemon = Daemon::start(&config(&served::serve(answer).await)).await;
    for scenario in SCENARIOS {
        let (failed, said) = run(&daemon, scenario).await;
        assert!(failed.is_empty(), "{scenario}: {failed:?}\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_stateless_checks_only_those_that_need_a_tool_which_asks_fail() {
    let daemon = Daemon::start(&config(&served::serve(answer).await)).await;
    let (failed, said) = run(&daemon, "server-stateless").await;
    let failed: Vec<&str> = failed.iter().map(String::as_str).collect();
    assert_eq!(failed, UNASKED, "{said}");
}

/// Checks of `server-stateless` that call `test_missing_capability`,
/// `test_streaming_elicitation` and `test_logging_tool`: tools that ask the client back,
/// which no REST operation does.
const UNASKED: &[&str] = &[
    "sep-2575-http-server-no-independent-requests-on-stream",
    "sep-2575-missing-capability-http-400",
    "sep-2575-server-no-log-without-loglevel",
    "sep-2575-server-rejects-undeclared-capability",
];

/// Runs one scenario; returns the ids of its failed checks and what was printed.
async fn run(daemon: &Daemon, scenario: &str) -> (BTreeSet<String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = peers::npm_tool("conformance");
    command
        .args(["server", "--scenario", scenario])
        .args(["--spec-version", "2026-07-28"])
        .args(["--url", &format!("{}/mcp/fixture", daemon.url())])
        .arg("--output-dir")
        .arg(folder.path());
    let ran = cli::finish(command, None).await;
    let said = format!("{}{}", ran.out, ran.err);
    let checks = checks(folder.path());
    assert!(!checks.is_empty(), "{scenario} was not run:\n{said}");
    let failed = checks.iter().filter(|check| check["status"] == "FAILURE");
    let failed = failed.filter_map(|check| check["id"].as_str());
    (failed.map(str::to_owned).collect(), said)
}

/// The checks that the suite wrote down; there is one folder, named by the time.
fn checks(folder: &Path) -> Vec<Value> {
    let runs = std::fs::read_dir(folder).unwrap();
    let files = runs.map(|run| run.unwrap().path().join("checks.json"));
    let texts = files.map(|file| std::fs::read(file).unwrap());
    texts
        .flat_map(|text| serde_json::from_slice::<Vec<Value>>(&text).unwrap())
        .collect()
}

/// What the suite's tools answer, as a REST upstream.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, kind, body) = match request.uri().path() {
        "/text" => (200, "text/plain", TEXT.into()),
        "/image" => (200, "image/png", decoded(PNG)),
        "/audio" => (200, "audio/wav", decoded(WAV)),
        _ => (500, "text/plain", ERROR.into()),
    };
    let response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, kind);
    Ok(response.body(Full::from(body)).unwrap())
}

const TEXT: &[u8] = b"This is a simple text response for testing.";
const ERROR: &[u8] = b"This tool intentionally returns an error for testing";

fn decoded(text: &str) -> Bytes {
    BASE64_STANDARD.decode(text).unwrap().into()
}

fn config(upstream: &str) -> String {
    let key = gestalt_e2e::seed::ROOT_KEY;
    let port = upstream.rsplit(':').next().unwrap();
    let operation = |name: &str, path: &str| {
        format!(
            "          - {{ name: {name}, description: A tool of the conformance suite., \
             method: GET, path: {path}, readOnly: true }}\n"
        )
    };
    let operations = [
        operation("test_simple_text", "/text"),
        operation("test_image_content", "/image"),
        operation("test_audio_content", "/audio"),
        operation("test_error_handling", "/error"),
    ];
    format!(
        "server:\n  public: {{ host: 127.0.0.1, port: 0 }}\n  encryptionKey: \"{key}\"\n\
         plugins:\n  fixture:\n    egress: {{ allowedCidrs: [\"127.0.0.1/32:{port}\"] }}\n    \
         surfaces:\n      rest:\n        baseUrl: {upstream}\n        operations:\n{}",
        operations.concat()
    )
}
