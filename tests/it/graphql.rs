//! GitHub's whole GraphQL schema behind the gateway: a server of others answers, every door
//! calls.

use std::process::Stdio;

use gestalt_e2e::program::Program;
use gestalt_e2e::{Answer, Cli, Client, Daemon, cli, peers};
use serde_json::{Value, json};

use crate::actions::{audited, create_token, verify};

/// What the server asks for.
const TOKEN: &str = "token-of-alice";

/// Operations that somebody wrote.
const WRITTEN: &str = "# Opens an issue and says its number.\n\
    mutation OpenIssue($title: String!, $repository: ID!) {\n  \
    createIssue(input: { title: $title, repositoryId: $repository }) { issue { title number } }\n}\n\
    query Stars($owner: String!, $name: String = \"gestalt\") {\n  \
    repository(owner: $owner, name: $name) { nameWithOwner stargazerCount }\n}\n";

/// The server, and a daemon that has it twice: as `github`, from what the server says of itself,
/// and as `mine`, with operations of a document.
struct World {
    daemon: Daemon,
    client: Client,
    token: String,
    server: Client,
    _program: Program,
}

impl World {
    async fn start() -> Self {
        let port = gestalt_e2e::program::free_port();
        let mut command = peers::node();
        command
            .arg(peers::script("graphql_server.mjs"))
            .args([&port.to_string(), TOKEN])
            .stdin(Stdio::null());
        let mut program = Program::start(command);
        let url = program.said("Serving on ").await;
        let daemon = Daemon::start_at_first().await;
        write(&daemon, "token", &format!("{TOKEN}\n"));
        add(&daemon, &url, port).await;
        add_written(&daemon, &url, port);
        daemon.command(&["reload"]).await.ok();
        let created = create_token(&daemon.client()).await;
        let token = created["token"].as_str().unwrap().to_owned();
        let client = daemon.client().bearer(&token);
        for plugin in ["github", "mine"] {
            let body = json!({ "integration": plugin, "credentials": { "token": TOKEN } });
            let path = "/api/v1/auth/connect-manual";
            client.post(path, &body).await.expect(201);
        }
        Self {
            server: Client::new(&url),
            daemon,
            client,
            token,
            _program: program,
        }
    }

    /// What has arrived at the server, but for introspections.
    async fn seen(&self) -> Vec<Value> {
        let all = self.server.get("/seen").await.expect(200).json();
        let all = all.as_array().unwrap().iter();
        let calls = all.filter(|one| one["operationName"] != "Introspection");
        calls.cloned().collect()
    }

    async fn invoke(&self, operation: &str, arguments: &Value) -> Answer {
        let path = format!("/api/v1/{operation}");
        self.client.post(&path, arguments).await
    }

    async fn mcp(&self, tool: &str, arguments: &Value) -> Value {
        self.ask(tool, arguments).await.json()
    }

    async fn ask(&self, tool: &str, arguments: &Value) -> cli::Ran {
        let mut python = peers::python();
        python.arg(peers::script("mcp_client.py"));
        let url = format!("{}/mcp", self.daemon.url());
        python.args([&url, &self.token, "auto", tool, &arguments.to_string()]);
        cli::finish(python, None).await
    }
}

fn write(daemon: &Daemon, name: &str, text: &str) {
    let path = daemon.home().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Adds the server as `github`, by what it answers to an introspection.
async fn add(daemon: &Daemon, url: &str, port: u16) {
    let endpoint = format!("{url}/graphql");
    let range = format!("127.0.0.1/32:{port}");
    let words = ["plugin", "add", "--graphql", &endpoint, "--name", "github"];
    let refused = daemon
        .command(&[&words[..], &["--allow-cidr", &range]].concat())
        .await;
    assert_ne!(refused.code, 0, "{}", refused.out);
    assert!(refused.err.contains("--token-file"), "{}", refused.err);
    let token = daemon.home().join("token").display().to_string();
    let more = ["--allow-cidr", &range, "--token-file", &token];
    let shown = daemon.command(&[&words[..], &more].concat()).await.ok();
    assert!(
        shown.contains("(GraphQL) as `github`: 272 tools"),
        "{shown}"
    );
    assert!(
        shown.contains("30 that only read and 242 that write"),
        "{shown}"
    );
    let layers = daemon.home().join(".gestaltd/config.d");
    let layer = std::fs::read_to_string(layers.join("github.yaml")).unwrap();
    assert!(layer.contains("digest: sha256:"), "{layer}");
    assert!(!layer.contains(TOKEN));
    let kept = std::fs::read_to_string(layers.join("github.schema.json")).unwrap();
    assert!(kept.len() > 1_000_000 && !kept.contains(TOKEN));
}

/// Adds it as `mine`, with the schema of a file and a document.
fn add_written(daemon: &Daemon, url: &str, port: u16) {
    let schema = peers::npm().join("node_modules/@octokit/graphql-schema/schema.graphql");
    write(daemon, ".gestaltd/config.d/mine.graphql", WRITTEN);
    let layer = format!(
        "plugins:\n  mine:\n    egress: {{ allowedCidrs: [\"127.0.0.1/32:{port}\"] }}\n    \
         connections: {{ default: {{ auth: {{ type: bearer }} }} }}\n    surfaces:\n      graphql:\n        \
         url: \"{url}/graphql\"\n        schema: {}\n        documents: [./mine.graphql]\n",
        schema.display()
    );
    write(daemon, ".gestaltd/config.d/mine.yaml", &layer);
}

#[tokio::test(flavor = "multi_thread")]
async fn githubs_schema_is_called_by_every_door() {
    let world = World::start().await;
    wrong_variables_are_refused(&world).await;
    data_and_errors_arrive_as_they_are(&world).await;
    what_is_written_is_called(&world).await;
    the_command_line_calls(&world).await;
    mcp_tells_a_failure_from_a_part(&world).await;
    let records = audited(&world.client, "invocation").await;
    let ok = records.iter().filter(|one| one["outcome"] == "ok").count();
    assert_eq!(ok, world.seen().await.len(), "{records:#?}");
    verify(&world.daemon.client()).await;
}

async fn wrong_variables_are_refused(world: &World) {
    for (operation, arguments, field) in [
        ("github/repository", json!({ "owner": "a" }), "name"),
        (
            "github/repository",
            json!({ "owner": 5, "name": "b" }),
            "owner",
        ),
        (
            "github/repository",
            json!({ "owner": "a", "name": "b", "query": "{ x }" }),
            "query",
        ),
        (
            "github/search",
            json!({ "query": "a", "type": "CAT" }),
            "type",
        ),
        (
            "github/createIssue",
            json!({ "input": { "title": "a" } }),
            "input",
        ),
        (
            "github/createIssue",
            json!({ "input": { "title": "a", "repositoryId": "1", "labelIds": [7] } }),
            "input/labelIds/0",
        ),
        ("mine/Stars", json!({ "owner": ["a"] }), "owner"),
    ] {
        let answer = world.invoke(operation, &arguments).await.expect(400).json();
        assert_eq!(answer["field"], field, "{operation}: {answer:#}");
    }
    // A mutation is not invoked by GET.
    let path = "/api/v1/mine/OpenIssue?title=a&repository=1";
    let answer = world.client.get(path).await.expect(400).json();
    let why = answer["detail"].as_str().unwrap();
    assert!(why.contains("invoke it with POST"), "{why}");
    assert!(world.seen().await.is_empty());
}

async fn data_and_errors_arrive_as_they_are(world: &World) {
    let path = "/api/v1/github/repository?owner=octo&name=hello";
    let answer = world.client.get(path).await.expect(200);
    assert_eq!(answer.header("gestalt-source"), "upstream");
    let answer = answer.json();
    assert_eq!(answer["data"]["repository"]["nameWithOwner"], "octo/hello");
    assert_eq!(answer["data"]["repository"]["description"], Value::Null);
    assert_eq!(answer["errors"][0]["message"], "The description is lost.");
    let answer = world
        .invoke("github/viewer", &json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(answer["data"], Value::Null);
    assert_eq!(answer["errors"][0]["message"], "Who are you?");
    let search = json!({ "query": "a", "type": "ISSUE", "first": 2 });
    let answer = world
        .invoke("github/search", &search)
        .await
        .expect(200)
        .json();
    assert!(answer["data"]["search"]["nodes"].is_array(), "{answer:#}");
    // What a string holds stays a string.
    let title = "\"}) { issue { id } } } # $input {";
    let input = json!({ "input": { "title": title, "repositoryId": "1" } });
    let answer = world
        .invoke("github/createIssue", &input)
        .await
        .expect(200)
        .json();
    assert_eq!(answer["data"]["createIssue"]["issue"]["title"], title);
}

async fn what_is_written_is_called(world: &World) {
    let list = world
        .client
        .get("/api/v1/integrations/mine/operations")
        .await;
    let list = list.expect(200).json();
    let list = list["items"].as_array().unwrap();
    let names: Vec<&str> = list
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["OpenIssue", "Stars"]);
    assert_eq!(
        list[0]["description"],
        "Opens an issue and says its number."
    );
    let arguments = json!({ "title": "It rains", "repository": "1" });
    let answer = world
        .invoke("mine/OpenIssue", &arguments)
        .await
        .expect(200)
        .json();
    let expect =
        json!({ "data": { "createIssue": { "issue": { "title": "It rains", "number": 7 } } } });
    assert_eq!(answer, expect);
    let answer = world.client.get("/api/v1/mine/Stars?owner=octo").await;
    let answer = answer.expect(200).json();
    assert_eq!(
        answer["data"]["repository"]["nameWithOwner"],
        "octo/gestalt"
    );
}

async fn the_command_line_calls(world: &World) {
    let cli = Cli::new(&world.daemon).with("GESTALT_TOKEN", &world.token);
    let words = [
        "plugin",
        "invoke",
        "mine",
        "Stars",
        "owner=octo",
        "name=hello",
    ];
    let printed = cli.run(&words).await.json();
    assert_eq!(printed["data"]["repository"]["nameWithOwner"], "octo/hello");
    let before = world.seen().await.len();
    let words = [
        "plugin", "invoke", "github", "search", "query=a", "type=CAT",
    ];
    let refused = cli.run(&words).await;
    assert_ne!(refused.code, 0, "{}", refused.out);
    assert_eq!(world.seen().await.len(), before);
}

async fn mcp_tells_a_failure_from_a_part(world: &World) {
    let arguments = json!({ "owner": "octo", "name": "hello" });
    let printed = world.mcp("github_repository", &arguments).await;
    let result = &printed["results"][0];
    assert_ne!(result["isError"], true, "{result:#}");
    let data = &result["structuredContent"]["data"];
    assert_eq!(
        data["repository"]["nameWithOwner"], "octo/hello",
        "{result:#}"
    );
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("The description is lost."), "{text}");
    let printed = world.mcp("github_viewer", &json!({})).await;
    let result = &printed["results"][0];
    assert_eq!(result["isError"], true, "{result:#}");
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("Who are you?"), "{text}");
    let input = json!({ "title": "Over MCP", "repository": "1" });
    let printed = world.mcp("mine_OpenIssue", &input).await;
    let issue = &printed["results"][0]["structuredContent"]["data"]["createIssue"]["issue"];
    assert_eq!(issue["title"], "Over MCP");
    let before = world.seen().await.len();
    let refused = world.ask("mine_OpenIssue", &json!({ "title": 5 })).await;
    assert!(
        refused.err.contains("`title`: must be a string"),
        "{}",
        refused.err
    );
    assert_eq!(world.seen().await.len(), before);
}
