//! Where an answer redirects to, and whether that is followed.

use http::header::LOCATION;
use http::{Method, Response, StatusCode, Uri};
use url::Url;

use super::policy::{Denied, Origin, Reason};
use crate::UpstreamError;
use crate::call::Injection;
use crate::mask::Masker;

/// A redirect to follow.
pub(crate) struct Hop {
    pub(crate) method: Method,
    pub(crate) url: Url,
}

/// The redirect that an answer asks for; `None` if the answer is to be passed as it is.
///
/// GET and HEAD are followed; any other method only by 303, as GET, and by 307 and 308
/// where its body can be sent again (RFC 9110 §15.4).
pub(crate) fn next_hop<B>(
    method: &Method,
    from: &Uri,
    response: &Response<B>,
    replayable: bool,
) -> Result<Option<Hop>, UpstreamError> {
    let safe = matches!(*method, Method::GET | Method::HEAD);
    let method = match response.status() {
        StatusCode::SEE_OTHER if *method == Method::HEAD => Method::HEAD,
        StatusCode::SEE_OTHER => Method::GET,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if safe => method.clone(),
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT if safe || replayable => {
            method.clone()
        }
        _ => return Ok(None),
    };
    let Some(location) = response.headers().get(LOCATION) else {
        return Ok(None);
    };
    let wrong = || UpstreamError::answer("The upstream redirects to something that is no URL.");
    let base = Url::parse(&from.to_string()).map_err(|_| wrong())?;
    let location = std::str::from_utf8(location.as_bytes()).map_err(|_| wrong())?;
    let mut url = base.join(location).map_err(|_| wrong())?;
    url.set_fragment(None);
    let deny = |reason| {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or(0);
        let target = format!("{host}:{port}");
        Err(UpstreamError::EgressDenied(Denied { target, reason }))
    };
    if !url.username().is_empty() || url.password().is_some() {
        return deny(Reason::UserInfo);
    }
    let Some(origin) = Origin::of_url(&url) else {
        return deny(Reason::Scheme);
    };
    if base.scheme() == "https" && !origin.https {
        return deny(Reason::Downgrade);
    }
    Ok(Some(Hop { method, url }))
}

/// The URI of a hop. At home it carries the query credential again where the upstream left
/// it out; elsewhere the credential is taken out, and a URL that still holds it is refused.
pub(crate) fn target(
    mut url: Url,
    injection: &Injection,
    at_home: bool,
) -> Result<Uri, UpstreamError> {
    let has = |url: &Url, name: &str| url.query_pairs().any(|(key, _)| key == name);
    for (name, secret) in &injection.query {
        if at_home && !has(&url, name) {
            url.query_pairs_mut().append_pair(name, secret.expose());
        } else if !at_home && has(&url, name) {
            let rest: Vec<(String, String)> = url
                .query_pairs()
                .filter(|(key, _)| key != name)
                .map(|(key, value)| (key.into_owned(), value.into_owned()))
                .collect();
            url.query_pairs_mut().clear().extend_pairs(rest);
        }
    }
    if !at_home && Masker::new(injection).finds(url.as_str().as_bytes()) {
        return Err(UpstreamError::EgressDenied(Denied {
            target: url.host_str().unwrap_or_default().to_owned(),
            reason: Reason::Credential,
        }));
    }
    url.as_str()
        .parse()
        .map_err(|_| UpstreamError::answer("The upstream redirects to something that is no URL."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(from: &str, to: &str) -> Result<Option<Hop>, UpstreamError> {
        let response = Response::builder()
            .status(302)
            .header(LOCATION, to)
            .body(())
            .unwrap();
        next_hop(&Method::GET, &from.parse().unwrap(), &response, true)
    }

    #[test]
    fn s38_a_redirect_from_https_to_http_is_refused() {
        for to in ["http://api.example.com/x", "HTTP://api.example.com:443/"] {
            let denied = hop("https://api.example.com/", to);
            assert!(matches!(
                denied,
                Err(UpstreamError::EgressDenied(Denied {
                    reason: Reason::Downgrade,
                    ..
                }))
            ));
        }
        assert!(hop("http://api.example.com/", "https://api.example.com/").is_ok());
        assert!(hop("https://api.example.com/a", "//api.example.com/b").is_ok());
    }

    #[test]
    fn what_is_no_url_is_an_invalid_answer() {
        for to in ["http://", "http://[::1", "https://a b/"] {
            assert!(matches!(
                hop("https://api.example.com/", to),
                Err(UpstreamError::InvalidAnswer { .. })
            ));
        }
    }
}
