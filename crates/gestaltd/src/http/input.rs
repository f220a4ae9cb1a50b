//! What handlers read: JSON bodies, queries, path parameters, durations. Each refuses with
//! the member at fault and, for an unknown one, the nearest that is known.

use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query};
use bytes::{Bytes, BytesMut};
use gestalt_core::name::nearest;
use gestalt_core::{Code, Refusal};
use http::request::Parts;
use http::{HeaderMap, Request, header};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use super::problem::Refused;
use super::{Door, Limits};

/// Largest JSON body of the API's own operations, in bytes; invocations have their own limit.
const MAX_INPUT_BYTES: usize = 1024 * 1024;

/// What is read and dropped of a body that is too large, in bytes.
const MAX_DISCARDED_BYTES: usize = 16 * 1024 * 1024;

/// How long such a body is listened to.
const LINGER: Duration = Duration::from_secs(2);

/// A JSON object in the body.
pub(crate) struct Input<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Door> for Input<T> {
    type Rejection = Refused;

    async fn from_request(request: Request<Body>, door: &Door) -> Result<Self, Refused> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return Err(Refused::media_type("application/json"));
        }
        let bytes = collect(body, MAX_INPUT_BYTES, door.limits()).await?;
        Ok(read_object(&bytes).map(Self)?)
    }
}

/// A JSON object in the body, or no body at all.
pub(crate) struct MaybeInput<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<Door> for MaybeInput<T> {
    type Rejection = Refused;

    async fn from_request(request: Request<Body>, door: &Door) -> Result<Self, Refused> {
        if request.body().is_end_stream() {
            return Ok(Self(T::default()));
        }
        Input::from_request(request, door)
            .await
            .map(|Input(value)| Self(value))
    }
}

/// The query, every parameter known and given once.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Door> for Params<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Door) -> Result<Self, Refused> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let mut chain: &dyn std::error::Error = &rejection;
                while let Some(source) = chain.source() {
                    chain = source;
                }
                Err(from_message(&chain.to_string(), "A query parameter").into())
            }
        }
    }
}

/// Path parameters, percent-decoded.
pub(crate) struct Place<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Door> for Place<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Refused> {
        match Path::from_request_parts(parts, door).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(_) => Err(Refusal::new(Code::NotFound, "There is no such address.").into()),
        }
    }
}

/// Says whether the body is `application/json`, with or without parameters.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    content_type(headers).is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
}

/// The body's media type without its parameters.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or(value).trim())
}

/// Reads a whole body.
///
/// # Errors
/// [`Code::TooLarge`] beyond `max` bytes, [`Code::InvalidRequest`] if it does not arrive.
pub(crate) async fn collect<B>(body: B, max: usize, limits: &Limits) -> Result<Bytes, Refusal>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let whole = tokio::time::timeout(limits.body_timeout, read(body, max)).await;
    whole.unwrap_or_else(|_| {
        let text = "The body did not arrive in time.";
        Err(Refusal::new(Code::InvalidRequest, text))
    })
}

async fn read<B>(body: B, max: usize) -> Result<Bytes, Refusal>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut body = pin!(body);
    if body.size_hint().lower() > max as u64 {
        return Err(too_large(body, max).await);
    }
    let (mut first, mut more) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let broken = |error: B::Error| {
            Refusal::new(Code::InvalidRequest, "The body broke off.").because(error)
        };
        let Ok(data) = frame.map_err(broken)?.into_data() else {
            continue;
        };
        if first.len() + more.len() + data.len() > max {
            return Err(too_large(body, max).await);
        }
        // Most bodies are one frame, which is kept as it is.
        if first.is_empty() {
            first = data;
        } else {
            more.extend_from_slice(&data);
        }
    }
    if more.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + more.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&more);
    Ok(whole.freeze())
}

/// What a body over its limit is told. A client that is still sending would not read its
/// answer, so some of the rest is taken in and dropped first.
pub(super) async fn too_large<B>(body: B, max: usize) -> Refusal
where
    B: HttpBody<Data = Bytes>,
{
    let mut body = pin!(body);
    let rest = async {
        let mut left = MAX_DISCARDED_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    let _done = tokio::time::timeout(LINGER, rest).await;
    Refusal::new(
        Code::TooLarge,
        format!("The body has more than {max} bytes."),
    )
}

/// Reads an object. Serde would take an array for it, its members in order.
fn read_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| not_json())?;
    if !text.trim_ascii_start().starts_with('{') {
        return Err(not_json());
    }
    serde_json::from_str(text).map_err(|error| from_json(&error))
}

fn not_json() -> Refusal {
    Refusal::new(Code::InvalidRequest, "The body is not a JSON object.")
}

fn from_json(error: &serde_json::Error) -> Refusal {
    if error.is_data() {
        return from_message(&error.to_string(), "The body");
    }
    let place = format!(
        "The body is not JSON at line {}, column {}.",
        error.line(),
        error.column()
    );
    Refusal::new(Code::InvalidRequest, place)
}

/// Reads serde's sentence. What it quotes of the input is left out: it may be a secret.
fn from_message(message: &str, subject: &str) -> Refusal {
    let known = ["unknown field `", "missing field `", "duplicate field `"];
    let start = known.iter().filter_map(|phrase| message.find(phrase)).min();
    let message = &message[start.unwrap_or(0)..];
    let mut quoted = message.split('`').skip(1).step_by(2);
    let first = quoted.next().unwrap_or_default();
    if message.starts_with("unknown field") {
        let name: String = first.chars().take(80).collect();
        let text = format!("`{name}` is not known here.");
        let refusal = Refusal::new(Code::InvalidRequest, text).field(name.clone());
        let known: Vec<&str> = quoted.collect();
        return match nearest(&name, known.iter().copied()) {
            Some(near) => refusal.hint(format!("Did you mean `{near}`?")),
            None if known.is_empty() => refusal,
            None => refusal.hint(format!("Known: {}.", known.join(", "))),
        };
    }
    if message.starts_with("missing field") {
        return Refusal::new(Code::InvalidRequest, format!("`{first}` is missing.")).field(first);
    }
    if message.starts_with("duplicate field") {
        return Refusal::new(Code::InvalidRequest, format!("`{first}` is given twice."))
            .field(first);
    }
    let expected = message.rsplit_once("expected ").map(|(_, rest)| rest);
    let expected = expected.map(|rest| rest.split(" at line ").next().unwrap_or(rest));
    let text = match expected {
        Some(expected) => {
            format!("{subject} does not have the form it must have: expected {expected}.")
        }
        None => format!("{subject} does not have the form it must have."),
    };
    Refusal::new(Code::InvalidRequest, text)
}

/// Reads a duration as the API writes it: a whole number and one of `s`, `m`, `h`, `d`.
///
/// # Errors
/// [`Code::InvalidRequest`] that names the field.
pub(crate) fn duration(text: &str, field: &str) -> Result<Duration, Refusal> {
    let bad = || {
        let text = format!("`{field}` is not a duration.");
        Refusal::new(Code::InvalidRequest, text)
            .field(field)
            .hint("Write a whole number and a unit: `30s`, `10m`, `24h`, `30d`.")
    };
    let unit = text.chars().last().ok_or_else(bad)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(bad()),
    };
    let number = &text[..text.len() - 1];
    if number.is_empty() || number.len() > 9 || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    let number: u64 = number.parse().map_err(|_| bad())?;
    Ok(Duration::from_secs(number * seconds))
}

#[cfg(test)]
mod tests {
    use gestalt_api::token::CreateToken;

    use super::*;

    #[test]
    fn durations_have_one_form() {
        for bad in [
            "",
            "d",
            "30",
            "30 d",
            "-1d",
            "1.5h",
            "30w",
            "9999999999s",
            "٣d",
            "1é",
        ] {
            assert!(duration(bad, "expiresIn").is_err(), "{bad}");
        }
        assert_eq!(duration("30d", "x").unwrap(), Duration::from_hours(720));
        assert_eq!(duration("0s", "x").unwrap(), Duration::ZERO);
        assert_eq!(duration("90m", "x").unwrap(), Duration::from_mins(90));
    }

    #[test]
    fn a_wrong_body_is_told_what_is_wrong_but_not_what_it_said() {
        let of = |text: &str| {
            let refusal = read_object::<CreateToken>(text.as_bytes()).unwrap_err();
            let hint = refusal.hint.unwrap_or_default();
            format!(
                "{} | {} | {}",
                refusal.message,
                refusal.field.unwrap_or_default(),
                hint
            )
        };
        insta::assert_snapshot!(of(r#"{"nam":"x"}"#), @"`nam` is not known here. | nam | Did you mean `name`?");
        insta::assert_snapshot!(of("{}"), @"`name` is missing. | name | ");
        insta::assert_snapshot!(of(r#"{"name":"a","name":"b"}"#), @"`name` is given twice. | name | ");
        insta::assert_snapshot!(of(r#"{"name":7}"#), @"The body does not have the form it must have: expected a string. |  | ");
        insta::assert_snapshot!(of(r#"{"name":"x","permissions":"hunter2"}"#), @"The body does not have the form it must have: expected a sequence. |  | ");
        insta::assert_snapshot!(of("{\"name\":"), @"The body is not JSON at line 1, column 8. |  | ");
        insta::assert_snapshot!(of(r#"["x"]"#), @"The body is not a JSON object. |  | ");
    }
}
