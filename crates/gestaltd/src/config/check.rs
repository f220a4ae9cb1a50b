//! What every section's check works with, and the checks that look across sections.

use std::collections::HashMap;
use std::path::PathBuf;

use super::decode::Located;
use super::documents::{DocumentReport, Documents, ToFetch};
use super::effective::{Builtins, LoginConfig, ServerConfig, Unsupported};
use super::plugins::Checked;
use super::report::Problem;
use super::scalars::Period;
use super::server::ServerSection;
use super::source::{At, Sources};
use super::tree::Node;

/// Gathers what is wrong, so that one run shows everything.
pub(super) struct Checker<'a> {
    /// The files read so far; manifests are added.
    pub(super) sources: &'a mut Sources,
    /// The merged config, for parts whose form depends on other parts.
    pub(super) root: &'a Node,
    /// What the running daemon contributes.
    pub(super) builtins: Builtins,
    /// Documents that plugins are made of.
    pub(super) documents: &'a Documents,
    /// The folder for what is kept beside the store; `None` while it is not known.
    pub(super) state_folder: Option<PathBuf>,
    problems: Vec<Problem>,
    missing: Vec<Problem>,
    unsupported: Vec<Unsupported>,
    reports: Vec<DocumentReport>,
    to_fetch: Vec<ToFetch>,
}

/// Headers that belong to a connection between two hosts, or to the message's own form.
const OWN_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What the checks have found.
pub(super) struct Findings {
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// What only `serve` refuses.
    pub(super) missing: Vec<Problem>,
    /// What this build cannot honour; each is in `missing`, too.
    pub(super) unsupported: Vec<Unsupported>,
    /// What was read out of documents.
    pub(super) reports: Vec<DocumentReport>,
    /// Documents by URL that are not here; each is in `missing`, too.
    pub(super) to_fetch: Vec<ToFetch>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(
        sources: &'a mut Sources,
        root: &'a Node,
        builtins: Builtins,
        documents: &'a Documents,
    ) -> Self {
        Self {
            sources,
            root,
            builtins,
            documents,
            state_folder: None,
            problems: Vec::new(),
            missing: Vec::new(),
            unsupported: Vec::new(),
            reports: Vec::new(),
            to_fetch: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> Findings {
        Findings {
            problems: self.problems,
            missing: self.missing,
            unsupported: self.unsupported,
            reports: self.reports,
            to_fetch: self.to_fetch,
        }
    }

    /// Notes what was read out of a document.
    pub(super) fn report(&mut self, report: DocumentReport) {
        self.reports.push(report);
    }

    /// Notes a document that is to be fetched.
    pub(super) fn not_here(&mut self, wanted: ToFetch) {
        self.to_fetch.push(wanted);
    }

    /// Notes something wrong.
    pub(super) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Notes something that only serving needs.
    pub(super) fn missing(&mut self, problem: Problem) {
        self.missing.push(problem);
    }

    /// Notes something that is understood but cannot be honoured.
    pub(super) fn unsupported(&mut self, feature: &str, at: At) {
        self.unsupported.push(Unsupported {
            feature: feature.to_owned(),
            location: self.sources.place(at),
        });
        self.missing.push(
            Problem::new(format!("this build cannot honour {feature}"), at)
                .label("not served")
                .help("`gestaltd validate` accepts it; `gestaltd serve` needs it taken out"),
        );
    }

    /// Unwraps, or notes what is wrong.
    pub(super) fn take<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problem(problem)).ok()
    }

    /// Reads a name or another text that has a form of its own.
    pub(super) fn parse<T: std::str::FromStr>(&mut self, written: &Located<String>) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        self.take(
            written
                .value
                .parse()
                .map_err(|error: T::Err| Problem::new(error.to_string(), written.at)),
        )
    }

    /// Refuses what is no JSON pointer (RFC 6901).
    pub(super) fn pointer(&mut self, written: &Located<String>) {
        if !written.value.is_empty() && !written.value.starts_with('/') {
            let help = format!("`/{}`", written.value);
            self.problem(Problem::new("a JSON pointer begins with `/`", written.at).help(help));
        }
    }

    /// Refuses what is no regular expression.
    pub(super) fn pattern(&mut self, written: &Located<String>) {
        if let Err(error) = regex::Regex::new(&written.value) {
            let why = error.to_string();
            let why = why
                .lines()
                .last()
                .unwrap_or("it does not parse")
                .trim()
                .to_owned();
            self.problem(Problem::new("not a regular expression", written.at).label(why));
        }
    }

    /// Refuses what is no header, and headers that are the client's own business.
    pub(super) fn header(&mut self, name: &Located<String>) {
        if http::HeaderName::try_from(name.value.as_str()).is_err() {
            self.problem(Problem::new("not the name of a header", name.at));
        } else if OWN_HEADERS
            .iter()
            .any(|own| name.value.eq_ignore_ascii_case(own))
        {
            self.problem(Problem::new(
                format!("the gateway sets `{}` itself", name.value),
                name.at,
            ));
        }
    }

    /// Refuses a fixed header that is none, or that is a credential.
    pub(super) fn fixed_header(&mut self, name: &Located<String>) {
        self.header(name);
        let credentials = ["authorization", "cookie"];
        if credentials
            .iter()
            .any(|own| name.value.eq_ignore_ascii_case(own))
        {
            let problem = Problem::new(
                format!("`{}` cannot be a fixed header", name.value),
                name.at,
            );
            self.problem(problem.help("credentials are written under `connections`"));
        }
    }

    /// Refuses a length of time that is none.
    pub(super) fn positive(&mut self, written: &Located<Period>) {
        if written.value.0.is_zero() {
            self.problem(Problem::new(
                "expected a length of time above zero",
                written.at,
            ));
        }
    }
}

/// `none` serves this machine only.
///
/// Without a login whoever reaches the gateway is its admin, so nothing may suggest that others
/// can reach it: not the address, not the URL it goes by, not a proxy before it.
pub(super) fn none_is_local(
    section: &ServerSection,
    server: &ServerConfig,
    login: &LoginConfig,
    checker: &mut Checker<'_>,
) {
    if *login != (LoginConfig::None { insecure: false }) {
        return;
    }
    let help = "configure a login under `providers.authentication`; or, if everybody who can reach it may be its admin, \
                write `authentication: { none: { insecure: true } }` there";
    let mut refuse = |what: String, at: Option<At>| {
        let problem = Problem::unplaced(format!(
            "without a login only this machine is served, but {what}"
        ));
        let problem = at.map_or(problem.clone(), |at| problem.placed(at));
        checker.problem(problem.label("reaches beyond this machine").help(help));
    };
    for (key, listen, at) in [
        ("public", Some(&server.public), section.public_at()),
        (
            "management",
            server.management.as_ref(),
            section.management_at(),
        ),
    ] {
        if let Some(listen) = listen.filter(|listen| !is_loopback(&listen.host)) {
            refuse(format!("`server.{key}.host` is `{}`", listen.host), at);
        }
    }
    if !server.base_url.host_str().is_some_and(is_loopback) {
        refuse(
            "`server.baseUrl` is not on it".to_owned(),
            section.base_url_at(),
        );
    }
    if !server.trusted_proxies.is_empty() {
        refuse(
            "`server.trustedProxies` says that a proxy stands before it".to_owned(),
            section.proxies_at(),
        );
    }
}

/// Says whether a host is this machine and nothing else.
fn is_loopback(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host);
    match bare.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
}

/// A tool of `/mcp` is called `{plugin}_{operation}`: two that come out alike are refused here,
/// where the operator can mend it, and not there.
pub(super) fn tool_names(plugins: &[Checked], checker: &mut Checker<'_>) {
    let mut seen: HashMap<String, (String, At)> = HashMap::new();
    for (plugin, places) in plugins.iter().filter_map(|checked| checked.plugin.as_ref()) {
        for (operation, at) in plugin.operations.iter().zip(places) {
            let full = format!("{}/{}", plugin.name, operation.name);
            let letter = |c: char| {
                if c.is_ascii_alphanumeric() || c == '-' {
                    c
                } else {
                    '_'
                }
            };
            let tool: String = full.chars().map(letter).collect();
            if let Some((other, other_at)) = seen.get(&tool) {
                // Two of one name within a plugin have been reported as such.
                if *other != full {
                    let what = format!("`{other}` and `{full}` would both be the tool `{tool}`");
                    let problem = Problem::new(what, *at)
                        .label("this one")
                        .also(*other_at, "and this one");
                    checker.problem(problem.help(
                        "`alias: …` under `allowedOperations` gives one of them another name",
                    ));
                }
                continue;
            }
            seen.insert(tool, (full, *at));
        }
    }
}
