//! Which eras a server speaks (2026-07-28 transports §Backward Compatibility): a request of
//! the modern era goes first; what is not recognised as modern is followed by `initialize`.

use http::StatusCode;

use super::ask::{Asking, Response, Within};
use super::envelope::{Envelope, Kind, member};
use super::exchange::Eras;
use super::version::{CLIENT, LEGACY, MODERN, MODERN_CODES};
use crate::UpstreamError;
use crate::rest::json;

/// What the answer to `server/discover` tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// Which eras there are.
    Known(Eras),
    /// Nothing of the modern era.
    Unrecognised,
    /// The server cannot be asked now.
    Failed,
    /// Versions that are not spoken here.
    Foreign,
}

/// Finds out which eras a server speaks.
///
/// # Errors
/// What keeps the server from being asked; that it speaks neither era.
pub(crate) async fn probe(asking: &Asking<'_>) -> Result<Eras, UpstreamError> {
    let response = match asking.modern("server/discover", &[]).await {
        Ok(response) => response,
        Err(error) if is_no_answer(&error) => return initialize(asking).await,
        Err(error) => return Err(error),
    };
    match verdict(&response, asking.max_depth) {
        Verdict::Known(eras) => Ok(eras),
        Verdict::Failed => Err(asking.transport.refused(response.status)),
        Verdict::Foreign => Err(UpstreamError::answer(
            "The MCP server speaks no version of the protocol that is spoken here.",
        )),
        Verdict::Unrecognised => initialize(asking).await,
    }
}

/// Says whether a server was reached and said nothing of the protocol, or nothing at all, as
/// one may that does not know the method.
fn is_no_answer(error: &UpstreamError) -> bool {
    match error {
        UpstreamError::InvalidAnswer { .. } => true,
        UpstreamError::Timeout { waited_for, .. } => *waited_for != "to connect",
        _ => false,
    }
}

/// Opens a session, and ends it.
async fn initialize(asking: &Asking<'_>) -> Result<Eras, UpstreamError> {
    let within = Within {
        session: None,
        version: LEGACY[0],
        id: "0",
    };
    let response = asking
        .legacy(within, "initialize", &opening(LEGACY[0]))
        .await?;
    let failed = match response.status {
        status if cannot_be_asked(status) => true,
        status => !status.is_success() && response.message.is_none(),
    };
    if failed {
        return Err(asking.transport.refused(response.status));
    }
    asking.result(&response)?;
    if let Some(session) = &response.session {
        // The server forgets it by itself if this fails.
        let _ = asking
            .transport
            .end(session, asking.whose, asking.authority)
            .await;
    }
    Ok(Eras {
        modern: false,
        legacy: true,
    })
}

/// The parameters of our `initialize`: nothing is offered, so nothing is asked.
pub(crate) fn opening(version: &str) -> String {
    format!(r#"{{"protocolVersion":"{version}","capabilities":{{}},"clientInfo":{CLIENT}}}"#)
}

/// Statuses that say nothing about the protocol.
fn cannot_be_asked(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
        )
}

fn verdict(response: &Response, max_depth: usize) -> Verdict {
    let message = response.message.as_deref();
    let message = message.and_then(|bytes| Envelope::read(bytes, max_depth).ok());
    if let Some(message) = message {
        match (message.kind, message.said) {
            (Kind::Result, Some(result)) if response.status.is_success() => {
                if let Some(versions) = versions(member(result, "supportedVersions")) {
                    return of_versions(&versions);
                }
            }
            (Kind::Error, Some(error)) => match message.code() {
                Some(-32022) => {
                    let data = member(error, "data").unwrap_or_default();
                    if let Some(versions) = versions(member(data, "supported")) {
                        return of_versions(&versions);
                    }
                }
                Some(code) if MODERN_CODES.contains(&code) => {
                    return Verdict::Known(Eras {
                        modern: true,
                        legacy: false,
                    });
                }
                _ => {}
            },
            _ => {}
        }
    }
    if cannot_be_asked(response.status) {
        Verdict::Failed
    } else {
        Verdict::Unrecognised
    }
}

fn of_versions(versions: &[String]) -> Verdict {
    let eras = Eras {
        modern: versions.iter().any(|version| version == MODERN),
        legacy: versions
            .iter()
            .any(|version| LEGACY.contains(&version.as_str())),
    };
    if eras.modern || eras.legacy {
        Verdict::Known(eras)
    } else {
        Verdict::Foreign
    }
}

/// The strings of a JSON array; `None` if it is none, or empty.
pub(crate) fn versions(text: Option<&str>) -> Option<Vec<String>> {
    let items = json::items(text?)?;
    let texts = items.into_iter().filter_map(json::string);
    let texts: Vec<String> = texts.map(std::borrow::Cow::into_owned).collect();
    (!texts.is_empty()).then_some(texts)
}

/// Says whether the answer to a request of the modern era could not come from a server that
/// speaks it, so that what is remembered must be wrong.
pub(crate) fn denies_modern(status: StatusCode, body: Option<&[u8]>, max_depth: usize) -> bool {
    if !status.is_client_error() || cannot_be_asked(status) {
        return false;
    }
    let code = body.and_then(|bytes| Envelope::read(bytes, max_depth).ok()?.code());
    // Codes of JSON-RPC itself may come from either era; those below are a legacy server's.
    code.is_none_or(|code| (-32019..=-32000).contains(&code))
}

/// Says whether the answer to `initialize` could not come from a legacy server.
pub(crate) fn denies_legacy(status: StatusCode, body: Option<&[u8]>, max_depth: usize) -> bool {
    if cannot_be_asked(status) {
        return false;
    }
    let code = body.and_then(|bytes| Envelope::read(bytes, max_depth).ok()?.code());
    match code {
        Some(code) => MODERN_CODES.contains(&code) || code == -32601,
        None => matches!(
            status,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const BOTH: Verdict = known(true, true);
    const MODERN_ONLY: Verdict = known(true, false);
    const LEGACY_ONLY: Verdict = known(false, true);

    const fn known(modern: bool, legacy: bool) -> Verdict {
        Verdict::Known(Eras { modern, legacy })
    }

    #[track_caller]
    fn check(status: u16, body: &str, expect: Verdict) {
        let response = Response {
            status: StatusCode::from_u16(status).unwrap(),
            session: None,
            message: (!body.is_empty()).then(|| Bytes::copy_from_slice(body.as_bytes())),
        };
        assert_eq!(verdict(&response, 20), expect, "{status} {body}");
    }

    fn result(result: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":"gestalt","result":{result}}}"#)
    }

    fn error(code: i32, data: &str) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","id":"gestalt","error":{{"code":{code},"message":"no","data":{data}}}}}"#
        )
    }

    #[test]
    fn what_says_nothing_about_the_protocol_is_not_remembered() {
        for status in [401, 403, 429, 500, 502, 503] {
            check(status, "", Verdict::Failed);
            check(status, &error(-32000, "null"), Verdict::Failed);
        }
        check(
            200,
            &result(r#"{"supportedVersions":["2030-01-01"]}"#),
            Verdict::Foreign,
        );
        check(
            400,
            &error(-32022, r#"{"supported":["2030-01-01"]}"#),
            Verdict::Foreign,
        );
    }

    #[test]
    fn what_is_not_recognised_is_followed_by_initialize() {
        for status in [400, 404, 405, 406, 415, 200] {
            check(status, "", Verdict::Unrecognised);
            check(status, &error(-32000, "null"), Verdict::Unrecognised);
            check(status, &error(-32601, "null"), Verdict::Unrecognised);
        }
        check(200, &result("{}"), Verdict::Unrecognised);
        check(
            200,
            &result(r#"{"supportedVersions":"2026-07-28"}"#),
            Verdict::Unrecognised,
        );
        check(400, &error(-32022, "{}"), Verdict::Unrecognised);
    }

    #[test]
    fn a_modern_answer_tells_the_eras() {
        check(
            200,
            &result(r#"{"supportedVersions":["2026-07-28"]}"#),
            MODERN_ONLY,
        );
        check(
            200,
            &result(r#"{"supportedVersions":["2026-07-28","2025-06-18"]}"#),
            BOTH,
        );
        check(400, &error(-32020, "null"), MODERN_ONLY);
        check(400, &error(-32021, "null"), MODERN_ONLY);
        check(
            400,
            &error(-32022, r#"{"supported":["2025-11-25"]}"#),
            LEGACY_ONLY,
        );
    }
}
