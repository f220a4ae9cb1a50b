//! Settings, profiles, help.

use insta::assert_snapshot;

use crate::fake::{Answer, Fake};
use crate::fixtures::{gateway, me};
use crate::program::Program;

#[test]
fn a_server_that_does_not_answer_is_not_stored() {
    let fake = Fake::start();
    let program = Program::new();
    assert_eq!(program.run(&["init", "--url", &fake.url]).code, 1);
    assert_eq!(program.run(&["config", "get", "url"]).code, 1);
}

#[test]
fn init_makes_a_server_the_profiles() {
    let (fake, work) = (gateway(), gateway());
    for server in [&fake, &work] {
        server.on("GET /api/v1/me", Answer::json(&me("none", "none")));
    }
    let program = Program::new();
    assert_snapshot!(program.run(&["init", "--url", &fake.url]), @"
    exit 0
    --- stdout
    --- stderr
    Profile `default` now uses http://127.0.0.1.
    Next: gestalt plugin list
    ");
    assert_eq!(program.run(&["plugin", "list"]).code, 0);
    assert_eq!(
        program
            .run(&["init", "--url", &work.url, "--profile", "work"])
            .code,
        0
    );
    program.run(&["plugin", "list"]);
    assert_eq!(work.last().line, "GET /api/v1/integrations");
    program.run(&["connections", "list", "--profile", "default"]);
    assert_eq!(fake.last().line, "GET /api/v1/connections?limit=100");
    assert_snapshot!(program.run(&["config", "list"]), @"
    exit 0
    --- stdout
    PROFILE  KEY  VALUE
    default  url  http://127.0.0.1
    work     url  http://127.0.0.1
    --- stderr
    ");
}

#[test]
fn settings_are_got_set_and_cleared() {
    let program = Program::new();
    assert_snapshot!(program.run(&["config", "set", "outptu", "json"]), @"
    exit 2
    --- stdout
    --- stderr
    error: There is no setting `outptu`.
      hint: Did you mean `output`?
    ");
    assert_eq!(program.run(&["config", "set", "output", "xml"]).code, 2);
    assert_eq!(program.run(&["config", "set", "output", "json"]).code, 0);
    assert_eq!(program.run(&["config", "get", "output"]).stdout, "json\n");
    assert_eq!(program.run(&["config", "unset", "output"]).code, 0);
    assert_eq!(program.run(&["config", "get", "output"]).code, 1);
    assert_snapshot!(program.run(&["config", "path"]), @"
    exit 0
    --- stdout
    ~/config/gestalt/config.json
    --- stderr
    ");
    let fake = gateway();
    program.run(&["config", "set", "url", &fake.url]);
    program.run(&["config", "set", "output", "name"]);
    assert_eq!(program.run(&["plugin", "list"]).stdout, "demo\n");
}

#[test]
fn help_knows_topics_and_commands() {
    let program = Program::new();
    let ran = program.run(&["help", "exit-codes"]);
    assert!(ran.stdout.contains("130  interrupted"), "{ran}");
    for topic in ["arguments", "environment", "output"] {
        assert_eq!(program.run(&["help", topic]).code, 0);
    }
    let ran = program.run(&["help", "tokens", "create"]);
    assert!(ran.stdout.contains("Usage: gestalt tokens create"), "{ran}");
    assert_snapshot!(program.run(&["help", "exit-code"]), @"
    exit 2
    --- stdout
    --- stderr
    error: There is no command or topic `exit-code`.
      hint: Did you mean `exit-codes`?
    ");
    assert_snapshot!(program.run(&["help"]).stdout, @"
    Use a Gestalt gateway: connect accounts, call operations, manage access

    Usage: gestalt [OPTIONS] <COMMAND>

    Commands:
      init         Say which gateway to use, and check that it is there
      auth         Log in and out
      plugin       See plugins, connect accounts to them, call their operations
      call         Call an operation: short for `plugin invoke`
      connections  See and mend stored connections
      tokens       Make and revoke API tokens
      sessions     See and end browser sessions
      audit        Search, export and verify the audit trail
      explain      Say why a call would be allowed or refused, without making it
      config       This program's own settings
      completion   Print the script that completes commands, plugins and operations
      help         Explain a command or a topic: exit-codes, arguments, environment, output

    Options:
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Everywhere:
          --url <URL>
              The gateway's URL [default: GESTALT_URL, the profile's, http://localhost:8080]

          --profile <NAME>
              Which profile's settings to use [default: GESTALT_PROFILE, the current one]

      -o, --output <FORMAT>
              How to show data

              Possible values:
              - table:  Columns for people
              - json:   One JSON document, as the API has it
              - yaml:   The same as YAML
              - ndjson: One JSON document per line and item
              - name:   Only names or ids, one per line

          --json
              The same as `-o json`

          --no-headers
              Leave out the line that names a table's columns

      -q, --quiet
              Say only what went wrong

      -v, --verbose
              Say what is asked of the server

    `gestalt help exit-codes`, `help arguments`, `help environment` and `help output` say more.
    ");
}
