//! What the shell offers.

use insta::assert_snapshot;

use crate::fixtures::gateway;
use crate::program::Program;

fn offered(program: &Program, words: &[&str]) -> String {
    let mut arguments = vec!["--", "gestalt"];
    arguments.extend(words);
    let ran = program.run(&arguments);
    assert_eq!(ran.code, 0, "{ran}");
    ran.stdout + &ran.stderr
}

fn shell(words: usize, url: &str) -> Program {
    Program::new()
        .with("GESTALT_URL", url)
        .with("COMPLETE", "fish")
        .with("_CLAP_COMPLETE_INDEX", &words.to_string())
        .with("_CLAP_IFS", "\n")
}

#[test]
fn plugins_operations_and_parameters_are_offered() {
    let fake = gateway();
    let at = |words: &[&str]| offered(&shell(words.len(), &fake.url), words);
    assert_snapshot!(at(&["plugin", "describe", ""]), @"
    demo	Notes, to try things out.
    --url	The gateway's URL [default: GESTALT_URL, the profile's, http://localhost:8080]
    --profile	Which profile's settings to use [default: GESTALT_PROFILE, the current one]
    --output	How to show data
    --json	The same as `-o json`
    --no-headers	Leave out the line that names a table's columns
    --quiet	Say only what went wrong
    --verbose	Say what is asked of the server
    --help	Print help (see more with '--help')
    ");
    assert_snapshot!(at(&["call", "demo", "cr"]), @"create_note	Create a note");
    assert_snapshot!(at(&["plugin", "invoke", "demo", "create_note", "-p", "ti"]), @"title=	What it is about.");
    assert_snapshot!(at(&["call", "demo", "create_note", "-p", "pinned="]), @"
    pinned=true
    pinned=false
    ");
}

#[test]
fn nothing_is_said_when_there_is_no_server() {
    let at = |words: &[&str]| offered(&shell(words.len(), "http://127.0.0.1:9"), words);
    assert_eq!(at(&["explain", "de"]), "");
}

#[test]
fn every_shell_has_a_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = Program::new().run(&["completion", shell]);
        assert_eq!(ran.code, 0, "{ran}");
        assert!(ran.stdout.contains("gestalt"), "{ran}");
    }
    assert_eq!(Program::new().run(&["completion", "csh"]).code, 2);
}
