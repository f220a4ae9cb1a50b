//! Tokens go to the server that issued them, and nowhere else.

use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use serde_json::json;

use crate::fake::{Answer, Fake};
use crate::fixtures::{gateway, me};
use crate::program::Program;

const TOKEN: &str = "gst_api_thisisnotshownanywhere";

fn server() -> Fake {
    let fake = gateway();
    fake.on("GET /api/v1/me", Answer::json(&me("local", "api_token")));
    fake
}

/// A program that holds a token of this server.
fn logged_in(fake: &Fake) -> Program {
    let program = Program::new();
    let arguments = ["auth", "login", "--token-stdin", "--url", &fake.url];
    let ran = program.run_with_input(&arguments, &format!("{TOKEN}\n"));
    assert_eq!(ran.code, 0, "{ran}");
    program
}

#[test]
fn a_stored_token_goes_to_no_other_server_whatever_names_it() {
    let (home, other) = (server(), server());
    let program = logged_in(&home);
    assert_eq!(
        program.run(&["plugin", "list", "--url", &other.url]).code,
        0
    );
    let program = program.with("GESTALT_URL", &other.url);
    assert_eq!(program.run(&["plugin", "list"]).code, 0);
    assert_eq!(program.run(&["init"]).code, 0);
    assert_eq!(
        program
            .run(&[
                "plugin",
                "list",
                "--url",
                &other.url.replace("127.0.0.1", "localhost")
            ])
            .code,
        0
    );
    assert_eq!(other.seen().len(), 4);
    for seen in other.seen() {
        assert_eq!(seen.authorization, None, "{seen:?}");
    }
    program.run(&["plugin", "list", "--url", &home.url]);
    assert_eq!(
        home.last().authorization.unwrap(),
        format!("Bearer {TOKEN}")
    );
}

#[test]
fn a_redirect_is_not_followed_with_or_without_a_token() {
    let (home, other) = (server(), server());
    let program = logged_in(&home);
    for status in [301, 302, 307, 308] {
        let target = format!("{}/api/v1/integrations", other.url);
        home.on(
            "GET /api/v1/sessions",
            Answer::new(status, "text/plain", "").with("location", &target),
        );
        let ran = program.run(&["sessions", "list", "--url", &home.url]);
        assert_eq!(ran.code, 1, "{ran}");
        assert!(ran.stderr.contains("which is not followed"), "{ran}");
    }
    assert!(other.seen().is_empty());
}

#[test]
fn a_credentials_file_that_others_can_read_is_not_used() {
    let home = server();
    let program = logged_in(&home);
    let path = program.path("config/gestalt/credentials.json");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let before = home.seen().len();
    let ran = program.run(&["plugin", "list", "--url", &home.url]);
    assert_snapshot!(ran, @"
    exit 1
    --- stdout
    --- stderr
    error: ~/config/gestalt/credentials.json can be used by others on this machine (mode 0644), so it is not used.
      hint: Run `chmod 600 ~/config/gestalt/credentials.json`, and rotate the tokens in it if others may have read them.
    ");
    assert_eq!(home.seen().len(), before);
}

#[test]
fn the_credentials_file_is_its_owners_only_and_no_output_has_the_token() {
    let home = server();
    let program = Program::at(&home);
    let file = program.file("token", TOKEN);
    let ran = program.run(&["auth", "login", "--token-file", &file, "-v"]);
    assert_snapshot!(ran, @"
    exit 0
    --- stdout
    --- stderr
    > GET /api/v1/me
    < 200 OK
    Logged in to http://127.0.0.1 as ada@example.com. The token is in ~/config/gestalt/credentials.json and goes to no other server.
    ");
    let path = program.path("config/gestalt/credentials.json");
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.clone()), 0o600);
    assert_eq!(mode(program.path("config/gestalt")), 0o700);
    assert!(std::fs::read_to_string(path).unwrap().contains(TOKEN));
    let ran = program.run(&["auth", "status", "-v"]);
    assert!(!ran.to_string().contains(TOKEN), "{ran}");
}

#[test]
fn a_token_that_does_not_hold_is_not_stored() {
    let fake = Fake::start();
    let refusal = json!({ "detail": "The token has expired." });
    fake.on(
        "GET /api/v1/me",
        Answer::problem(401, "token_expired", &refusal),
    );
    let program = Program::at(&fake);
    let ran = program.run_with_input(&["auth", "login", "--token-stdin"], TOKEN);
    assert_snapshot!(ran, @"
    exit 4
    --- stdout
    --- stderr
    error: The token has expired.
      hint: Run `gestalt auth login`, or set GESTALT_TOKEN.
      request: req_1
    ");
    assert!(!program.path("config/gestalt/credentials.json").exists());
}

#[test]
fn a_token_in_the_environment_goes_before_a_stored_one() {
    let home = server();
    let program = logged_in(&home).with("GESTALT_TOKEN", "gst_api_other");
    program.run(&["plugin", "list", "--url", &home.url]);
    assert_eq!(home.last().authorization.unwrap(), "Bearer gst_api_other");
}

#[test]
fn without_a_terminal_login_names_the_flags() {
    let fake = Fake::start();
    fake.on(
        "GET /api/v1/me",
        Answer::problem(401, "unauthenticated", &json!({})),
    );
    assert_snapshot!(Program::at(&fake).run(&["auth", "login"]), @"
    exit 2
    --- stdout
    --- stderr
    error: Nobody can be asked for a token here.
      hint: Use --token-stdin or --token-file FILE, or set GESTALT_TOKEN.
    ");
}

#[test]
fn a_server_without_login_says_so() {
    let fake = Fake::start();
    fake.on("GET /api/v1/me", Answer::json(&me("none", "none")));
    assert_snapshot!(Program::at(&fake).run(&["auth", "login"]), @"
    exit 0
    --- stdout
    --- stderr
    No login is needed: http://127.0.0.1 takes everybody on its machine as one user.
    ");
}

#[test]
fn status_says_who_and_from_where() {
    let home = server();
    let program = logged_in(&home);
    assert_snapshot!(program.run(&["auth", "status", "--url", &home.url]), @"
    exit 0
    --- stdout
    Server:            http://127.0.0.1
    Profile:           default
    Token from:        ~/config/gestalt/credentials.json
    Subject:           user:usr_1
    E-mail:            ada@example.com
    Admin:             yes
    Authenticated by:  api_token
    Credential:        tok_1
    Permissions:       invoke, connect
    Login:             local
    Server version:    0.1.0
    --- stderr
    ");
    let ran = program.run(&["auth", "status", "--url", &home.url, "-o", "name"]);
    assert_eq!(ran.stdout, "user:usr_1\n");
}

#[test]
fn logout_forgets_and_revokes_if_asked() {
    let home = server();
    home.on(
        "DELETE /api/v1/tokens/tok_1",
        Answer::new(204, "text/plain", ""),
    );
    let program = logged_in(&home);
    let ran = program.run(&["auth", "logout", "--revoke", "--url", &home.url]);
    assert_snapshot!(ran, @"
    exit 0
    --- stdout
    --- stderr
    Forgot the token for http://127.0.0.1. It is revoked.
    ");
    assert_eq!(home.last().line, "DELETE /api/v1/tokens/tok_1");
    program.run(&["plugin", "list", "--url", &home.url]);
    assert_eq!(home.last().authorization, None);
}

#[test]
fn plain_http_beyond_this_machine_is_warned_of() {
    // No such host exists; the request goes to the proxy, which is the fake.
    let fake = gateway();
    let program = Program::new()
        .with("GESTALT_TOKEN", TOKEN)
        .with("HTTP_PROXY", &fake.url);
    let ran = program.run(&["plugin", "list", "--url", "http://gateway.invalid"]);
    assert_eq!(ran.code, 0, "{ran}");
    assert!(
        ran.stderr
            .starts_with("warning: http://gateway.invalid is plain http"),
        "{ran}"
    );
    assert!(!ran.stderr.contains(TOKEN));
}
