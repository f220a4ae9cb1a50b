//! A child's environment and arguments: made anew, nothing of the daemon's own.

use std::path::{Path, PathBuf};

use gestalt_core::Secret;
use gestalt_core::mcp::McpProcess;

use super::place::Place;
use crate::UpstreamError;

/// Where programs are looked for, by the daemon for a child's command and by the child.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// Variables by which programs are told of a proxy; some look at one case only.
const PROXIES: [&str; 6] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
];

/// A child's environment: a few fixed variables, the proxy, and what is configured, which wins.
pub(super) fn environment(
    process: &McpProcess,
    fields: &[(String, Secret)],
    place: &Place,
    proxy: &Secret,
) -> Result<Vec<(String, Secret)>, UpstreamError> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut all = vec![
        ("PATH".to_owned(), Secret::new(PATH)),
        ("HOME".to_owned(), Secret::new(text(place.folder()))),
        ("TMPDIR".to_owned(), Secret::new(text(&place.temporary()))),
        ("LANG".to_owned(), Secret::new("C.UTF-8")),
    ];
    all.extend(PROXIES.map(|name| (name.to_owned(), proxy.clone())));
    // Nothing is reached beside the proxy.
    all.extend(["NO_PROXY", "no_proxy"].map(|name| (name.to_owned(), Secret::default())));
    // Node looks at the variables only when it is told to.
    all.push(("NODE_USE_ENV_PROXY".to_owned(), Secret::new("1")));
    for (name, template) in &process.environment {
        let place = || format!("surfaces.mcp.env.{name}");
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(UpstreamError::config(place(), "is no name of a variable"));
        }
        let value = fill(template, fields, place)?;
        all.retain(|(given, _)| given != name);
        all.push((name.clone(), value));
    }
    Ok(all)
}

/// The arguments, with the fields that they name.
pub(super) fn arguments(
    process: &McpProcess,
    fields: &[(String, Secret)],
) -> Result<Vec<String>, UpstreamError> {
    let filled = process.arguments.iter().enumerate().map(|(at, template)| {
        let filled = fill(template, fields, || format!("surfaces.mcp.args[{at}]"))?;
        Ok(filled.expose().to_owned())
    });
    filled.collect()
}

/// The program's path.
pub(super) fn find(command: &Path) -> Result<PathBuf, UpstreamError> {
    let found = if command.is_absolute() {
        Some(command.to_owned())
    } else if command.components().count() == 1 {
        let mut folders = PATH
            .split(':')
            .map(|folder| Path::new(folder).join(command));
        folders.find(|path| path.is_file())
    } else {
        None
    };
    // What it really is: the rules on files know no links.
    found
        .and_then(|path| path.canonicalize().ok())
        .filter(|path| path.is_file())
        .ok_or_else(|| {
            let command = command.display();
            UpstreamError::config(
                "surfaces.mcp.command",
                format!("{command} is neither an absolute path to a program nor one in {PATH}"),
            )
        })
}

/// Puts fields where a template names them by `{name}`; other braces stay as they are.
fn fill(
    template: &str,
    fields: &[(String, Secret)],
    place: impl Fn() -> String,
) -> Result<Secret, UpstreamError> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let named = after.split_once('}').filter(|(name, _)| is_name(name));
        let Some((name, behind)) = named else {
            filled.push('{');
            rest = after;
            continue;
        };
        let field = fields.iter().find(|(known, _)| known == name);
        let (_, value) = field.ok_or_else(|| {
            UpstreamError::config(place(), format!("the credential has no field `{name}`"))
        })?;
        filled.push_str(value.expose());
        rest = behind;
    }
    filled.push_str(rest);
    if filled.contains('\0') {
        return Err(UpstreamError::config(place(), "holds a zero byte"));
    }
    Ok(Secret::new(filled))
}

fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|next| next.is_ascii_alphanumeric() || matches!(next, '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> Result<String, UpstreamError> {
        let fields = [("token".to_owned(), Secret::new("s3cret{x}"))];
        let filled = fill(template, &fields, || "env.X".to_owned())?;
        Ok(filled.expose().to_owned())
    }

    #[test]
    fn a_field_that_the_credential_does_not_have_is_an_error() {
        let error = filled("{tokens}").unwrap_err().to_string();
        assert_eq!(error, "env.X: the credential has no field `tokens`");
    }

    #[test]
    fn fields_are_filled_in_once_and_other_braces_stay() {
        assert_eq!(filled("a{token}b").unwrap(), "as3cret{x}b");
        for text in ["", "{", "{}", "{\"a\":1}", "}{", "{a b}", "{1}"] {
            assert_eq!(filled(text).unwrap(), text);
        }
    }

    #[test]
    fn a_command_that_is_a_path_from_somewhere_is_refused() {
        for command in [
            "./server",
            "bin/server",
            "/no/such/server",
            "/usr",
            "no-such-server",
        ] {
            assert!(find(Path::new(command)).is_err(), "{command}");
        }
        assert!(find(Path::new("sh")).unwrap().is_absolute());
    }
}
