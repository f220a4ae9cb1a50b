//! Servers that others wrote, confined.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::world::{Client, Setting, World, request, value, whole};

/// What npm installed beside the build.
fn npm() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_gestalt-upstream-sandbox-exec"));
    let npm = program.ancestors().nth(2).unwrap().join("npm");
    assert!(
        npm.exists(),
        "{} is missing; `cargo xtask test --only peers` makes it",
        npm.display()
    );
    npm
}

/// A server of an npm package, run by the packages' own Node.
fn package(name: &str) -> Setting {
    let machine = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "x64",
    };
    let npm = npm();
    let mut setting = Setting::new();
    setting.process.command = npm.join(format!("node_modules/node-linux-{machine}/bin/node"));
    let script = format!("node_modules/@modelcontextprotocol/{name}/dist/index.js");
    setting.process.arguments = vec![npm.join(script).display().to_string()];
    setting.process.readable = vec![npm];
    setting
}

async fn result(client: &Client<'_>, method: &str, params: &Value) -> Value {
    let answer = client.send(request("7", method, params)).await.unwrap();
    let mut last = value(&whole(answer).await.pop().unwrap().unwrap());
    assert_eq!(last["id"], 7);
    assert!(last["error"].is_null(), "{last}");
    last["result"].take()
}

async fn tools(world: &World) -> (Client<'_>, Vec<String>) {
    let client = world.client("ada").await;
    let listed = result(&client, "tools/list", &json!({})).await;
    let tools = listed["tools"].as_array().unwrap();
    let names = tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned());
    (client, names.collect())
}

async fn call(client: &Client<'_>, name: &str, arguments: Value) -> Value {
    let params = json!({ "name": name, "arguments": arguments });
    result(client, "tools/call", &params).await
}

#[tokio::test]
async fn the_memory_server_remembers_within_its_folder() {
    let mut setting = package("server-memory");
    let kept = setting.folder.path().join("kept");
    std::fs::create_dir(&kept).unwrap();
    let file = kept.join("memory.jsonl");
    setting.process.environment = vec![("MEMORY_FILE_PATH".to_owned(), file.display().to_string())];
    setting.process.writable = vec![kept];
    let world = setting.build();
    let (client, names) = tools(&world).await;
    assert!(names.contains(&"create_entities".to_owned()), "{names:?}");
    let entity = json!({ "name": "Ada", "entityType": "person", "observations": ["counts"] });
    call(&client, "create_entities", json!({ "entities": [entity] })).await;
    let graph = call(&client, "read_graph", json!({})).await;
    assert_eq!(graph["structuredContent"]["entities"][0]["name"], "Ada");
    assert!(std::fs::read_to_string(file).unwrap().contains("Ada"));
}

#[tokio::test]
async fn the_filesystem_server_reads_what_it_was_given_and_nothing_else() {
    let mut setting = package("server-filesystem");
    let given = setting.folder.path().join("given");
    std::fs::create_dir(&given).unwrap();
    std::fs::write(given.join("note.txt"), "hello").unwrap();
    // It would let itself read more than it is let.
    let around = setting.folder.path().to_owned();
    std::fs::write(around.join("secret.txt"), "secret").unwrap();
    setting.process.arguments.push(given.display().to_string());
    setting.process.arguments.push(around.display().to_string());
    setting.process.writable = vec![given.clone()];
    let world = setting.build();
    let (client, names) = tools(&world).await;
    assert!(names.contains(&"read_text_file".to_owned()), "{names:?}");
    let read = call(
        &client,
        "read_text_file",
        json!({ "path": given.join("note.txt") }),
    )
    .await;
    assert_eq!(read["content"][0]["text"], "hello");
    let secret = json!({ "path": around.join("secret.txt") });
    let refused = call(&client, "read_text_file", secret).await;
    assert_eq!(refused["isError"], true);
    assert!(!refused.to_string().contains("\"secret\""), "{refused}");
}

#[tokio::test]
async fn the_server_with_everything_tells_of_progress_and_asks() {
    let mut setting = package("server-everything");
    setting.process.arguments.push("stdio".to_owned());
    let world = setting.build();
    let (client, names) = tools(&world).await;
    assert!(names.contains(&"echo".to_owned()), "{names:?}");
    let said = call(&client, "echo", json!({ "message": "hello" })).await;
    assert_eq!(said["content"][0]["text"], "Echo: hello");
    let params = json!({
        "name": "trigger-long-running-operation",
        "arguments": { "duration": 1, "steps": 2 },
        "_meta": { "progressToken": "p" },
    });
    let answer = client
        .send(request("7", "tools/call", &params))
        .await
        .unwrap();
    let messages = whole(answer).await;
    let progress = messages
        .iter()
        .filter(|message| value(message.as_ref().unwrap())["params"]["progressToken"] == "p");
    assert_eq!(progress.count(), 2);
}
