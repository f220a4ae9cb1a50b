//! Our OpenAPI document against the daemon: nothing undeclared, nothing that
//! breaks a schema, no 500, and every operation answers 2xx at least once.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use gestalt_e2e::{Client, Daemon, peers};
use serde_json::{Value, json};

use crate::actions::create_token;
use crate::browser;

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance";

fn config(more: &str) -> String {
    let key = gestalt_e2e::seed::ROOT_KEY;
    format!(
        "server:\n  public: {{ host: 127.0.0.1, port: 0 }}\n  encryptionKey: \"{key}\"\n\
         plugins:\n  demo: {{ source: demo }}\n{more}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_where_nobody_logs_in() {
    let daemon = Daemon::start(&config("")).await;
    let document = document(&daemon).await;
    run((&daemon, &document), &[], "", &["--max-examples=10"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_and_every_operation_succeeds() {
    let (_fixture, pinned) = pinned().await;
    let more = format!("{pinned}providers: {{ authentication: {{ local: {{}} }} }}\n");
    let daemon = Daemon::start(&config(&more)).await;
    let document = document(&daemon).await;
    // Nobody, to whom everything is refused.
    run((&daemon, &document), &[], "", &["--max-examples=2"]);

    let client = browser::with_session(&daemon, &log_in(&daemon).await);
    let body = json!({ "name": "schemathesis", "permissions":
        ["invoke", "connect", "tokens", "audit", "admin"] });
    let created = client
        .post("/api/v1/tokens", &body)
        .await
        .expect(201)
        .json();
    let token = format!(
        "Authorization: Bearer {}",
        created["token"].as_str().unwrap()
    );
    let known = known(&client).await;
    // It would revoke the very token that it presents.
    let unharmed = ["--max-examples=10", "--exclude-operation-id=revokeTokens"];
    let mut succeeded = run((&daemon, &document), &[&token], &known, &unharmed);

    // That run has ended every session; two more, of which one ends the other.
    let (session, _) = (log_in(&daemon).await, log_in(&daemon).await);
    let client = browser::with_session(&daemon, &session);
    let cookie = format!("Cookie: session_token={session}");
    let origin = format!("Origin: {}", daemon.url());
    let other = other_session(&client).await;
    let sessions = [
        "--max-examples=5",
        "--include-operation-id=revokeTokens",
        "--include-operation-id=revokeSession",
    ];
    succeeded.extend(run(
        (&daemon, &document),
        &[&cookie, &origin],
        &other,
        &sessions,
    ));

    // It cannot know a digest that it was not told.
    let session = log_in(&daemon).await;
    approve(&browser::with_session(&daemon, &session)).await;
    succeeded.extend(["listToolApprovals", "approveTools"].map(str::to_owned));

    // It reads the document, and calls that operation no more.
    succeeded.insert("getOpenApiDocument".to_owned());
    let all = operation_ids(&document);
    let missing: Vec<&String> = all.difference(&succeeded).collect();
    assert!(missing.is_empty(), "never answered 2xx: {missing:?}");
}

/// An MCP server, and the plugin whose tools wait for an admin.
async fn pinned() -> (peers::Peer, String) {
    let fixture = peers::mcp_fixture(&[]).await;
    let (url, port) = (&fixture.url, fixture.url.rsplit(':').next().unwrap());
    let plugin = format!(
        "  pinned:\n    egress: {{ allowedCidrs: [\"127.0.0.1/32:{port}\"] }}\n    \
         surfaces: {{ mcp: {{ url: \"{url}/mcp\", approval: pinned }} }}\n"
    );
    (fixture, plugin)
}

/// Looks at the tools that wait, and approves the first of them.
async fn approve(client: &Client) {
    let path = "/api/v1/integrations/pinned/approvals";
    let waiting = client.get(path).await.expect(200).json();
    let first = &waiting["items"][0];
    let one = json!({ "tool": first["tool"], "digest": first["digest"] });
    let approved = client.post(path, &json!({ "tools": [one] })).await;
    let approved = approved.expect(200).json();
    assert_eq!(approved["approved"], json!([first["tool"]]));
}

async fn document(daemon: &Daemon) -> Value {
    let document = daemon.client().get("/api/v1/openapi.json").await;
    document.expect(200).json()
}

/// Makes what operations can be about, one of each for every operation that
/// uses it up, and tells schemathesis.
async fn known(client: &Client) -> String {
    let connect = async |instance: &str, key: &str| {
        let body = json!({
            "integration": "demo", "instance": instance, "credentials": { "api_key": key },
        });
        let answer = client.post("/api/v1/auth/connect-manual", &body).await;
        answer.expect(201).json()["id"].as_str().unwrap().to_owned()
    };
    let kept = connect("default", "demo-for-every-call").await;
    let lost = connect("lost", "demo-to-be-deleted").await;
    connect("gone", "demo-to-be-disconnected").await;
    connect("back", "demo-to-come-back").await;
    let back = connect("back", "demo-to-be-rolled-back").await;
    let mut text = String::new();
    let mut tell = |operation: &str, values: &[(&str, &str)]| {
        let values = values
            .iter()
            .map(|(name, value)| format!("\"{name}\" = \"{value}\""));
        let values: Vec<String> = values.collect();
        let _ = writeln!(
            text,
            "[[operations]]\ninclude-operation-id = \"{operation}\"\nparameters = {{ {} }}",
            values.join(", ")
        );
    };
    tell("getConnection", &[("path.id", &kept)]);
    tell("checkConnection", &[("path.id", &kept)]);
    tell("disconnect", &[("path.id", &lost)]);
    tell("rollbackConnection", &[("path.id", &back)]);
    for operation in ["getToken", "revokeToken", "rotateToken"] {
        let token = create_token(client).await;
        tell(
            operation,
            &[("path.id", token["details"]["id"].as_str().unwrap())],
        );
    }
    tell("getIntegration", &[("path.integration", "demo")]);
    tell("listOperations", &[("path.integration", "demo")]);
    tell("searchOperations", &[("query.integration", "demo")]);
    tell(
        "getOperation",
        &[("path.integration", "demo"), ("path.operation", "whoami")],
    );
    tell(
        "disconnectIntegration",
        &[("path.integration", "demo"), ("query.instance", "gone")],
    );
    for operation in ["invokeReadOnly", "invoke"] {
        let call = [
            ("path.integration", "demo"),
            ("path.operation", "whoami"),
            ("query._instance", "default"),
        ];
        tell(operation, &call);
    }
    text
}

async fn log_in(daemon: &Daemon) -> String {
    let link = daemon.command(&["login-code"]).await.ok();
    let link = link.split_whitespace().find(|word| word.contains("code="));
    browser::log_in(daemon, &browser::code_of(link.unwrap())).await
}

/// Tells schemathesis a session that is not the client's own.
async fn other_session(client: &Client) -> String {
    let sessions = client.get("/api/v1/sessions").await.expect(200).json();
    let sessions = sessions["items"].as_array().unwrap();
    let other = sessions.iter().find(|session| session["current"] != true);
    format!(
        "[[operations]]\ninclude-operation-id = \"revokeSession\"\n\
         parameters = {{ \"path.id\" = {} }}\n",
        other.unwrap()["id"]
    )
}

/// Runs schemathesis to its end; returns the ids of operations that answered
/// 2xx.
fn run(
    (daemon, document): (&Daemon, &Value),
    headers: &[&str],
    known: &str,
    more: &[&str],
) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("schemathesis.toml");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemathesis_examples.py");
    let hooks = format!("hooks = {:?}\n{known}", examples.display().to_string());
    std::fs::write(&config, hooks).unwrap();
    let report = folder.path().join("report.har");
    let mut command = Command::new(peers::tool("st"));
    command
        .current_dir(folder.path())
        .arg("--config-file")
        .arg(config);
    command
        .arg("run")
        .arg(format!("{}/api/v1/openapi.json", daemon.url()));
    command.args([
        "--checks",
        CHECKS,
        "--no-color",
        "--continue-on-failure",
        // The same requests in the same order at each run, however busy the machine is.
        "--generation-deterministic",
        "--suppress-health-check=too_slow",
        "--request-timeout=60",
    ]);
    command
        .args(["--workers=1", "--report=har"])
        .arg("--report-har-path")
        .arg(&report);
    command.args(more);
    for header in headers {
        command.args(["--header", header]);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // What is wrong comes before the long summary of what is not.
    let failures = said
        .find("= ERRORS =")
        .or_else(|| said.find("= FAILURES ="));
    assert!(
        output.status.success(),
        "{}{}",
        said.get(failures.unwrap_or(0)..).unwrap_or(&said),
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let entries = report["log"]["entries"].as_array().unwrap();
    let answered = entries.iter().filter(|entry| {
        let status = entry["response"]["status"].as_u64();
        status.is_some_and(|status| (200..300).contains(&status))
    });
    answered
        .filter_map(|entry| {
            let request = &entry["request"];
            let path = request["url"].as_str()?.strip_prefix(daemon.url())?;
            let path = path.split('?').next()?;
            operation_of(document, request["method"].as_str()?, path)
        })
        .collect()
}

/// The operation that answers a request, by the document: a literal segment
/// goes before a parameter.
fn operation_of(document: &Value, method: &str, path: &str) -> Option<String> {
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let template: Vec<&str> = template.split('/').collect();
        let literal = template
            .iter()
            .zip(&segments)
            .filter(|(own, said)| own == said);
        let literal = literal.count();
        let open = template.iter().filter(|own| own.starts_with('{')).count();
        (template.len() == segments.len() && literal + open >= segments.len()).then_some(literal)
    };
    let paths = document["paths"].as_object()?.iter();
    let best = paths.filter_map(|(template, item)| Some((fits(template)?, item)));
    let (_, item) = best.max_by_key(|(literal, _)| *literal)?;
    let id = item[method.to_lowercase()]["operationId"].as_str()?;
    Some(id.to_owned())
}

fn operation_ids(document: &Value) -> BTreeSet<String> {
    let items = document["paths"].as_object().into_iter().flatten();
    let operations = items.flat_map(|(_, item)| item.as_object().into_iter().flatten());
    let ids = operations.filter_map(|(_, operation)| operation["operationId"].as_str());
    ids.map(str::to_owned).collect()
}
