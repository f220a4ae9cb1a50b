//! Everything a server lists, all pages of it.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::value::RawValue;

use super::about::About;
use super::ask::{Asking, Response};
use super::envelope::{Envelope, member, text_member};
use super::sessions::Sessions;
use crate::UpstreamError;
use crate::rest::json;
use crate::settings::McpLimits;

/// Everything a server lists.
#[derive(Debug)]
pub struct Listing {
    /// What the server says of itself.
    pub about: About,
    /// Its tools.
    pub tools: Vec<Listed>,
    /// Its resources.
    pub resources: Vec<Listed>,
    /// Its resource templates.
    pub templates: Vec<Listed>,
    /// Its prompts.
    pub prompts: Vec<Listed>,
    /// How long the server says that its tools are fresh; nothing where it does not say.
    pub ttl: Option<Duration>,
    /// The same of everything else.
    pub rest_ttl: Option<Duration>,
}

/// One entry of a list.
#[derive(Debug)]
pub struct Listed {
    /// Its name; of a resource its URI, of a template its URI template.
    pub key: String,
    /// The whole entry, as the text it was.
    pub json: Box<RawValue>,
}

/// A listing in the making.
pub(crate) struct Collecting<'a> {
    pub(crate) asking: Asking<'a>,
    /// Where sessions are kept, if the server is asked in the legacy era.
    pub(crate) sessions: Option<&'a Sessions>,
    pub(crate) limits: &'a McpLimits,
    bytes: usize,
    ttl: Option<Duration>,
    rest_ttl: Option<Duration>,
}

/// One kind of entry.
struct Sort {
    method: &'static str,
    /// Where the entries stand in a result.
    member: &'static str,
    key: &'static str,
    /// The capability without which it is not asked for.
    capability: &'static str,
}

const TOOLS: Sort = Sort {
    method: "tools/list",
    member: "tools",
    key: "name",
    capability: "tools",
};
const RESOURCES: Sort = Sort {
    method: "resources/list",
    member: "resources",
    key: "uri",
    capability: "resources",
};
const TEMPLATES: Sort = Sort {
    method: "resources/templates/list",
    member: "resourceTemplates",
    key: "uriTemplate",
    capability: "resources",
};
const PROMPTS: Sort = Sort {
    method: "prompts/list",
    member: "prompts",
    key: "name",
    capability: "prompts",
};

impl<'a> Collecting<'a> {
    pub(crate) fn new(
        asking: Asking<'a>,
        sessions: Option<&'a Sessions>,
        limits: &'a McpLimits,
    ) -> Self {
        Self {
            asking,
            sessions,
            limits,
            bytes: 0,
            ttl: None,
            rest_ttl: None,
        }
    }

    /// Asks for everything.
    ///
    /// # Errors
    /// What keeps the server from being asked, what is wrong with an answer, a limit.
    pub(crate) async fn all(mut self) -> Result<Listing, UpstreamError> {
        let about = if let Some(sessions) = self.sessions {
            sessions.get(&self.asking).await?.about.clone()
        } else {
            let response = self.asking.modern("server/discover", &[]).await?;
            About::discovered(&self.asking.result(&response)?)?
        };
        Ok(Listing {
            tools: self.pages(&about, &TOOLS).await?,
            resources: self.pages(&about, &RESOURCES).await?,
            templates: self.pages(&about, &TEMPLATES).await?,
            prompts: self.pages(&about, &PROMPTS).await?,
            ttl: self.ttl,
            rest_ttl: self.rest_ttl,
            about,
        })
    }

    /// Asks for the tools alone.
    ///
    /// # Errors
    /// As [`Self::all`].
    pub(crate) async fn tools(mut self) -> Result<Vec<Listed>, UpstreamError> {
        self.every_page(&TOOLS).await
    }

    async fn pages(&mut self, about: &About, sort: &Sort) -> Result<Vec<Listed>, UpstreamError> {
        if about.capability(sort.capability).is_none() {
            return Ok(Vec::new());
        }
        self.every_page(sort).await
    }

    async fn every_page(&mut self, sort: &Sort) -> Result<Vec<Listed>, UpstreamError> {
        let mut all = Vec::new();
        let mut cursors = HashSet::new();
        let mut cursor: Option<String> = None;
        loop {
            let response = self.page(sort.method, cursor.as_deref()).await?;
            if cursor.is_none() && self.is_unknown(&response) {
                return Ok(all);
            }
            let result = self.asking.result(&response)?;
            self.take(sort, &result, &mut all)?;
            let Some(next) = text_member(&result, "nextCursor") else {
                return Ok(all);
            };
            let next = next.into_owned();
            if !cursors.insert(next.clone()) {
                let message = format!("`{}` gives the same cursor twice.", sort.method);
                return Err(UpstreamError::answer(message));
            }
            if cursors.len() >= self.limits.max_list_pages {
                return Err(too_much(sort, "pages", self.limits.max_list_pages));
            }
            cursor = Some(next);
        }
    }

    async fn page(&self, method: &str, cursor: Option<&str>) -> Result<Response, UpstreamError> {
        let cursor = cursor.map(json::quoted);
        let members: Vec<(&str, &str)> = cursor
            .iter()
            .map(|cursor| ("cursor", cursor.as_str()))
            .collect();
        match self.sessions {
            None => self.asking.modern(method, &members).await,
            Some(sessions) => {
                let params = match &cursor {
                    Some(cursor) => format!("{{\"cursor\":{cursor}}}"),
                    None => "{}".to_owned(),
                };
                sessions.ask(&self.asking, method, &params).await
            }
        }
    }

    /// Says whether the server does not know the method.
    fn is_unknown(&self, response: &Response) -> bool {
        let message = response.message.as_deref();
        let message = message.and_then(|bytes| Envelope::read(bytes, self.limits.max_depth).ok());
        message.is_some_and(|message| message.code() == Some(-32601))
    }

    /// Takes the entries of a page.
    fn take(
        &mut self,
        sort: &Sort,
        result: &str,
        all: &mut Vec<Listed>,
    ) -> Result<(), UpstreamError> {
        let wrong = || {
            let message = format!("The answer to `{}` is no list of MCP's.", sort.method);
            UpstreamError::answer(message)
        };
        let entries = member(result, sort.member)
            .and_then(json::items)
            .ok_or_else(wrong)?;
        for entry in entries {
            let key = text_member(entry, sort.key).ok_or_else(wrong)?.into_owned();
            self.bytes += entry.len();
            if self.bytes > self.limits.max_list_bytes {
                let limit = self.limits.max_list_bytes as u64;
                return Err(UpstreamError::ResponseTooLarge { limit });
            }
            if all.len() >= self.limits.max_list_items {
                return Err(too_much(sort, "entries", self.limits.max_list_items));
            }
            let json = RawValue::from_string(entry.to_owned()).map_err(|_| wrong())?;
            all.push(Listed { key, json });
        }
        if let Some(ttl) = member(result, "ttlMs").and_then(|text| text.parse().ok()) {
            let ttl = Duration::from_millis(ttl);
            let of = if sort.method == TOOLS.method {
                &mut self.ttl
            } else {
                &mut self.rest_ttl
            };
            *of = Some(of.map_or(ttl, |known| known.min(ttl)));
        }
        Ok(())
    }
}

fn too_much(sort: &Sort, what: &str, limit: usize) -> UpstreamError {
    let method = sort.method;
    UpstreamError::answer(format!("`{method}` lists more than {limit} {what}."))
}
