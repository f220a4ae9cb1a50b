//! Layers, variables and secret refs.

use super::{KEY, texts};

use super::super::LoginConfig;

fn name_of(texts_: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<String, String> {
    let loaded = texts(texts_, variables).map_err(|error| error.to_string())?;
    Ok(loaded
        .config()
        .plugins
        .iter()
        .map(|plugin| plugin.display_name.clone())
        .collect())
}

fn demo(name: &str) -> String {
    format!("plugins: {{ demo: {{ source: demo, displayName: {name} }} }}\n")
}

#[test]
fn maps_merge_lists_replace_and_null_removes() {
    let base = "server: { trustedProxies: [10.0.0.0/8, 10.0.0.1], apiTokenTtl: 1d, public: { port: 1 } }\nproviders: { authentication: { local: {} } }\nplugins: { demo: { source: demo } }\n";
    let over = "server: { trustedProxies: [192.168.0.0/16], apiTokenTtl: null, public: { host: 127.0.0.1 } }\nplugins: { demo: null, absent: null }\n";
    let loaded = texts(&[("base.yaml", base), ("over.yaml", over)], &[]).unwrap();
    let server = &loaded.config().server;
    assert_eq!(server.trusted_proxies.len(), 1);
    assert_eq!(
        (server.public.host.as_str(), server.public.port),
        ("127.0.0.1", 1)
    );
    assert_eq!(server.api_token_ttl.as_secs(), 30 * 86_400);
    assert!(loaded.config().plugins.is_empty());
    assert!(matches!(loaded.config().login, LoginConfig::Local(_)));
}

#[test]
fn a_report_names_the_layer_that_is_wrong() {
    let base = "server:\n  public: { port: 1 }\n";
    let error = texts(
        &[
            ("base.yaml", base),
            ("over.yaml", "\n\nserver: { public: { prot: 2 } }\n"),
        ],
        &[],
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .starts_with("over.yaml:3:21: unknown key `prot`")
    );
    let error = texts(
        &[
            ("base.yaml", base),
            ("over.yaml", "server: { encryptionKey: x }\n"),
        ],
        &[],
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .starts_with("over.yaml:1:26:")
    );
    let error = texts(
        &[
            ("base.yaml", "plugins:\n  demo: { sorce: demo }\n"),
            ("over.yaml", base),
        ],
        &[],
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .starts_with("base.yaml:2:11:")
    );
}

#[test]
fn variables_expand_in_scalars() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("name");
    std::fs::write(&file, "from a file\n").unwrap();
    let path = file.display().to_string();
    let expand =
        |text: &str, variables: &[(&str, &str)]| name_of(&[("c.yaml", &demo(text))], variables);
    let ok = |text: &str| Ok(text.to_owned());
    assert_eq!(expand("\"${N}\"", &[("N", "x")]), ok("x"));
    assert_eq!(expand("\"a ${N} b ${N:-d}\"", &[("N", "x")]), ok("a x b x"));
    assert_eq!(expand("\"${N:-d e}\"", &[]), ok("d e"));
    assert_eq!(expand("\"${N:-d}\"", &[("N", "")]), ok("d"));
    assert_eq!(expand("\"${N}\"", &[("N", "")]), ok(""));
    assert_eq!(expand("\"${N}\"", &[("N_FILE", &path)]), ok("from a file"));
    assert_eq!(
        expand("\"${N}\"", &[("N", "x"), ("N_FILE", &path)]),
        ok("x")
    );
    assert_eq!(expand("\"$${N} $N $5\"", &[("N", "x")]), ok("${N} $N $5"));
    assert_eq!(expand("\"${N}\"", &[("N", "${M}"), ("M", "x")]), ok("${M}"));
    for bad in [
        "\"${N}\"",
        "\"${N\"",
        "\"${}\"",
        "\"${1N}\"",
        "\"${N:-${M}}\"",
        "\"${a b}\"",
    ] {
        assert!(expand(bad, &[]).is_err(), "{bad}");
    }
    let missing = expand("\"${N}\"", &[("N_FILE", "/nowhere/at/all")]).unwrap_err();
    assert!(
        missing.starts_with("c.yaml:1:47: cannot read `/nowhere/at/all`"),
        "{missing}"
    );
}

#[test]
fn a_variable_stands_for_numbers_and_booleans_too() {
    let config = "server: { public: { port: \"${PORT}\" }, limits: { maxRedirects: \"${N:-7}\" } }\nplugins:\n  p:\n    surfaces: { rest: { baseUrl: \"${URL}\", operations: [{ name: a, method: GET, path: /, readOnly: \"${RO}\" }] } }\n";
    let variables = [
        ("PORT", "81"),
        ("URL", "https://a.example/v2/"),
        ("RO", "true"),
    ];
    let loaded = texts(&[("c.yaml", config)], &variables).unwrap();
    let config = loaded.config();
    assert_eq!(
        (config.server.public.port, config.limits.max_redirects),
        (81, 7)
    );
    assert!(config.plugins[0].operations[0].read_only);
    assert_eq!(config.plugins[0].base_url.as_str(), "https://a.example/v2");
}

#[test]
fn secret_refs_are_resolved_wherever_a_text_stands() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("root"), format!("{KEY}\n")).unwrap();
    std::fs::write(folder.path().join("name"), "from a file\n").unwrap();
    let config = |provider: &str, name: &str| {
        format!(
            "providers: {{ secrets: {{ files: {{ source: file, config: {{ path: {} }} }} }} }}\nserver: {{ encryptionKey: {{ secret: {{ provider: files, name: root }} }} }}\nplugins: {{ demo: {{ source: demo, displayName: {{ secret: {{ provider: {provider}, name: {name} }} }} }} }}\n",
            folder.path().display()
        )
    };
    let get = |provider: &str, name: &str| {
        name_of(
            &[("c.yaml", &config(provider, name))],
            &[("HUSH", "from a variable")],
        )
    };
    for bad in [
        ("env", "MISSING"),
        ("files", "missing"),
        ("files", "../root"),
        ("files", "/etc/hostname"),
        ("vault", "x"),
    ] {
        assert!(
            get(bad.0, bad.1).unwrap_err().starts_with("c.yaml:3:"),
            "{bad:?}"
        );
    }
    assert_eq!(get("env", "HUSH").as_deref(), Ok("from a variable"));
    assert_eq!(get("files", "name").as_deref(), Ok("from a file"));
    assert_eq!(get("default", "name").as_deref(), Ok("from a file"));
    let loaded = texts(&[("c.yaml", &config("files", "name"))], &[]).unwrap();
    assert_eq!(loaded.config().server.encryption_key.expose(), KEY);
}

#[test]
fn secrets_from_elsewhere_are_accepted_and_not_served() {
    let config = "providers: { secrets: { default: { source: vault, config: { address: https://vault.example.com } } } }\nserver: { encryptionKey: { secret: { provider: default, name: root } } }\n";
    let loaded = texts(&[("c.yaml", config)], &[]).unwrap();
    assert_eq!(
        loaded.unsupported()[0].feature,
        "secrets from `vault` (`providers.secrets.default`)"
    );
    assert_eq!(loaded.unsupported()[0].location, "c.yaml:2:63");
    assert!(loaded.servable().is_err());
}

#[test]
fn a_secret_is_in_no_report_and_no_debug_output() {
    let config = "server: { encryptionKey: \"${KEY}\", baseUrl: \"${URL}\", apiTokenTtl: \"${TTL}\", public: { port: \"${PORT}\" } }\nproviders: { indexeddb: { main: { config: { dsn: \"postgres://u:hunter2@h/d\" } } } }\n";
    let variables = [
        ("KEY", "hunter2hunter2hunter2"),
        ("URL", "hunter2"),
        ("TTL", "hunter2"),
        ("PORT", "hunter2"),
    ];
    let error = texts(&[("c.yaml", config)], &variables).unwrap_err();
    for text in [
        error.render(true),
        error.render(false),
        error.to_string(),
        format!("{error:?}"),
    ] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    let fine = [
        ("KEY", "hunter2hunter2hunter2"),
        ("URL", "http://localhost"),
        ("TTL", "1d"),
        ("PORT", "1"),
    ];
    let loaded = texts(&[("c.yaml", config)], &fine).unwrap();
    assert!(!format!("{loaded:?}").contains("hunter2"));
}

mod structure {
    use proptest::prelude::*;

    use super::super::super::environment::Environment;
    use super::super::super::source::Sources;
    use super::super::super::tree::{Node, Value};
    use super::super::super::{expand, parse};

    /// The tree without its texts: keys, kinds and lengths.
    fn shape(node: &Node) -> String {
        match &node.value {
            Value::Null => "null".to_owned(),
            Value::Scalar(_) => "text".to_owned(),
            Value::List(items) => format!(
                "[{}]",
                items.iter().map(shape).collect::<Vec<_>>().join(",")
            ),
            Value::Map(entries) => {
                let entry = |e: &super::super::super::tree::Entry| {
                    format!("{:?}:{}", e.key, shape(&e.value))
                };
                format!(
                    "{{{}}}",
                    entries.iter().map(entry).collect::<Vec<_>>().join(",")
                )
            }
        }
    }

    proptest! {
        #[test]
        fn expansion_changes_no_key_and_no_structure(value in "[\\PC\n]{0,40}", before in "[ -~]{0,10}") {
            let quoted = serde_json::Value::from(format!("{before} ${{V}}")).to_string();
            let text = format!("\"${{V}}\": a${{V}}\nplain: ${{V}}\nlist: ['${{V}}', {quoted}]\n\"quoted ${{V}}\": {{ a: '${{V}}' }}\nnothing:\n");
            let mut sources = Sources::default();
            let file = sources.add(std::path::Path::new("c.yaml"), text);
            let Ok(mut tree) = parse::parse(&mut sources, file) else { return Err(TestCaseError::fail("not YAML")) };
            let was = shape(&tree);
            let mut problems = Vec::new();
            expand::expand(&mut tree, &Environment::fixed([("V", value.as_str())]), &mut problems);
            if problems.is_empty() {
                prop_assert_eq!(shape(&tree), was);
                let plain = tree.get("plain").and_then(Node::text);
                prop_assert_eq!(plain, Some(value.as_str()));
            } else {
                // Only what stands before the variable can be at fault.
                prop_assert!(before.contains("${"), "unexpected problem");
            }
        }
    }
}
