//! The schema says of the fixtures what the loader says, and the redacted print hides.

use std::path::Path;

use super::super::source::Sources;
use super::super::{config_schema, decode, manifest_schema, parse, print_redacted};

fn json(text: &str) -> serde_json::Value {
    let mut sources = Sources::default();
    let file = sources.add(Path::new("c.yaml"), text.to_owned());
    let tree = parse::parse(&mut sources, file).unwrap();
    decode::decode(&tree).unwrap()
}

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/config")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_schema_accepts_the_contracts_examples_and_no_unknown_key() {
    let schema = config_schema();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let validator = jsonschema::validator_for(&schema).unwrap();
    for bad in [
        "server: { basUrl: x }",
        "plugins: { p: { source: 5 } }",
        "server: { public: { port: x } }",
        "authorization: {}",
    ] {
        assert!(!validator.is_valid(&json(bad)), "{bad}");
    }
    for name in [
        "contract.yaml",
        "present-form.yaml",
        "own-login.yaml",
        "contract.json",
    ] {
        let errors: Vec<String> = validator
            .iter_errors(&json(&fixture(name)))
            .map(|e| format!("{} {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
    let generated = super::super::generate(&gestalt_core::Entropy::seeded(3)).unwrap();
    assert!(validator.is_valid(&json(&generated)));
}

#[test]
fn the_manifests_schema_accepts_manifests_and_no_grant() {
    let validator = jsonschema::validator_for(&manifest_schema()).unwrap();
    assert!(!validator.is_valid(&json(
        "kind: plugin\nspec: { egress: { allowedCidrs: [10.0.0.0/8] } }"
    )));
    for text in [
        fixture("tracker/manifest.yaml"),
        include_str!("../../demo/manifest.yaml").to_owned(),
    ] {
        let errors: Vec<String> = validator
            .iter_errors(&json(&text))
            .map(|e| format!("{} {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

#[test]
fn the_printed_config_has_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    let text = "server:\n  encryptionKey: hunter2hunter2hunter2\n  previousEncryptionKeys: [hunter2, \"${OLD}\"]\n  baseUrl: http://localhost\n  public: { port: 1 }\nproviders:\n  authentication: { oidc: { config: { clientSecret: \"${SECRET:-hunter2}\", clientId: \"${ID}\" } } }\n  indexeddb: { main: { config: { dsn: \"postgres://u:hunter2@h/d\" } } }\nplugins: { p: { formerly: [] , allowedOperations: { \"a b\": , } } }\n";
    std::fs::write(&path, text).unwrap();
    insta::assert_snapshot!(print_redacted(&[path]).unwrap(), @r#"
    server:
      encryptionKey: "***"
      previousEncryptionKeys: "***"
      baseUrl: http://localhost
      public:
        port: 1
    providers:
      authentication:
        oidc:
          config:
            clientSecret: "***"
            clientId: "${ID}"
      indexeddb:
        main:
          config:
            dsn: "***"
    plugins:
      p:
        formerly: []
        allowedOperations:
          "a b": null
    "#);
}
