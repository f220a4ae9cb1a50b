//! The README's five commands print what the README says, and every config that it or
//! `docs/configuration.md` shows is one.
//!
//! The story is the first `console` block of `README.md`. Lines that start with `$ ` are
//! commands; what follows, up to the next one, is what they print on both streams. There,
//! `…` stands for what is another each time (ids, times) and matches any run of characters
//! in its line; runs of spaces count as one, since such a text also sets a column's width.

use std::path::Path;
use std::process::Command;

use gestalt_e2e::{Cli, Daemon, program};

/// A command and what it prints.
struct Step {
    command: String,
    prints: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_five_commands_print_what_it_says() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let story = story(&readme);
    assert_eq!(story.len(), 5, "the story has five commands");
    let daemon = Daemon::start_at_first().await;
    let cli = Cli::new(&daemon);
    for step in story {
        let printed = run(&step.command, &cli, daemon.url());
        let lines: Vec<&str> = printed.lines().collect();
        let same = lines.len() == step.prints.len()
            && step.prints.iter().zip(&lines).all(|(p, l)| matches(p, l));
        let told = step.prints.join("\n");
        assert!(
            same,
            "$ {}\n{printed}\n— the README says —\n{told}",
            step.command
        );
    }
}

#[test]
fn the_configs_of_the_documents_hold() {
    let folder = tempfile::tempdir().unwrap();
    let mut configs = Vec::new();
    for document in ["docs/configuration.md", "docs/identity.md", "README.md"] {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        let blocks = |language: &str| {
            let begins = format!("```{language}\n");
            let parts = text.split(&begins).skip(1);
            let blocks = parts.map(|part| part.split_once("```").unwrap().0.to_owned());
            blocks.collect::<Vec<String>>()
        };
        for block in blocks("yaml").into_iter().chain(blocks("graphql")) {
            // A manifest or a schema says in its first line where it lies.
            let named = block.strip_prefix("# ").and_then(|b| b.split_once('\n'));
            if let Some((name, manifest)) = named {
                let path = folder.path().join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, manifest).unwrap();
            } else {
                let path = folder.path().join(format!("{}.yaml", configs.len()));
                std::fs::write(&path, block).unwrap();
                configs.push(path);
            }
        }
    }
    assert!(configs.len() > 2);
    for config in configs {
        let ran = Command::new(program::built("gestaltd"))
            .arg("validate")
            .arg("--config")
            .arg(&config)
            .env("DATABASE_URL", "postgres://gestalt@localhost/gestalt")
            .env("GESTALT_ENCRYPTION_KEY", "0".repeat(64))
            .output();
        let ran = ran.unwrap();
        let text = std::fs::read_to_string(config).unwrap();
        let why = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{text}\n{why}");
    }
}

#[test]
fn an_ellipsis_matches_within_a_line_and_nothing_else_is_lenient() {
    assert!(!matches("Connected.", "Connected"));
    assert!(!matches("con_… demo", "con_1 other"));
    assert!(!matches("a…b", "a b c"));
    assert!(matches("con_…  demo", "con_17 demo"));
    assert!(matches("… a … b", "1 a 2 b"));
    assert!(matches("demo-… has notes", "demo-… has notes"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Reads the first `console` block.
fn story(readme: &str) -> Vec<Step> {
    let (_, after) = readme.split_once("```console\n").unwrap();
    let (block, _) = after.split_once("```").unwrap();
    let mut steps: Vec<Step> = Vec::new();
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                command: command.to_owned(),
                prints: Vec::new(),
            });
        } else {
            steps.last_mut().unwrap().prints.push(line.to_owned());
        }
    }
    // A blank line parts a command from the output before it.
    for step in &mut steps {
        while step.prints.last().is_some_and(String::is_empty) {
            step.prints.pop();
        }
    }
    steps
}

/// Runs a line as a shell does, with both streams in one.
fn run(line: &str, cli: &Cli, url: &str) -> String {
    let programs = program::built("gestalt");
    let programs = programs.parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let ran = Command::new("sh")
        .args(["-c", &format!("{{ {line}; }} 2>&1")])
        .env_clear()
        .env("PATH", format!("{programs}:{path}"))
        .env("HOME", cli.home())
        .env("GESTALT_URL", url)
        .current_dir(cli.home())
        .output();
    let ran = ran.unwrap();
    let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "$ {line}\n{printed}");
    printed
}

/// Says whether a line is what a document says it is; `…` matches any run of characters.
pub(crate) fn matches(pattern: &str, line: &str) -> bool {
    let (pattern, line) = (spaced(pattern), spaced(line));
    let parts: Vec<&str> = pattern.split('…').collect();
    let (first, rest) = parts.split_first().unwrap();
    let Some(mut left) = line.strip_prefix(first) else {
        return false;
    };
    let Some((last, middle)) = rest.split_last() else {
        return left.is_empty();
    };
    for part in middle {
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(last)
}

fn spaced(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
