//! S46 over MCP: two users of one server, each with a credential of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gestalt_e2e::mcp::{Era, text};
use gestalt_e2e::scripted::{Asked, Reply};
use gestalt_e2e::{Client, Mcp, Scripted, mcp};
use hyper::header::HeaderValue;
use serde_json::json;
use tokio::task::JoinSet;

use super::{LOGIN, OWN_TOKEN, World, config, connect, plugin};
use crate::isolation;

const TASKS: usize = 16;
/// Kinds of calls; see [`User::call`].
const KINDS: usize = 8;
const ACCOUNTS: [&str; 2] = ["alice", "bobby"];

/// What the server has counted.
#[derive(Default)]
struct Counted {
    /// Requests that concern an account.
    asked: AtomicU64,
    /// Requests in a session that was opened with another credential, or none that holds.
    crossed: AtomicU64,
}

/// The account that a credential opens; the server tells it by nothing else.
fn account(asked: &Asked) -> Option<&'static str> {
    let account = asked.token().strip_prefix("token-of-")?;
    ACCOUNTS.into_iter().find(|known| *known == account)
}

fn script(asked: &Asked, counted: &Counted) -> Option<Reply> {
    let Some(account) = account(asked) else {
        counted.crossed.fetch_add(1, Ordering::Relaxed);
        return asked.text("nobody");
    };
    let session = asked.headers.get(mcp::SESSION);
    if session.is_some_and(|session| session != &format!("of-{account}")) {
        counted.crossed.fetch_add(1, Ordering::Relaxed);
    }
    let object = json!({ "type": "object" });
    match asked.method() {
        "initialize" => {
            let begun = asked.result(json!({
                "protocolVersion": mcp::LEGACY,
                "capabilities": { "tools": {}, "resources": {}, "prompts": {} },
                "serverInfo": { "name": "who", "version": "1" },
            }));
            begun.map(|mut begun| {
                let session = HeaderValue::try_from(format!("of-{account}")).unwrap();
                begun.headers_mut().insert(mcp::SESSION, session);
                begun
            })
        }
        "tools/list" => asked.result(json!({ "tools": [
            { "name": "whoami", "inputSchema": object },
            { "name": format!("of_{account}"), "inputSchema": object },
        ]})),
        "resources/list" => asked.result(json!({ "resources": [
            { "uri": format!("who://{account}"), "name": "me" },
        ]})),
        "tools/call" => {
            counted.asked.fetch_add(1, Ordering::Relaxed);
            let number = &asked.params()["arguments"]["number"];
            asked.text(&format!("{account} {number}"))
        }
        "resources/read" => {
            counted.asked.fetch_add(1, Ordering::Relaxed);
            let uri = &asked.params()["uri"];
            asked.result(json!({ "contents": [{ "uri": uri, "text": account }] }))
        }
        _ => None,
    }
}

/// One user, with a client of each kind.
#[derive(Clone)]
struct User {
    account: &'static str,
    client: Client,
    /// At the server's own endpoint, by era.
    own: [Mcp; 2],
    /// At the endpoint of everything, by era.
    all: [Mcp; 2],
}

impl User {
    async fn new(account: &'static str, client: &Client) -> Self {
        let open = async |path: &str| {
            let modern = Mcp::open(Era::Modern, client, path, json!({})).await;
            [
                modern,
                Mcp::open(Era::Legacy, client, path, json!({})).await,
            ]
        };
        Self {
            account,
            client: client.clone(),
            own: open("/mcp/who").await,
            all: open("/mcp").await,
        }
    }

    /// Makes one call; fails if anything in its answer is another's.
    async fn call(&self, number: usize) {
        let arguments = json!({ "number": number });
        let era = number / KINDS % 2;
        let expected = format!("{} {number}", self.account);
        match number % KINDS {
            0 | 1 => {
                let answer = self.own[number % 2].call("whoami", arguments).await;
                assert_eq!(text(&answer), expected, "{answer}");
            }
            2 | 3 => {
                let answer = self.all[number % 2].call("who_whoami", arguments).await;
                assert_eq!(text(&answer), expected, "{answer}");
            }
            4 => {
                let answer = self.client.post("/api/v1/who/whoami", &arguments).await;
                let answer = answer.expect(200).json();
                assert_eq!(answer["content"][0]["text"], expected, "{answer}");
            }
            5 => {
                let tools = self.own[era].tools().await;
                assert_eq!(tools, ["whoami".to_owned(), format!("of_{}", self.account)]);
            }
            6 => {
                let mut tools = self.all[era].tools().await;
                tools.sort();
                assert_eq!(
                    tools,
                    [format!("who_of_{}", self.account), "who_whoami".to_owned()]
                );
            }
            _ => self.read(era).await,
        }
    }

    async fn read(&self, era: usize) {
        let uri = format!("who://{}", self.account);
        let listed = self.own[era].listed("resources/list", "resources", "uri");
        assert_eq!(listed.await, std::slice::from_ref(&uri));
        let read = self.own[era].ask("resources/read", json!({ "uri": uri }));
        let read = read.await;
        assert_eq!(
            read["result"]["contents"][0]["text"], self.account,
            "{read}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s46_two_users_of_one_mcp_server_never_read_each_others() {
    let counted = Arc::new(Counted::default());
    let counting = Arc::clone(&counted);
    let server = Scripted::forgetful(move |asked| script(asked, &counting)).await;
    let config = config(&[plugin("who", &server.url, "", OWN_TOKEN)], LOGIN);
    let world = World::start(&config, 2).await;
    let mut users = Vec::new();
    for (number, account) in ACCOUNTS.into_iter().enumerate() {
        let client = world.user(number);
        connect(&client, "who", &format!("token-of-{account}")).await;
        users.push(User::new(account, &client).await);
    }
    // A session of one is none of the other's.
    let session = users[0].own[1].session().unwrap();
    let thief = users[1].own[1].clone().in_session(session);
    let call = json!({ "name": "whoami", "arguments": {} });
    thief.send("tools/call", call).await.expect(404);
    let before = counted.asked.load(Ordering::Relaxed);
    let calls = isolation::calls();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let users = users.clone();
        tasks.spawn(async move {
            for number in (task..calls).step_by(TASKS) {
                users[number / TASKS % 2].call(number).await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(counted.crossed.load(Ordering::Relaxed), 0);
    let made = (0..calls).filter(|number| !matches!(number % KINDS, 5 | 6));
    let asked = counted.asked.load(Ordering::Relaxed) - before;
    assert_eq!(asked, u64::try_from(made.count()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn s46_a_session_of_one_account_is_none_of_another_account_of_the_same_user() {
    let counted = Arc::new(Counted::default());
    let counting = Arc::clone(&counted);
    let server = Scripted::start(move |asked| script(asked, &counting)).await;
    let config = config(&[plugin("who", &server.url, "", OWN_TOKEN)], LOGIN);
    let world = World::start(&config, 1).await;
    let client = world.user(0);
    for account in ACCOUNTS {
        let body = json!({
            "integration": "who",
            "instance": account,
            "credentials": { "token": format!("token-of-{account}") },
        });
        let connected = client.post("/api/v1/auth/connect-manual", &body).await;
        connected.expect(201);
    }
    for path in ["/mcp/who", "/mcp"] {
        let name = if path == "/mcp" {
            "who_whoami"
        } else {
            "whoami"
        };
        let session = Mcp::open(Era::Legacy, &client, path, json!({})).await;
        for (number, account) in ACCOUNTS.into_iter().cycle().take(4).enumerate() {
            let arguments = json!({ "number": number, "_instance": account });
            let answer = session.call(name, arguments).await;
            assert_eq!(text(&answer), format!("{account} {number}"), "{answer}");
        }
    }
    assert_eq!(counted.crossed.load(Ordering::Relaxed), 0);
}
