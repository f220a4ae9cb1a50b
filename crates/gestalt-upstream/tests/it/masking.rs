//! Answers that echo the credential.

use bytes::Bytes;
use gestalt_core::Secret;
use gestalt_upstream::ReplyBody;
use http::Response;

use crate::server::{Server, answer};
use crate::world::{World, get, pieces, whole, whole_text};

/// With characters that every encoding writes in its own way.
const KEY: &str = "k\"y/1234+é%567 89";

fn keyed(server: &Server, key: &str) -> World {
    let mut world = World::new(server, get("/")).with_key("unused");
    world.injection.headers.clear();
    world.injection.mask = vec![Secret::new(key)];
    world
}

#[tokio::test]
async fn s39_every_form_of_an_echoed_credential_is_masked() {
    let forms = [
        KEY.to_owned(),
        serde_json::to_string(KEY).unwrap(),
        r#"k\"y\/1234+é%567 89"#.to_owned(),
        r#"k\"y\/1234+\u00e9%567 89"#.to_owned(),
        "k%22y%2F1234%2B%C3%A9%25567%2089".to_owned(),
        "k%22y%2f1234%2b%c3%a9%25567%2089".to_owned(),
        url::form_urlencoded::byte_serialize(KEY.as_bytes()).collect(),
    ];
    for form in forms {
        let text = format!("before {form} after");
        let server = Server::start(move |_| answer(200, &[], text.clone())).await;
        let got = whole_text(keyed(&server, KEY).plain().await.unwrap()).await;
        let middle = got
            .strip_prefix("before ")
            .and_then(|t| t.strip_suffix(" after"))
            .unwrap();
        assert!(
            middle.trim_matches('"').bytes().all(|b| b == b'*'),
            "{form}: {got}"
        );
        assert_eq!(middle.len(), form.len());
    }
}

#[tokio::test]
async fn s39_an_echoed_authorization_header_is_masked() {
    let server = Server::start(|seen| {
        let value = seen.header("authorization").unwrap().to_owned();
        answer(200, &[("etag", &value), ("x-other", &value)], value.clone())
    })
    .await;
    let mut world = World::new(&server, get("/"));
    world.injection.basic = Some((Secret::new("user"), Secret::new("password")));
    let reply = world.plain().await.unwrap();
    assert_eq!(
        server.only().header("authorization"),
        Some("Basic dXNlcjpwYXNzd29yZA==")
    );
    assert_eq!(reply.headers["etag"], "Basic ********************");
    assert_eq!(reply.headers.get("x-other"), None);
    assert_eq!(whole_text(reply).await, "Basic ********************");
}

#[tokio::test]
async fn s39_a_credential_across_the_pieces_of_a_stream_is_masked() {
    let key = "abcabcabd-abcabcabe";
    let text = format!("abcabc{key}{key}abcabcabd-abcabcab.{key}");
    let expect = text.replace(key, &"*".repeat(key.len()));
    for size in 1..=text.len() {
        let text = Bytes::from(text.clone());
        let server = Server::start(move |_| {
            let mut left = text.clone();
            Response::new(pieces(move || {
                let piece = left.split_to(size.min(left.len()));
                (!piece.is_empty()).then_some(piece)
            }))
        })
        .await;
        let reply = keyed(&server, key).plain().await.unwrap();
        assert!(matches!(reply.body, ReplyBody::Stream(_)));
        assert_eq!(whole_text(reply).await, expect, "pieces of {size}");
    }
}

#[tokio::test]
async fn s39_a_credential_that_repeats_itself_is_masked_whole() {
    let server = Server::start(|_| answer(200, &[], "xaaaaaaaaaaaaax")).await;
    let got = whole_text(keyed(&server, "aaaaaaaa").plain().await.unwrap()).await;
    assert_eq!(got, "x*************x");
}

#[tokio::test]
async fn a_secret_under_eight_bytes_is_not_looked_for() {
    let server = Server::start(|_| answer(200, &[], "short")).await;
    let got = whole_text(keyed(&server, "short").plain().await.unwrap()).await;
    assert_eq!(got, "short");
}

#[tokio::test]
async fn bytes_without_the_credential_stay_as_they_are() {
    let bytes: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    let sent = bytes.clone();
    let server = Server::start(move |_| answer(200, &[], sent.clone())).await;
    let reply = keyed(&server, "not in there").plain().await.unwrap();
    assert_eq!(whole(reply).await.unwrap(), bytes);
}
