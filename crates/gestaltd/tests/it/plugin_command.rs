//! `gestaltd plugin`: what is refused, what is written, what is shown.
#![expect(
    clippy::disallowed_methods,
    reason = "starts the program as an operator does"
)]

use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use serde_json::Value;
use tempfile::TempDir;

mod hostile;

const ROOT_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Three operations, of which one cannot be taken over.
const PETS: &str = r#"openapi: 3.0.3
info: { title: Pets, version: "2" }
servers: [{ url: https://api.example.com/v1 }]
paths:
  /pets:
    get:
      operationId: listPets
      summary: The pets, oldest first.
      security: []
      responses: { "200": { description: Pets. } }
    post:
      operationId: addPet
      summary: Takes a pet in.
      requestBody:
        content: { application/json: { schema: { type: object, properties: { name: { type: string } } } } }
      responses: { "201": { description: The pet. } }
  /pets/{id}:
    trace:
      operationId: tracePet
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses: { "200": { description: A trace. } }
security: [{ key: [] }]
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-Pet-Key }
"#;

/// An operator's home.
struct Home(TempDir);

/// What a command left.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.write("pets.yaml", PETS);
        home
    }

    /// With a config in the usual place.
    fn configured() -> Self {
        let home = Self::new();
        let config = format!(
            "server: {{ encryptionKey: \"{ROOT_KEY}\" }}\nplugins:\n  demo: {{ source: demo }}\n"
        );
        home.write(".gestaltd/config.yaml", &config);
        home
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Every file, by its path from here.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let path = path.strip_prefix(self.path()).unwrap();
                    found.push(path.display().to_string());
                }
            }
        }
        found.sort();
        found
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let ran = Command::new(env!("CARGO_BIN_EXE_gestaltd"))
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("PLANTED", "planted-value")
            .output()
            .unwrap();
        // The folder is another each time.
        let text = |bytes| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(&self.path().display().to_string(), "~")
        };
        Ran {
            code: ran.status.code().unwrap(),
            out: text(ran.stdout),
            err: text(ran.stderr),
        }
    }

    /// Adds a plugin that must be refused, for this reason and with nothing written.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], why: &str) {
        let before = self.files();
        let ran = self.run(&[&["plugin", "add"], arguments].concat());
        assert_ne!(ran.code, 0, "{arguments:?}\n{}", ran.out);
        assert!(ran.err.contains(why), "{arguments:?}\n{}", ran.err);
        assert_eq!(self.files(), before, "{arguments:?}");
    }
}

#[test]
fn names_that_are_taken_or_none_are_refused_and_nothing_is_written() {
    let home = Home::configured();
    let add = |name| ["--openapi", "pets.yaml", "--name", name];
    home.refuses(&add("demo"), "`--name demo-2`");
    home.refuses(&add("Pets!"), "`--name pets` would do");
    home.refuses(&add("audit"), "the API's own routes");
    home.write(".gestaltd/config.d/pets.yaml", "plugins: {}\n");
    home.refuses(
        &["--openapi", "pets.yaml"],
        "exists already; nothing was changed",
    );
}

#[test]
fn what_is_no_document_is_refused_and_nothing_is_written() {
    let home = Home::configured();
    home.write("page.html", "<html>");
    home.write("old.json", r#"{"swagger":"2.0"}"#);
    home.write("broken.yaml", "openapi: 3.0.0\n  paths: [");
    home.write(
        "empty.yaml",
        "openapi: 3.0.0\ninfo: {title: a, version: '1'}\npaths: {}\n",
    );
    home.refuses(
        &["--openapi", "none.yaml"],
        "cannot read the document `none.yaml`",
    );
    for file in ["page.html", "old.json", "broken.yaml", "empty.yaml"] {
        home.refuses(&["--openapi", file], file);
    }
    let homeless = PETS.replace("servers: [{ url: https://api.example.com/v1 }]\n", "");
    home.write("homeless.yaml", &homeless);
    home.refuses(&["--openapi", "homeless.yaml"], "--base-url https://");
    let base = ["--openapi", "pets.yaml", "--base-url"];
    home.refuses(
        &[&base[..], &["ftp://example.com"]].concat(),
        "a base URL has",
    );
    home.refuses(
        &[&base[..], &["https://a@example.com"]].concat(),
        "a base URL has",
    );
}

#[test]
fn urls_without_tls_with_credentials_or_of_other_schemes_are_not_fetched() {
    let home = Home::configured();
    // Nobody listens there; what is refused first is not asked.
    home.refuses(&["--openapi", "http://127.0.0.1:9/a.json"], "--allow-cidr");
    home.refuses(
        &["--openapi", "https://127.0.0.1:9/a.json"],
        "cannot be fetched",
    );
    home.refuses(
        &["--openapi", "file:///etc/passwd"],
        "no document is fetched from",
    );
    let secret = home.run(&[
        "plugin",
        "add",
        "--openapi",
        "https://u:planted@example.com/a.json",
    ]);
    assert_eq!(secret.code, 2);
    assert!(!secret.err.contains("planted"), "{}", secret.err);
}

#[test]
fn a_layer_that_the_config_does_not_hold_with_is_taken_back() {
    let home = Home::configured();
    // Together with the demo's, two tools would have one name.
    let clash = PETS.replace("listPets", "x_y");
    home.write("clash.yaml", &clash);
    home.write(
        ".gestaltd/config.d/other.yaml",
        "plugins:\n  a_x:\n    surfaces:\n      rest: { baseUrl: \"https://a.example.com\", operations: [{ name: y, method: GET, path: /y }] }\n",
    );
    home.refuses(
        &["--openapi", "clash.yaml", "--name", "a"],
        "Nothing was written",
    );
}

#[test]
fn a_document_in_a_file_becomes_a_layer_that_is_found() {
    let home = Home::configured();
    let ran = home.run(&["plugin", "add", "--openapi", "pets.yaml"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_snapshot!(ran.out, @"
    Pets 2 (OpenAPI 3.0.3) as `pets`: 2 tools, 1 that only read and 1 that write

    TOOL           CALLS       DOES
    pets_listPets  GET /pets   The pets, oldest first.
    pets_addPet    POST /pets  Takes a pet in.

    Base URL  https://api.example.com/v1
    Connect   `key` asks for `key`, sent as the header X-Pet-Key
              1 tool without a credential
    Hosts     api.example.com
    Findings  1 skipped, 0 changed, 0 notes
              pets.yaml:19: skipped TRACE /pets/{id}: this method is not offered
              `gestaltd plugin lint pets.yaml` shows them all

    Wrote ~/.gestaltd/config.d/pets.yaml.
    Next: `gestaltd serve`, or `gestaltd reload` where it runs; then `gestalt plugin connect pets`.
    ");
    let real = home.path().canonicalize().unwrap();
    let layer = home.read(".gestaltd/config.d/pets.yaml");
    assert_snapshot!(layer.replace(&real.display().to_string(), "~"), @"
    # Pets 2, added by `gestaltd plugin add`.
    plugins:
      pets:
        surfaces:
          openapi:
            document: ~/pets.yaml
        # To offer some of the operations only, name them:
        # allowedOperations: { listPets: {} }
    ");
    let ran = home.run(&["validate"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("2 plugins"), "{}", ran.out);
    // Once more: only by force.
    home.refuses(&["--openapi", "pets.yaml"], "pets.yaml exists already");
    let again = home.run(&["plugin", "add", "--openapi", "pets.yaml", "--force"]);
    assert_eq!(again.code, 0, "{}", again.err);
}

#[test]
fn beside_a_named_config_the_next_command_names_both() {
    let home = Home::configured();
    let ran = home.run(&[
        "plugin",
        "add",
        "--openapi",
        "pets.yaml",
        "--name",
        "zoo",
        "--config",
        ".gestaltd/config.yaml",
        "--base-url",
        "http://127.0.0.1:9000",
        "--allow-cidr",
        "127.0.0.1/32:9000",
        "--allow-host",
        "uploads.example.com",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let next = "`gestaltd serve --config .gestaltd/config.yaml --config .gestaltd/zoo.yaml`";
    assert!(ran.out.contains(next), "{}", ran.out);
    let layer = home.read(".gestaltd/zoo.yaml");
    for line in [
        "        baseUrl: http://127.0.0.1:9000\n",
        "      allowedHosts: [uploads.example.com]\n",
        "      allowedCidrs: [\"127.0.0.1/32:9000\"]\n",
    ] {
        assert!(layer.contains(line), "{layer}");
    }
    let both = [
        "validate",
        "--config",
        ".gestaltd/config.yaml",
        "--config",
        ".gestaltd/zoo.yaml",
    ];
    assert_eq!(home.run(&both).code, 0);
}

#[test]
fn a_dry_run_shows_the_layer_and_writes_nothing() {
    let home = Home::new();
    let before = home.files();
    let ran = home.run(&["plugin", "add", "--openapi", "pets.yaml", "--dry-run"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out
            .contains("Nothing was written. ~/.gestaltd/config.d/pets.yaml would be:"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("plugins:\n  pets:\n"), "{}", ran.out);
    assert_eq!(home.files(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_by_url_is_pinned_and_kept() {
    let home = Home::configured();
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(gestaltd::demo::serve(socket, async {
        let _gone = stopped.await;
    }));
    let url = format!("http://{address}/openapi.json");
    let range = format!("127.0.0.1/32:{}", address.port());
    let ran = home.run(&[
        "plugin",
        "add",
        "--openapi",
        &url,
        "--name",
        "notes",
        "--allow-cidr",
        &range,
    ]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("notes_createNote"), "{}", ran.out);
    let lock = home.read(".gestaltd/gestalt.lock.yaml");
    let digest = lock.split_once("sha256:").unwrap().1.trim();
    assert!(
        lock.contains(&format!("\"{url}\": sha256:{digest}")),
        "{lock}"
    );
    assert!(
        ran.out.contains(&format!("is sha256:{digest}")),
        "{}",
        ran.out
    );
    // Without its host it is still there.
    drop(stop);
    served.await.unwrap().unwrap();
    let ran = home.run(&["validate"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(!ran.out.contains("refuses"), "{}", ran.out);
    let ran = home.run(&["plugin", "lint", "notes"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn lint_says_what_is_skipped_where_and_why() {
    let home = Home::configured();
    assert_snapshot!(home.run(&["plugin", "lint", "pets.yaml"]).out, @"
    pets.yaml:19: skipped TRACE /pets/{id}: this method is not offered
    pets.yaml: 2 operations; findings: 1 skipped, 0 changed, 0 notes
    ");
    let strict = home.run(&["plugin", "lint", "pets.yaml", "--strict"]);
    assert_eq!(strict.code, 1);
    assert!(strict.err.contains("1 place skipped"), "{}", strict.err);
    let json = home.run(&["plugin", "lint", "pets.yaml", "-o", "json"]).out;
    let json: Value = serde_json::from_str(&json).unwrap();
    let document = &json["documents"][0];
    assert_eq!(
        (&document["operations"], &document["skipped"]),
        (&2.into(), &1.into())
    );
    assert_eq!(document["findings"][0]["line"], 19, "{json:#}");
    assert_eq!(document["findings"][0]["operation"], "TRACE /pets/{id}");
}

#[test]
fn lint_knows_the_plugins_of_the_config() {
    let home = Home::configured();
    assert_snapshot!(home.run(&["plugin", "lint"]).out, @"No plugin of the config is read from a document.");
    for (name, why) in [
        ("dmo", "Did you mean `demo`?"),
        ("demo", "not read from a document"),
        ("none.yaml", "cannot read the document"),
    ] {
        let ran = home.run(&["plugin", "lint", name]);
        assert_ne!(ran.code, 0);
        assert!(ran.err.contains(why), "{}", ran.err);
    }
    home.run(&["plugin", "add", "--openapi", "pets.yaml"]);
    let ran = home.run(&["plugin", "lint", "pets"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("`pets`, 2 operations"), "{}", ran.out);
}

#[test]
fn a_schema_in_a_file_is_added_with_its_endpoint() {
    let home = Home::configured();
    home.write(
        "shop.graphql",
        "type Query { book(id: ID!): String }\ntype Mutation { add: Int }\n",
    );
    home.refuses(
        &["--graphql", "shop.graphql"],
        "--base-url https://…/graphql",
    );
    home.refuses(
        &["--graphql", "shop.graphql", "--openapi", "pets.yaml"],
        "cannot be used with",
    );
    home.refuses(&["--graphql", "pets.yaml"], "cannot be imported");
    home.refuses(
        &["--openapi", "pets.yaml", "--token-file", "t"],
        "--token-file is for --graphql with a URL",
    );
    let url = "https://shop.example.com/graphql/";
    let words = [
        "plugin",
        "add",
        "--graphql",
        "shop.graphql",
        "--base-url",
        url,
    ];
    let ran = home.run(&words);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_snapshot!(ran.out, @"
    A schema (GraphQL) as `shop`: 2 tools, 1 that only read and 1 that write

    TOOL       CALLS         DOES
    shop_book  query book
    shop_add   mutation add

    Base URL  https://shop.example.com/
    Connect   as `connections` in the file says: a schema does not say it
    Hosts     shop.example.com
    Findings  none: all of it is taken over as it is

    Wrote ~/.gestaltd/config.d/shop.yaml.
    Next: `gestaltd serve`, or `gestaltd reload` where it runs; then `gestalt plugin connect shop`.
    ");
    let layer = home.read(".gestaltd/config.d/shop.yaml");
    let layer = layer.replace(&home.path().display().to_string(), "~");
    assert_snapshot!(layer, @r"
    # A schema, added by `gestaltd plugin add`.
    plugins:
      shop:
        surfaces:
          graphql:
            url: https://shop.example.com/graphql/
            schema: ~/shop.graphql
            # To offer operations of your own instead of one for each field:
            # documents: [./operations.graphql]
        # A schema does not say how to authenticate. With a token:
        # connections: { default: { auth: { type: bearer } } }
        # To offer some of the operations only, name them:
        # allowedOperations: { book: {} }
    ");
    let linted = home.run(&["plugin", "lint", "shop"]);
    assert_eq!(linted.code, 0, "{}", linted.err);
}
