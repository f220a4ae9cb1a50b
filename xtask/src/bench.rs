//! What a call costs, beside a plain proxy.

use crate::house;
use crate::process::{self, Result};
use crate::test::peers;

/// Builds the daemon and the bench and runs the bench with `arguments`; the
/// scenarios are in `bench/`.
///
/// # Errors
///
/// When the build or the bench fails.
pub(crate) fn run(arguments: &[String]) -> Result {
    let root = house::root();
    let (profile, rest) = profile(arguments)?;
    let mut build = process::cargo(&root);
    build.args(["build", "--locked", "--profile", profile]);
    for package in ["gestaltd", "gestalt-bench", "mcp-fixture"] {
        build.args(["--package", package]);
    }
    process::run(&mut build)?;
    let documents = ["documents", "search"];
    if rest.iter().any(|word| documents.contains(&word.as_str())) {
        let folder = house::target()?.join("bench-npm");
        peers::npm(&root.join("bench/npm"), &folder)?;
    }
    let programs = house::target()?.join(profile);
    let mut bench = process::command(programs.join("gestalt-bench"), &root);
    process::run(bench.args(rest))
}

/// Splits off `--profile NAME`; `release` unless named.
fn profile(arguments: &[String]) -> Result<(&str, Vec<&String>)> {
    let Some(at) = arguments.iter().position(|word| word == "--profile") else {
        return Ok(("release", arguments.iter().collect()));
    };
    let name = arguments
        .get(at + 1)
        .ok_or("--profile needs release or dist")?;
    if name != "release" && name != "dist" {
        return Err(format!("--profile is release or dist, not {name}").into());
    }
    let rest = arguments.iter().enumerate();
    let rest = rest.filter(|(index, _)| *index != at && *index != at + 1);
    Ok((name, rest.map(|(_, word)| word).collect()))
}

#[cfg(test)]
mod tests {
    use super::profile;

    #[test]
    fn the_profile_is_taken_out_of_the_arguments() {
        let words: Vec<String> = ["--json", "--profile", "dist", "--quick"]
            .map(str::to_owned)
            .to_vec();
        let (name, rest) = profile(&words).unwrap();
        assert_eq!((name, rest), ("dist", vec![&words[0], &words[3]]));
        assert!(profile(&words[..2]).is_err());
        assert_eq!(profile(&words[..1]).unwrap().0, "release");
    }
}
