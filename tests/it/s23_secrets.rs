//! S23: secrets are planted wherever one can come in, then everything that the daemon wrote
//! or answered is searched for them.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use gestalt_e2e::{Answer, Cli, Client, Daemon, Postgres};
use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::browser;

mod house;
mod mirror;
mod plant;
mod search;

use house::start;
use mirror::Mirror;
use plant::{blunder, misconfigure, plant};
use search::Searcher;

/// Planted credentials.
const CANARIES: usize = 1_000;
const TASKS: usize = 8;
/// From here on a credential replaces an earlier one of its kind.
const REPLACED: usize = 496;

/// What all planted credentials have in common; no escaping touches its characters.
const MARKER: &str = "xQ7vCanaryZk93PwMarker";
/// The same for arguments of calls: they belong to the caller and the upstream alone.
const ARGUMENT: &str = "qW4rArgumentBn58XsMarker";

const ROOT_KEY: &str = "7d1f0b6a93c25e48d7b0fa164c8e3972a5d60c1be84f9372605dc8ab19ef7340";
const OLD_ROOT_KEY: &str = "an-old-root-passphrase-Hq81Zt";
const STATIC: &str = "Static-Header-Vp27Kw-Value";
const PASSWORD: &str = "DatabasePassword-Jd64Ry";

/// Everything the daemon has answered, but for what it is documented to tell once.
#[derive(Default)]
struct Heard(Mutex<Vec<u8>>);

impl Heard {
    fn hear(&self, answer: Answer) -> Answer {
        let mut heard = self.lock();
        heard.extend(format!("{}\n{:?}\n", answer.status, answer.headers).bytes());
        heard.extend_from_slice(&answer.body);
        drop(heard);
        answer
    }

    fn note(&self, text: &str) {
        self.lock().extend_from_slice(text.as_bytes());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn canary(number: usize) -> String {
    format!("{MARKER}{number:04}")
}

fn root_key_bytes() -> Vec<u8> {
    let digits = ROOT_KEY.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

fn operator_secrets(searcher: &mut Searcher) {
    searcher.add("a planted credential", MARKER);
    searcher.add("the root key", ROOT_KEY);
    searcher.add_bytes("the root key's bytes", &root_key_bytes());
    searcher.add("the old root key", OLD_ROOT_KEY);
    searcher.add("a header's value", STATIC);
}

/// Logs in by the link of the start and by one of the command; gives a client of the second.
async fn log_in(daemon: &mut Daemon, searcher: &mut Searcher) -> Client {
    let link = daemon.program().said("log in ").await;
    let first = browser::code_of(&link);
    let session = browser::log_in(daemon, &first).await;
    searcher.add("the first login code", &first);
    searcher.add("a session that was left", &session);
    let left = browser::with_session(daemon, &session);
    left.post("/api/v1/auth/logout", &json!({}))
        .await
        .expect(204);
    let link = daemon.command(&["login-code"]).await.ok();
    let second = browser::code_of(&link);
    let session = browser::log_in(daemon, &second).await;
    searcher.add("another login code", &second);
    searcher.add("a session", &session);
    browser::with_session(daemon, &session)
}

/// Makes tokens, rotates one and revokes one; gives one that is good and one that is not.
async fn tokens(admin: &Client, searcher: &mut Searcher) -> (String, String) {
    let mut made = Vec::new();
    for number in 0..4 {
        let body = json!({ "name": format!("token {number}") });
        made.push(admin.post("/api/v1/tokens", &body).await.expect(201).json());
    }
    let id = |token: &Value| token["details"]["id"].as_str().unwrap().to_owned();
    let rotate = format!("/api/v1/tokens/{}/rotate", id(&made[0]));
    made.push(admin.post(&rotate, &json!({})).await.expect(201).json());
    admin
        .delete(&format!("/api/v1/tokens/{}", id(&made[1])))
        .await
        .expect(204);
    let text = |token: &Value| token["token"].as_str().unwrap().to_owned();
    for token in &made {
        // What stands before the secret part is no secret.
        searcher.add("a token", text(token).trim_start_matches("gst_api_"));
    }
    (text(&made[2]), text(&made[1]))
}

/// Reads everything that can be read of what is stored.
async fn read_all(daemon: &Daemon, admin: &Client, heard: &Heard) {
    for path in [
        "/metrics",
        "/api/v1/audit/export",
        "/api/v1/audit?limit=1000",
        "/api/v1/connections?limit=1000",
        "/api/v1/integrations",
        "/api/v1/tokens",
        "/api/v1/sessions",
        "/api/v1/me",
        "/",
        "/ready",
    ] {
        heard.hear(admin.get(path).await).expect(200);
    }
    let verified = admin.post("/api/v1/audit/verify", &json!({})).await;
    assert_eq!(heard.hear(verified).expect(200).json()["ok"], true);
    let backup = daemon.home().join("backup");
    daemon
        .command(&["backup", backup.to_str().unwrap()])
        .await
        .ok();
    assert!(backup.exists());
}

/// Where a secret stands that should not: the places of the daemon, each by its name.
fn found(
    daemon: &mut Daemon,
    folder: Option<&Path>,
    heard: &Heard,
    searcher: &Searcher,
) -> Vec<String> {
    let mut places = vec![("an answer".to_owned(), heard.lock().clone())];
    // The link that is printed once, at the start, is for whoever started the daemon.
    let log = daemon.program().log();
    let log = log
        .lines()
        .filter(|line| !line.trim_start().starts_with("log in "));
    places.push((
        "the log".to_owned(),
        log.collect::<Vec<_>>().join("\n").into_bytes(),
    ));
    for folder in [Some(daemon.home()), folder].into_iter().flatten() {
        read_files(folder, &mut places);
    }
    let found = places.iter().filter_map(|(place, bytes)| {
        searcher
            .find(bytes)
            .map(|what| format!("in {place}: {what}"))
    });
    found.collect()
}

fn read_files(folder: &Path, places: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_files(&path, places);
        } else if path.is_file() {
            // A database's own temporary files come and go.
            let bytes = fs::read(&path).unwrap_or_default();
            places.push((path.display().to_string(), bytes));
        }
    }
}

/// Plants `canaries` secrets through real use and searches everything, twice: while the daemon
/// runs and after it has ended.
async fn plant_and_search(canaries: usize, more: &str, folder: Option<&Path>) {
    let mirror = Mirror::start().await;
    let secrets = tempfile::tempdir().unwrap();
    let mut daemon = start(&mirror, &secrets, more).await;
    let (mut searcher, heard) = (Searcher::default(), std::sync::Arc::new(Heard::default()));
    operator_secrets(&mut searcher);
    if !more.is_empty() {
        searcher.add("the database's password", PASSWORD);
    }
    let admin = log_in(&mut daemon, &mut searcher).await;
    let (token, dead) = tokens(&admin, &mut searcher).await;
    let client = daemon.client().bearer(&token);
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (client, admin, heard) = (client.clone(), admin.clone(), std::sync::Arc::clone(&heard));
        tasks.spawn(async move {
            for number in (task..canaries).step_by(TASKS) {
                plant(&client, &admin, &heard, number).await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert!(
        mirror.given() >= canaries,
        "the upstream was given {}",
        mirror.given()
    );
    let write = json!({ "text": ARGUMENT, "_connection": "bearer", "_instance": "i6" });
    client
        .send(Method::POST, "/api/v1/mirror/write", Some(&write))
        .await;
    blunder(&daemon, &client, &heard, &dead).await;
    misconfigure(&mut daemon, &admin, &heard).await;
    let cli = Cli::new(&daemon).with("GESTALT_TOKEN", &token);
    let wrong = [
        "plugin",
        "connect",
        "mirror",
        "--connection",
        "basic",
        "--secret-file",
        "password=/dev/stdin",
    ];
    let ran = cli.run_with(&wrong, Some(&canary(7_777))).await;
    heard.note(&format!("{} {}", ran.out, ran.err));
    read_all(&daemon, &admin, &heard).await;
    assert_eq!(
        found(&mut daemon, folder, &heard, &searcher),
        Vec::<String>::new()
    );

    assert!(daemon.stop().await.success());
    // Arguments are in the answers of an upstream that repeats them, and nowhere else.
    *heard.lock() = Vec::new();
    searcher.add("an argument", ARGUMENT);
    assert_eq!(
        found(&mut daemon, folder, &heard, &searcher),
        Vec::<String>::new()
    );
    let log = daemon.program().log();
    assert!(log.contains("\"TRACE\""), "the log says all it can");
    assert!(
        log.contains("the running one stays"),
        "a bad reload is said"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s23_planted_secrets_are_nowhere_to_be_read() {
    plant_and_search(CANARIES, "", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s23_planted_secrets_are_nowhere_to_be_read_in_postgresql() {
    let postgres = Postgres::start().await;
    let url = postgres
        .url()
        .replace("gestalt@", "gestalt:${DATABASE_PASSWORD}@");
    let more = format!("  indexeddb: {{ main: {{ config: {{ dsn: \"{url}\" }} }} }}\n");
    plant_and_search(CANARIES / 20, &more, Some(postgres.folder())).await;
}

/// The searcher finds what stands in a real log, in every form that a log can hold.
#[tokio::test(flavor = "multi_thread")]
async fn s23_control_a_secret_planted_in_a_log_is_found_in_every_form() {
    let mirror = Mirror::start().await;
    let secrets = tempfile::tempdir().unwrap();
    let mut daemon = start(&mirror, &secrets, "").await;
    let mut searcher = Searcher::default();
    operator_secrets(&mut searcher);
    let heard = Heard::default();
    assert_eq!(
        found(&mut daemon, None, &heard, &searcher),
        Vec::<String>::new()
    );
    for (form, text) in search::forms(MARKER.as_bytes()) {
        let log = format!("12:00 upstream said {text} and left");
        assert!(searcher.find(log.as_bytes()).is_some(), "{form}");
    }
    // Paths are logged, so a path is a way to plant.
    daemon
        .client()
        .get(&format!("/{MARKER}-in-the-log"))
        .await
        .expect(404);
    let stopped = daemon.stop().await;
    assert!(stopped.success());
    let log = found(&mut daemon, None, &heard, &searcher);
    assert!(
        log.len() == 1 && log[0].starts_with("in the log: a planted"),
        "{log:?}"
    );
    for (number, (form, text)) in search::forms(ROOT_KEY.as_bytes()).into_iter().enumerate() {
        let file = daemon.home().join(format!("planted-{number}"));
        fs::write(&file, [&[0xff, 0], text.as_bytes(), &[0xfe]].concat()).unwrap();
        let places = found(&mut daemon, None, &heard, &searcher);
        let place = format!("in {}: the root key as ", file.display());
        assert!(
            places.iter().any(|found| found.starts_with(&place)),
            "{form}: {places:?}"
        );
    }
    heard.note(&format!("Basic {}", search::forms(STATIC.as_bytes())[7].1));
    let places = found(&mut daemon, None, &heard, &searcher);
    assert!(
        places.iter().any(|found| found.starts_with("in an answer")),
        "{places:?}"
    );
}
