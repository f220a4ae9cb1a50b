//! What the audit trail says of calls, refusals, changes and of its own readers.

use gestalt_core::Code;
use gestalt_gateway::{AuditQuery, AuditView, PageQuery};

use crate::clients::{code, invocation, of_kind, token};
use crate::gateway::TestGateway;

fn ended(record: &AuditView) -> (Option<&str>, Option<&str>) {
    (record.phase.as_deref(), record.outcome.as_deref())
}

#[tokio::test]
async fn a_refusal_is_recorded_with_its_reason() {
    let test = TestGateway::new().await;
    let bob = test.cookie(&test.bob);
    assert_eq!(code(bob.invoke("trackr", "echo").await), Code::NotFound);
    assert_eq!(code(bob.call("ehco").await), Code::NotFound);
    assert_eq!(code(bob.call("echo").await), Code::NotConnected);
    let mut by_get = invocation("tracker", "create_note");
    by_get.read_only_door = true;
    assert_eq!(code(bob.invoke_with(by_get).await), Code::InvalidRequest);
    let records = bob.invocations().await;
    let said: Vec<_> = records
        .iter()
        .map(|r| {
            (
                r.integration.as_deref().unwrap(),
                r.operation.as_deref().unwrap(),
                r.outcome.as_deref().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("trackr", "echo", "not_found"),
            ("tracker", "ehco", "not_found"),
            ("tracker", "echo", "not_connected"),
            ("tracker", "create_note", "invalid_request"),
        ]
    );
    let decisions: Vec<_> = records.iter().map(|r| r.decision.as_str()).collect();
    assert_eq!(decisions, ["deny", "deny", "allow", "deny"]);
    assert!(
        records
            .iter()
            .all(|r| r.phase.as_deref() == Some("complete"))
    );
}

#[tokio::test]
async fn an_intent_and_its_outcome_in_one_batch_are_one_record() {
    let test = TestGateway::new().await;
    test.connect(&test.bob, "key-of-bob", "bob").await;
    let bob = test.token_of(&test.bob).await;
    assert!(bob.call("echo").await.is_ok());
    assert!(bob.call("missing").await.is_ok());
    let records = bob.invocations().await;
    let [echo, missing] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert_eq!(ended(echo), (Some("complete"), Some("ok")));
    assert_eq!(ended(missing), (Some("complete"), Some("upstream_error")));
    assert_eq!(
        (echo.upstream_status, missing.upstream_status),
        (Some(200), Some(404))
    );
    assert_eq!(echo.subject, Some(test.bob.subject()));
    assert!(echo.credential.as_deref().unwrap().starts_with("tok_"));
    assert_eq!(echo.connection.as_deref(), Some("default"));
    assert_eq!(echo.instance.as_deref(), Some("default"));
    assert_eq!(echo.address.as_deref(), Some("127.0.0.1"));
    assert_eq!(echo.reason.as_deref(), Some("default: allow"));
    assert_eq!(echo.arguments_digest.as_deref().map(str::len), Some(64));
    assert!(echo.duration_micros.is_some() && echo.request_id.is_some());
}

#[tokio::test]
async fn a_call_longer_than_its_batch_has_an_intent_and_an_outcome() {
    let test = TestGateway::new().await;
    test.connect(&test.bob, "key-of-bob", "bob").await;
    let bob = test.cookie(&test.bob);
    let chunks = test.peer.streams();
    let reply = bob.invoke("tracker", "stream").await.unwrap();
    let intent = bob.invocations().await.pop().unwrap();
    assert_eq!(ended(&intent), (Some("intent"), None));
    chunks.send(Ok("all")).await.unwrap();
    drop(chunks);
    assert_eq!(crate::clients::text(reply).await, "all");
    let records = bob.invocations().await;
    let [intent, outcome] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert_eq!(ended(outcome), (Some("outcome"), Some("ok")));
    assert_eq!(intent.request_id, outcome.request_id);
}

#[tokio::test]
async fn a_change_is_recorded_with_what_it_is_about_and_no_secret() {
    let test = TestGateway::new().await;
    let id = test.connect(&test.bob, "key-of-bob", "bob").await;
    let bob = test.cookie(&test.bob);
    let (view, secret) = bob.make_token(&token("t")).await.unwrap();
    let caller = bob.caller().await.unwrap();
    test.gateway.revoke_token(&caller, &view.id).await.unwrap();
    assert_eq!(
        code(test.gateway.revoke_token(&caller, "tok_x").await),
        Code::NotFound
    );
    let records = bob.trail(AuditQuery::default()).await;
    let said: Vec<_> = records
        .iter()
        .map(|r| {
            (
                r.action.as_str(),
                r.target.as_deref(),
                r.outcome.as_deref().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("connection.connect", Some(id.as_str()), "ok"),
            ("token.create", Some(view.id.as_str()), "ok"),
            ("token.revoke", Some(view.id.as_str()), "ok"),
            ("token.revoke", None, "not_found"),
            ("audit.export", None, "ok"),
        ]
    );
    let text = format!("{records:?}");
    assert!(!text.contains("key-of-bob") && !text.contains(secret.expose()));
}

#[tokio::test]
async fn a_connection_is_found_by_its_plugin() {
    let test = TestGateway::new().await;
    let id = test.connect(&test.bob, "key-of-bob", "bob").await;
    let bob = test.cookie(&test.bob);
    let caller = bob.caller().await.unwrap();
    let integration = test
        .gateway
        .get_connection(&caller, &id)
        .await
        .unwrap()
        .integration;
    test.gateway.disconnect(&caller, &id).await.unwrap();
    let query = AuditQuery {
        integration: Some(integration.clone()),
        ..AuditQuery::default()
    };
    let records = bob.trail(query).await;
    let said: Vec<_> = records
        .iter()
        .map(|r| {
            (
                r.action.as_str(),
                r.target.as_deref(),
                r.instance.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("connection.connect", Some(id.as_str()), Some("default")),
            ("connection.disconnect", Some(id.as_str()), Some("default")),
        ]
    );
}

#[tokio::test]
async fn reading_the_trail_is_recorded_and_shows_ones_own_only() {
    let test = TestGateway::new().await;
    let (ada, bob) = (test.cookie(&test.ada), test.cookie(&test.bob));
    let caller = bob.caller().await.unwrap();
    let of = |subject: String| AuditQuery {
        subject: Some(subject),
        ..AuditQuery::default()
    };
    let page = PageQuery::default();
    let others = test
        .gateway
        .query_audit(&caller, of(test.ada.subject()), page.clone())
        .await;
    assert_eq!(code(others), Code::Forbidden);
    ada.trail(AuditQuery::default()).await;
    let own = test
        .gateway
        .query_audit(&caller, AuditQuery::default(), page)
        .await
        .unwrap();
    assert!(
        own.items
            .iter()
            .all(|r| r.subject == Some(test.bob.subject()))
    );
    let readings = ada.trail(of_kind("audit")).await;
    let said: Vec<_> = readings
        .iter()
        .map(|r| {
            (
                r.action.as_str(),
                r.subject.clone().unwrap(),
                r.outcome.as_deref().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("audit.read", test.bob.subject(), "forbidden"),
            ("audit.export", test.ada.subject(), "ok"),
            ("audit.read", test.bob.subject(), "ok"),
            ("audit.export", test.ada.subject(), "ok"),
        ]
    );
}

#[tokio::test]
async fn filters_and_pages() {
    let test = TestGateway::new().await;
    test.connect(&test.bob, "key-of-bob", "bob").await;
    let bob = test.cookie(&test.bob);
    for operation in ["echo", "missing", "echo", "whoami", "echo"] {
        bob.call(operation).await.unwrap();
    }
    let caller = bob.caller().await.unwrap();
    let query = AuditQuery {
        operation: Some("echo".to_owned()),
        ..AuditQuery::default()
    };
    let mut page = PageQuery {
        cursor: None,
        limit: Some(2),
    };
    let first = test
        .gateway
        .query_audit(&caller, query.clone(), page.clone())
        .await
        .unwrap();
    page.cursor = first.next.clone();
    let second = test
        .gateway
        .query_audit(&caller, query, page)
        .await
        .unwrap();
    assert_eq!((first.items.len(), second.items.len()), (2, 1));
    assert!(first.items[1].seq > second.items[0].seq, "newest first");
    assert_eq!(second.next, None);
    let failed = AuditQuery {
        outcome: Some("upstream_error".to_owned()),
        ..AuditQuery::default()
    };
    let failed = bob.trail(failed).await;
    assert_eq!(failed.len(), 1);
    let bad = PageQuery {
        cursor: None,
        limit: Some(0),
    };
    let refused = test
        .gateway
        .query_audit(&caller, AuditQuery::default(), bad)
        .await;
    assert_eq!(code(refused), Code::InvalidRequest);
    let bad = PageQuery {
        cursor: Some("x".to_owned()),
        limit: None,
    };
    let refused = test
        .gateway
        .query_audit(&caller, AuditQuery::default(), bad)
        .await;
    assert_eq!(code(refused), Code::InvalidRequest);
}

#[tokio::test]
async fn a_full_queue_refuses_calls_and_drops_nothing() {
    let mut test = TestGateway::with(|setup, _| setup.audit.queue = 4).await;
    test.connect(&test.bob, "key-of-bob", "bob").await;
    let bob = test.cookie(&test.bob);
    let asked = test.peer.requests();
    assert!(bob.call("echo").await.is_ok() && bob.call("echo").await.is_ok());
    for _ in 0..3 {
        let refused = bob.call("echo").await.unwrap_err();
        assert_eq!(refused.code, Code::AuditUnavailable);
        assert!(refused.retry_after.is_some());
    }
    assert_eq!(test.peer.requests(), asked + 2);
    assert_eq!(test.metric("gestalt_audit_pending"), 4);
    test.reopen(async |_| ()).await;
    let records = test.cookie(&test.bob).invocations().await;
    let ends: Vec<_> = records.iter().map(ended).collect();
    assert_eq!(ends, [(Some("complete"), Some("ok")); 2]);
}
