//! A daemon whose config has a place for every kind of secret.

use std::fs;
use std::path::Path;

use gestalt_e2e::Daemon;
use gestalt_e2e::daemon::Start;
use tempfile::TempDir;

use super::mirror::Mirror;
use super::{OLD_ROOT_KEY, PASSWORD, ROOT_KEY, STATIC};

fn config(mirror: &Mirror, secrets: &Path, more: &str) -> String {
    let field =
        |name: &str| format!("{{ valueFrom: {{ credentialFieldRef: {{ name: {name} }} }} }}");
    let operation = |name: &str, path: &str, more: &str| {
        format!(
            "          - {{ name: {name}, description: One., method: GET, path: \"{path}\", readOnly: true, \
             parameters: [{{ name: word, in: query, type: string }}{}], {more} }}\n",
            if path.contains("{code}") {
                ", { name: code, in: path, type: integer, required: true }"
            } else {
                ""
            }
        )
    };
    let paged =
        "pagination: { style: cursor, cursorParam: after, cursorPath: /next, resultsPath: /items }";
    let operations: String = [
        operation("say", "/say", ""),
        operation("status", "/status/{code}", ""),
        operation("headers", "/headers", ""),
        operation("redirect", "/redirect", ""),
        operation("cut", "/cut", ""),
        operation("paged", "/paged", paged),
    ]
    .concat();
    format!(
        r#"server:
  public: {{ host: 127.0.0.1, port: 0 }}
  encryptionKey: {{ secret: {{ provider: env, name: ROOT_KEY }} }}
  previousEncryptionKeys: [{{ secret: {{ provider: files, name: old }} }}]
audit: {{ checkpoint: {{ every: 100, file: checkpoints.jsonl }} }}
plugins:
  mirror:
    connections:
      keyed:
        mode: user
        auth:
          type: manual
          credentials:
            - {{ name: key, label: Key, secret: true, pattern: "^xQ7v[A-Za-z0-9]+$" }}
            - {{ name: pin, label: Pin, secret: true }}
          authMapping: {{ headers: {{ X-Key: {key}, X-Static: {{ value: "${{STATIC}}" }} }}, query: {{ pin: {pin} }} }}
      basic: {{ mode: user, auth: {{ type: basic }} }}
      bearer: {{ mode: user, auth: {{ type: bearer }} }}
      shared: {{ mode: platform, auth: {{ type: bearer }} }}
    egress: {{ allowedCidrs: ["127.0.0.1/32:{port}"] }}
    surfaces:
      rest:
        baseUrl: http://127.0.0.1:{port}
        operations:
{operations}          - name: write
            description: Writes.
            method: POST
            path: /say
            body: {{ contentType: application/json, schema: {{ type: object, properties: {{ text: {{ type: string }} }} }} }}
providers:
  authentication: {{ local: {{}} }}
  secrets: {{ env: {{}}, files: {{ source: file, config: {{ path: {secrets} }} }} }}
{more}"#,
        key = field("key"),
        pin = field("pin"),
        port = mirror.port,
        secrets = secrets.display(),
    )
}

/// A daemon with a login, and the operator's secrets outside its folder.
pub(super) async fn start(mirror: &Mirror, secrets: &TempDir, more: &str) -> Daemon {
    fs::write(secrets.path().join("old"), OLD_ROOT_KEY).unwrap();
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Daemon::start_with(Start {
        config: vec![config(mirror, secrets.path(), more)],
        environment: vec![
            variable("ROOT_KEY", ROOT_KEY),
            variable("STATIC", STATIC),
            variable("DATABASE_PASSWORD", PASSWORD),
            variable("GESTALT_LOG", "trace"),
        ],
    })
    .await
}
