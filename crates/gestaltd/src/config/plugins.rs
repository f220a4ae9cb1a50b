//! `plugins`: named upstreams, from a manifest or written inline.

mod graphql;
mod identity;
mod mcp;
mod openapi;
mod surfaces;

use std::net::SocketAddr;

use gestalt_core::connection::ConnectionDefinition;
use gestalt_core::host::{AddressRange, EgressRules};
use gestalt_core::name::{DEFAULT, PluginName, RESERVED_PLUGIN_NAMES};
use gestalt_core::plugin::Plugin;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::check::Checker;
use super::connections::ConnectionEntry;
use super::decode::{Entries, Located, suggest};
use super::document::Document;
use super::manifest::{self, Manifest};
use super::report::Problem;
use super::scalars::Source;
use super::selection::{self, AllowEntry, Placed};
use super::server::Action;
use super::source::At;
use identity::IdentityEntry;
use surfaces::{Beside, Missing, Surfaces};

pub(super) use surfaces::SurfacesEntry;

/// One named upstream.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct PluginEntry {
    /// Where its manifest is; left out, everything is written here.
    source: Option<Located<Source>>,
    /// What people call it.
    display_name: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// How it reaches its upstream; beside `source`, what is given replaces.
    surfaces: SurfacesEntry,
    /// Ways to authenticate there, by name; beside `source`, what is given replaces.
    connections: Entries<ConnectionEntry>,
    /// Which operations are offered, and as what; all as they are unless set.
    allowed_operations: Option<Located<Entries<AllowEntry>>>,
    /// What it may reach besides the host of its base URL.
    egress: EgressEntry,
    /// What its upstream is told of who calls; an MCP upstream everything unless set, any other
    /// nothing.
    identity: Option<IdentityEntry>,
    /// Names it had before.
    formerly: Vec<Located<String>>,
    /// The config of an executable plugin.
    config: Option<Located<Value>>,
}

/// What a plugin may reach besides the host of its base URL.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct EgressEntry {
    /// Hosts: `api.example.com`, `*.example.com`, either with `:port`.
    allowed_hosts: Vec<Located<String>>,
    /// Loopback, private and other special address ranges: `10.1.0.0/16`, `127.0.0.1/32:9000`.
    allowed_cidrs: Vec<Located<String>>,
}

/// A checked plugin.
pub(super) struct Checked {
    pub(super) name: String,
    /// The plugin and the places of its operations' names, in their order; `None` where this
    /// build cannot serve it.
    pub(super) plugin: Option<(Plugin, Vec<At>)>,
    /// Whether it has operations that this build does not know.
    pub(super) opaque: bool,
}

/// Checks every plugin.
pub(super) fn check(document: &Document, checker: &mut Checker<'_>) -> Vec<Checked> {
    for (name, entry) in &document.connections.0 {
        // Those that plugins refer to are checked with them, but a mistake in one that nobody
        // uses is a mistake all the same.
        let used = document
            .plugins
            .0
            .iter()
            .any(|(_, plugin)| plugin.refers_to(&name.value));
        if !used && let Some(entry) = entry.resolve(&document.connections, checker) {
            entry.check(name, checker);
        }
    }
    let mut checked: Vec<Checked> = document
        .plugins
        .0
        .iter()
        .filter_map(|(name, entry)| entry.check(name, document, checker))
        .collect();
    checked.sort_by(|a, b| a.name.cmp(&b.name));
    checked
}

impl PluginEntry {
    fn refers_to(&self, name: &str) -> bool {
        self.connections
            .0
            .iter()
            .any(|(_, entry)| entry.reference() == Some(name))
    }

    fn check(
        &self,
        name: &Located<String>,
        document: &Document,
        checker: &mut Checker<'_>,
    ) -> Option<Checked> {
        let parsed = plugin_name(name, checker)?;
        let formerly = self
            .formerly
            .iter()
            .filter_map(|old| former_name(old, document, checker))
            .collect();
        let mut opaque = false;
        let manifest = match &self.source {
            None => None,
            Some(source) => read_manifest(source, &mut opaque, checker),
        };
        if self.source.is_some() && manifest.is_none() && !opaque {
            return None;
        }
        let theirs = manifest.as_ref().map(|manifest| &manifest.spec.surfaces);
        opaque |= self.unsupported_surfaces(theirs, checker);
        if let Some(config) = self.config.as_ref().filter(|_| !opaque) {
            checker.problem(Problem::new(
                "`config` is for executable plugins",
                config.at,
            ));
        }
        let written = self.connections(manifest.as_ref(), document, checker);
        let egress = self.egress(document, checker);
        let checked = |plugin, opaque| Checked {
            name: name.value.clone(),
            plugin,
            opaque,
        };
        let definitions: Vec<ConnectionDefinition> =
            written.iter().map(|(_, one)| one.clone()).collect();
        let beside = Beside {
            at: name.at,
            demo: self.demo_address(checker),
            connections: self.writes_connections(&written).then_some(&*definitions),
            egress: &egress,
            offers: (&parsed, self.allowed_operations.as_ref()),
        };
        let surfaces = Surfaces::merged(theirs, &self.surfaces, checker);
        let offered = match surfaces.read(&beside, checker) {
            Ok(offered) => offered,
            Err(Missing::Surface) if !opaque => {
                checker.problem(no_surface(name));
                return Some(checked(None, false));
            }
            Err(Missing::Surface | Missing::NotHere) => return Some(checked(None, true)),
            Err(Missing::Wrong) => return None,
        };
        let allowed = self.allowed_operations.as_ref();
        // Those of an MCP server are held against what it says, once it does.
        let allowed = allowed.filter(|_| offered.mcp.is_none());
        let operations = selection::select(offered.operations, allowed, opaque, checker);
        let mut connections = selection::checks(written, &operations, opaque, checker);
        connections.extend(offered.connections);
        let (operations, places): (Vec<_>, Vec<_>) = operations.into_iter().unzip();
        for read in offered.read {
            checker.report(read.report(&name.value, operations.len(), &egress));
        }
        let told = (offered.title, offered.description);
        let (display_name, description) = self.described(name, manifest.as_ref(), told);
        let plugin = Plugin {
            name: parsed,
            formerly,
            display_name,
            description,
            base_url: offered.base_url,
            connections,
            operations,
            mcp: offered.mcp,
            egress: self.demo_address(checker).map_or(egress, demo_egress),
            identity: self
                .identity
                .as_ref()
                .map(|identity| identity.check(checker)),
        };
        header_conflicts(&plugin, &places, checker);
        identity::nobody_else(&plugin, (name.at, &places), checker);
        Some(checked(Some((plugin, places)), opaque))
    }

    /// What people call it and what it is for: what the operator says goes before what the
    /// author does, and that before what a document does.
    fn described(
        &self,
        name: &Located<String>,
        manifest: Option<&Manifest>,
        (title, description): (Option<String>, Option<String>),
    ) -> (String, Option<String>) {
        let theirs = manifest.and_then(|manifest| manifest.display_name.clone());
        let display_name = self.display_name.clone().or(theirs).or(title);
        let theirs = manifest.and_then(|manifest| manifest.description.clone());
        (
            display_name.unwrap_or_else(|| name.value.clone()),
            self.description.clone().or(theirs).or(description),
        )
    }

    /// Whether there are connections instead of a document's own, also where all are wrong.
    fn writes_connections(&self, checked: &[(ConnectionEntry, ConnectionDefinition)]) -> bool {
        !checked.is_empty() || !self.connections.0.is_empty()
    }

    /// Where the demo's upstream listens, if this is the demo.
    fn demo_address(&self, checker: &Checker<'_>) -> Option<SocketAddr> {
        let source = self.source.as_ref().map(|source| &source.value);
        let demo = matches!(source, Some(Source::BuiltIn(name)) if name == "demo");
        demo.then(|| {
            checker
                .builtins
                .demo
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
        })
    }

    fn unsupported_surfaces(
        &self,
        theirs: Option<&SurfacesEntry>,
        checker: &mut Checker<'_>,
    ) -> bool {
        let mut any = false;
        for surfaces in theirs.into_iter().chain([&self.surfaces]) {
            for (word, surface) in [("provider", &surfaces.provider)] {
                if let Some(surface) = surface {
                    any = true;
                    checker.unsupported(&format!("surfaces of kind `{word}`"), surface.at);
                }
            }
        }
        any
    }

    /// The manifest's connections with the config's laid on them, the default one first.
    fn connections(
        &self,
        manifest: Option<&Manifest>,
        document: &Document,
        checker: &mut Checker<'_>,
    ) -> Vec<(ConnectionEntry, ConnectionDefinition)> {
        let mut entries: Vec<(Located<String>, ConnectionEntry)> = manifest
            .map(|manifest| manifest.spec.connections.0.clone())
            .unwrap_or_default();
        if let Some((name, _)) = entries
            .iter()
            .find(|(_, entry)| entry.reference().is_some())
        {
            checker.problem(Problem::new(
                "a manifest cannot refer to a connection of the config",
                name.at,
            ));
            return Vec::new();
        }
        for (name, entry) in &self.connections.0 {
            let Some(resolved) = entry.resolve(&document.connections, checker) else {
                continue;
            };
            match entries
                .iter_mut()
                .find(|(known, _)| known.value == name.value)
            {
                Some((_, theirs)) => *theirs = theirs.overlaid(&resolved),
                None => entries.push((name.clone(), resolved)),
            }
        }
        entries.sort_by_key(|(name, _)| name.value != DEFAULT);
        entries
            .into_iter()
            .filter_map(|(name, entry)| {
                entry
                    .check(&name, checker)
                    .map(|definition| (entry, definition))
            })
            .collect()
    }

    fn egress(&self, document: &Document, checker: &mut Checker<'_>) -> EgressRules {
        let hosts = &self.egress.allowed_hosts;
        let ranges = &self.egress.allowed_cidrs;
        EgressRules {
            allowed_hosts: hosts
                .iter()
                .filter_map(|host| checker.parse(host))
                .collect(),
            allowed_ranges: ranges
                .iter()
                .filter_map(|range| checker.parse(range))
                .collect(),
            allow_public: document.server.egress.default_action == Action::Allow,
        }
    }
}

/// The manifest; where it comes from somewhere this build does not fetch, `opaque` is set.
fn read_manifest(
    source: &Located<Source>,
    opaque: &mut bool,
    checker: &mut Checker<'_>,
) -> Option<Manifest> {
    match &source.value {
        Source::Path(path) => manifest::load(path, source.at, "plugin", checker),
        Source::BuiltIn(name) if name == "demo" => manifest::demo(checker),
        Source::BuiltIn(name) => {
            let problem = Problem::new(format!("no plugin is built in as `{name}`"), source.at);
            checker.problem(
                problem.help("built in is `demo`; the path of a manifest begins with `./` or `/`"),
            );
            None
        }
        Source::Package(_) | Source::Release(_) => {
            *opaque = true;
            checker.unsupported("plugins from a published package", source.at);
            None
        }
    }
}

/// The demo reaches its own upstream and nothing else, whatever the config says.
fn demo_egress(address: SocketAddr) -> EgressRules {
    EgressRules {
        allowed_hosts: Vec::new(),
        allowed_ranges: vec![AddressRange::exactly(address.ip(), address.port())],
        allow_public: false,
    }
}

fn plugin_name(name: &Located<String>, checker: &mut Checker<'_>) -> Option<PluginName> {
    let parsed: PluginName = checker.parse(name)?;
    if RESERVED_PLUGIN_NAMES.contains(&name.value.as_str()) {
        let problem = Problem::new(
            format!(
                "a plugin cannot be called `{}`: the API's own routes are",
                name.value
            ),
            name.at,
        );
        let help = format!("give it another name, such as `{}-api`", name.value);
        checker.problem(problem.label("taken by the API").help(help));
        return None;
    }
    Some(parsed)
}

fn former_name(
    old: &Located<String>,
    document: &Document,
    checker: &mut Checker<'_>,
) -> Option<PluginName> {
    let parsed = checker.parse(old)?;
    if let Some((other, _)) = document
        .plugins
        .0
        .iter()
        .find(|(name, _)| name.value == old.value)
    {
        let problem = Problem::new(
            format!("`{}` is the name of a plugin now", old.value),
            old.at,
        );
        checker.problem(problem.also(other.at, "this one"));
    }
    let claims = document
        .plugins
        .0
        .iter()
        .flat_map(|(_, entry)| &entry.formerly);
    if let Some(first) = claims
        .into_iter()
        .find(|name| name.value == old.value && name.at != old.at)
    {
        // Both are met; one report is enough.
        if first.at.range().start < old.at.range().start {
            let problem = Problem::new(
                format!("two plugins say that they were called `{}`", old.value),
                old.at,
            );
            checker.problem(problem.also(first.at, "the other"));
        }
    }
    Some(parsed)
}

/// A parameter or fixed header must not stand where a credential goes.
fn header_conflicts(plugin: &Plugin, places: &[At], checker: &mut Checker<'_>) {
    use gestalt_core::operation::Location;
    for connection in &plugin.connections {
        let headers = connection
            .mapping
            .headers
            .iter()
            .map(|(name, _)| (Location::Header, name));
        let query = connection
            .mapping
            .query
            .iter()
            .map(|(name, _)| (Location::Query, name));
        for (location, credential) in headers.chain(query) {
            for (operation, at) in plugin.operations.iter().zip(places) {
                let same = |name: &str| match location {
                    Location::Header => name.eq_ignore_ascii_case(credential),
                    _ => name == credential,
                };
                let mut parameters = operation
                    .parameters
                    .iter()
                    .filter(|p| p.location == location);
                if parameters.any(|parameter| same(&parameter.wire_name)) {
                    let what = format!(
                        "`{}` of `{}` stands where the connection `{}` puts a credential",
                        credential, operation.name, connection.name
                    );
                    checker.problem(Problem::new(what, *at).help("take the parameter out"));
                }
            }
        }
    }
}

fn no_surface(name: &Located<String>) -> Problem {
    let what = format!("the plugin `{}` has no surface", name.value);
    Problem::new(what, name.at)
        .help("write `source: ./manifest.yaml`, or `surfaces: { rest: { … } }`")
}

/// Names a plugin that was not checked, for reports about others.
pub(super) fn opaque_names(checked: &[Checked]) -> Vec<String> {
    let opaque = checked
        .iter()
        .filter(|plugin| plugin.opaque || plugin.plugin.is_none());
    opaque.map(|plugin| plugin.name.clone()).collect()
}

/// Says what is near a plugin's name, for `allowedOperations`.
pub(super) fn suggest_operation(given: &str, operations: &[Placed]) -> String {
    let names: Vec<&str> = operations
        .iter()
        .map(|(operation, _)| operation.source_name.as_str())
        .collect();
    suggest(given, names)
}
