//! Manifests: what a plugin's author ships. Nothing in one is expanded or resolved, so that a
//! manifest never reads the operator's environment or secrets, and nothing in one widens egress.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::Checker;
use super::connections::ConnectionEntry;
use super::decode::{Entries, Located, decode};
use super::parse::parse;
use super::plugins::SurfacesEntry;
use super::report::Problem;
use super::source::At;

/// The demo's manifest, part of the binary.
const DEMO: &str = include_str!("../demo/manifest.yaml");

/// A package's description of itself.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "`source` and `version` are for package tools; `configSchemaPath` for providers"
)]
pub(super) struct Manifest {
    /// What it describes: `plugin`, `authentication`, ….
    kind: Located<String>,
    /// Where it is published.
    source: Option<String>,
    /// Its version.
    version: Option<String>,
    /// What people call it.
    pub(super) display_name: Option<String>,
    /// What it is for.
    pub(super) description: Option<String>,
    /// The rest, by kind.
    #[serde(default)]
    pub(super) spec: Spec,
}

/// What a package offers.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Spec {
    /// How it reaches its upstream.
    pub(super) surfaces: SurfacesEntry,
    /// Ways to authenticate there.
    pub(super) connections: Entries<ConnectionEntry>,
    /// JSON Schema of its `config`.
    config_schema_path: Option<String>,
}

/// Reads the manifest at a path, relative to the file that names it.
pub(super) fn load(path: &str, at: At, kind: &str, checker: &mut Checker<'_>) -> Option<Manifest> {
    let mut file = checker.sources.resolve(at, path);
    if file.is_dir() {
        file.push("manifest.yaml");
    }
    let text = std::fs::read_to_string(&file).map_err(|error| {
        Problem::new(
            format!("cannot read the manifest `{}`: {error}", file.display()),
            at,
        )
    });
    let text = checker.take(text)?;
    read(&file, text, kind, checker)
}

/// The demo's own manifest.
pub(super) fn demo(checker: &mut Checker<'_>) -> Option<Manifest> {
    read(
        Path::new("built-in/demo/manifest.yaml"),
        DEMO.to_owned(),
        "plugin",
        checker,
    )
}

/// Checks that a manifest is there, well formed and of the kind wanted.
pub(super) fn check_kind(path: &str, at: At, kind: &str, checker: &mut Checker<'_>) {
    load(path, at, kind, checker);
}

fn read(path: &Path, text: String, kind: &str, checker: &mut Checker<'_>) -> Option<Manifest> {
    let file = checker.sources.add(path, text);
    let tree = parse(checker.sources, file);
    let tree = checker.take(tree)?;
    let manifest: Manifest = checker.take(decode(&tree))?;
    if manifest.kind.value != kind {
        let problem = Problem::new(
            format!("expected a manifest of `kind: {kind}`"),
            manifest.kind.at,
        );
        checker.problem(problem.label("another kind"));
        return None;
    }
    Some(manifest)
}
