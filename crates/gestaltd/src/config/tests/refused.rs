//! What is refused, and how it is said.

use super::{KEY, report, texts};

/// Every problem of a config, one a line, without its drawing.
fn problems(text: &str) -> String {
    let text = text.replace("KEY", KEY);
    match texts(&[("c.yaml", &text)], &[]) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string().replace("; c.yaml", "\nc.yaml"),
    }
}

/// A plugin with these lines under `surfaces.rest.operations`.
fn with_operation(lines: &str) -> String {
    format!(
        "plugins:\n  p:\n    surfaces:\n      rest:\n        baseUrl: https://api.example.com\n        operations:\n{lines}"
    )
}

/// A plugin with one operation `me` and this connection.
fn with_connection(lines: &str) -> String {
    let plugin =
        with_operation("          - { name: me, method: GET, path: /me, readOnly: true }\n");
    format!("{plugin}    connections:\n      default:\n{lines}")
}

#[test]
fn an_unknown_key_is_underlined_and_the_nearest_suggested() {
    insta::assert_snapshot!(report("server:\n  public: { host: localhost, port: 8080 }\n  basUrl: https://gestalt.example.com\n  encryptionKey: hunter2hunter2hunter2 # hunter2\n"), @r"
     × unknown key `basUrl`
      ╭─[config.yaml:3:3]
    2 │   public: { host: *********, port: **** }
    3 │   basUrl: ***************************
      ·   ───┬──
      ·      ╰── unknown key
    4 │   encryptionKey: ********************* # *******
      ╰────
     help: did you mean `baseUrl`? Known here: `public`, `management`, `baseUrl`, `encryptionKey`,
           `previousEncryptionKeys`, `apiTokenTtl`, `apiTokenMaxTtl`, `trustedProxies`, `egress`,
           `providers`, `sessions`, `limits`, `cache`, `mcp`, `drainTimeout`, `stateFolder`, `tls`,
           `cors`
    ");
    insta::assert_snapshot!(report("plugins:\n  t: { source: demo, egres: {} }\n"), @r"
     × unknown key `egres`
      ╭─[config.yaml:2:22]
    1 │ plugins:
    2 │   t: { source: ****, egres: {} }
      ·                      ──┬──
      ·                        ╰── unknown key
      ╰────
     help: did you mean `egress`? Known here: `source`, `displayName`, `description`, `surfaces`,
           `connections`, `allowedOperations`, `egress`, `identity`, `formerly`, `config`
    ");
}

#[test]
fn what_may_be_a_secret_is_masked_even_where_a_report_points_at_it() {
    insta::assert_snapshot!(report("server:\n  encryptionKey: hunter2\n  apiTokenTtl: 30\nplugins: {}\n"), @r"
     × expected a length of time such as `250ms`, `30s`, `10m`, `24h` or `30d`
      ╭─[config.yaml:3:16]
    2 │   encryptionKey: *******
    3 │   apiTokenTtl: **
      ·                ─┬
      ·                 ╰── here
    4 │ plugins: {}
      ╰────
    ");
    insta::assert_snapshot!(report("server:\n  encryptionKey: hunter2\n  trustedProxies: [nowhere]\nplugins: {}\n"), @r"
     × a root key has 64 hex digits, or is a passphrase of 16 characters or more
      ╭─[config.yaml:2:18]
    1 │ server:
    2 │   encryptionKey: *******
      ·                  ───┬───
      ·                     ╰── too short
    3 │   trustedProxies: [*******]
      ╰────
     help: `openssl rand -hex 32` makes one
     × expected an address range such as `10.0.0.0/8`
      ╭─[config.yaml:3:20]
    2 │   encryptionKey: *******
    3 │   trustedProxies: [nowhere]
      ·                    ───┬───
      ·                       ╰── here
    4 │ plugins: {}
      ╰────
    ");
}

#[test]
fn a_variable_without_quotes_in_braces_is_explained() {
    insta::assert_snapshot!(report("server: { public: { port: ${PORT} } }\n"), @r#"
     × not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'
      ╭─[config.yaml:1:28]
    1 │ server: { public: { port: *{****} } }
      ·                            ┬
      ·                            ╰── here
      ╰────
     help: within `{ … }` and `[ … ]` a variable stands in quotes: `"${VAR}"`
    "#);
}

proptest::proptest! {
    #[test]
    fn whatever_a_file_holds_it_is_refused_or_accepted_and_never_a_panic(
        text in "[-:{}\\[\\],&*#'\"|>!%@`$ \nsrvé世\\t0-9]{0,60}",
        key in "(server|plugins|providers|auth|connections|authorization): ",
    ) {
        for text in [text.clone(), format!("{key}{text}"), format!("{key}\n  {text}")] {
            if let Err(error) = texts(&[("c.yaml", &text)], &[]) {
                proptest::prop_assert!(!error.render(false).is_empty());
            }
        }
    }
}

#[test]
fn text_that_is_not_yaml_is_masked_too() {
    insta::assert_snapshot!(report("server:\n  encryptionKey: \"hunter2 hunter2\n  apiTokenTtl: 30d\n"), @r#"
     × not valid YAML: unclosed quote
      ╭─[config.yaml:2:18]
    1 │ server:
    2 │   encryptionKey: "******* *******
      ·                  ┬
      ·                  ╰── here
    3 │   ***********: ***
      ╰────
    "#);
}

#[test]
fn a_key_written_twice_is_shown_at_both_places() {
    insta::assert_snapshot!(report("server: {}\nplugins: {}\nserver: {}\n"), @r"
     × `server` is written twice
      ╭─[config.yaml:1:1]
    1 │ server: {}
      · ───┬──
      ·    ╰── first here
    2 │ plugins: {}
    3 │ server: {}
      · ───┬──
      ·    ╰── again here
      ╰────
    ");
}

#[test]
fn two_operations_of_one_name_are_both_named() {
    let text = with_operation(
        "          - { name: list, method: GET, path: /a }\n          - { name: find, method: GET, path: /b }\n    allowedOperations:\n      list: {}\n      find: { alias: list }\n",
    );
    insta::assert_snapshot!(report(&text), @r"
     × `list` and `find` are both offered as `list`
       ╭─[config.yaml:10:7]
     9 │     allowedOperations:
    10 │       list: {}
       ·       ──┬─
       ·         ╰── and this one
    11 │       find: { alias: list }
       ·                      ──┬─
       ·                        ╰── this one
       ╰────
     help: `alias: …` under `allowedOperations` gives one of them another name
    ");
}

#[test]
fn a_plugin_cannot_have_the_name_of_a_route() {
    insta::assert_snapshot!(report("plugins:\n  auth: { source: demo }\n"), @r"
     × a plugin cannot be called `auth`: the API's own routes are
      ╭─[config.yaml:2:3]
    1 │ plugins:
    2 │   auth: { source: **** }
      ·   ──┬─
      ·     ╰── taken by the API
      ╰────
     help: give it another name, such as `auth-api`
    ");
}

#[test]
fn hosts_at_the_providers_level_are_refused_with_a_hint() {
    insta::assert_snapshot!(report("plugins:\n  my-plugin:\n    source: demo\n    allowedHosts: [api.example.com]\n"), @r"
     × unknown key `allowedHosts`
      ╭─[config.yaml:4:5]
    3 │     source: ****
    4 │     allowedHosts: [***************]
      ·     ──────┬─────
      ·           ╰── unknown key
      ╰────
     help: `allowedHosts` of a plugin or provider is no longer accepted here; write it under `egress`
    ");
}

#[test]
fn a_name_that_could_be_both_is_refused_with_a_hint() {
    insta::assert_snapshot!(report("providers:\n  cache:\n    connections: { default: { auth: { type: none } } }\n"), @r"
     × `cache` could be an integration or a part of the gateway
      ╭─[config.yaml:2:3]
    1 │ providers:
    2 │   cache:
      ·   ──┬──
      ·     ╰── ambiguous
    3 │     connections: { default: { auth: { type: **** } } }
      ╰────
     help: an integration of this name is written under `plugins`; a provider of the gateway stands
           one level deeper: `cache: { NAME: { source: … } }`
    ");
    insta::assert_snapshot!(report("providers:\n  secrets: { env: {} }\n  jira: { surfaces: {} }\n"), @r"
     × `providers` holds either parts of the gateway or integrations, not both
      ╭─[config.yaml:2:3]
    1 │ providers:
    2 │   secrets: { env: {} }
      ·   ───┬───
      ·      ╰── a part of the gateway
    3 │   jira: { surfaces: {} }
      ·   ──┬─
      ·     ╰── an integration
      ╰────
     help: write `jira` under `plugins`
    ");
}

#[test]
fn a_manifest_grants_itself_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (spec, hint) in [
        (
            "egress: { allowedCidrs: [10.0.0.0/8] }",
            "what it may reach",
        ),
        ("allowedHosts: [evil.example.com]", "what it may reach"),
        ("authorization: { default: allow }", "a role"),
    ] {
        let text = format!(
            "kind: plugin\nspec:\n  surfaces: {{ rest: {{ baseUrl: https://a.example }} }}\n  {spec}\n"
        );
        let path = folder.path().join("manifest.yaml");
        std::fs::write(&path, text).unwrap();
        let shown = report(&format!(
            "plugins:\n  p: {{ source: {} }}\n",
            path.display()
        ));
        assert!(
            shown.contains("a manifest cannot grant itself") && shown.contains(hint),
            "{shown}"
        );
    }
}

#[test]
fn a_manifest_reads_neither_environment_nor_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.yaml");
    let manifest = |description: &str| {
        format!(
            "kind: plugin\ndescription: {description}\nspec: {{ surfaces: {{ rest: {{ baseUrl: https://a.example }} }} }}\n"
        )
    };
    let config = format!("plugins:\n  p: {{ source: {} }}\n", path.display());
    std::fs::write(&path, manifest("${STOLEN}")).unwrap();
    let loaded = texts(&[("c.yaml", &config)], &[("STOLEN", "hunter2")]).unwrap();
    assert_eq!(
        loaded.config().plugins[0].description.as_deref(),
        Some("${STOLEN}")
    );
    std::fs::write(
        &path,
        manifest("{ secret: { provider: env, name: STOLEN } }"),
    )
    .unwrap();
    let error = texts(&[("c.yaml", &config)], &[("STOLEN", "hunter2")])
        .unwrap_err()
        .to_string();
    assert!(error.contains("expected a text, found a map"), "{error}");
}

#[test]
fn none_serves_this_machine_only() {
    insta::assert_snapshot!(report("server:\n  public: { host: 0.0.0.0 }\n"), @r"
     × without a login only this machine is served, but `server.public.host` is `0.0.0.0`
      ╭─[config.yaml:2:19]
    1 │ server:
    2 │   public: { host: 0.0.0.0 }
      ·                   ───┬───
      ·                      ╰── reaches beyond this machine
      ╰────
     help: configure a login under `providers.authentication`; or, if everybody who can reach it may
           be its admin, write `authentication: { none: { insecure: true } }` there
    ");
    insta::assert_snapshot!(problems("server:\n  baseUrl: https://gestalt.example.com\n  trustedProxies: [10.0.0.0/8]\n  management: { host: 10.1.2.3 }\n"), @r"
    c.yaml:4:23: without a login only this machine is served, but `server.management.host` is `10.1.2.3`
    c.yaml:2:12: without a login only this machine is served, but `server.baseUrl` is not on it
    c.yaml:3:20: without a login only this machine is served, but `server.trustedProxies` says that a proxy stands before it
    ");
    let auth = "providers: { authentication: { none: { insecure: true } } }\n";
    assert_eq!(
        problems(&format!(
            "{auth}server: {{ public: {{ host: 0.0.0.0 }} }}\n"
        )),
        "accepted"
    );
    let config = "providers: { authentication: { none: { config: { insecure: true } } } }\n";
    assert_eq!(
        problems(&format!(
            "{config}server: {{ public: {{ host: 0.0.0.0 }} }}\n"
        )),
        "accepted"
    );
    assert_eq!(
        problems(
            "auth: { provider: none, insecure: true }\nserver: { public: { host: 0.0.0.0 } }\n"
        ),
        "accepted"
    );
    for host in [
        "127.0.0.1",
        "127.8.9.1",
        "\"::1\"",
        "\"[::1]\"",
        "localhost",
    ] {
        assert_eq!(
            problems(&format!("server: {{ public: {{ host: {host} }} }}\n")),
            "accepted",
            "{host}"
        );
    }
}

#[test]
fn a_login_that_is_misspelt_or_missing_never_becomes_none() {
    insta::assert_snapshot!(problems("auth: { provider: gogle }"), @"c.yaml:1:19: no login is built in as `gogle`");
    insta::assert_snapshot!(problems("auth: {}"), @"c.yaml:1:1: `auth` names no `provider`");
    insta::assert_snapshot!(problems("providers: { authentication: {} }"), @"c.yaml:1:14: `authentication` names no login");
    insta::assert_snapshot!(problems("providers:\n  authentication:\n  #  oidc: {}\n"), @"c.yaml:2:17: `authentication` names no login");
    insta::assert_snapshot!(problems("server: { providers: { authentication: oidc } }"), @"c.yaml:1:40: no login is called `oidc`");
    insta::assert_snapshot!(problems("server: { providers: { authentication: oidc } }\nproviders: { authentication: { none: {} } }"), @"c.yaml:1:40: `providers.authentication` has no `oidc`");
    insta::assert_snapshot!(problems("auth: { provider: none }\nproviders: { authentication: { local: {} } }"), @"c.yaml:1:1: the login is written twice");
    insta::assert_snapshot!(problems("providers: { authentcation: { oidc: {} } }"), @"c.yaml:1:14: unknown key `authentcation`");
}

#[test]
fn connections_are_held_to_their_type() {
    insta::assert_snapshot!(problems(&with_connection("        auth: { type: manual, credentials: [{ name: token }], authMapping: { headers: { X-Key: { valueFrom: { credentialFieldRef: { name: tokn } } } } } }\n")), @"c.yaml:10:139: the credential has no field `tokn`");
    insta::assert_snapshot!(problems(&with_connection("        auth: { type: manual, credentials: [{ name: token, pattern: '[' }] }\n")), @r"
    c.yaml:10:69: not a regular expression
    c.yaml:10:9: `manual` needs `authMapping`: where the fields go in a request
    ");
    insta::assert_snapshot!(problems(&with_connection("        auth: { type: bearer, tokenUrl: https://a.example }\n        mode: none\n")), @"c.yaml:11:15: `mode: none` uses no credential, but `auth` asks for one");
    insta::assert_snapshot!(problems(&with_connection("        auth: { type: bearer, tokenUrl: https://a.example, grace: 8d }\n")), @r"
    c.yaml:10:41: this belongs to `type: oauth2`, not to `bearer`
    c.yaml:10:67: a replaced credential is kept for 7 days at most
    ");
    insta::assert_snapshot!(problems(&with_connection("        auth: { type: basic, credentials: [{ name: user }] }\n        nickname: login\n")), @r"
    c.yaml:11:19: a JSON pointer begins with `/`
    c.yaml:11:19: `nickname` points into the answer of a `check`, and there is none
    c.yaml:10:52: `basic` has no field `user`
    ");
    insta::assert_snapshot!(problems(&with_connection("        auth: { type: beare }\n")), @"c.yaml:10:23: `beare` is not known here");
    insta::assert_snapshot!(problems(&with_connection("        auth: { type: bearer, authMapping: { headers: { Host: { value: x } } } }\n        check: { operation: mee }\n")), @r"
    c.yaml:10:57: the gateway sets `Host` itself
    c.yaml:11:29: the check names no operation that is offered: `mee`
    ");
    insta::assert_snapshot!(problems(&with_connection("        ref: shared\n")), @"c.yaml:10:14: no connection is called `shared`");
}

#[test]
fn a_check_changes_nothing_and_needs_nothing() {
    let check =
        "    connections: { default: { auth: { type: bearer }, check: { operation: me } } }\n";
    for (operation, expected) in [
        ("method: GET, path: /me", "is not marked `readOnly`"),
        (
            "method: GET, path: '/me/{id}', readOnly: true, parameters: [{ name: id, in: path }]",
            "needs the argument `id`",
        ),
        (
            "method: POST, path: /me, readOnly: true, body: { required: true }",
            "needs a body",
        ),
    ] {
        let text = with_operation(&format!("          - {{ name: me, {operation} }}\n")) + check;
        let shown = problems(&text);
        assert!(
            shown.starts_with("c.yaml:8:") && shown.contains(expected),
            "{shown}"
        );
    }
}

#[test]
fn operations_are_held_to_their_form() {
    let one = |fields: &str| {
        problems(&with_operation(&format!(
            "          - {{ name: a, {fields} }}\n"
        )))
    };
    insta::assert_snapshot!(one("method: GET, path: '/{b}/{c}', parameters: [{ name: b, in: path }, { name: d, in: path }]"), @r"
    c.yaml:7:43: the path names `{c}`, which is not declared
    c.yaml:7:99: the path does not name `{d}`
    ");
    insta::assert_snapshot!(one("method: FETCH, path: a/../b?c"), @r"
    c.yaml:7:32: not a method that can be called
    c.yaml:7:45: a path begins with `/` and has no query and no space
    c.yaml:7:45: a path has no `.` or `..` segment
    ");
    insta::assert_snapshot!(one("method: GET, path: '/{b'"), @"c.yaml:7:43: `{` and `}` do not pair up in the path");
    insta::assert_snapshot!(one("method: GET, path: /, parameters: [{ name: q, in: query, pattern: '(' }, { name: Authorization, in: header }, { name: Host, in: header }]"), @r"
    c.yaml:7:90: not a regular expression
    c.yaml:7:105: `Authorization` cannot be a parameter
    c.yaml:7:142: the gateway sets `Host` itself
    ");
    insta::assert_snapshot!(one("method: GET, path: /, parameters: [{ name: _x, in: query }, { name: x_x, in: query }]"), @"c.yaml:7:92: two parameters are called `x_x`");
    insta::assert_snapshot!(one("method: GET, path: /, parameters: [{ name: q, in: query, type: string, schema: { type: string } }]"), @"c.yaml:7:95: a schema is written under `schema` or straight into the parameter, not both");
    insta::assert_snapshot!(one("method: GET, path: /, parameters: [{ name: q, in: header, style: form }, { name: r, in: path, required: false }]"), @r"
    c.yaml:7:89: this style is not for parameters in this place
    c.yaml:7:128: a parameter in the path is always required
    c.yaml:7:67: the path does not name `{r}`
    ");
    insta::assert_snapshot!(one("method: GET, path: /, pagination: { style: cursor, pageParam: page }"), @r"
    c.yaml:7:86: this belongs to `style: page`
    c.yaml:7:46: `style: cursor` needs `cursorParam` and `cursorPath`
    ");
    insta::assert_snapshot!(one("method: GET, path: /, pagination: { style: link, resultsPath: a, sizeParam: n }"), @r"
    c.yaml:7:86: a JSON pointer begins with `/`
    c.yaml:7:100: `sizeParam` and `pageSize` belong together
    ");
    insta::assert_snapshot!(one("method: GET, path: /, headers: { authorization: Bearer x, Accept: a/b, Host: x, 'a b': c }"), @r"
    c.yaml:7:57: `authorization` cannot be a fixed header
    c.yaml:7:95: the gateway sets `Host` itself
    c.yaml:7:104: not the name of a header
    ");
    insta::assert_snapshot!(one("method: POST, path: /, body: { contentType: json }"), @"c.yaml:7:68: expected a media type such as `application/json`");
}

#[test]
fn a_credential_has_its_place_alone() {
    let text = with_operation(
        "          - { name: a, method: GET, path: /, parameters: [{ name: x-key, in: header }] }\n",
    ) + "    connections: { default: { auth: { type: bearer, authMapping: { headers: { X-Key: { valueFrom: { credentialFieldRef: { name: token } } } } } } } }\n";
    insta::assert_snapshot!(problems(&text), @"c.yaml:7:21: `X-Key` of `a` stands where the connection `default` puts a credential");
}

#[test]
fn rules_name_what_exists() {
    let rule = |rule: &str| {
        problems(&format!(
            "plugins: {{ demo: {{ source: demo }} }}\nauthorization:\n  default: deny\n  rules:\n    - {{ {rule} }}\n"
        ))
    };
    insta::assert_snapshot!(rule("effect: allow, subjects: [usr], plugins: [dmo], operations: [x]"), @r"
    c.yaml:5:35: not a subject
    c.yaml:5:51: no plugin matches `dmo`
    ");
    insta::assert_snapshot!(rule("effect: deny, subjects: ['user:*'], plugins: ['d*'], operations: [list_note], connections: [work]"), @r"
    c.yaml:5:75: no operation is called `list_note`
    c.yaml:5:101: no connection is called `work`
    ");
    insta::assert_snapshot!(rule("effect: denny, subjects: ['*'], plugins: ['*']"), @"c.yaml:5:17: `denny` is not known here");
    insta::assert_snapshot!(rule("effect: deny, subjects: [], plugins: ['*']"), @"c.yaml:5:7: a rule with no `subjects` matches nothing");
    insta::assert_snapshot!(problems("authorization: { rules: [] }"), @"c.yaml:1:1: missing `default`");
}

#[test]
fn tools_of_two_plugins_do_not_collide() {
    let plugin = |name: &str, operation: &str| {
        format!(
            "  {name}: {{ surfaces: {{ rest: {{ baseUrl: https://a.example, operations: [{{ name: {operation}, method: GET, path: / }}] }} }} }}\n"
        )
    };
    let text = format!("plugins:\n{}{}", plugin("a", "b_c"), plugin("a_b", "c"));
    insta::assert_snapshot!(problems(&text), @"c.yaml:3:79: `a/b_c` and `a_b/c` would both be the tool `a_b_c`");
}

#[test]
fn former_names_are_free_and_claimed_once() {
    insta::assert_snapshot!(problems("plugins:\n  a: { source: demo, formerly: [b, c] }\n  b: { source: demo, formerly: [c, Old] }\n"), @r"
    c.yaml:2:33: `b` is the name of a plugin now
    c.yaml:3:33: two plugins say that they were called `c`
    c.yaml:3:36: `Old` is not a valid plugin name: a lower-case letter, then up to 30 of a-z, 0-9, `_`, `-`
    ");
}

#[test]
fn numbers_and_hosts_have_their_form() {
    insta::assert_snapshot!(problems("server: { public: { port: 99999 } }"), @"c.yaml:1:27: expected a whole number from 0 to 65535, found a text");
    insta::assert_snapshot!(problems("server: { public: { port: \"8080\" } }"), @"c.yaml:1:27: expected a whole number from 0 to 65535, found a text in quotes");
    insta::assert_snapshot!(problems("server: { public: { host: 'a b' } }"), @"c.yaml:1:27: expected a host name or an address, without a port");
    insta::assert_snapshot!(problems("server: { baseUrl: http://localhost/prefix, apiTokenTtl: 0, trustedProxies: [10.0.0.0/33] }"), @r"
    c.yaml:1:58: expected a length of time above zero
    c.yaml:1:20: `baseUrl` must end after the host and port: the gateway serves at the root
    ");
    insta::assert_snapshot!(problems("server: { apiTokenTtl: 400d, limits: { maxRequestBytes: 10MB } }"), @"c.yaml:1:57: expected a size such as `512`, `64KiB`, `10MiB` or `1GiB`");
    insta::assert_snapshot!(problems("plugins: { p: { source: demo, egress: { allowedHosts: ['https://a.example'], allowedCidrs: [10.0.0.1] } } }"), @r"
    c.yaml:1:56: `https://a.example` is not a host: expected `host`, `*.suffix`, or either with `:port`, and no scheme or path
    c.yaml:1:93: `10.0.0.1` is not an address range: expected CIDR notation like `10.1.0.0/16`, with `:port` where wanted
    ");
    insta::assert_snapshot!(problems("server: []"), @"c.yaml:1:1: expected a map of keys, found a list");
    insta::assert_snapshot!(problems("[1]"), @"c.yaml:1:1: expected a map of keys, found a list");
}

#[test]
fn databases_have_a_place() {
    insta::assert_snapshot!(problems("providers: { indexeddb: { a: {}, b: {} } }"), @"c.yaml:1:34: `providers.indexeddb` has several entries; one must be chosen");
    insta::assert_snapshot!(problems("providers: { indexeddb: { a: { config: { dsn: ':memory:' } } } }"), @"c.yaml:1:47: expected the path of a file");
    assert_eq!(
        problems("providers: { indexeddb: { a: { config: { dsn: 'mongodb://localhost/x' } } } }"),
        "accepted"
    );
}

#[test]
fn a_billion_laughs_end_early() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        let ten = [below.as_str(); 10].join(", ");
        text = format!("{text}a{level}: &a{level} [{ten}]\n");
    }
    let shown = problems(&text);
    assert!(shown.contains("more than 200000 values"), "{shown}");
    let deep = format!("a: {}{}\n", "[".repeat(100), "]".repeat(100));
    assert!(problems(&deep).contains("nested deeper than 64 levels"));
}

#[test]
fn without_a_root_key_a_config_is_valid_but_not_served() {
    let error = texts(&[("c.yaml", "plugins: { demo: { source: demo } }\n")], &[])
        .unwrap()
        .servable()
        .unwrap_err();
    insta::assert_snapshot!(error.render(false), @r"
    × `server.encryptionKey` is missing, and nothing can be sealed without it
    help: write `encryptionKey: { secret: { provider: env, name: GESTALT_ENCRYPTION_KEY } }` under
          `server`
    ");
}
