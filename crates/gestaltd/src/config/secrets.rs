//! Secret refs: `{ secret: { provider, name } }` wherever a text stands.

use std::path::{Component, Path, PathBuf};

use gestalt_core::Secret;
use serde::Deserialize;

use super::decode::{Entries, Located, decode, suggest};
use super::environment::{Environment, read_secret};
use super::providers::ProviderEntry;
use super::report::Problem;
use super::scalars::Source;
use super::source::{At, Sources};
use super::tree::{Node, Origin, Scalar, Value};

/// What a secret is that this build cannot fetch; such a config is never served.
const UNRESOLVED: &str = "a secret that this build cannot fetch";

/// A secret ref.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SecretRef {
    provider: Option<Located<String>>,
    name: Located<String>,
}

/// The `config` of a `file` provider.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct FileConfig {
    /// A folder with one file a secret, or the one file that is the secret.
    path: Option<Located<String>>,
}

/// How one provider finds a secret.
enum Kind {
    Env,
    /// Below this folder, or this very file.
    File(PathBuf),
    /// Not in this build.
    Other(String),
}

/// The configured secrets providers.
pub(super) struct Secrets<'a> {
    providers: Vec<(String, Kind)>,
    default: Option<String>,
    environment: &'a Environment,
    /// What was wrong with a ref.
    pub(super) problems: Vec<Problem>,
    /// Providers that were asked for and are not in this build.
    pub(super) unsupported: Vec<(String, At)>,
}

impl<'a> Secrets<'a> {
    /// Reads `providers.secrets` and `server.providers.secrets`, which hold no refs themselves.
    pub(super) fn new(
        root: &Node,
        sources: &Sources,
        environment: &'a Environment,
    ) -> Result<Self, Problem> {
        let entries: Entries<ProviderEntry> = root
            .find(&["providers", "secrets"])
            .map(decode)
            .transpose()?
            .unwrap_or_default();
        let mut providers = Vec::new();
        for (name, entry) in &entries.0 {
            providers.push((name.value.clone(), kind(root, name, entry, sources)?));
        }
        let choice = root
            .find(&["server", "providers", "secrets"])
            .and_then(Node::text);
        let default = choice
            .map(str::to_owned)
            .or_else(|| match providers.as_slice() {
                [] => Some("env".to_owned()),
                [(only, _)] => Some(only.clone()),
                _ => None,
            });
        if !providers.iter().any(|(name, _)| name == "env") {
            providers.push(("env".to_owned(), Kind::Env));
        }
        Ok(Self {
            providers,
            default,
            environment,
            problems: Vec::new(),
            unsupported: Vec::new(),
        })
    }

    /// Puts the secret in the place of every ref.
    pub(super) fn resolve(&mut self, node: &mut Node) {
        if let Some(inner) = reference(node) {
            let at = inner.get("name").map_or(node.at, |name| name.at);
            let found = decode::<SecretRef>(inner).and_then(|wanted| self.fetch(&wanted));
            match found {
                Ok(text) => {
                    node.at = at;
                    node.value = Value::Scalar(Scalar {
                        text,
                        origin: Origin::Secret,
                    });
                }
                Err(problem) => {
                    self.problems.push(problem.placed(node.at));
                    node.value = Value::Scalar(Scalar {
                        text: Secret::new(UNRESOLVED),
                        origin: Origin::Secret,
                    });
                }
            }
            return;
        }
        match &mut node.value {
            Value::Null | Value::Scalar(_) => {}
            Value::List(items) => items.iter_mut().for_each(|item| self.resolve(item)),
            Value::Map(entries) => entries
                .iter_mut()
                .for_each(|entry| self.resolve(&mut entry.value)),
        }
    }

    fn fetch(&mut self, wanted: &SecretRef) -> Result<Secret, Problem> {
        let at = wanted.name.at;
        let asked = wanted
            .provider
            .as_ref()
            .map_or("default", |provider| provider.value.as_str());
        let named = |name: &str| self.providers.iter().find(|(known, _)| known == name);
        let found = named(asked).or_else(|| match asked {
            "default" => self.default.as_deref().and_then(named),
            _ => None,
        });
        let Some((provider, kind)) = found else {
            let known: Vec<&str> = self
                .providers
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            let at = wanted.provider.as_ref().map_or(at, |provider| provider.at);
            return Err(
                Problem::new(format!("no secrets provider is called `{asked}`"), at)
                    .label("not configured")
                    .help(format!(
                        "providers are written under `providers.secrets`; {}",
                        suggest(asked, known)
                    )),
            );
        };
        let name = &wanted.name.value;
        match kind {
            Kind::Env => self
                .environment
                .find(name)
                .map_err(|p| p.placed(at))?
                .ok_or_else(|| {
                    Problem::new(
                        format!("the secret `{name}` is not there: the variable is not set"),
                        at,
                    )
                    .label("not found")
                    .help(format!(
                        "set `{name}`, or `{name}_FILE` to a file that holds it"
                    ))
                }),
            Kind::File(path) => {
                let path = if path.is_dir() {
                    below(path, name, at)?
                } else {
                    path.clone()
                };
                read_secret(&path).map_err(|problem| problem.placed(at))
            }
            Kind::Other(kind) => {
                let feature = format!("secrets from `{kind}` (`providers.secrets.{provider}`)");
                self.unsupported.push((feature, at));
                Ok(Secret::new(UNRESOLVED))
            }
        }
    }
}

fn kind(
    root: &Node,
    name: &Located<String>,
    entry: &ProviderEntry,
    sources: &Sources,
) -> Result<Kind, Problem> {
    let word = match &entry.source {
        None => name.value.clone(),
        Some(Located {
            value: Source::BuiltIn(word),
            ..
        }) => word.clone(),
        Some(Located {
            value: Source::Package(package),
            ..
        }) => package.rsplit('/').next().unwrap_or(package).to_owned(),
        Some(Located {
            value: Source::Path(text) | Source::Release(text),
            ..
        }) => text.clone(),
    };
    match word.as_str() {
        "env" => Ok(Kind::Env),
        "file" => {
            let config = root.find(&["providers", "secrets", &name.value, "config"]);
            let config: FileConfig = config.map(decode).transpose()?.unwrap_or_default();
            let path = config.path.ok_or_else(|| {
                Problem::new("the `file` provider needs `config: { path: … }`", name.at)
                    .help("a folder with one file a secret, or one file that is the secret")
            })?;
            Ok(Kind::File(sources.resolve(path.at, &path.value)))
        }
        _ => Ok(Kind::Other(word)),
    }
}

/// The inside of a secret ref, if this is one.
fn reference(node: &Node) -> Option<&Node> {
    let [only] = node.entries() else { return None };
    let inner = (only.key == "secret").then_some(&only.value)?;
    let looks = inner
        .entries()
        .iter()
        .any(|entry| matches!(entry.key.as_str(), "provider" | "name"));
    looks.then_some(inner)
}

/// A file directly in a folder.
fn below(folder: &Path, name: &str, at: At) -> Result<PathBuf, Problem> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(file)), None) => Ok(folder.join(file)),
        _ => Err(Problem::new(
            "the name of a secret is the name of a file in the provider's folder",
            at,
        )),
    }
}
