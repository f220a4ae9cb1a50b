//! What a client sees of a child's protocol.

use bytes::Bytes;
use futures_util::StreamExt as _;
use gestalt_upstream::UpstreamError;
use gestalt_upstream::mcp::{AnswerBody, Era};
use http::StatusCode;
use serde_json::{Value, json};

use super::world::{Setting, request, value, whole};

#[tokio::test]
async fn a_session_of_somebody_else_is_not_found() {
    let world = Setting::new().build();
    let ada = world.client("ada").await;
    let mut eve = world.stranger("eve");
    eve.session.clone_from(&ada.session);
    let answer = eve.call("pid", json!([])).await.unwrap();
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let session = ada.session.as_deref().unwrap();
    assert_eq!(world.stdio.end(session, &eve.whose), StatusCode::NOT_FOUND);
    let listening = world.stdio.listen(session, &eve.whose);
    assert_eq!(listening.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_ended_session_is_not_found_and_its_child_serves_others() {
    let world = Setting::new().build();
    let (first, second) = (world.client("ada").await, world.client("ada").await);
    assert_ne!(first.session, second.session);
    let pid = first.did("pid", json!([])).await;
    let session = first.session.as_deref().unwrap();
    assert_eq!(world.stdio.end(session, &first.whose), StatusCode::OK);
    let answer = first.call("pid", json!([])).await.unwrap();
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(second.did("pid", json!([])).await, pid);
}

#[tokio::test]
async fn each_subject_and_credential_has_a_child_of_its_own() {
    let world = Setting::new().build();
    let (ada, eve) = (world.client("ada").await, world.client("eve").await);
    let mut other = world.stranger("ada");
    other.whose.credential = "c:2".to_owned();
    other.begin().await.unwrap();
    let mut pids = Vec::new();
    for client in [&ada, &eve, &other] {
        pids.push(client.did("pid", json!([])).await["value"].as_i64());
    }
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 3);
}

#[tokio::test]
async fn a_shared_child_serves_all_and_asks_nobody() {
    let mut setting = Setting::new();
    setting.process.shared = true;
    let world = setting.build();
    let (ada, eve) = (world.client("ada").await, world.client("eve").await);
    assert_eq!(
        ada.did("pid", json!([])).await,
        eve.did("pid", json!([])).await
    );
    let answer = ada.call("ask", json!([])).await.unwrap();
    let AnswerBody::Message(message) = answer.body else {
        panic!("somebody was asked");
    };
    assert_eq!(value(&message)["result"]["error"]["code"], -32601);
}

#[tokio::test]
async fn a_message_but_for_its_id_and_token_passes_as_it_is() {
    let world = Setting::new().build();
    let client = world.client("ada").await;
    let body = "{\"jsonrpc\":\"2.0\",\n\"params\":{\"name\":\"echo\",\"z\":1.50,\"a\":{\"id\":7}},\r\n\"id\":\"x\\\"y\",\"method\":\"tools/call\",\"new\":[1e2]}";
    let mut message = request("0", "tools/call", &Value::Null);
    message.body = Bytes::from(body);
    let messages = whole(client.send(message).await.unwrap()).await;
    let message = value(messages[0].as_ref().unwrap());
    assert_eq!(message["id"], "x\"y");
    let saw = &message["result"]["saw"];
    assert_eq!(saw["new"], json!([100.0]));
    assert_eq!(saw["params"]["a"]["id"], 7);
    assert!(saw["id"].is_u64());

    // And what comes back.
    let raw = r#"{"x" :1.0e+2,"jsonrpc":"2.0", "id":$ID,"result":{"id":1, "n":0.10}}"#;
    let answer = client.call("raw", json!([raw])).await.unwrap();
    let messages = whole(answer).await;
    assert_eq!(
        messages[0].as_ref().unwrap(),
        &raw.replace("$ID", r#""c-1""#)
    );
}

#[tokio::test]
async fn progress_comes_by_the_clients_token_and_before_the_response() {
    let world = Setting::new().build();
    let client = world.client("ada").await;
    let params = json!({ "name": "progress", "_meta": { "progressToken": "t" } });
    let request = |id: &str| request(id, "tools/call", &params);
    let (one, two) = (client.send(request("1")), client.send(request("2")));
    let (one, two) = tokio::join!(one, two);
    for (answer, id) in [(one, 1), (two, 2)] {
        let messages = whole(answer.unwrap()).await;
        let messages: Vec<_> = messages
            .iter()
            .map(|m| value(m.as_ref().unwrap()))
            .collect();
        assert_eq!(messages.len(), 3);
        for (at, message) in messages[..2].iter().enumerate() {
            assert_eq!(message["params"]["progressToken"], "t");
            assert_eq!(message["params"]["progress"], at + 1);
        }
        assert_eq!(messages[2]["id"], id);
    }
}

#[tokio::test]
async fn the_client_of_the_call_is_asked_and_only_its_answer_counts() {
    let world = Setting::new().build();
    let client = world.client("ada").await;
    let other = world.client("ada").await;
    let answer = client.call("ask", json!([])).await.unwrap();
    let AnswerBody::Events(mut events) = answer.body else {
        panic!("nobody was asked");
    };
    let asked = events.next().await.unwrap().unwrap();
    assert_eq!(
        asked.data,
        r#"{"jsonrpc":"2.0","id":"q","method":"sampling/createMessage","params":{"n":1.0}}"#
    );
    let respond = |text: &str| {
        let mut message = request("\"q\"", "", &Value::Null);
        message.body = format!(r#"{{"jsonrpc":"2.0","id":"q","result":"{text}"}}"#).into();
        message.id = None;
        message
    };
    let foreign = other.send(respond("foreign")).await.unwrap();
    assert_eq!(foreign.status, StatusCode::ACCEPTED);
    let own = client.send(respond("own")).await.unwrap();
    assert_eq!(own.status, StatusCode::ACCEPTED);
    let last = events.next().await.unwrap().unwrap();
    assert_eq!(value(&last.data)["result"]["result"], "own");
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_call_that_is_given_up_is_cancelled_at_the_child() {
    let world = Setting::new().build();
    let client = world.client("ada").await;
    let session = client.session.as_deref().unwrap();
    let AnswerBody::Events(mut told) = world.stdio.listen(session, &client.whose).body else {
        panic!("no stream");
    };
    let answer = client.call("hang", json!([])).await.unwrap();
    drop(answer);
    let cancelled = value(&told.next().await.unwrap().unwrap().data);
    assert_eq!(cancelled["params"]["data"][0], "cancelled");
}

#[tokio::test]
async fn a_client_cancels_its_own_call_by_its_own_id() {
    let world = Setting::new().build();
    let client = world.client("ada").await;
    let answer = client.call("hang", json!([])).await.unwrap();
    let AnswerBody::Events(mut events) = answer.body else {
        panic!("it answered");
    };
    let hangs = value(&events.next().await.unwrap().unwrap().data);
    assert_eq!(hangs["params"]["data"], "hangs");
    let mut cancel = request("0", "notifications/cancelled", &Value::Null);
    cancel.id = None;
    cancel.body = Bytes::from_static(
        br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"c-1"}}"#,
    );
    client.send(cancel).await.unwrap();
    let cancelled = value(&events.next().await.unwrap().unwrap().data);
    assert_eq!(cancelled["params"]["data"][0], "cancelled");
    assert!(cancelled["params"]["data"][1].is_u64());
}

#[tokio::test]
async fn what_changes_is_told_to_every_session_that_listens() {
    let world = Setting::new().build();
    let (first, second) = (world.client("ada").await, world.client("ada").await);
    let mut streams = Vec::new();
    for client in [&first, &second] {
        let session = client.session.as_deref().unwrap();
        let AnswerBody::Events(events) = world.stdio.listen(session, &client.whose).body else {
            panic!("no stream");
        };
        streams.push(events);
    }
    // Two calls at once: what is said meanwhile belongs to neither.
    let hanging = first.call("hang", json!([])).await.unwrap();
    first.did("changed", json!([])).await;
    for stream in &mut streams {
        let told = value(&stream.next().await.unwrap().unwrap().data);
        assert_eq!(told["method"], "notifications/tools/list_changed");
    }
    drop(hanging);
}

#[tokio::test]
async fn initialize_is_asked_once_and_answered_to_each_in_its_own_version() {
    let world = Setting::new().build();
    let mut client = world.stranger("ada");
    let hello = client.begin().await.unwrap();
    assert_eq!(hello["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(
        hello["result"]["was"]["capabilities"],
        json!({ "sampling": {} })
    );
    let mut older = request("\"i\"", "initialize", &json!({}));
    older.version = "2025-03-26".to_owned();
    let again = whole(world.stranger("ada").send(older).await.unwrap()).await;
    let again = value(again[0].as_ref().unwrap());
    assert_eq!(again["result"]["protocolVersion"], "2025-03-26");
    assert_eq!(again["id"], "i");
}

#[tokio::test]
async fn a_child_of_the_modern_era_needs_no_session() {
    let world = Setting::new().with("--modern").build();
    let client = world.stranger("ada");
    let mut discover = request("1", "server/discover", &json!({}));
    discover.era = Era::Modern;
    let found = whole(client.send(discover).await.unwrap()).await;
    let found = value(found[0].as_ref().unwrap());
    assert_eq!(found["result"]["supportedVersions"][0], "2026-07-28");
    let mut call = request("2", "tools/call", &json!({ "name": "pid" }));
    call.era = Era::Modern;
    let answer = whole(client.send(call).await.unwrap()).await;
    assert_eq!(value(answer[0].as_ref().unwrap())["id"], 2);
    let error = world.stranger("ada").begin().await.unwrap_err();
    assert!(
        matches!(error, UpstreamError::InvalidAnswer { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_child_of_the_legacy_era_does_not_know_the_modern_one() {
    let world = Setting::new().build();
    let client = world.stranger("ada");
    let mut discover = request("1", "server/discover", &json!({}));
    discover.era = Era::Modern;
    let found = whole(client.send(discover).await.unwrap()).await;
    assert_eq!(value(found[0].as_ref().unwrap())["error"]["code"], -32601);
    world.client("ada").await;
}
