//! Servers become base URLs.

use std::collections::BTreeSet;

use gestalt_core::document::ImportSettings;
use serde_json::Value;
use url::{Origin, Url};

use super::findings::{Findings, Spot};

/// Most servers of one list that are looked at.
const MOST: usize = 100;

/// The servers of a document.
pub(super) struct Servers<'a> {
    settings: &'a ImportSettings,
    /// Where paths are below.
    base: Option<Url>,
    /// The document's own servers that could be read, whether or not one is the base.
    documented: Vec<Url>,
    written: Vec<String>,
    hosts: BTreeSet<String>,
    variables: BTreeSet<String>,
}

impl<'a> Servers<'a> {
    /// Reads the document's servers. The base URL is the operator's, else the first of them;
    /// a document without servers is served where it lies.
    pub(super) fn new(
        list: Option<&Value>,
        spot: &Spot,
        settings: &'a ImportSettings,
        findings: &mut Findings,
    ) -> Self {
        let mut servers = Self {
            settings,
            base: settings.base_url.as_ref().map(trimmed),
            documented: Vec::new(),
            written: Vec::new(),
            hosts: BTreeSet::new(),
            variables: BTreeSet::new(),
        };
        let list = list
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        if list.is_empty() {
            let here = settings.document_url.as_ref();
            servers
                .documented
                .extend(here.and_then(|url| resolve("/", Some(url)).ok()));
        }
        for server in list.iter().take(MOST) {
            match servers.read(server) {
                Ok(url) => servers.documented.push(url),
                // What the operator wrote goes before all of them.
                Err(_) if servers.base.is_some() => {}
                Err(why) => findings.changed(spot, why),
            }
        }
        if servers.base.is_none() {
            servers.base = servers.documented.first().cloned();
        }
        if servers.base.is_none() {
            findings.note(
                spot,
                "no server has a URL to call; the config must name one",
            );
        }
        servers
    }

    /// Fills in a server's variables, lists it, and gives its URL.
    fn read(&mut self, server: &Value) -> Result<Url, String> {
        let written = self.fill(server)?;
        self.written.push(written.clone());
        resolve(&written, self.settings.document_url.as_ref())
    }

    fn fill(&mut self, server: &Value) -> Result<String, String> {
        let Some(template) = server.get("url").and_then(Value::as_str) else {
            return Err("a server has no URL; it is left out".to_owned());
        };
        let (mut out, mut rest) = (String::new(), template);
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(format!("the server `{template}` has a `{{` without `}}`"));
            };
            self.variables.insert(name.to_owned());
            let variable = server.get("variables").and_then(|all| all.get(name));
            let default = variable.and_then(|variable| {
                let first = || variable.get("enum")?.get(0);
                variable.get("default").or_else(first).and_then(text)
            });
            let given = self.settings.variables.get(name).cloned();
            let Some(value) = given.or(default) else {
                return Err(format!(
                    "the variable `{name}` of the server `{template}` has no value; the config can name one under `variables`"
                ));
            };
            out.push_str(before);
            out.push_str(&value);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// The base URL of an operation or path with servers of its own; `None` if it is the
    /// document's.
    ///
    /// # Errors
    /// A sentence, if none of the servers can be used.
    pub(super) fn own(&mut self, list: &Value) -> Result<Option<Url>, String> {
        let list = list.as_array().map_or(&[][..], Vec::as_slice);
        let mut wrong = None;
        for server in list.iter().take(MOST) {
            match self.own_url(server) {
                Ok(url) => return Ok(url),
                Err(why) => wrong = wrong.or(Some(why)),
            }
        }
        wrong.map_or(Ok(None), Err)
    }

    fn own_url(&mut self, server: &Value) -> Result<Option<Url>, String> {
        let written = self.fill(server)?;
        // Where the operator names the base, what is relative is relative to that.
        let here = self.settings.base_url.as_ref();
        let here = here
            .or(self.settings.document_url.as_ref())
            .or(self.base.as_ref());
        let mut url = resolve(&written, here)?;
        let Some(base) = &self.base else {
            return Ok(Some(url));
        };
        let documented = self.documented.first();
        if self.settings.base_url.is_some() {
            if self.documented.contains(&url) {
                return Ok(None);
            }
            if documented.is_some_and(|first| first.origin() == url.origin()) {
                let mut moved = base.clone();
                moved.set_path(url.path());
                url = moved;
            }
        }
        Ok((url != *base).then_some(url))
    }

    /// Notes that an operation reaches a host.
    pub(super) fn reach(&mut self, url: &Url) {
        if self
            .base
            .as_ref()
            .is_some_and(|base| base.origin() == url.origin())
        {
            return;
        }
        if let Origin::Tuple(_, host, port) = url.origin() {
            self.hosts.insert(format!("{host}:{port}"));
        }
    }

    /// The base URL.
    pub(super) fn base(&self) -> Option<&Url> {
        self.base.as_ref()
    }

    /// The base URL, the servers as they are written, and the other hosts that are reached.
    pub(super) fn finish(
        self,
        spot: &Spot,
        findings: &mut Findings,
    ) -> (Option<Url>, Vec<String>, Vec<String>) {
        for name in self.settings.variables.keys() {
            if !self.variables.contains(name) {
                findings.note(spot, format!("no server has the variable `{name}`"));
            }
        }
        (self.base, self.written, self.hosts.into_iter().collect())
    }
}

/// The text of a variable's value, which some documents have as a number.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The URL that a server's text means, without `/` at its end.
fn resolve(written: &str, here: Option<&Url>) -> Result<Url, String> {
    let shown: String = written.chars().take(200).collect();
    let url = match (Url::parse(written), here) {
        (Ok(url), _) => url,
        (Err(url::ParseError::RelativeUrlWithoutBase), Some(here)) => here
            .join(written)
            .map_err(|why| format!("the server `{shown}` is no URL: {why}"))?,
        (Err(url::ParseError::RelativeUrlWithoutBase), None) => {
            return Err(format!(
                "the server `{shown}` has no host; the config can name one as `baseUrl`"
            ));
        }
        (Err(why), _) => return Err(format!("the server `{shown}` is no URL: {why}")),
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("the server `{shown}` is no http or https URL"));
    }
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err(format!(
            "the server `{shown}` holds more than scheme, host and path"
        ));
    }
    Ok(trimmed(&url))
}

fn trimmed(url: &Url) -> Url {
    let mut url = url.clone();
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    url
}
