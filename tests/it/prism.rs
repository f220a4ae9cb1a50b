//! Documents of others: each is imported, mocked by prism, and every operation is called.
//! Prism holds each request against the same document and refuses what does not fit it.

mod generate;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use gestalt_e2e::program::Program;
use gestalt_e2e::{Client, Daemon, peers};
use serde_json::{Value, json};

/// A document, and what of it is known not to be accepted.
struct Case {
    plugin: &'static str,
    /// In npm's folder.
    document: &'static str,
    operations: usize,
    /// By name.
    known: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        plugin: "blockfrost",
        document: "@blockfrost/openapi/openapi.yaml",
        operations: 129,
        // The document has them on a host of their own, which nobody permits here.
        known: &[
            "get_ipfs_gateway_IPFS_path",
            "get_ipfs_pin_list",
            "get_ipfs_pin_list_IPFS_path",
            "ipfs_add",
            "post_ipfs_pin_add_IPFS_path",
            "post_ipfs_pin_remove_IPFS_path",
        ],
    },
    Case {
        plugin: "star-trek",
        document: "@readme/oas-examples/3.0/json/star-trek.json",
        operations: 120,
        known: &[],
    },
    Case {
        plugin: "readme",
        document: "@readme/oas-examples/3.1/json/readme.json",
        operations: 54,
        // It asks for a media type by a parameter `accept`, which the gateway sets itself.
        known: &["askOwlbot"],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_generated_for_every_imported_operation_is_accepted_by_prism() {
    let mut config = format!(
        "server:\n  public: {{ host: 127.0.0.1, port: 0 }}\n  encryptionKey: \"{}\"\nplugins:\n",
        gestalt_e2e::seed::ROOT_KEY
    );
    let mut mocks = Vec::new();
    for case in CASES {
        let document = peers::npm().join("node_modules").join(case.document);
        let port = gestalt_e2e::program::free_port();
        mocks.push(mock(&document, port).await);
        let _ = write!(
            config,
            "  {}:\n    egress: {{ allowedCidrs: [\"127.0.0.1/32:{port}\"] }}\n    surfaces:\n      \
             openapi: {{ document: {}, baseUrl: \"http://127.0.0.1:{port}\" }}\n",
            case.plugin,
            document.display()
        );
    }
    let daemon = Daemon::start(&config).await;
    let client = daemon.client();
    for case in CASES {
        let refused = refused(&client, case).await;
        let names: BTreeSet<&str> = refused.keys().map(String::as_str).collect();
        let known: BTreeSet<&str> = case.known.iter().copied().collect();
        assert_eq!(names, known, "{}: {refused:#?}", case.plugin);
        let accepted = case.operations - names.len();
        assert!(accepted * 100 >= case.operations * 95, "{}", case.plugin);
    }
}

/// Calls every operation, once with what is required and once with all; says what was not
/// accepted, and why.
async fn refused(client: &Client, case: &Case) -> BTreeMap<String, String> {
    connect(client, case.plugin).await;
    let path = format!("/api/v1/integrations/{}/operations", case.plugin);
    let list = client.get(&path).await.expect(200).json();
    let list = list["items"].as_array().unwrap();
    assert_eq!(list.len(), case.operations, "{}", case.plugin);
    let mut refused = BTreeMap::new();
    for operation in list {
        let name = operation["name"].as_str().unwrap();
        for all in [false, true] {
            let arguments = generate::value(&operation["inputSchema"], all);
            let call = format!("/api/v1/{}/{name}", case.plugin);
            let answer = client.post(&call, &arguments).await;
            if let Some(why) = problem(&answer) {
                refused.insert(name.to_owned(), format!("{arguments}: {why}"));
            }
        }
    }
    refused
}

/// Why a call did not reach prism, or what prism has against it.
fn problem(answer: &gestalt_e2e::Answer) -> Option<String> {
    let text = String::from_utf8_lossy(&answer.body);
    let ours = answer.header("gestalt-source") == "gateway";
    // Prism's own faults: a request that fits may still have no example to answer with.
    let theirs = [
        "UNPROCESSABLE_ENTITY",
        "NO_PATH_MATCHED",
        "NO_METHOD_MATCHED",
    ];
    let theirs = theirs
        .iter()
        .chain(&["UNAUTHORIZED", "INVALID_CONTENT_TYPE", "NO_SERVER"]);
    let theirs = theirs
        .into_iter()
        .any(|kind| text.contains(&format!("errors#{kind}")));
    (ours || theirs).then(|| format!("{} {text}", answer.status))
}

/// Gives every connection of the plugin a credential.
async fn connect(client: &Client, plugin: &str) {
    let path = format!("/api/v1/integrations/{plugin}");
    let integration = client.get(&path).await.expect(200).json();
    for connection in integration["connections"].as_array().unwrap() {
        let fields = connection["fields"].as_array().unwrap().iter();
        let fields = fields.map(|field| (field["name"].as_str().unwrap(), "a-key-of-tests"));
        let fields: BTreeMap<&str, &str> = fields.collect();
        let body = json!({
            "integration": plugin, "connection": connection["name"], "credentials": fields,
        });
        let path = "/api/v1/auth/connect-manual";
        let answer: Value = client.post(path, &body).await.expect(201).json();
        assert_eq!(answer["state"], "connected");
    }
}

async fn mock(document: &Path, port: u16) -> Program {
    let mut command: Command = peers::npm_tool("prism");
    command
        .arg("mock")
        .arg(document)
        .args(["--errors", "--host", "127.0.0.1"]);
    command
        .args(["--port", &port.to_string()])
        .stdin(Stdio::null());
    let mut program = Program::start(command);
    program.said("Prism is listening on ").await;
    program
}
