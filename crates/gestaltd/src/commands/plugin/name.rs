//! The name of a plugin that is added: given, or made from where the document is and what it
//! calls itself.

use std::path::Path;

use gestalt_core::name::{PluginName, RESERVED_PLUGIN_NAMES};
use url::Url;

use super::super::Failure;
use super::source::Place;

/// Words that say nothing about what a document describes.
const EMPTY_WORDS: &[&str] = &[
    "api",
    "apis",
    "dist",
    "doc",
    "docs",
    "gql",
    "graphql",
    "http",
    "index",
    "json",
    "main",
    "openapi",
    "openapi2",
    "openapi3",
    "public",
    "raw",
    "reference",
    "rest",
    "schema",
    "spec",
    "specification",
    "swagger",
    "the",
    "web",
    "www",
    "yaml",
];

/// Longest name.
const LONGEST: usize = 31;

/// The name that was given, if it is one and free.
///
/// # Errors
/// When it is no name, is one of the API's own words, or is taken; with one that would do.
pub(super) fn given(name: &str, taken: &[String]) -> Result<PluginName, Failure> {
    let parsed: PluginName = name.parse().map_err(|error| {
        let failure = Failure::new(format!("{error}")).code(2);
        let near = slug(name).map(|near| free(&near, taken));
        match near {
            Some(near) => failure.hint(format!("`--name {near}` would do.")),
            None => failure,
        }
    })?;
    if RESERVED_PLUGIN_NAMES.contains(&name) {
        let message =
            format!("a plugin cannot be called `{name}`: the API's own routes are called so");
        let near = free(&format!("{name}-api"), taken);
        return Err(Failure::new(message)
            .hint(format!("`--name {near}` would do."))
            .code(2));
    }
    if taken.iter().any(|other| other == name) {
        let near = free(name, taken);
        return Err(
            Failure::new(format!("the config has a plugin `{name}` already"))
                .hint(format!(
                    "`--name {near}` adds this one beside it; `gestaltd config print` shows what there is."
                ))
                .code(2),
        );
    }
    Ok(parsed)
}

/// A name for a document: after its file, else after its title, else after its host.
pub(super) fn made(place: &Place, title: Option<&str>) -> Option<String> {
    let file = match place {
        Place::File(path) => path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned()),
        Place::Url(url) => url
            .path_segments()
            .and_then(|mut segments| segments.next_back())
            .map(|last| {
                let stem = Path::new(last).file_stem();
                stem.unwrap_or_default().to_string_lossy().into_owned()
            }),
    };
    let host = match place {
        Place::File(_) => None,
        Place::Url(url) => host(url),
    };
    [file, title.map(ToOwned::to_owned), host]
        .into_iter()
        .flatten()
        .find_map(|text| slug(&text))
        .map(|name| {
            if RESERVED_PLUGIN_NAMES.contains(&name.as_str()) {
                format!("{name}-api")
            } else {
                name
            }
        })
}

/// The part of a host that names whose it is: `example` of `api.example.com`.
fn host(url: &Url) -> Option<String> {
    let host = url.domain()?;
    let mut labels: Vec<&str> = host.split('.').collect();
    if labels.len() > 1 {
        labels.pop();
    }
    labels.last().map(|label| (*label).to_owned())
}

/// The words of a text that say something, as a name.
fn slug(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let words = lower
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty() && !EMPTY_WORDS.contains(word) && !is_version(word));
    let mut name = String::new();
    for word in words {
        if name.is_empty() && !word.starts_with(|letter: char| letter.is_ascii_lowercase()) {
            continue;
        }
        let gap = usize::from(!name.is_empty());
        if name.len() + gap + word.len() > LONGEST {
            if name.is_empty() {
                name.push_str(&word[..LONGEST]);
            }
            break;
        }
        if gap == 1 {
            name.push('-');
        }
        name.push_str(word);
    }
    (!name.is_empty()).then_some(name)
}

/// `v3`, `2024`, `1`.
fn is_version(word: &str) -> bool {
    let digits = word.strip_prefix('v').unwrap_or(word);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The name, or the first of `name-2`, `name-3`, … that is free.
fn free(name: &str, taken: &[String]) -> String {
    let is_free = |name: &str| {
        !taken.iter().any(|other| other == name) && !RESERVED_PLUGIN_NAMES.contains(&name)
    };
    let numbered = (2..).map(|number: u32| {
        let end = format!("-{number}");
        let room = LONGEST - end.len();
        let start = name.get(..room).unwrap_or(name).trim_end_matches('-');
        format!("{start}{end}")
    });
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|name| is_free(name))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, taken: &[&str]) -> String {
        let taken: Vec<String> = taken.iter().map(|name| (*name).to_owned()).collect();
        given(name, &taken).unwrap_err().to_string()
    }

    #[test]
    fn a_name_that_is_none_or_taken_is_refused_with_one_that_would_do() {
        assert!(refused("Pet Store", &[]).contains("`--name pet-store`"));
        assert!(refused("1", &[]).contains("not a valid plugin name"));
        assert!(refused("audit", &[]).contains("`--name audit-api`"));
        assert!(refused("audit", &["audit-api"]).contains("`--name audit-api-2`"));
        assert!(refused("pets", &["pets", "pets-2"]).contains("`--name pets-3`"));
        let long = "a".repeat(31);
        assert!(refused(&long, &[&long]).contains(&format!("`--name {}-2`", "a".repeat(29))));
    }

    #[test]
    fn names_are_made_from_what_says_something() {
        let file = |path: &str, title| made(&Place::File(path.into()), title).unwrap_or_default();
        assert_eq!(file("/x/petstore.yaml", None), "petstore");
        assert_eq!(
            file("openapi.json", Some("Swagger Petstore - OpenAPI 3.0")),
            "petstore"
        );
        assert_eq!(file("api.github.com.json", None), "github-com");
        assert_eq!(file("openapi.json", Some("GitHub v3 REST API")), "github");
        assert_eq!(file("2024-audit.json", None), "audit-api");
        assert_eq!(file("openapi.yaml", Some("日本")), "");
        let url =
            |url: &str, title| made(&Place::Url(url.parse().unwrap()), title).unwrap_or_default();
        assert_eq!(
            url("https://api.example.com/v2/openapi.json", None),
            "example"
        );
        assert_eq!(
            url("https://api.example.com/v2/tracker.yaml", None),
            "tracker"
        );
        assert_eq!(url("https://127.0.0.1/openapi.json", None), "");
    }

    #[test]
    fn a_long_title_is_cut_between_words() {
        let place = Place::File("openapi.json".into());
        let name = made(
            &place,
            Some("Amazon Elastic Container Registry Public Gallery"),
        );
        assert_eq!(name.as_deref(), Some("amazon-elastic-container"));
        let name = made(&place, Some(&"x".repeat(80)));
        assert_eq!(name, Some("x".repeat(31)));
    }
}
