//! `gestaltd plugin add`: from a document to a layer of the config.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gestalt_core::Secret;
use gestalt_core::host::{AddressRange, HostPattern};
use gestalt_core::name::PluginName;
use gestalt_gateway::documents::Credential;
use http::HeaderName;
use http::header::AUTHORIZATION;
use url::Url;

use super::super::{ConfigFiles, Failure};
use super::layer::{self, Kept, Layer};
use super::name;
use super::preview::Preview;
use super::source::{self, Asking, Document, Kind, Place};
use crate::config::{self, Builtins, Documents, Environment};

/// Options of `plugin add`.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct Options {
    /// The OpenAPI document, 3.0 or 3.1, in JSON or YAML
    #[arg(long, value_name = "FILE|URL", required_unless_present = "graphql")]
    openapi: Option<String>,
    /// The GraphQL schema in a file, or the endpoint that is asked for it
    #[arg(long, value_name = "FILE|URL", conflicts_with = "openapi")]
    graphql: Option<String>,
    /// A file with the token that the endpoint asks for, or - for the standard input; it is used
    /// once and not kept
    #[arg(long, value_name = "FILE", requires = "graphql")]
    token_file: Option<PathBuf>,
    /// The header that the token stands in, alone [default: Authorization, behind `Bearer`]
    #[arg(long, value_name = "HEADER", requires = "token_file")]
    token_header: Option<HeaderName>,
    /// What the plugin is called [default: after the document]
    #[arg(long)]
    name: Option<String>,
    /// The URL that paths are below [default: the document's first server], or the GraphQL endpoint
    #[arg(long, value_name = "URL")]
    base_url: Option<Url>,
    /// A host to allow besides the base URL's, such as uploads.example.com; repeatable
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<HostPattern>,
    /// A loopback or private range to allow, such as 10.1.0.0/16:443; repeatable
    #[arg(long, value_name = "CIDR")]
    allow_cidr: Vec<AddressRange>,
    /// The file to write [default: config.d/NAME.yaml, or NAME.yaml beside --config]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    /// Show every tool
    #[arg(long)]
    all: bool,
    /// Show what would be there, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[expect(
    clippy::print_stdout,
    reason = "what will be there is what the command shows"
)]
pub(super) async fn run(files: &ConfigFiles, options: &Options) -> Result<(), Failure> {
    check_base_url(options.base_url.as_ref())?;
    let (kind, named) = options.document();
    let place = Place::parse(named)?;
    if let Some(given) = &options.name {
        // Before anything is fetched.
        name::given(given, &[])?;
    }
    let asking = Asking {
        kind,
        base_url: options.base_url.as_ref(),
        ranges: &options.allow_cidr,
        credential: options.credential(&place)?,
    };
    let document = source::read(&place, asking).await?;
    let target = Target::find(files, options, &place, &document)?;
    let imported = &document.imported;
    if imported.operations.is_empty() {
        return Err(
            Failure::new(format!("{place} has no operation that can be taken over"))
                .hint(format!("`gestaltd plugin lint {named}` says why.")),
        );
    }
    let preview = Preview {
        name: &target.name,
        imported,
        // A server is not asked again to be looked at.
        document: match &document.fetched {
            Some(fetched) if fetched.introspected => target.name.as_str(),
            _ => named,
        },
        base_url: options.base_url.as_ref(),
        hosts: &options.allow_host,
        ranges: &options.allow_cidr,
        all: options.all,
    };
    print!("{}", preview.text());
    if let Some(fetched) = &document.fetched {
        println!("\n{place} is {}", fetched.digest);
    }
    if imported.base_url.is_none() {
        let (what, hint) = match kind {
            Kind::OpenApi => (
                "document",
                "Say where the API is with --base-url https://….",
            ),
            Kind::GraphQl => (
                "schema",
                "Say where it is with --base-url https://…/graphql.",
            ),
        };
        let what = format!("the {what} names no server, and nothing was written");
        return Err(Failure::new(what).hint(hint).code(2));
    }
    let layer = Layer {
        name: &target.name,
        place: &place,
        imported,
        base_url: options.base_url.as_ref(),
        hosts: &options.allow_host,
        ranges: &options.allow_cidr,
        kind,
        kept: target.kept(&document),
        bearer: options.token_file.is_some() && options.token_header.is_none(),
    };
    let text = layer.text(&target.file)?;
    if options.dry_run {
        println!(
            "\nNothing was written. {} would be:\n\n{text}",
            target.file.display()
        );
        return Ok(());
    }
    target.write(&text, &document, options.force).await?;
    println!("\n{}", target.next());
    Ok(())
}

impl Options {
    /// The document, as it was given.
    fn document(&self) -> (Kind, &str) {
        match (&self.graphql, &self.openapi) {
            (Some(schema), _) => (Kind::GraphQl, schema),
            (None, document) => (Kind::OpenApi, document.as_deref().unwrap_or_default()),
        }
    }

    /// The credential that the endpoint is asked with.
    fn credential(&self, place: &Place) -> Result<Option<Credential>, Failure> {
        let Some(file) = &self.token_file else {
            return Ok(None);
        };
        if self.graphql.is_none() || place.url().is_none() {
            let why =
                "--token-file is for --graphql with a URL; nothing else is asked for a schema";
            return Err(Failure::new(why).code(2));
        }
        let read = if file.as_os_str() == "-" {
            std::io::read_to_string(std::io::stdin())
        } else {
            std::fs::read_to_string(file)
        };
        let text = read.map_err(|error| {
            Failure::new(format!(
                "cannot read the token in {}: {error}",
                file.display()
            ))
        })?;
        let token = text.trim();
        if token.is_empty() || token.contains(char::is_control) {
            return Err(Failure::new(format!("{} holds no token", file.display())).code(2));
        }
        let bearer = Secret::new(format!("Bearer {token}"));
        Ok(Some(match &self.token_header {
            Some(header) => Credential {
                header: header.clone(),
                value: Secret::new(token),
            },
            None => Credential {
                header: AUTHORIZATION,
                value: bearer,
            },
        }))
    }
}

/// Where the plugin goes.
struct Target {
    name: PluginName,
    /// The layer.
    file: PathBuf,
    /// The first file of the config, which may not be there yet; the lock lies beside it.
    first: PathBuf,
    /// The other files of the config that are there.
    others: Vec<PathBuf>,
    /// The layer is among those that are read without being named.
    found: bool,
}

impl Target {
    fn find(
        files: &ConfigFiles,
        options: &Options,
        place: &Place,
        document: &Document,
    ) -> Result<Self, Failure> {
        let title = document.imported.title.as_deref();
        let named = options.name.clone().or_else(|| name::made(place, title));
        let named = named.ok_or_else(|| {
            Failure::new("nothing in the document makes a name")
                .hint("Give one with --name.")
                .code(2)
        })?;
        let folder = files.folder()?;
        let file = match &options.out {
            Some(file) => file.clone(),
            None => folder.join(format!("{named}.yaml")),
        };
        let found = files.are_found() && file.parent() == Some(folder.as_path());
        let mut others = files.paths()?;
        let first = others.first().unwrap_or(&file).clone();
        // Where nothing was named, the first file may not be there yet.
        others.retain(|path| *path != file && (path.exists() || !files.are_found()));
        let name = name::given(&named, &config::plugin_names(&others)?)?;
        if file.exists() && !options.force && !options.dry_run {
            return Err(layer::taken(&file));
        }
        Ok(Self {
            name,
            file,
            first,
            others,
            found,
        })
    }

    /// Writes the layer, and the pin of a document by URL, if the config holds with them.
    async fn write(&self, text: &str, document: &Document, force: bool) -> Result<(), Failure> {
        let without = load(&self.others).await;
        layer::make_folder(&self.file)?;
        let kept = self.kept(document);
        let kept_before = kept
            .as_ref()
            .and_then(|kept| std::fs::read(&kept.file).ok());
        if let (Some(kept), Some(fetched)) = (&kept, &document.fetched) {
            layer::write(&kept.file, &String::from_utf8_lossy(&fetched.bytes), force)?;
        } else if let Some(fetched) = &document.fetched {
            config::pin(&self.first, &fetched.url, fetched.digest).map_err(Failure::new)?;
            if let Ok(loaded) = &without {
                // Neither a check nor a start needs the network for it.
                source::keep(&fetched.bytes, &loaded.config().state_folder);
            }
        }
        let before = std::fs::read(&self.file).ok();
        layer::write(&self.file, text, force)?;
        if without.is_err() {
            // Not to be laid at the layer's door, and not to be checked with it.
            return Ok(());
        }
        let mut all = self.others.clone();
        all.push(self.file.clone());
        all.sort_by_key(|path| *path != self.first);
        let Err(error) = load(&all).await else {
            return Ok(());
        };
        restore(&self.file, before.as_deref())?;
        if let Some(kept) = &kept {
            restore(&kept.file, kept_before.as_deref())?;
        }
        Err(Failure::from(error).hint("Nothing was written."))
    }

    /// Where the answer to an introspection is kept: beside the layer, since it cannot be
    /// fetched again by its URL alone.
    fn kept(&self, document: &Document) -> Option<Kept> {
        let fetched = document.fetched.as_ref().filter(|one| one.introspected)?;
        let name = format!("{}.schema.json", self.name);
        Some(Kept {
            file: self.file.with_file_name(&name),
            name,
            digest: fetched.digest,
        })
    }

    /// What was done, and what is next.
    fn next(&self) -> String {
        let name = &self.name;
        let wrote = format!("Wrote {}.", self.file.display());
        let connect = format!("gestalt plugin connect {name}");
        if self.found {
            return format!(
                "{wrote}\nNext: `gestaltd serve`, or `gestaltd reload` where it runs; then `{connect}`."
            );
        }
        let files: Vec<String> = self
            .others
            .iter()
            .chain([&self.file])
            .map(|file| format!("--config {}", file.display()))
            .collect();
        format!(
            "{wrote}\nNext: `gestaltd serve {}`; then `{connect}`.",
            files.join(" ")
        )
    }
}

/// Leaves a file as it was before it was written, or takes it away.
fn restore(file: &Path, before: Option<&[u8]>) -> Result<(), Failure> {
    match before {
        Some(bytes) => layer::write(file, &String::from_utf8_lossy(bytes), true),
        None => layer::remove(file),
    }
}

async fn load(files: &[PathBuf]) -> Result<config::Loaded, config::ConfigError> {
    let documents = Arc::new(Documents::looking());
    config::load_fetching(
        files,
        &Environment::Process,
        Builtins::default(),
        &documents,
    )
    .await
}

/// Refuses what no base URL can be, before the document is read.
fn check_base_url(url: Option<&Url>) -> Result<(), Failure> {
    let Some(url) = url else { return Ok(()) };
    let plain = url.username().is_empty() && url.password().is_none();
    let bare = url.query().is_none() && url.fragment().is_none();
    if matches!(url.scheme(), "http" | "https") && url.host().is_some() && plain && bare {
        return Ok(());
    }
    Err(
        Failure::new("a base URL has a host and a path, and no user, query or fragment")
            .hint("--base-url https://api.example.com/v2")
            .code(2),
    )
}
