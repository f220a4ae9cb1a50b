//! The gateway, spoken to over its HTTP API and nothing else.

use std::time::Duration;

use gestalt_api::problem::Problem;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::args::Paging;
use crate::base::Base;
use crate::failure::Failure;
use crate::output::Listing;
use crate::secret::Secret;
use crate::terminal::Terminal;

/// How many items of a list are asked for at once.
const PAGE_ITEMS: usize = 100;

/// The longest problem document that is read.
const MAX_PROBLEM_BYTES: usize = 256 * 1024;

/// Query parameters.
pub(crate) type Query<'a> = &'a [(&'a str, &'a str)];

/// One server and the credential for it.
#[derive(Debug)]
pub(crate) struct Server {
    client: Client,
    base: Base,
    authorization: Option<HeaderValue>,
    terminal: Terminal,
}

impl Server {
    /// Prepares to speak to a server; nothing is sent yet. The token must be this server's.
    ///
    /// # Errors
    /// A usage error for a token that cannot be a header.
    pub(crate) fn new(
        base: Base,
        token: Option<&Secret>,
        terminal: Terminal,
    ) -> Result<Self, Failure> {
        let authorization = token.map(bearer).transpose()?;
        if authorization.is_some() && base.is_exposed() {
            terminal.warn(format_args!(
                "{} is plain http: whoever is on the way can read the token and all data.",
                base.as_str()
            ));
        }
        let mut builder = Client::builder()
            .user_agent(concat!("gestalt/", env!("CARGO_PKG_VERSION")))
            // A redirect could carry the token or a credential to another server.
            .redirect(redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_mins(5));
        if base.is_loopback() {
            builder = builder.no_proxy();
        }
        if !base.is_tls() {
            // The system's certificates take longer to load than most calls take.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| Failure::General {
            message: format!("TLS cannot start: {error}."),
            hint: None,
        })?;
        Ok(Self {
            client,
            base,
            authorization,
            terminal,
        })
    }

    /// Its URL.
    pub(crate) fn base(&self) -> &Base {
        &self.base
    }

    /// Starts a request to a route below `/api/v1`.
    ///
    /// # Errors
    /// See [`Base::route`].
    pub(crate) fn request(
        &self,
        method: Method,
        route: &[&str],
    ) -> Result<RequestBuilder, Failure> {
        let mut segments = vec!["api", "v1"];
        segments.extend(route);
        let mut headers = HeaderMap::new();
        if let Some(value) = &self.authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
        let url = self.base.route(&segments)?;
        Ok(self.client.request(method, url).headers(headers))
    }

    /// Reads something.
    ///
    /// # Errors
    /// See [`Server::send`].
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        route: &[&str],
        query: Query<'_>,
    ) -> Result<T, Failure> {
        let request = self.request(Method::GET, route)?.query(query);
        self.read(self.send(request).await?).await
    }

    /// Creates or does something.
    ///
    /// # Errors
    /// See [`Server::send`].
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        route: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let request = self.request(Method::POST, route)?.json(body);
        self.read(self.send(request).await?).await
    }

    /// Removes something and reads what became of it.
    ///
    /// # Errors
    /// See [`Server::send`].
    pub(crate) async fn delete<T: DeserializeOwned>(
        &self,
        route: &[&str],
        query: Query<'_>,
    ) -> Result<T, Failure> {
        let request = self.request(Method::DELETE, route)?.query(query);
        self.read(self.send(request).await?).await
    }

    /// Removes something of which nothing is left to say.
    ///
    /// # Errors
    /// See [`Server::send`].
    pub(crate) async fn remove(&self, route: &[&str]) -> Result<(), Failure> {
        self.send(self.request(Method::DELETE, route)?).await?;
        Ok(())
    }

    /// Reads a list, page by page, as far as was asked for.
    ///
    /// # Errors
    /// See [`Server::send`].
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        route: &[&str],
        query: Query<'_>,
        paging: &Paging,
    ) -> Result<Listing<T>, Failure> {
        let wanted = if paging.all { usize::MAX } else { paging.limit };
        let mut whole = Listing {
            items: Vec::new(),
            page: None,
        };
        let mut cursor = paging.cursor.clone();
        loop {
            let limit = (wanted - whole.items.len()).min(PAGE_ITEMS).to_string();
            let mut query = query.to_vec();
            query.push(("limit", &limit));
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page: Listing<T> = self.get(route, &query).await?;
            whole.items.extend(page.items);
            let next = page.page.as_ref().and_then(|page| page.next.clone());
            whole.page = page.page;
            if next.is_none() || next == cursor || whole.items.len() >= wanted {
                break;
            }
            cursor = next;
        }
        if let Some(next) = whole.page.as_ref().and_then(|page| page.next.as_ref()) {
            self.terminal.note(format_args!(
                "There is more: add `--cursor {next}`, or --all."
            ));
        }
        Ok(whole)
    }

    /// Sends a request. An upstream's answer is returned whatever its status.
    ///
    /// # Errors
    /// [`Failure::Refused`] for a problem document, else why there is no answer of a gateway.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let request = request.build().map_err(|error| self.fault(error))?;
        self.terminal.detail(format_args!(
            "> {} {}",
            request.method(),
            request.url().path()
        ));
        let response = self
            .terminal
            .waiting(self.client.execute(request))
            .await
            .map_err(|error| self.fault(error))?;
        self.terminal
            .detail(format_args!("< {}", response.status()));
        if header(&response, "gestalt-source") == Some("upstream") {
            return Ok(response);
        }
        let status = response.status();
        if status.is_redirection() {
            let target = header(&response, LOCATION.as_str())
                .unwrap_or("nowhere")
                .to_owned();
            return Err(self.stranger(
                format!("it redirects to {target}, which is not followed"),
                "If that is where the gateway is, name it with --url.",
            ));
        }
        if status.is_client_error() || status.is_server_error() {
            return Err(self.refusal(response).await);
        }
        Ok(response)
    }

    async fn refusal(&self, response: Response) -> Failure {
        let status = response.status();
        let kind = header(&response, CONTENT_TYPE.as_str())
            .unwrap_or("nothing")
            .to_owned();
        let retry_after = header(&response, RETRY_AFTER.as_str()).map(seconds);
        let problem = if kind.starts_with("application/problem+json") {
            let body = limited(response, MAX_PROBLEM_BYTES)
                .await
                .unwrap_or_default();
            serde_json::from_slice::<Problem>(&body).ok()
        } else {
            None
        };
        let Some(mut problem) = problem else {
            return self.stranger(
                format!("status {status} with {kind}"),
                "Check the URL: `gestalt config get url`, or --url.",
            );
        };
        problem.link = problem.link.map(|link| self.base.absolute(&link));
        Failure::Refused {
            problem: Box::new(problem),
            retry_after,
        }
    }

    /// Reads an answer of the shape that the API promises.
    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, Failure> {
        let body = response.bytes().await.map_err(|error| self.fault(error))?;
        // The parser's message is left out: it may quote a token.
        serde_json::from_slice(&body).map_err(|error| {
            self.stranger(
                format!("what it said cannot be read at line {}, column {}", error.line(), error.column()),
                "The server and this program may be of versions that do not fit: `gestalt --version`.",
            )
        })
    }

    fn stranger(&self, message: String, hint: &str) -> Failure {
        Failure::Answer {
            server: self.base.as_str().to_owned(),
            message,
            hint: Some(hint.to_owned()),
        }
    }

    /// What a failed exchange means.
    pub(crate) fn fault(&self, error: reqwest::Error) -> Failure {
        let server = self.base.as_str().to_owned();
        // The URL could hold arguments.
        let source = error.without_url();
        if source.is_timeout() {
            return Failure::Timeout { server, source };
        }
        Failure::Unreachable {
            server,
            loopback: self.base.is_loopback(),
            source,
        }
    }
}

fn bearer(token: &Secret) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| {
        Failure::usage(
            "The token holds characters that no token has.",
            "Copy it again, whole and without quotes.",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A header's text, if it is text.
pub(crate) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

fn seconds(text: &str) -> String {
    match text.parse::<u64>() {
        Ok(1) => "1 second".to_owned(),
        Ok(count) => format!("{count} seconds"),
        Err(_) => text.to_owned(),
    }
}

/// A body of at most so many bytes; `None` if it is longer or breaks off.
pub(crate) async fn limited(mut response: Response, max: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > max {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}
