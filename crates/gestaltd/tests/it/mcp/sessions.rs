//! Sessions of the older era end: by their age, or because the client says so.

use std::time::Duration;

use gestalt_core::clock::ManualClock;
use gestalt_core::{Clock, Timestamp};
use http::Method;

use super::server::{SESSION, Server, older, open};
use crate::house::House;

const ENDPOINTS: [(&str, &str); 2] = [("/mcp/served", "any"), ("/mcp", "served_any")];

async fn call(house: &House, (path, tool): (&str, &str), session: &str) -> u16 {
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#
    );
    let answer = older(house.post(path), Some(session)).body(call).await;
    answer.status.as_u16()
}

/// Everything that can be asked in a session, in one that is no more.
async fn nothing_is_left(house: &House, server: &Server, at: (&str, &str), session: &str) {
    server.seen();
    assert_eq!(call(house, at, session).await, 404, "{}", at.0);
    for method in ["GET", "DELETE"] {
        let ask = older(house.ask(method, at.0), Some(session));
        assert_eq!(ask.send().await.status, 404, "{method} {}", at.0);
    }
    let told = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    let told = older(house.post(at.0), Some(session)).body(told).await;
    assert!(matches!(told.status.as_u16(), 202 | 404), "{}", told.text());
    let reached: Vec<_> = server.seen().into_iter().map(|seen| seen.body).collect();
    assert!(reached.is_empty(), "{reached:?}");
}

#[tokio::test]
async fn an_id_past_its_life_is_not_found_and_nothing_reaches_the_server() {
    let hand = ManualClock::at(Timestamp::from_micros(1_800_000_000_000_000));
    let server = Server::start().await;
    let house = server.house(Clock::Manual(hand.clone())).await;
    for at in ENDPOINTS {
        let session = open(&house, at.0).await;
        assert_eq!(call(&house, at, &session).await, 200);
        hand.advance(Duration::from_hours(24) - Duration::from_secs(1));
        assert_eq!(call(&house, at, &session).await, 200);
        hand.advance(Duration::from_secs(1));
        nothing_is_left(&house, &server, at, &session).await;
        // The client begins another, as it is told to.
        let session = open(&house, at.0).await;
        assert_eq!(call(&house, at, &session).await, 200);
    }
}

#[tokio::test]
async fn an_ended_session_is_not_found_and_nothing_reaches_the_server() {
    let server = Server::start().await;
    let house = server.house(Clock::System).await;
    for at in ENDPOINTS {
        let (session, other) = (open(&house, at.0).await, open(&house, at.0).await);
        assert_eq!(call(&house, at, &session).await, 200);
        server.seen();
        let ended = older(house.ask("DELETE", at.0), Some(&session))
            .send()
            .await;
        assert_eq!(ended.status, 204, "{}", ended.text());
        let seen = server.seen();
        let last = seen.last().unwrap();
        assert_eq!(last.method, Method::DELETE);
        assert_eq!(last.headers["mcp-session-id"], SESSION);
        nothing_is_left(&house, &server, at, &session).await;
        assert_eq!(call(&house, at, &other).await, 200);
    }
}

#[tokio::test]
async fn an_id_of_another_endpoint_or_one_that_was_changed_is_not_found() {
    let server = Server::start().await;
    let house = server.house(Clock::System).await;
    let [one, all] = ENDPOINTS;
    let (at_one, at_all) = (open(&house, one.0).await, open(&house, all.0).await);
    assert_eq!(call(&house, one, &at_one).await, 200);
    assert_eq!(call(&house, all, &at_all).await, 200);
    nothing_is_left(&house, &server, one, &at_all).await;
    nothing_is_left(&house, &server, all, &at_one).await;
    let mut changed = at_one.into_bytes();
    let middle = changed.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    nothing_is_left(&house, &server, one, &changed).await;
    nothing_is_left(&house, &server, one, SESSION).await;
}
