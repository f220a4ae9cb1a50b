//! The config: from files to one checked [`Config`].
//!
//! Only this module knows YAML, the environment and secret refs. The way of a config: each file
//! is parsed to a tree in which every value knows its place; the trees are laid on one another;
//! variables are expanded in scalars; the first form is brought into the present one; secret
//! refs are resolved; the tree is read as one typed model; the model is checked as a whole.
//! Whatever is wrong is reported at its line, with everything masked that may be a secret.
//!
//! Start reading at [`load`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

mod authorization;
mod check;
mod connections;
mod decode;
mod document;
mod documents;
mod effective;
mod environment;
mod expand;
mod generate;
mod hints;
mod layers;
mod legacy;
mod manifest;
mod operations;
mod parameters;
mod parse;
mod plugins;
mod print;
mod providers;
mod report;
mod scalars;
mod schema;
mod secrets;
mod selection;
mod server;
mod source;
mod tree;

#[cfg(test)]
mod tests;

pub use documents::{DocumentReport, Documents, LOCK_FILE, LockError, pin, to_json};
pub use effective::{
    AuditConfig, Authorization, Builtins, CacheConfig, Config, Database, Durability, Effect,
    LimitConfig, Listen, LocalLogin, LoginConfig, Rule, ServerConfig, SessionConfig, StoreConfig,
    Unsupported,
};
pub use environment::Environment;
pub use generate::{SCHEMA_FILE, generate, write_new};
pub use report::ConfigError;
pub use schema::{config_schema, manifest_schema};

use check::{Checker, Findings};
use document::Document;
use documents::ToFetch;
use report::Problem;
use secrets::Secrets;
use source::Sources;
use tree::Node;

/// A config that is well formed; whether this build can serve it is another question.
#[derive(Debug)]
pub struct Loaded {
    config: Config,
    unsupported: Vec<Unsupported>,
    refusal: Option<ConfigError>,
    documents: Vec<DocumentReport>,
    to_fetch: Vec<ToFetch>,
}

impl Loaded {
    /// What was read out of documents, by plugin.
    pub fn documents(&self) -> &[DocumentReport] {
        &self.documents
    }

    /// What is understood but cannot be honoured by this build.
    pub fn unsupported(&self) -> &[Unsupported] {
        &self.unsupported
    }

    /// The config, to look at; it is not to be served before [`Loaded::servable`] agrees.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Why [`Loaded::servable`] will not agree, if it will not.
    pub fn refusal(&self) -> Option<&ConfigError> {
        self.refusal.as_ref()
    }

    /// The config, if all of it can be honoured.
    ///
    /// # Errors
    /// Each part that this build cannot honour, at its line: nothing is left out in silence.
    pub fn servable(self) -> Result<Config, ConfigError> {
        match self.refusal {
            None => Ok(self.config),
            Some(refusal) => Err(refusal),
        }
    }
}

/// Reads the files, each laid on those before it, and checks what they say.
///
/// # Errors
/// Everything that is wrong, each at its line.
pub fn load(
    files: &[PathBuf],
    environment: &Environment,
    builtins: Builtins,
) -> Result<Loaded, ConfigError> {
    load_with(files, environment, builtins, &Documents::looking())
}

/// As [`load`], with documents that are remembered from load to load. Fetches nothing: a
/// document by URL that is not here is a reason not to serve.
///
/// # Errors
/// As [`load`].
pub fn load_with(
    files: &[PathBuf],
    environment: &Environment,
    builtins: Builtins,
    documents: &Documents,
) -> Result<Loaded, ConfigError> {
    let mut sources = Sources::default();
    match read_all(&mut sources, files) {
        Ok(()) => check_all(&mut sources, environment, builtins, documents),
        Err(problem) => Err(ConfigError::new(&sources, vec![problem])),
    }
}

/// As [`load_with`], but fetches the documents by URL that are not here. It reads on a thread
/// of its own, since a large document takes its time.
///
/// # Errors
/// As [`load`].
pub async fn load_fetching(
    files: &[PathBuf],
    environment: &Environment,
    builtins: Builtins,
    documents: &Arc<Documents>,
) -> Result<Loaded, ConfigError> {
    let read = || async {
        let (files, environment) = (files.to_vec(), environment.clone());
        let documents = Arc::clone(documents);
        tokio::task::spawn_blocking(move || load_with(&files, &environment, builtins, &documents))
            .await
            .unwrap_or_else(|error| {
                let problem = Problem::unplaced(format!("the config could not be read: {error}"));
                Err(ConfigError::new(&Sources::default(), vec![problem]))
            })
    };
    let loaded = read().await?;
    if loaded.to_fetch.is_empty() {
        return Ok(loaded);
    }
    for wanted in &loaded.to_fetch {
        documents.fetch(wanted).await;
    }
    read().await
}

/// As [`load`], for texts at hand. Paths in them are relative to the folders of the names.
///
/// # Errors
/// As [`load`].
pub fn load_texts(
    texts: &[(&Path, &str)],
    environment: &Environment,
    builtins: Builtins,
) -> Result<Loaded, ConfigError> {
    let mut sources = Sources::default();
    for (path, text) in texts {
        sources.add(path, (*text).to_owned());
    }
    check_all(&mut sources, environment, builtins, &Documents::looking())
}

/// The names of the plugins in the files, in the order of writing, whether they hold or not.
///
/// # Errors
/// When a file cannot be read or is not YAML.
pub fn plugin_names(files: &[PathBuf]) -> Result<Vec<String>, ConfigError> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let mut sources = Sources::default();
    let root = read_all(&mut sources, files).and_then(|()| layered(&mut sources));
    let mut root = root.map_err(|problem| ConfigError::new(&sources, vec![problem]))?;
    legacy::modernise(&mut root).map_err(|problem| ConfigError::new(&sources, vec![problem]))?;
    let plugins = root.get("plugins").map(Node::entries).unwrap_or_default();
    Ok(plugins.iter().map(|entry| entry.key.clone()).collect())
}

/// What the documents of the files' plugins offer. Fetches nothing.
///
/// # Errors
/// As [`load`].
pub fn documents_of(files: &[PathBuf]) -> Result<Vec<DocumentReport>, ConfigError> {
    let loaded = load(files, &Environment::Process, Builtins::default())?;
    Ok(loaded.documents)
}

/// The files laid on one another, as YAML without their secrets, nothing expanded or resolved.
///
/// # Errors
/// When a file cannot be read or is not YAML.
pub fn print_redacted(files: &[PathBuf]) -> Result<String, ConfigError> {
    let mut sources = Sources::default();
    let result = read_all(&mut sources, files).and_then(|()| layered(&mut sources));
    result
        .map(|root| print::print(&root))
        .map_err(|problem| ConfigError::new(&sources, vec![problem]))
}

/// Largest config file, in bytes.
const MAX_FILE_BYTES: u64 = 8 << 20;

fn read_all(sources: &mut Sources, files: &[PathBuf]) -> Result<(), Problem> {
    for path in files {
        let text = read(path)?;
        sources.add(path, text);
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Problem> {
    let unreadable = |error: std::io::Error| {
        Problem::unplaced(format!("cannot read `{}`: {error}", path.display()))
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_FILE_BYTES {
        return Err(Problem::unplaced(format!(
            "`{}` is larger than {MAX_FILE_BYTES} bytes",
            path.display()
        )));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

fn check_all(
    sources: &mut Sources,
    environment: &Environment,
    builtins: Builtins,
    documents: &Documents,
) -> Result<Loaded, ConfigError> {
    documents.begin_load();
    let checked = resolve(sources, environment)
        .and_then(|resolved| check(sources, &resolved, builtins, documents));
    match checked {
        Ok((config, findings)) => {
            let refusal =
                (!findings.missing.is_empty()).then(|| ConfigError::new(sources, findings.missing));
            Ok(Loaded {
                config,
                unsupported: findings.unsupported,
                refusal,
                documents: findings.reports,
                to_fetch: findings.to_fetch,
            })
        }
        Err(problems) => Err(ConfigError::new(sources, problems)),
    }
}

/// Every file's tree, laid on one another.
fn layered(sources: &mut Sources) -> Result<Node, Problem> {
    let mut root: Option<Node> = None;
    for file in 0..sources.len() {
        let tree = parse::parse(sources, file)?;
        match &mut root {
            Some(root) => layers::merge(root, tree),
            None => root = Some(tree),
        }
    }
    root.ok_or_else(|| Problem::unplaced("no config file was given"))
}

/// One tree, with variables, forms and secrets resolved.
struct Resolved {
    root: Node,
    unsupported: Vec<(String, source::At)>,
}

fn resolve(sources: &mut Sources, environment: &Environment) -> Result<Resolved, Vec<Problem>> {
    let one = |problem| vec![problem];
    let mut root = layered(sources).map_err(one)?;
    let mut problems = Vec::new();
    expand::expand(&mut root, environment, &mut problems);
    legacy::modernise(&mut root).map_err(one)?;
    let mut secrets = Secrets::new(&root, sources, environment).map_err(one)?;
    secrets.resolve(&mut root);
    problems.append(&mut secrets.problems);
    if problems.is_empty() {
        Ok(Resolved {
            root,
            unsupported: secrets.unsupported,
        })
    } else {
        Err(problems)
    }
}

fn check(
    sources: &mut Sources,
    resolved: &Resolved,
    builtins: Builtins,
    documents: &Documents,
) -> Result<(Config, Findings), Vec<Problem>> {
    let document: Document = decode::decode(&resolved.root).map_err(|problem| vec![problem])?;
    let mut checker = Checker::new(sources, &resolved.root, builtins, documents);
    for (feature, at) in &resolved.unsupported {
        checker.unsupported(feature, *at);
    }
    let config = build(&document, &mut checker);
    let findings = checker.finish();
    match config {
        Some(config) if findings.problems.is_empty() => Ok((config, findings)),
        _ => Err(findings.problems),
    }
}

/// Checks every section, so that one run shows all that is wrong.
fn build(document: &Document, checker: &mut Checker<'_>) -> Option<Config> {
    // Manifests come later, and hold no secrets.
    let files = checker.sources.paths();
    let section = &document.server;
    let server = section.check(checker);
    let sessions = section.sessions(checker);
    let login = document
        .providers
        .login(section.providers.authentication.as_ref(), checker);
    let store = document
        .providers
        .store(section.providers.indexeddb.as_ref(), checker);
    let audit = document.audit.check(checker);
    checker.state_folder = store
        .as_ref()
        .map(|store| section.state_folder(store, checker));
    document.providers.check_others(checker);
    if let Some(runtime) = &document.runtime {
        checker.unsupported("`runtime`", runtime.at);
    }
    if let (Some(server), Some(login)) = (&server, &login) {
        check::none_is_local(section, server, login, checker);
    }
    let checked = plugins::check(document, checker);
    check::tool_names(&checked, checker);
    let opaque = plugins::opaque_names(&checked);
    let plugins: Vec<_> = checked
        .into_iter()
        .filter_map(|checked| Some(checked.plugin?.0))
        .collect();
    let known = authorization::Known {
        plugins: &plugins,
        opaque: &opaque,
    };
    let authorization = document
        .authorization
        .as_ref()
        .map(|section| section.check(&known, checker));
    Some(Config {
        server: server?,
        login: login?,
        sessions,
        store: store?,
        audit,
        cache: section.cache(),
        mcp: section.mcp(),
        limits: section.limits(),
        state_folder: checker.state_folder.clone()?,
        files,
        plugins,
        authorization,
    })
}
