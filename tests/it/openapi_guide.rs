//! The guide `docs/openapi-to-agent.md` prints what it says, command by command, in order.
//!
//! Its `console` blocks are one story, written and compared as in the README; a command that
//! ends with `\` goes on in the next line. The two programs that its reader starts first run
//! here on free ports, which stand in for those of the guide.

use std::path::Path;
use std::process::Command;

use gestalt_e2e::program::{Program, built};
use gestalt_e2e::{Daemon, cli};

use crate::readme::matches;

/// A command and what it prints.
struct Step {
    command: String,
    prints: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_from_a_document_to_a_tool_prints_what_it_says() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi-to-agent.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let daemon = Daemon::start_at_first().await;
    let mut demo = Command::new(built("gestaltd"));
    cli::bare(&mut demo, daemon.home());
    demo.args(["demo", "--port", "0"]);
    let mut demo = Program::start(demo);
    let demo_at = demo.said("in memory, on http://").await;
    let own = daemon.url().trim_start_matches("http://");
    let moved = |text: &str| {
        text.replace("127.0.0.1:8081", &demo_at)
            .replace(":8081", demo_at.trim_start_matches("127.0.0.1"))
            .replace("localhost:8080", own)
    };
    let steps = story(&guide);
    assert!(steps.len() > 6, "the story is there");
    for step in steps {
        let command = moved(&step.command);
        let printed = run(&command, &daemon);
        let lines: Vec<&str> = printed.lines().collect();
        let told: Vec<String> = step.prints.iter().map(|line| moved(line)).collect();
        let same = lines.len() == told.len()
            && told
                .iter()
                .zip(&lines)
                .all(|(told, line)| matches(told, line));
        let told = told.join("\n");
        assert!(same, "$ {command}\n{printed}\n— the guide says —\n{told}");
    }
}

/// Reads every `console` block.
fn story(guide: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in guide.split("```console\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        let mut goes_on = false;
        for line in block.lines() {
            let begins = line.strip_prefix("$ ");
            if let Some(command) = begins {
                steps.push(Step {
                    command: command.to_owned(),
                    prints: Vec::new(),
                });
            } else if goes_on {
                let command = &mut steps.last_mut().unwrap().command;
                command.push('\n');
                command.push_str(line);
            } else {
                steps.last_mut().unwrap().prints.push(line.to_owned());
            }
            goes_on = (begins.is_some() || goes_on) && line.ends_with('\\');
        }
        // A blank line parts a command from the output before it.
        for step in &mut steps {
            while step.prints.last().is_some_and(String::is_empty) {
                step.prints.pop();
            }
        }
    }
    steps
}

/// Runs a command as a shell does, with both streams in one.
fn run(command: &str, daemon: &Daemon) -> String {
    let programs = built("gestalt");
    let programs = programs.parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let ran = Command::new("sh")
        .args(["-c", &format!("{{ {command}\n}} 2>&1")])
        .env_clear()
        .env("PATH", format!("{programs}:{path}"))
        .env("HOME", daemon.home())
        .env("GESTALT_URL", daemon.url())
        .current_dir(daemon.home())
        .output();
    let ran = ran.unwrap();
    let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "$ {command}\n{printed}");
    printed
}
