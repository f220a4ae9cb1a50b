//! Limits: each an error, never a cut, and others unaffected.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_compression::Level;
use async_compression::tokio::bufread::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder};
use bytes::Bytes;
use gestalt_core::operation::ResponseMapping;
use gestalt_upstream::{ReplyBody, Resolver, Settings, UpstreamError};
use http::Response;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::server::{Server, answer, serve};
use crate::world::{World, get, only, pieces, plugin, settings, whole, whole_text};

const SHORT: Duration = Duration::from_millis(50);

async fn compressed(encoding: &str, bytes: &[u8]) -> Bytes {
    let mut out = Vec::new();
    match encoding {
        "gzip" => {
            GzipEncoder::with_quality(bytes, Level::Fastest)
                .read_to_end(&mut out)
                .await
        }
        "deflate" => {
            ZlibEncoder::with_quality(bytes, Level::Fastest)
                .read_to_end(&mut out)
                .await
        }
        "raw" => {
            DeflateEncoder::with_quality(bytes, Level::Fastest)
                .read_to_end(&mut out)
                .await
        }
        _ => {
            BrotliEncoder::with_quality(bytes, Level::Fastest)
                .read_to_end(&mut out)
                .await
        }
    }
    .unwrap();
    Bytes::from(out)
}

async fn encoded(encoding: &'static str, bytes: Bytes) -> Server {
    Server::start(move |seen| {
        assert_eq!(seen.header("accept-encoding"), Some("identity"));
        let name = if encoding == "raw" {
            "deflate"
        } else {
            encoding
        };
        answer(200, &[("content-encoding", name)], bytes.clone())
    })
    .await
}

fn limited(server: &Server, settings: Settings) -> World {
    let plugin = plugin(&server.url(), only(server.address), get("/"));
    World::with(settings, Resolver::System, &plugin)
}

#[track_caller]
fn is_too_large<T: std::fmt::Debug>(result: &Result<T, UpstreamError>) {
    assert!(
        matches!(result, Err(UpstreamError::ResponseTooLarge { .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn s48_a_decompression_bomb_is_an_error() {
    let zeros = vec![0; 10 << 20];
    for encoding in ["gzip", "deflate", "raw", "br"] {
        let bomb = compressed(encoding, &zeros).await;
        assert!(bomb.len() < 100_000);
        let server = encoded(encoding, bomb).await;
        let reply = World::new(&server, get("/")).plain().await;
        let read = match reply {
            Ok(reply) => whole(reply).await,
            Err(error) => Err(error),
        };
        is_too_large(&read);
    }
}

#[tokio::test]
async fn s48_encodings_within_encodings_are_refused() {
    let server = encoded("gzip, gzip", Bytes::from_static(b"x")).await;
    let result = World::new(&server, get("/")).plain().await;
    assert!(
        matches!(result, Err(UpstreamError::InvalidAnswer { .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn s48_an_endless_stream_is_an_error_at_the_limit() {
    let server =
        Server::start(|_| Response::new(pieces(|| Some(Bytes::from_static(&[b'x'; 1 << 14])))))
            .await;
    let settings = Settings {
        max_response_bytes: 1 << 20,
        ..settings()
    };
    let reply = limited(&server, settings).plain().await.unwrap();
    let ReplyBody::Stream(mut stream) = reply.body else {
        unreachable!("an endless body has no end");
    };
    let mut seen = 0;
    let error = loop {
        match stream.frame().await.unwrap() {
            Ok(frame) => seen += frame.into_data().unwrap().len(),
            Err(error) => break UpstreamError::from_stream(error),
        }
    };
    is_too_large::<()>(&Err(error));
    assert!(seen <= 1 << 20);
}

#[tokio::test]
async fn s48_a_body_that_says_it_is_too_long_is_refused_at_once() {
    let server = Server::start(|_| answer(200, &[], vec![b'x'; 5000])).await;
    let settings = Settings {
        max_response_bytes: 4999,
        ..settings()
    };
    is_too_large(&limited(&server, settings).plain().await);
}

#[tokio::test]
async fn s48_what_must_be_read_whole_has_its_own_limit() {
    let server = Server::start(|_| {
        let mut first = true;
        Response::new(pieces(move || {
            let piece = if first { "[0" } else { ",1" };
            first = false;
            Some(Bytes::from_static(piece.as_bytes()))
        }))
    })
    .await;
    let mut operation = get("/");
    operation.response.mapping = Some(ResponseMapping {
        pointer: String::new(),
        select: Vec::new(),
    });
    let settings = Settings {
        max_buffered_bytes: 10_000,
        ..settings()
    };
    let plugin = plugin(&server.url(), only(server.address), operation);
    is_too_large(
        &World::with(settings, Resolver::System, &plugin)
            .plain()
            .await,
    );
}

#[tokio::test]
async fn s48_an_upstream_that_never_answers_times_out() {
    let address = serve(|_| Box::pin(std::future::pending())).await;
    let settings = Settings {
        request_timeout: SHORT,
        ..settings()
    };
    let plugin = plugin(&format!("http://{address}"), only(address), get("/"));
    let result = World::with(settings, Resolver::System, &plugin)
        .plain()
        .await;
    assert!(
        matches!(
            &result,
            Err(UpstreamError::Timeout {
                waited_for: "to answer",
                ..
            })
        ),
        "{result:?}"
    );
}

#[tokio::test]
async fn s48_an_upstream_that_stops_in_the_middle_times_out_and_others_do_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n";
            stream.write_all(head).await.unwrap();
            held.push(stream);
        }
    });
    let settings = Settings {
        idle_timeout: SHORT,
        ..settings()
    };
    let stuck = plugin(&format!("http://{address}"), only(address), get("/"));
    let stuck = World::with(settings, Resolver::System, &stuck);
    let reply = stuck.plain().await.unwrap();
    let quiet = Server::quiet().await;
    assert_eq!(
        whole_text(World::new(&quiet, get("/")).plain().await.unwrap()).await,
        "{}"
    );
    let result = whole(reply).await;
    assert!(
        matches!(result, Err(UpstreamError::Timeout { .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn s48_a_body_of_a_gigabyte_streams_within_bounds() {
    const PIECE: u64 = 1 << 18;
    const TOTAL: u64 = 1 << 30;
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    let address = serve(move |_| {
        let count = Arc::clone(&count);
        let piece = Bytes::from(vec![b'x'; 1 << 18]);
        Box::pin(async move {
            Response::new(pieces(move || {
                let more = count.fetch_add(PIECE, Ordering::SeqCst) < TOTAL;
                more.then(|| piece.clone())
            }))
        })
    })
    .await;
    let plugin = plugin(&format!("http://{address}"), only(address), get("/"));
    let world = World::with(settings(), Resolver::System, &plugin).with_key("some-key-or-other");
    let ReplyBody::Stream(mut stream) = world.plain().await.unwrap().body else {
        unreachable!("a gigabyte is no small body");
    };
    let (mut seen, mut ahead) = (0, 0);
    while let Some(frame) = stream.frame().await {
        seen += frame.unwrap().into_data().unwrap().len() as u64;
        ahead = ahead.max(sent.load(Ordering::SeqCst).saturating_sub(seen));
    }
    assert_eq!(seen, TOTAL);
    // What is under way lies in socket buffers and a few of ours, whatever the size.
    assert!(ahead < 64 << 20, "{ahead} bytes under way");
}

#[tokio::test]
async fn a_truncated_answer_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc";
            stream.write_all(head).await.unwrap();
        }
    });
    let plugin = plugin(&format!("http://{address}"), only(address), get("/"));
    let result = World::with(settings(), Resolver::System, &plugin)
        .plain()
        .await;
    let result = match result {
        Ok(reply) => whole(reply).await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert!(
        matches!(
            result,
            Err(UpstreamError::InvalidAnswer { .. } | UpstreamError::Unreachable { .. })
        ),
        "{result:?}"
    );
}

#[tokio::test]
async fn what_is_compressed_anyway_is_decoded_and_masked() {
    let text = "some-secret-key and the rest ".repeat(2000);
    for encoding in ["gzip", "deflate", "raw", "br"] {
        let server = encoded(encoding, compressed(encoding, text.as_bytes()).await).await;
        let world = World::new(&server, get("/")).with_key("some-secret-key");
        let reply = world.plain().await.unwrap();
        assert_eq!(reply.headers.get("content-encoding"), None);
        assert_eq!(
            whole_text(reply).await,
            text.replace("some-secret-key", "***************")
        );
    }
}

#[tokio::test]
async fn what_cannot_be_decoded_is_an_invalid_answer() {
    for (encoding, bytes) in [("gzip", &b"\x1f\x8b\x08nonsense"[..]), ("zstd", b"x")] {
        let server = encoded(encoding, Bytes::from_static(bytes)).await;
        let result = match World::new(&server, get("/")).plain().await {
            Ok(reply) => whole(reply).await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert!(
            matches!(result, Err(UpstreamError::InvalidAnswer { .. })),
            "{result:?}"
        );
    }
}
