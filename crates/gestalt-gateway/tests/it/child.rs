//! A gateway in a process of its own, which can be killed or kept from writing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use gestalt_core::connection::Mode;
use gestalt_core::{Code, Secret};
use gestalt_gateway::settings::Durability;
use gestalt_gateway::{AuditQuery, CatalogueSettings, VerifyInput};
use serde::{Deserialize, Serialize};

use crate::clients::Client;
use crate::gateway::{Setup, TestGateway};
use crate::plugins::{connection, plugin};

const VARIABLE: &str = "GESTALT_TEST_CHILD";

/// What the child is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Orders {
    folder: PathBuf,
    peer: SocketAddr,
    strict: bool,
    session: String,
    /// Call an operation that never answers, or call until the trail cannot be written.
    hang: bool,
}

/// The child, killed when dropped.
struct Running {
    child: Child,
    orders: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Running {
    /// Starts this test binary again, with files of at most so many KiB.
    #[expect(clippy::disallowed_methods, reason = "the test starts itself")]
    fn start(orders: &Orders, file_limit: Option<u32>) -> Self {
        // A write beyond the limit then fails instead of ending the process.
        let limit = file_limit.map_or("unlimited".to_owned(), |kib| (kib * 2).to_string());
        let script = format!("trap '' XFSZ; ulimit -S -f {limit}; exec \"$@\"");
        let test = "child::gateway_in_a_process_of_its_own";
        let mut child = std::process::Command::new("sh")
            .args(["-c", &script, "sh"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env(VARIABLE, serde_json::to_string(orders).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            orders: child.stdin.take().unwrap(),
            says: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// The next line of the child that begins with `says `.
    fn says(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(
                self.says.read_line(&mut line).unwrap() > 0,
                "the child has ended"
            );
            if let Some((_, said)) = line.trim_end().split_once("says ") {
                return said.to_owned();
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the limit of another process")]
    fn lift_the_limit(&mut self) {
        let pid = self.child.id().to_string();
        let lifted = std::process::Command::new("prlimit")
            .args(["--pid", &pid, "--fsize=unlimited:unlimited"])
            .status();
        assert!(lifted.unwrap().success());
        self.orders.write_all(b"lifted\n").unwrap();
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
#[ignore = "other tests start it as a process of its own"]
async fn gateway_in_a_process_of_its_own() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test that started it says what to do"
    )]
    let Ok(orders) = std::env::var(VARIABLE) else {
        return;
    };
    let orders: Orders = serde_json::from_str(&orders).unwrap();
    let setup = setup(&orders);
    let client = Client::new(setup.open().await.unwrap()).cookie(&Secret::new(&*orders.session));
    if orders.hang {
        let _never = client.call("hang").await;
    } else {
        until_refused(&client).await;
    }
}

fn setup(orders: &Orders) -> Setup {
    let tracker = plugin(
        "tracker",
        orders.peer,
        vec![connection("default", Mode::User)],
    );
    let catalogue = CatalogueSettings {
        plugins: vec![tracker],
        ..CatalogueSettings::default()
    };
    let mut setup = Setup::new(&orders.folder, catalogue);
    if orders.strict {
        setup.audit.durability = Durability::Strict;
    }
    setup
}

async fn until_refused(client: &Client) {
    let mut answered = 0;
    let refused = loop {
        match client.call("echo").await {
            Ok(_) => answered += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refused.code, Code::AuditUnavailable, "{refused}");
    for _ in 0..20 {
        let code = client.call("echo").await.unwrap_err().code;
        assert_eq!(code, Code::AuditUnavailable);
    }
    println!("\nsays {answered}");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    while client.call("echo").await.is_err() {
        tokio::task::yield_now().await;
    }
    println!("\nsays recovered");
}

/// A gateway that was closed in good order, and orders for a child to open it again.
async fn handed_over(strict: bool, hang: bool) -> (TestGateway, Orders) {
    let test = TestGateway::new().await;
    test.connect(&test.bob, "key-of-bob", "bob").await;
    test.gateway.shutdown(Duration::MAX).await;
    let orders = Orders {
        folder: test.folder().to_owned(),
        peer: test.peer.address,
        strict,
        session: test.bob.session.expose().to_owned(),
        hang,
    };
    (test, orders)
}

/// Kills a gateway while a call is at the upstream, and opens it again.
async fn killed_during_a_call(strict: bool) -> TestGateway {
    let (mut test, orders) = handed_over(strict, true).await;
    let running = Running::start(&orders, None);
    let arrived = test.peer.state.arrived.notified();
    tokio::time::timeout(Duration::from_mins(1), arrived)
        .await
        .unwrap();
    running.kill();
    test.gateway = test.setup.open().await.unwrap();
    let ada = test.cookie(&test.ada).caller().await.unwrap();
    let found = test
        .gateway
        .verify_audit(&ada, VerifyInput::default())
        .await
        .unwrap();
    assert!(found.ok, "{found:?}");
    test
}

fn gaps(records: &[gestalt_gateway::AuditView]) -> usize {
    records.iter().filter(|record| record.kind == "gap").count()
}

#[tokio::test]
async fn s32_kill_between_intent_and_outcome_is_unknown_under_strict() {
    let mut test = killed_during_a_call(true).await;
    let look = async |test: &TestGateway| test.cookie(&test.ada).trail(AuditQuery::default()).await;
    let records = look(&test).await;
    let calls: Vec<_> = records
        .iter()
        .filter(|record| record.kind == "invocation")
        .collect();
    let [intent, outcome] = calls.as_slice() else {
        panic!("{calls:?}")
    };
    assert_eq!(
        (intent.phase.as_deref(), intent.outcome.as_deref()),
        (Some("intent"), None)
    );
    assert_eq!(
        (outcome.phase.as_deref(), outcome.outcome.as_deref()),
        (Some("outcome"), Some("unknown"))
    );
    assert_eq!(intent.subject, Some(test.bob.subject()));
    assert_eq!(outcome.subject, intent.subject);
    assert_eq!(outcome.request_id, intent.request_id);
    assert_eq!(gaps(&records), 0, "strict loses nothing");
    // It is said once.
    test.reopen(async |_| ()).await;
    let records = look(&test).await;
    let unknown = records
        .iter()
        .filter(|r| r.outcome.as_deref() == Some("unknown"));
    assert_eq!(unknown.count(), 1);
}

#[tokio::test]
async fn s32_kill_under_buffered_leaves_a_gap_record() {
    let mut test = killed_during_a_call(false).await;
    let records = test.cookie(&test.ada).trail(AuditQuery::default()).await;
    assert_eq!(gaps(&records), 1);
    test.reopen(async |_| ()).await;
    let records = test.cookie(&test.ada).trail(AuditQuery::default()).await;
    assert_eq!(gaps(&records), 1, "an end in good order leaves none");
}

#[tokio::test]
async fn s30_under_strict_no_upstream_call_when_the_trail_cannot_be_written() {
    let (mut test, orders) = handed_over(true, false).await;
    let before = test.peer.requests();
    let mut running = Running::start(&orders, Some(1_024));
    let (mut running, answered) = tokio::task::spawn_blocking(move || {
        let answered: u64 = running.says().parse().unwrap();
        (running, answered)
    })
    .await
    .unwrap();
    assert!(answered > 0);
    assert_eq!(
        test.peer.requests(),
        before + answered,
        "none besides those that were answered"
    );
    let said = tokio::task::spawn_blocking(move || {
        running.lift_the_limit();
        running.says()
    });
    assert_eq!(said.await.unwrap(), "recovered");
    // The child was killed; what it did is all there, once.
    test.gateway = test.setup.open().await.unwrap();
    let ada = test.cookie(&test.ada);
    let records = ada.invocations().await;
    let intents = records
        .iter()
        .filter(|r| r.phase.as_deref() == Some("intent"));
    let carried_out = records
        .iter()
        .filter(|r| r.outcome.as_deref() == Some("ok"));
    assert!(intents.count() as u64 > answered);
    assert!(carried_out.count() as u64 >= answered);
    let caller = ada.caller().await.unwrap();
    let found = test
        .gateway
        .verify_audit(&caller, VerifyInput::default())
        .await
        .unwrap();
    assert!(found.ok, "{found:?}");
}
