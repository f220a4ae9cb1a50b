//! Bytes among JSON arguments: multipart files and raw bodies.

use gestalt_core::operation::{FieldEncoding, MediaKind, Operation, Style};
use serde_json::{Value, json};

use crate::server::{Seen, Server};
use crate::world::{World, body, is_invalid, post};

fn multipart(schema: Value) -> Operation {
    let mut operation = post("/");
    let media = body("multipart/form-data", MediaKind::Multipart, Some(schema));
    operation.body = Some(media);
    operation
}

/// The parts of a request: head and content.
pub(crate) fn parts(seen: &Seen) -> Vec<(String, Vec<u8>)> {
    let content_type = seen.header("content-type").unwrap();
    let boundary = content_type.split_once("boundary=").unwrap().1;
    let line = format!("--{boundary}");
    let mut rest = seen.body.strip_prefix(line.as_bytes()).unwrap();
    let mut parts = Vec::new();
    while let Some(inner) = rest.strip_prefix(b"\r\n") {
        let end = format!("\r\n{line}");
        let end = memchr::memmem::find(inner, end.as_bytes()).unwrap();
        let blank = memchr::memmem::find(inner, b"\r\n\r\n").unwrap();
        let head = String::from_utf8(inner[..blank].to_vec()).unwrap();
        parts.push((head, inner[blank + 4..end].to_vec()));
        rest = &inner[end + 2 + line.len()..];
    }
    assert_eq!(rest, b"--\r\n");
    parts
}

fn files() -> Operation {
    let mut operation = multipart(json!({ "type": "object", "properties": {
        "note": { "type": "string" },
        "file": { "type": "string", "format": "binary" },
        "many": { "type": "array", "items": { "type": "string", "format": "binary" } },
        "coded": { "type": "string", "contentEncoding": "quoted-printable" },
        "meta": { "type": "object" },
        "text": { "type": "string" },
    }}));
    let media = &mut operation.body.as_mut().unwrap().media[0];
    media.encoding = [("many", "image/*, image/png"), ("text", "application/json")]
        .map(|(name, content_type)| FieldEncoding {
            name: name.to_owned(),
            content_type: Some(content_type.to_owned()),
            style: Style::Form,
            explode: true,
        })
        .to_vec();
    operation
}

#[tokio::test]
async fn s36_what_a_file_is_called_is_a_name() {
    let server = Server::quiet().await;
    let world = World::new(&server, files());
    for name in [
        "",
        "..",
        "../../etc/passwd",
        "a/b",
        "C:\\x",
        "a\r\nX-Evil: 1",
        "a\0",
        "\u{2025}",
    ] {
        let given = json!({ "file": { "content": "AA==", "filename": name } });
        is_invalid(&world.json(&given.to_string()).await, "file");
    }
    for content_type in ["", "text", "a/b\r\nX-Evil: 1", "a/b c", "*/*", "a/é"] {
        let given = json!({ "file": { "content": "AA==", "contentType": content_type } });
        is_invalid(&world.json(&given.to_string()).await, "file");
    }
    assert!(server.seen().is_empty());
    let given = json!({ "file": { "content": "AA==", "filename": "a\"; name=\"b é" } });
    world.json(&given.to_string()).await.unwrap();
    assert_eq!(
        parts(&server.only())[0].0,
        "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%22; name=%22b é\"\r\nContent-Type: application/octet-stream"
            .trim_start()
    );
}

#[tokio::test]
async fn s36_names_of_an_open_form_stay_names() {
    let server = Server::quiet().await;
    let operation = multipart(json!({ "type": "object", "additionalProperties": true }));
    let world = World::new(&server, operation);
    let given = json!({ "body": { "a\"\r\nX-Evil: 1\r\n\r\n--x": "v\r\n--x--\r\n" } });
    world.json(&given.to_string()).await.unwrap();
    let expect = (
        "Content-Disposition: form-data; name=\"a%22%0D%0AX-Evil: 1%0D%0A%0D%0A--x\"".to_owned(),
        b"v\r\n--x--\r\n".to_vec(),
    );
    assert_eq!(parts(&server.only()), [expect]);
}

#[tokio::test]
async fn what_is_not_base64_is_refused() {
    let server = Server::quiet().await;
    let world = World::new(&server, files());
    for file in [
        json!("***"),
        json!({ "content": "***" }),
        json!({}),
        json!(5),
    ] {
        let given = json!({ "file": file });
        is_invalid(&world.json(&given.to_string()).await, "file");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn fields_and_files_arrive() {
    let server = Server::quiet().await;
    let world = World::new(&server, files());
    let given = json!({
        "note": "a\r\n--b",
        "file": "AAH/",
        "many": ["AA", { "content": "AQ==", "filename": "b.gif", "contentType": "image/gif" }],
        "coded": "a=3Db",
        "meta": { "a": 1 },
        "text": "t",
    });
    world.json(&given.to_string()).await.unwrap();
    let file = |name: &str, file: &str, kind: &str| {
        format!(
            "Content-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: {kind}"
        )
    };
    let field =
        |name: &str, more: &str| format!("Content-Disposition: form-data; name=\"{name}\"{more}");
    let json_type = "\r\nContent-Type: application/json";
    let expect: [(String, &[u8]); 7] = [
        (field("note", ""), b"a\r\n--b"),
        (
            file("file", "file", "application/octet-stream"),
            b"\x00\x01\xff",
        ),
        (file("many", "many", "image/png"), b"\x00"),
        (file("many", "b.gif", "image/gif"), b"\x01"),
        (
            field("coded", "\r\nContent-Transfer-Encoding: quoted-printable"),
            b"a=3Db",
        ),
        (field("meta", json_type), b"{\"a\":1}"),
        (field("text", json_type), b"\"t\""),
    ];
    let arrived = parts(&server.only());
    assert_eq!(arrived, expect.map(|(head, bytes)| (head, bytes.to_vec())));
}

#[tokio::test]
async fn the_input_schema_offers_base64() {
    let server = Server::quiet().await;
    let schema = World::new(&server, files()).schema();
    let file = &schema["properties"]["file"]["anyOf"];
    assert_eq!(
        file[0],
        json!({ "type": "string", "contentEncoding": "base64" })
    );
    assert_eq!(file[1]["required"], json!(["content"]));
    let many = &schema["properties"]["many"]["items"]["anyOf"];
    assert_eq!(many[0]["contentMediaType"], "image/png");
    let mut operation = post("/");
    operation.body = Some(body("image/*", MediaKind::Raw, None));
    let schema = World::new(&server, operation).schema();
    assert_eq!(
        schema["properties"]["body"],
        json!({ "type": "string", "contentEncoding": "base64" })
    );
}

#[tokio::test]
async fn a_raw_body_is_text_or_bytes() {
    let server = Server::quiet().await;
    let world = |content_type| {
        let mut operation = post("/");
        operation.body = Some(body(content_type, MediaKind::Raw, None));
        World::new(&server, operation)
    };
    is_invalid(&world("image/png").json(r#"{"body": "no*"}"#).await, "body");
    is_invalid(&world("image/png").json(r#"{"body": {}}"#).await, "body");
    is_invalid(&world("text/plain").json(r#"{"body": {}}"#).await, "body");
    assert!(server.seen().is_empty());
    let text = r#"{"body": "line\n\u00e9"}"#;
    world("text/plain").json(text).await.unwrap();
    let bytes = r#"{"body": "AAH/"}"#;
    world("image/png").json(bytes).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].header("content-type"), Some("text/plain"));
    assert_eq!(seen[0].text(), "line\né");
    assert_eq!(seen[1].header("content-type"), Some("image/png"));
    assert_eq!(&seen[1].body[..], b"\x00\x01\xff");
}
