//! One document from one URL, for the config: nothing of a caller's goes out with it.

use bytes::Bytes;
use gestalt_core::host::EgressRules;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use tokio::time::timeout;
use url::Url;

use crate::body::{Limits, OutBody, open, read_whole};
use crate::egress::{Denied, Egress, Outgoing, Policy, Reason, fetch_policy};
use crate::{Injection, Upstream, UpstreamError, graphql};

/// What a document may be written in.
const ACCEPTED: &str = "application/json, application/yaml;q=0.9, */*;q=0.5";
/// What a GraphQL server may answer in.
const ANSWERED: &str = "application/json, application/graphql-response+json;q=0.9";

/// What is asked of a document's host.
struct Asking<'a> {
    url: &'a Url,
    rules: &'a EgressRules,
    max_bytes: u64,
    injection: Injection,
    method: Method,
    accept: &'static str,
    body: OutBody,
}

impl Upstream {
    /// Fetches a document of at most `max_bytes` bytes. Its own host may be reached, and what
    /// the rules allow besides; without TLS only addresses that the rules name.
    ///
    /// # Errors
    /// Any [`UpstreamError`] but `Invalid`; an answer that is no success is `InvalidAnswer`.
    pub async fn fetch(
        &self,
        url: &Url,
        rules: &EgressRules,
        max_bytes: u64,
    ) -> Result<Bytes, UpstreamError> {
        self.ask(Asking {
            url,
            rules,
            max_bytes,
            injection: Injection::default(),
            method: Method::GET,
            accept: ACCEPTED,
            body: OutBody::Empty,
        })
        .await
    }

    /// Asks a GraphQL server for its schema, within the same bounds; `injection` is the
    /// operator's own credential, where one is needed.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn introspect(
        &self,
        url: &Url,
        injection: Injection,
        rules: &EgressRules,
        max_bytes: u64,
    ) -> Result<Bytes, UpstreamError> {
        let body = serde_json::json!({
            "query": graphql::INTROSPECTION,
            "operationName": "Introspection",
        });
        let body = body.to_string().into_bytes();
        let most = body.len() as u64;
        self.ask(Asking {
            url,
            rules,
            max_bytes,
            injection,
            method: Method::POST,
            accept: ANSWERED,
            body: OutBody::full(body, most)?,
        })
        .await
    }

    async fn ask(&self, asking: Asking<'_>) -> Result<Bytes, UpstreamError> {
        let Asking { url, max_bytes, .. } = asking;
        let policy: Policy = fetch_policy(url, asking.rules).ok_or_else(|| {
            UpstreamError::EgressDenied(Denied {
                target: url.host_str().unwrap_or_default().to_owned(),
                reason: Reason::Scheme,
            })
        })?;
        let (settings, resolver, tls) = self.parts();
        let egress = Egress::new(policy, settings.clone(), resolver, tls);
        egress.check(url).map_err(UpstreamError::EgressDenied)?;
        let mut url = url.clone();
        url.set_fragment(None);
        let target = url
            .as_str()
            .parse()
            .map_err(|_| UpstreamError::answer("The document's address is no URL."))?;
        let mut fixed = HeaderMap::new();
        fixed.insert(ACCEPT, HeaderValue::from_static(asking.accept));
        fixed.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Ok(agent) = HeaderValue::from_str(&settings.user_agent) {
            fixed.insert(USER_AGENT, agent);
        }
        let mut given = Vec::new();
        if asking.method == Method::POST {
            given.push((CONTENT_TYPE, HeaderValue::from_static("application/json")));
        }
        let out = Outgoing {
            method: asking.method,
            target,
            fixed: &fixed,
            given,
            injection: &asking.injection,
            identity: &[],
            body: asking.body,
        };
        let limit = settings.request_timeout;
        let arrived = egress.send(out, limit).await?;
        let (head, body) = arrived.response.into_parts();
        if !head.status.is_success() {
            return Err(UpstreamError::answer(format!(
                "The document's host answered {}.",
                head.status
            )));
        }
        let limits = Limits {
            bytes: max_bytes,
            idle: Some(settings.idle_timeout),
        };
        let answer = open(&head.headers, body, limits)?;
        // A large document over a slow line may take longer than the head of an answer may.
        let whole = limit * 4;
        timeout(whole, read_whole(answer, max_bytes))
            .await
            .unwrap_or_else(|_| {
                Err(UpstreamError::Timeout {
                    host: url.host_str().unwrap_or_default().to_owned(),
                    waited_for: "to send the document",
                    limit: whole,
                })
            })
    }
}
