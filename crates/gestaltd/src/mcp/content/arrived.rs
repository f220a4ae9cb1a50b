//! An upstream's answer, read as far as a result may hold it, and what it is.

use bytes::Bytes;
use gestalt_gateway::{BoxedBody, ReplyBody};
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;

/// A body as far as it was read.
pub(super) struct Arrived {
    pub(super) bytes: Bytes,
    /// There was more.
    pub(super) cut: bool,
}

/// What an answer is, by its content type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Json,
    Text,
    /// With its media type.
    Image(String),
    Audio(String),
    Binary(String),
    /// It does not say.
    Unknown,
}

impl Kind {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let Some(written) = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
        else {
            return Self::Unknown;
        };
        let essence = written.split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        let Some((kind, subtype)) = essence.split_once('/') else {
            return Self::Unknown;
        };
        if subtype == "json" || subtype.ends_with("+json") {
            return Self::Json;
        }
        if subtype == "xml" || subtype.ends_with("+xml") {
            return Self::Text;
        }
        match kind {
            "text" => Self::Text,
            "application" if is_text(subtype) => Self::Text,
            "image" => Self::Image(essence),
            "audio" => Self::Audio(essence),
            _ => Self::Binary(essence),
        }
    }

    /// Whether it is given as text if it is UTF-8.
    pub(super) fn may_be_text(&self) -> bool {
        matches!(self, Self::Json | Self::Text | Self::Unknown)
    }
}

fn is_text(subtype: &str) -> bool {
    [
        "javascript",
        "ecmascript",
        "yaml",
        "x-yaml",
        "toml",
        "sql",
        "graphql",
        "x-ndjson",
        "jsonl",
        "x-www-form-urlencoded",
        "x-sh",
    ]
    .contains(&subtype)
        || subtype.ends_with("+yaml")
        || subtype.ends_with("-seq")
}

/// Reads a body, at most so many bytes of it.
///
/// # Errors
/// A sentence for the caller where it broke off.
pub(super) async fn read(body: ReplyBody, max_bytes: usize) -> Result<Arrived, String> {
    match body {
        ReplyBody::Full(bytes) => Ok(Arrived {
            cut: bytes.len() > max_bytes,
            bytes: bytes.slice(..bytes.len().min(max_bytes)),
        }),
        ReplyBody::Stream(stream) => read_stream(stream, max_bytes).await,
    }
}

async fn read_stream(mut stream: BoxedBody, max_bytes: usize) -> Result<Arrived, String> {
    let (mut only, mut all) = (Bytes::new(), Vec::new());
    while let Some(frame) = stream.frame().await {
        let frame = frame.map_err(|error| {
            let arrived = only.len() + all.len();
            format!("The upstream's answer broke off after {arrived} bytes: {error}")
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        // Most answers are one frame, which is kept as it is.
        if only.is_empty() && all.is_empty() && data.len() <= max_bytes {
            only = data;
            continue;
        }
        if !only.is_empty() {
            all = std::mem::take(&mut only).into();
        }
        let room = max_bytes - all.len();
        all.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Ok(Arrived {
                bytes: all.into(),
                cut: true,
            });
        }
    }
    Ok(Arrived {
        bytes: if all.is_empty() { only } else { all.into() },
        cut: false,
    })
}

impl Arrived {
    /// The text that it is, if it is UTF-8. A character that was cut in two is left out.
    pub(super) fn text(&self) -> Option<&str> {
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => Some(text),
            Err(error) if self.cut && error.error_len().is_none() => {
                std::str::from_utf8(&self.bytes[..error.valid_up_to()]).ok()
            }
            Err(_) => None,
        }
    }
}
