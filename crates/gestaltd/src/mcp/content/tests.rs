use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use gestalt_core::id::UserId;
use gestalt_core::{Clock, Code, Entropy, Timestamp};
use gestalt_gateway::{BoxedBody, ReplyBody};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full};

use super::*;
use crate::mcp::held::HeldLimits;

const SMALL: ContentLimits = ContentLimits {
    max_text_bytes: 20,
    max_blob_bytes: 8,
    max_read_bytes: 50,
};

fn user(number: u64) -> Subject {
    let id = UserId::generate(Timestamp::from_micros(0), &Entropy::seeded(number));
    Subject::User(id.unwrap())
}

fn tool(structured: bool) -> FoundTool {
    FoundTool {
        plugin: "tracker".into(),
        operation: "list".into(),
        structured,
        paginated: false,
        read_only: true,
        live: None,
        graphql: false,
    }
}

fn reply(status: u16, content_type: &str, body: impl Into<Bytes>) -> Reply {
    let mut headers = HeaderMap::new();
    if !content_type.is_empty() {
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
    }
    Reply {
        status: StatusCode::from_u16(status).unwrap(),
        headers,
        body: ReplyBody::Full(body.into()),
        continuation: None,
        stopped: None,
    }
}

/// Whoever calls, and what is kept.
struct Calling {
    held: Held,
    tool: FoundTool,
    limits: ContentLimits,
}

impl Calling {
    fn new(structured: bool, limits: ContentLimits) -> Self {
        Self {
            held: Held::new(HeldLimits::default(), Clock::System, Entropy::seeded(7)),
            tool: tool(structured),
            limits,
        }
    }

    fn call(&self, number: u64) -> ToolCall<'_> {
        ToolCall {
            subject: user(number),
            tool: &self.tool,
        }
    }

    async fn result(&self, reply: Reply) -> String {
        let text = result(reply, &self.call(1), &self.limits, &self.held).await;
        let read: Value = serde_json::from_str(&text).unwrap();
        assert!(text.starts_with(r#"{"content":["#), "{text}");
        if self.tool.structured && read["isError"] != true {
            assert!(read["structuredContent"].is_object(), "{text}");
        }
        text
    }

    fn continued(&self, number: u64, continuation: &str) -> Option<String> {
        continued(continuation, &self.call(number), &self.limits, &self.held)
    }
}

async fn plain(reply: Reply) -> String {
    Calling::new(false, ContentLimits::default())
        .result(reply)
        .await
}

async fn with_schema(reply: Reply) -> String {
    Calling::new(true, ContentLimits::default())
        .result(reply)
        .await
}

fn next(result: &str) -> Option<String> {
    let read: Value = serde_json::from_str(result).unwrap();
    let next = read["_meta"]["gestalt/continuation"].as_str();
    next.map(str::to_owned)
}

fn blocks(result: &str) -> Vec<String> {
    let read: Value = serde_json::from_str(result).unwrap();
    let texts = read["content"].as_array().unwrap().iter();
    texts
        .map(|block| block["text"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn the_rest_of_a_result_is_its_callers_own() {
    let bob = Calling::new(false, SMALL);
    let first = bob
        .result(reply(200, "text/plain", "a secret of bob's, and much more"))
        .await;
    let more = next(&first).unwrap();
    for (number, continuation) in [
        (2, more.clone()),
        (1, more.replace("held.", "held.x")),
        (1, format!("{more}0000")),
        (1, "held.".to_owned()),
    ] {
        let told = bob.continued(number, &continuation).unwrap();
        assert!(!told.contains("bob"), "{told}");
        assert!(told.contains(r#""isError":true"#), "{told}");
    }
    let mut other = Calling::new(false, SMALL);
    other.tool.operation = "other".into();
    let call = other.call(1);
    let told = continued(&more, &call, &SMALL, &bob.held).unwrap();
    assert!(!told.contains("bob"), "{told}");
    assert!(
        bob.continued(1, "eyJvIjoibGlzdCJ9").is_none(),
        "the gateway's own"
    );
    // It can be asked for again: an answer may be lost on its way.
    let rest = bob.continued(1, &more);
    assert_eq!(rest, bob.continued(1, &more));
    insta::assert_snapshot!(first.replace(&more, "held.ID.20"), @r#"{"content":[{"type":"text","text":"a secret of bob's, a"},{"type":"text","text":"This is part of the result: bytes 0 to 20 of 32. For the next part call this tool again with `_continuation`: \"held.ID.20\""}],"_meta":{"gestalt/continuation":"held.ID.20"}}"#);
    insta::assert_snapshot!(rest.unwrap(), @r#"{"content":[{"type":"text","text":"nd much more"}]}"#);
}

#[tokio::test]
async fn every_part_together_is_the_whole() {
    let calling = Calling::new(true, SMALL);
    let text = "äöü €uro 𝄞 and so on, line\nby line";
    let mut paged = reply(200, "text/plain; charset=utf-8", text);
    paged.continuation = Some("eyJ4In0".to_owned());
    let mut result = calling.result(paged).await;
    let mut whole = String::new();
    for _ in 0..10 {
        whole.push_str(&blocks(&result)[0]);
        match next(&result).filter(|next| held::is_ours(next)) {
            Some(next) => result = calling.continued(1, &next).unwrap(),
            None => break,
        }
    }
    assert_eq!(whole, text);
    // After the last part comes the next page.
    assert_eq!(next(&result).as_deref(), Some("eyJ4In0"));
    insta::assert_snapshot!(result, @r#"{"content":[{"type":"text","text":"ne"},{"type":"text","text":"There are more results. For the next page call this tool again with the same arguments and `_continuation`: \"eyJ4In0\""}],"structuredContent":{"_part":true},"_meta":{"gestalt/continuation":"eyJ4In0"}}"#);
}

#[tokio::test]
async fn what_is_not_read_is_said() {
    let calling = Calling::new(false, SMALL);
    let long = reply(200, "application/json", format!("[{}]", "1,".repeat(100)));
    let first = calling.result(long).await;
    assert!(
        blocks(&first)[1].contains("bytes 0 to 20 of more than 50"),
        "{first}"
    );
    let second = calling.continued(1, &next(&first).unwrap()).unwrap();
    let last = calling.continued(1, &next(&second).unwrap()).unwrap();
    insta::assert_snapshot!(last, @r#"{"content":[{"type":"text","text":",1,1,1,1,1"},{"type":"text","text":"The answer is longer than the 50 bytes that are read of it; the rest was left. Ask for less."}],"_meta":{"gestalt/cut":true}}"#);
    let file = calling.result(reply(200, "image/png", vec![0; 9])).await;
    insta::assert_snapshot!(file, @r#"{"content":[{"type":"text","text":"The answer is a file (image/png) of more than 8 bytes, which is too large for a result. Fetch it over HTTP: POST /api/v1/tracker/list"}],"isError":true}"#);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error() {
    let body = Breaking(Some(Bytes::from_static(b"{\"a\":")));
    let mut broken = reply(200, "application/json", "");
    broken.body = ReplyBody::Stream(BoxedBody::new(body));
    insta::assert_snapshot!(plain(broken).await, @r#"{"content":[{"type":"text","text":"The upstream's answer broke off after 5 bytes: The upstream closed the connection."}],"isError":true}"#);

    let stream = Full::new(Bytes::from_static(b"[1, 2.50, 1E2]")).map_err(|never| match never {});
    let mut whole = reply(200, "application/json", "");
    whole.body = ReplyBody::Stream(BoxedBody::new(stream));
    insta::assert_snapshot!(with_schema(whole).await, @r#"{"content":[{"type":"text","text":"[1, 2.50, 1E2]"}],"structuredContent":{"_result":[1, 2.50, 1E2]}}"#);
}

/// A body that fails after its first piece.
struct Breaking(Option<Bytes>);

impl http_body::Body for Breaking {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let broken = "The upstream closed the connection.";
        let frame = self.0.take().map(Frame::data);
        Poll::Ready(Some(frame.ok_or_else(|| broken.into())))
    }
}

#[tokio::test]
async fn an_error_of_the_upstream_is_shown_with_its_body() {
    let mut limited = reply(429, "application/problem+json", r#"{"title":"slow down"}"#);
    limited
        .headers
        .insert(header::RETRY_AFTER, "7".parse().unwrap());
    insta::assert_snapshot!(with_schema(limited).await, @r#"{"content":[{"type":"text","text":"The upstream answered 429 Too Many Requests. It asks to try again after: 7."},{"type":"text","text":"{\"title\":\"slow down\"}"}],"isError":true}"#);
    insta::assert_snapshot!(with_schema(reply(500, "", "")).await, @r#"{"content":[{"type":"text","text":"The upstream answered 500 Internal Server Error."}],"isError":true}"#);
}

#[tokio::test]
async fn json_is_given_as_it_came() {
    let object = r#" {"n": 1.10, "big": 12345678901234567890, "s": "a\"b"} "#;
    insta::assert_snapshot!(plain(reply(200, "application/json", object)).await, @r#"{"content":[{"type":"text","text":" {\"n\": 1.10, \"big\": 12345678901234567890, \"s\": \"a\\\"b\"} "}],"structuredContent":{"n": 1.10, "big": 12345678901234567890, "s": "a\"b"}}"#);
    insta::assert_snapshot!(plain(reply(200, "application/json", "[1]")).await, @r#"{"content":[{"type":"text","text":"[1]"}]}"#);
    insta::assert_snapshot!(with_schema(reply(200, "application/hal+json", "[1]")).await, @r#"{"content":[{"type":"text","text":"[1]"}],"structuredContent":{"_result":[1]}}"#);
    // What says that it is JSON and is not, or is too deep to be read, is text.
    for body in [
        "{\"a\":",
        "{} x",
        &format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100)),
    ] {
        let result = plain(reply(200, "application/json", body.to_owned())).await;
        assert!(!result.contains("structuredContent"), "{result}");
        assert_eq!(blocks(&result), [body]);
        with_schema(reply(200, "application/json", body.to_owned())).await;
    }
}

#[tokio::test]
async fn an_empty_answer_says_what_it_was() {
    let mut created = reply(201, "", "");
    created
        .headers
        .insert(header::LOCATION, "/things/7".parse().unwrap());
    insta::assert_snapshot!(plain(created).await, @r#"{"content":[{"type":"text","text":"The upstream answered 201 Created. It names this place: /things/7."}]}"#);
    insta::assert_snapshot!(with_schema(reply(204, "", "")).await, @r#"{"content":[{"type":"text","text":"The upstream answered 204 No Content."}],"structuredContent":{}}"#);
}

#[tokio::test]
async fn files_are_blocks_of_their_kind() {
    insta::assert_snapshot!(plain(reply(200, "image/png", &b"\x89PNG"[..])).await, @r#"{"content":[{"type":"image","data":"iVBORw==","mimeType":"image/png"}]}"#);
    insta::assert_snapshot!(plain(reply(200, "audio/wav; codecs=1", &b"RIFF"[..])).await, @r#"{"content":[{"type":"audio","data":"UklGRg==","mimeType":"audio/wav"}]}"#);
    insta::assert_snapshot!(with_schema(reply(200, "application/pdf", &b"%PDF"[..])).await, @r#"{"content":[{"type":"resource","resource":{"uri":"gestalt://tracker/list/result","mimeType":"application/pdf","blob":"JVBERg=="}}],"structuredContent":{}}"#);
    // What says that it is text and is not, is a file.
    insta::assert_snapshot!(plain(reply(200, "text/plain", &b"\xff\xfe"[..])).await, @r#"{"content":[{"type":"resource","resource":{"uri":"gestalt://tracker/list/result","mimeType":"application/octet-stream","blob":"//4="}}]}"#);
    insta::assert_snapshot!(plain(reply(200, "image/svg+xml", "<svg/>")).await, @r#"{"content":[{"type":"text","text":"<svg/>"}]}"#);
    insta::assert_snapshot!(plain(reply(200, "", "hello")).await, @r#"{"content":[{"type":"text","text":"hello"}]}"#);
}

#[tokio::test]
async fn pages_are_offered() {
    let mut paged = reply(200, "application/json", "{}");
    paged.continuation = Some("eyJ4In0".to_owned());
    insta::assert_snapshot!(plain(paged).await, @r#"{"content":[{"type":"text","text":"{}"},{"type":"text","text":"There are more results. For the next page call this tool again with the same arguments and `_continuation`: \"eyJ4In0\""}],"structuredContent":{},"_meta":{"gestalt/continuation":"eyJ4In0"}}"#);
    let mut last = reply(200, "application/json", "{}");
    last.stopped = Some("end");
    insta::assert_snapshot!(plain(last).await, @r#"{"content":[{"type":"text","text":"{}"}],"structuredContent":{},"_meta":{"gestalt/stopped":"end"}}"#);
    let mut stopped = reply(200, "application/json", "{}");
    stopped.stopped = Some("foreign_link");
    insta::assert_snapshot!(plain(stopped).await, @r#"{"content":[{"type":"text","text":"{}"},{"type":"text","text":"There may be more results, but no next page can be asked for: foreign_link."}],"structuredContent":{},"_meta":{"gestalt/stopped":"foreign_link"}}"#);
}

#[test]
fn a_refusal_says_what_to_do() {
    let site = Site::new(&"https://gestalt.example.com".parse().unwrap()).unwrap();
    let told = |refusal: Refusal| refused(&refusal, &site);
    let not_connected = Refusal::new(Code::NotConnected, "`tracker` is not connected yet.")
        .hint("Run: gestalt plugin connect tracker")
        .link("/connect/tracker?connection=default&for=user:usr_1");
    insta::assert_snapshot!(told(not_connected), @r#"{"content":[{"type":"text","text":"`tracker` is not connected yet.\nAsk the user to open this link and connect, then call the tool again: https://gestalt.example.com/connect/tracker?connection=default&for=user:usr_1\nRun: gestalt plugin connect tracker"}],"isError":true,"_meta":{"gestalt/code":"not_connected","gestalt/link":"https://gestalt.example.com/connect/tracker?connection=default&for=user:usr_1"}}"#);
    let choose = Refusal::new(
        Code::InstanceSelectionRequired,
        "Several accounts are connected; name one.",
    )
    .field("_instance")
    .hint("Pass `_instance`.")
    .choices(vec!["home".to_owned(), "work".to_owned()]);
    insta::assert_snapshot!(told(choose), @r#"{"content":[{"type":"text","text":"Several accounts are connected; name one.\nCall the tool again with `_instance` set to one of: home, work"}],"isError":true,"_meta":{"gestalt/code":"instance_selection_required","gestalt/choices":["home","work"]}}"#);
    let upstream = Refusal::new(Code::UpstreamUnreachable, "The upstream cannot be reached.")
        .because("10.1.2.3 refused");
    insta::assert_snapshot!(told(upstream), @r#"{"content":[{"type":"text","text":"The upstream cannot be reached."}],"isError":true,"_meta":{"gestalt/code":"upstream_unreachable"}}"#);
}

#[tokio::test]
async fn an_answer_of_graphql_without_data_is_an_error_and_part_of_it_is_none() {
    let mut calling = Calling::new(true, ContentLimits::default());
    calling.tool.graphql = true;
    let failed = r#"{"data":null,"errors":[{"message":"No."}]}"#;
    let text = calling.result(reply(200, "application/json", failed)).await;
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["isError"], true);
    assert_eq!(read["content"][0]["text"], failed);
    assert!(read.get("structuredContent").is_none());
    let partial = r#"{"data":{"a":1.10},"errors":[{"message":"No."}]}"#;
    let text = calling
        .result(reply(200, "application/json", partial))
        .await;
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_ne!(read["isError"], true);
    assert_eq!(read["content"][0]["text"], partial);
    assert!(
        text.contains(&format!("\"structuredContent\":{partial}")),
        "{text}"
    );
    assert!(text.contains("Part of the data is missing"), "{text}");
    // Elsewhere the words mean nothing.
    calling.tool.graphql = false;
    let text = calling.result(reply(200, "application/json", failed)).await;
    assert!(!text.contains("isError\":true"), "{text}");
}
